"""One timed HTTP exchange with the platform: a reply is a value, and so is its failure."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from monitor.config.values import is_loopback_url
from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure, reason_of_status
from monitor.genesys.network_errors import reason_of_os_error
from monitor.genesys.rest_messages import RateLimit, RestReply
from monitor.genesys.trust import trusting_the_system

MAX_BODY_BYTES = 8 * 1024 * 1024
SECRET_MASK = "***"  # noqa: S105 - what is shown in place of a secret

for _chatty in ("httpx", "httpcore"):  # they log URLs, and a channel's id in one is a secret
    logging.getLogger(_chatty).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. content: raw bytes in place of json. secrets: strings that must never show up in a failure's
    detail.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, Any] | None = None
    json: Any = field(default=None, repr=False)
    data: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def make_http(base_url: str, *, ssl_context: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client without a pool limit, so that no timed request ever waits for another one of ours.

    Proxy settings of the environment are honoured, except towards this machine itself.
    """
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=16),
        trust_env=not is_loopback_url(base_url),
        verify=ssl_context or trusting_the_system(),
        follow_redirects=False,
    )


async def exchange(http: httpx.AsyncClient, clock: Clock, request: HttpRequest, timeout_s: float) -> RestReply:
    """Send one request, once, and read its whole answer within `timeout_s`. Never raises for a failed request."""
    sending = _Sending(clock)
    try:
        async with asyncio.timeout(timeout_s):
            response, raw = await _send(http, request, sending)
    except _BodyTooLargeError as error:
        return _failed(request, Reason.TOO_LARGE, error)
    except (TimeoutError, httpx.TimeoutException):
        return _failed(request, Reason.TIMEOUT, f"no whole answer within {timeout_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, OverflowError) as error:
        return _failed(request, reason_of_http_error(error), error)
    return _reply(request, response, raw, clock.mono_s() - sending.started_mono_s, clock.wall_s())


class _Sending:
    """When the request itself began to go out, over a connection old or new: a trace extension of httpcore."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.started_mono_s = clock.mono_s()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):  # a proxy's CONNECT comes first, and ours last
            self.started_mono_s = self._clock.mono_s()


class _BodyTooLargeError(Exception):
    """The answer's body exceeds MAX_BODY_BYTES."""


async def _send(http: httpx.AsyncClient, request: HttpRequest, sending: _Sending) -> tuple[httpx.Response, bytes]:
    raw = bytearray()
    async with http.stream(
        request.method,
        request.url,
        headers=dict(request.headers),
        params=request.params,
        json=request.json,
        data=request.data,
        content=request.content,
        timeout=None,
        extensions={"trace": sending.trace},
    ) as response:
        async for chunk in response.aiter_bytes():
            raw += chunk
            if len(raw) > MAX_BODY_BYTES:
                raise _BodyTooLargeError(f"body over {MAX_BODY_BYTES} bytes")
    return response, bytes(raw)


def _reply(request: HttpRequest, response: httpx.Response, raw: bytes, seconds: float, wall_s: float) -> RestReply:
    body = _decode(raw)
    return RestReply(
        operation=request.operation,
        status=response.status_code,
        body=body,
        seconds=seconds,
        retry_after_s=_retry_after_s(response.headers, wall_s),
        correlation_id=response.headers.get("inin-correlation-id", "")[:64],
        rate_limit=_rate_limit(response.headers),
        failure=_failure_of_status(request, response.status_code, body),
    )


def _decode(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


def _failure_of_status(request: HttpRequest, status: int, body: Any) -> Failure | None:
    if 200 <= status < 300:
        return None
    words = f"HTTP {status}"
    if isinstance(body, dict):  # ErrorBody (code, message), or the login service's (error, description)
        words = " ".join(
            [words, *(str(body[key]) for key in ("code", "error", "message", "description") if key in body)]
        )
    return failure(request.operation, reason_of_status(status), _without_secrets(words, request.secrets))


def _failed(request: HttpRequest, reason: Reason, words: object) -> RestReply:
    detail = _without_secrets(str(words) or type(words).__name__, request.secrets)
    return RestReply(request.operation, None, failure=failure(request.operation, reason, detail))


def _without_secrets(words: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret:
            words = words.replace(secret, SECRET_MASK)
    return words


def reason_of_http_error(error: BaseException) -> Reason:
    """Classify what httpx raised, by the operating system's error underneath it where there is one."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and reason_of_os_error(cause) is not Reason.ERROR:
            return reason_of_os_error(cause)
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | httpx.CloseError):
        return Reason.RESET
    return Reason.UNREACHABLE if isinstance(error, httpx.ConnectError) else Reason.ERROR


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, outermost first; a group of attempts counts by its members."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _causes(member)
        error = error.__cause__ or error.__context__


def _retry_after_s(headers: httpx.Headers, wall_s: float) -> float | None:
    """Seconds, or a date less the answer's own Date, so that a wrong clock of ours does not matter (RFC 9110 10.2.3).

    None where there is none, or nonsense.
    """
    text = headers.get("retry-after", "")
    until_s, sent_s = _http_date_s(text), _http_date_s(headers.get("date", ""))
    if until_s is not None:
        return max(0.0, until_s - (wall_s if sent_s is None else sent_s))
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _http_date_s(text: str) -> float | None:
    """Unix seconds of an HTTP-date, which is always GMT."""
    try:
        return parsedate_to_datetime(text).timestamp() if "GMT" in text else None
    except (ValueError, OverflowError):
        return None


def _rate_limit(headers: httpx.Headers) -> RateLimit | None:
    try:
        return RateLimit(
            int(headers["inin-ratelimit-count"]),
            int(headers["inin-ratelimit-allowed"]),
            float(headers["inin-ratelimit-reset"]),
        )
    except (KeyError, ValueError):
        return None
