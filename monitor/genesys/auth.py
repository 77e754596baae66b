"""Access tokens: given ones, and client credentials that are renewed before they expire."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from monitor.facts.clock import Clock, SystemClock
from monitor.facts.failures import Failure, Reason, failure
from monitor.genesys.exchange import HttpRequest, exchange
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest_messages import RestReply

RENEW_AT = 0.8  # share of a token's life after which a new one is fetched
TOKEN_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with its times in Unix seconds. seconds: what fetching it took, None for a given one."""

    value: str = field(repr=False)
    issued_wall_s: float
    expires_wall_s: float | None
    seconds: float | None = None


class TokenSource(Protocol):
    """Where a connection gets its token from."""

    @property
    def name(self) -> str:
        """`service`, or the agent's name: safe to show."""
        ...

    @property
    def current(self) -> Token | None:
        """The token in hand, if any: for its age and expiry."""
        ...

    async def token(self) -> Token | Failure:
        """A token to use now, or why there is none."""
        ...

    def invalidate(self) -> None:
        """The platform refused the token (401): do not hand it out again if another can be had."""
        ...


class StaticToken:
    """A token given by configuration. Its age counts from when we were given it, its expiry is unknown."""

    def __init__(self, name: str, value: str, *, clock: Clock | None = None) -> None:
        self._name = name
        self._token = Token(value, (clock or SystemClock()).wall_s(), None)

    @property
    def name(self) -> str:
        """The agent's name."""
        return self._name

    @property
    def current(self) -> Token | None:
        """The token."""
        return self._token

    async def token(self) -> Token | Failure:
        """The token; never fails."""
        return self._token

    def invalidate(self) -> None:
        """Nothing to do: there is no other token to be had."""


class ClientCredentials:
    """OAuth client credentials: POST {login}/oauth/token, one at a time, renewed at 80 % of the token's life."""

    def __init__(
        self,
        endpoints: Endpoints,
        client_id: str,
        client_secret: str,
        clock: Clock,
        http: httpx.AsyncClient,
        *,
        name: str = "service",
        on_reply: Callable[[RestReply], None] | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._http = http
        self._name = name
        self._on_reply = on_reply
        self._token: Token | None = None
        self._renew_mono_s: float | None = None
        self._ends_mono_s: float | None = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        """`service` unless named otherwise."""
        return self._name

    @property
    def current(self) -> Token | None:
        """The token in hand, if any: for its age and expiry."""
        return self._token

    def invalidate(self) -> None:
        """Drop the token in hand; the next call of token() fetches a new one."""
        self._token = None

    async def token(self) -> Token | Failure:
        """The token in hand, or a fresh one. A failed renewal still yields the old token while that one lives."""
        async with self._lock:
            if self._token is not None and not self._due(self._renew_mono_s):
                return self._token
            fetched = await self._fetch()
            if isinstance(fetched, Failure) and self._token is not None and not self._due(self._ends_mono_s):
                return self._token
            return fetched

    def _due(self, moment_mono_s: float | None) -> bool:
        return moment_mono_s is not None and self._clock.mono_s() >= moment_mono_s

    async def _fetch(self) -> Token | Failure:
        reply = await exchange(self._http, self._clock, self._request(), TOKEN_TIMEOUT_S)
        if self._on_reply is not None:
            self._on_reply(reply)
        if reply.failure is not None:
            return _refused(reply)
        return self._keep(reply)

    def _request(self) -> HttpRequest:
        basic = base64.b64encode(f"{self._client_id}:{self._client_secret}".encode()).decode()
        return HttpRequest(
            operation="token",
            method="POST",
            url=f"{self._endpoints.login}/oauth/token",
            headers={"Authorization": f"Basic {basic}", "Accept": "application/json"},
            data={"grant_type": "client_credentials"},
            secrets=(self._client_secret, basic),
        )

    def _keep(self, reply: RestReply) -> Token | Failure:
        body: Any = reply.body
        value = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            return failure("token", Reason.MALFORMED, "the answer holds no access_token")
        life_s = _life_s(body.get("expires_in"))
        wall_s, mono_s = self._clock.wall_s(), self._clock.mono_s()
        self._token = Token(value, wall_s, None if life_s is None else wall_s + life_s, reply.seconds)
        self._renew_mono_s = None if life_s is None else mono_s + RENEW_AT * life_s
        self._ends_mono_s = None if life_s is None else mono_s + life_s
        return self._token


def _life_s(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 10**9 else None


def _refused(reply: RestReply) -> Failure:
    assert reply.failure is not None
    # 400 invalid_client "client not found" is a refusal of the credentials just as a 401 is
    if reply.status == 400 and isinstance(reply.body, dict) and reply.body.get("error") == "invalid_client":
        return failure("token", Reason.AUTH, reply.failure.detail)
    return reply.failure
