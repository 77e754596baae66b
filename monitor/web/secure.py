"""Headers on every answer: what a browser may load, keep and pass on."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing but our own files, no inline script or style, no frame around us, no form sent elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
OUR_FILES = "/static/"
NOT_KEPT = "no-store"


def secured(reply: Response) -> Response:
    """An answer with the headers, for one that does not pass by SecureHeaders."""
    reply.headers.update({**HEADERS, "Cache-Control": NOT_KEPT})
    return reply


class SecureHeaders:
    """ASGI middleware outside of everything else, refusals included.

    A browser asks again for our files each time, as they change with the version, and keeps no measurement.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kept = "no-cache" if scope["path"].startswith(OUR_FILES) else NOT_KEPT

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**HEADERS, "Cache-Control": kept})
            await send(message)

        await self._app(scope, receive, send_on)
