"""The page's session cookie, made from the token: it outlives a restart, and tells nobody the token."""

from __future__ import annotations

import hashlib
import hmac
import json

from starlette.requests import Request
from starlette.responses import Response

from monitor.facts.clock import Clock, SystemClock
from monitor.web.guard import read_body, refused

COOKIE = "softphone_monitor"
LASTS_S = 12 * 3600
_PURPOSE = b"softphone-monitor page session"


class Passes:
    """Gives out cookie values and knows its own: `expiry.signature`, the signature keyed from the token.

    A new token ends every session. Nothing is kept, so there is nothing to lose in a restart.
    """

    def __init__(self, token: str, clock: Clock | None = None) -> None:
        self._token = token.encode()
        self._key = hmac.digest(self._token, _PURPOSE, "sha256")
        self._clock = clock or SystemClock()

    def is_token(self, text: str) -> bool:
        """Whether this is the token; as long in either case."""
        return bool(self._token) and hmac.compare_digest(text.encode(), self._token)

    def new(self) -> str:
        """The value of a cookie that holds for LASTS_S."""
        expires = str(int(self._clock.wall_s()) + LASTS_S)
        return f"{expires}.{self._signature(expires)}"

    def holds(self, value: str) -> bool:
        """Whether a cookie's value is one of ours and has not expired."""
        expires, _, signature = value.partition(".")
        right = hmac.compare_digest(signature.encode(), self._signature(expires).encode())
        return right and self._clock.wall_s() < int(expires)  # what we have signed is a number

    def holds_cookie(self, header: str) -> bool:
        """Whether a Cookie header carries such a value."""
        return self.holds(_cookie_in(header))

    def _signature(self, expires: str) -> str:
        return hmac.new(self._key, expires.encode(), hashlib.sha256).hexdigest()


class Login:
    """POST /login and POST /logout. passes: None on loopback, where nobody needs a token."""

    def __init__(self, passes: Passes | None) -> None:
        self._passes = passes

    async def login(self, request: Request) -> Response:
        """The cookie for the token."""
        token = _token_in(await read_body(request))
        if self._passes is None:
            return Response(status_code=204)
        if token is None or not self._passes.is_token(token):
            return refused(401, "this is not the token")
        reply = Response(status_code=204)
        # not Secure: the exporter speaks plain HTTP, and a proxy that adds TLS cannot be told from none
        reply.set_cookie(COOKIE, self._passes.new(), max_age=LASTS_S, path="/", httponly=True, samesite="strict")
        return reply

    async def logout(self, request: Request) -> Response:
        """No cookie any more."""
        reply = Response(status_code=204)
        reply.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return reply


def _cookie_in(header: str) -> str:
    """Our cookie's value in a Cookie header, empty where it has none."""
    return next(
        (value for name, _, value in (pair.strip().partition("=") for pair in header.split(";")) if name == COOKIE), ""
    )


def _token_in(body: bytes) -> str | None:
    """The token that a body tells of; None for a body that is no such thing."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = told.get("token") if isinstance(told, dict) else None
    return token if isinstance(token, str) else None
