"""The page's session cookie, made from the token: it outlives a restart, and tells nobody the token."""

from __future__ import annotations

import hashlib
import hmac
import json

from starlette.requests import Request
from starlette.responses import Response

from monitor.facts.clock import Clock, SystemClock
from monitor.web.guard import read_body, refused

COOKIE = "softphone_monitor"  # and some digits of the key's digest: cookies of one host know no ports
LASTS_S = 12 * 3600
_PURPOSE = b"softphone-monitor page session"
_NAME_PURPOSE = b"softphone-monitor cookie name"
_NAME_BYTES = 4


class Passes:
    """Gives out cookie values and knows its own: `expiry.signature`, the signature keyed from the token.

    A new token ends every session. Nothing is kept, so there is nothing to lose in a restart. cookie: its name, which
    monitors of other tokens on the same host do not share.
    """

    def __init__(self, token: str, clock: Clock | None = None) -> None:
        self._token = _bytes(token)
        self._key = hmac.digest(self._token, _PURPOSE, "sha256")
        self.cookie = f"{COOKIE}_{hmac.digest(self._key, _NAME_PURPOSE, 'sha256')[:_NAME_BYTES].hex()}"
        self._clock = clock or SystemClock()

    def is_token(self, text: str) -> bool:
        """Whether this is the token; as long in either case."""
        return bool(self._token) and hmac.compare_digest(_bytes(text), self._token)

    def new(self) -> str:
        """The value of a cookie that holds for LASTS_S."""
        expires = str(int(self._clock.wall_s()) + LASTS_S)
        return f"{expires}.{self._signature(expires)}"

    def holds(self, value: str) -> bool:
        """Whether a cookie's value is one of ours and has not expired."""
        expires, _, signature = value.partition(".")
        right = hmac.compare_digest(_bytes(signature), self._signature(expires).encode())
        return right and self._clock.wall_s() < int(expires)  # what we have signed is a number

    def holds_cookie(self, header: str) -> bool:
        """Whether a Cookie header carries such a value."""
        return self.holds(_cookie_in(header, self.cookie))

    def _signature(self, expires: str) -> str:
        return hmac.new(self._key, _bytes(expires), hashlib.sha256).hexdigest()


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
        cookie, value = self._passes.cookie, self._passes.new()
        reply.set_cookie(cookie, value, max_age=LASTS_S, path="/", httponly=True, samesite="strict")
        return reply

    async def logout(self, request: Request) -> Response:
        """No cookie any more."""
        reply = Response(status_code=204)
        if self._passes is not None:
            reply.delete_cookie(self._passes.cookie, path="/", httponly=True, samesite="strict")
        return reply


def _bytes(text: str) -> bytes:
    """JSON may tell half a character, and the environment a byte that is none: no token of ours, and no error."""
    return text.encode(errors="surrogatepass")


def _cookie_in(header: str, wanted: str) -> str:
    """That cookie's value in a Cookie header, empty where it has none."""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return next((value for name, _, value in pairs if name == wanted), "")


def _token_in(body: bytes) -> str | None:
    """The token that a body tells of; None for a body that is no such thing."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = told.get("token") if isinstance(told, dict) else None
    return token if isinstance(token, str) else None
