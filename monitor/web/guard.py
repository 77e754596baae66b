"""Who may ask: token or cookie off loopback, no foreign web page anywhere, JSON writes only, bodies of bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.config.values import is_loopback

BODY_LIMIT_BYTES = 64 * 1024
BODY_DEADLINE_S = 10.0
# Without a token: an orchestrator's liveness check carries none, the login form's own files cannot, nor who logs in.
OPEN_PATHS = ("/-/healthy", "/login", "/logout")
OPEN_UNDER = "/static/"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class BodyTooLargeError(Exception):
    """A request body over BODY_LIMIT_BYTES."""


class BodyTooSlowError(Exception):
    """A request body that was not there within BODY_DEADLINE_S."""


def refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A refusal with its reason in one line."""
    return JSONResponse({"error": why}, status_code=status, headers=headers)


class Opens(Protocol):
    """What opens the door: the token, or a cookie that was given for it."""

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        ...

    def holds_cookie(self, header: str) -> bool:
        """Whether a Cookie header carries a session that has not expired."""
        ...


class Guard:
    """ASGI middleware in front of every route.

    Listening on loopback it wants a loopback name, or the very address listened on, in Host (a foreign name there
    means DNS rebinding) and no token;
    elsewhere it wants the token, or the cookie that the login gives for it. A request that a page of another origin
    caused is refused in both cases. login_page: answers, with 401, a person who asks for the start page without either.
    """

    def __init__(self, app: ASGIApp, *, host: str, opens: Opens | None, login_page: ASGIApp | None = None) -> None:
        if not is_loopback(host) and opens is None:
            raise ValueError(f"listening on {host} needs a token: anybody in the network could read and post")
        self._app = app
        self._loopback = is_loopback(host)
        self._names = (*LOOPBACK_NAMES, host)
        self._opens = opens
        self._login_page = login_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> ASGIApp | None:
        headers = request.headers
        path = request.scope["path"]  # what the router goes by: in request.url Starlette may put what Host says
        if self._loopback and _host_name(headers.get("host", "")) not in self._names:
            return refused(403, "Host must be a loopback name: localhost, 127.0.0.1 or [::1]")
        if _foreign(request.method, path, headers):
            return refused(403, "requests caused by pages of another origin are refused")
        if not self._loopback and not _is_open(path) and not self._may_enter(headers):
            return self._unknown(request)
        if request.method == "POST" and not _is_json(headers):
            return refused(415, "Content-Type must be application/json")
        return None

    def _may_enter(self, headers: Headers) -> bool:
        assert self._opens is not None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = self._opens.is_token(token.strip()) and scheme.lower() == "bearer"
        return bearer or self._opens.holds_cookie(headers.get("cookie", ""))

    def _unknown(self, request: Request) -> ASGIApp:
        start_page = request.method == "GET" and request.scope["path"] == "/"
        person = start_page and "text/html" in request.headers.get("accept", "")
        if person and self._login_page is not None:
            return self._login_page
        return refused(401, "the header Authorization: Bearer TOKEN is needed", {"WWW-Authenticate": "Bearer"})


async def read_body(request: Request) -> bytes:
    """The request's body. Raises BodyTooLargeError once it is over BODY_LIMIT_BYTES, however it is sent.

    Raises BodyTooSlowError when it is not there in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT_BYTES:
                    raise BodyTooLargeError
    except TimeoutError:
        raise BodyTooSlowError from None
    return bytes(body)


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _foreign(method: str, path: str, headers: Headers) -> bool:
    """Whether a page of another origin caused this request. Following a link to the start page is no harm."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return True
    following_a_link = method == "GET" and path == "/"
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not following_a_link


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_UNDER)


def _is_json(headers: Headers) -> bool:
    """JSON, or nothing at all (POST /-/reload has no body)."""
    kind = headers.get("content-type")
    if kind is None:
        return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return kind.partition(";")[0].strip().lower() == "application/json"
