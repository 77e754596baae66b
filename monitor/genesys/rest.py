"""The platform's REST API: one attempt a call, timed, never an exception for a failed request."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure
from monitor.genesys.auth import TokenSource
from monitor.genesys.exchange import HttpRequest, exchange, make_http
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest_messages import RestReply, RestRequest

__all__ = ["OPERATIONS", "Rest"]

# Every name an operation may have: the label set of softphone_api_requests_total.
OPERATIONS: tuple[str, ...] = (
    "token",
    "organizations_me",
    "users_me",
    "stations",
    "channel_create",
    "channel_verify",
    "subscriptions",
    "conversations",
    "schedules",
    "schedule_update",
    "schedule_upload",
    "presence",
    "routing_status",
    "audits",
    "limits",
)
API_PREFIX = "/api/v2/"


class Rest:
    """Calls under one token. Owns one HTTP client without pool limit; close it with `aclose`."""

    def __init__(
        self,
        endpoints: Endpoints,
        tokens: TokenSource,
        *,
        clock: Clock,
        on_reply: Callable[[RestReply], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._tokens = tokens
        self._clock = clock
        self._on_reply = on_reply
        self._http = make_http(endpoints.rest, ssl_context=ssl_context)

    @property
    def tokens(self) -> TokenSource:
        """Whose token the calls carry."""
        return self._tokens

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        timeout_s: float = 30.0,
    ) -> RestReply:
        """One request, no retry. path: `users/me` or `/api/v2/users/me`. The time for a token is not in `seconds`.

        A 401 invalidates the token, so that the next call fetches another one where that is possible.
        """
        token = await self._tokens.token()
        if isinstance(token, Failure):
            return RestReply(operation, None, failure=token)
        request = HttpRequest(
            operation=operation,
            method=method,
            url=self._url(path),
            headers={
                "Authorization": f"Bearer {token.value}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
            params=params,
            json=json,
            secrets=(token.value,),
        )
        reply = await exchange(self._http, self._clock, request, timeout_s)
        if reply.status == 401 and self._tokens.current is token:  # else another has been fetched meanwhile
            self._tokens.invalidate()
        if self._on_reply is not None:
            self._on_reply(reply)
        return reply

    async def send(self, request: RestRequest, timeout_s: float = 30.0) -> RestReply:
        """Send a request that is given as a value; a whole URL goes out without the token, as RestRequest says."""
        if request.path.startswith("/"):
            return await self.call(
                request.operation, request.method, request.path, json=request.body, timeout_s=timeout_s
            )
        signed = HttpRequest(
            request.operation,
            request.method,
            request.path,
            request.headers,
            content=request.content,
            secrets=(request.path, urlsplit(request.path).query),
        )
        reply = await exchange(self._http, self._clock, signed, timeout_s)
        if self._on_reply is not None:
            self._on_reply(reply)
        return reply

    async def aclose(self) -> None:
        """Close every connection; safe to call twice."""
        await self._http.aclose()

    def _url(self, path: str) -> str:
        return self._endpoints.rest + (path if path.startswith("/") else API_PREFIX + path)
