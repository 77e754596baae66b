"""What every HTTP answer of the simulator carries: a correlation id, and CORS for browser clients."""

from __future__ import annotations

import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXPOSED = "ININ-Correlation-Id, Retry-After, inin-ratelimit-count, inin-ratelimit-allowed, inin-ratelimit-reset"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
CONTROL_PREFIX = "/control/"


class Envelope:
    """ASGI middleware around everything; answers CORS preflights itself. The control API is not open to web pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation_id = str(uuid.uuid4())
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        request = Headers(scope=scope)
        open_to_pages = not scope["path"].startswith(CONTROL_PREFIX)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["ININ-Correlation-Id"] = correlation_id
                if open_to_pages:
                    _allow(headers, request)
            await send(message)

        if scope["method"] == "OPTIONS" and open_to_pages:
            await sealed({"type": "http.response.start", "status": 204, "headers": []})
            await sealed({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, sealed)


def _allow(headers: MutableHeaders, request: Headers) -> None:
    """CORS for any origin. `*` would not cover Authorization, so what was asked for is named."""
    headers["Access-Control-Allow-Origin"] = request.get("origin", "*")
    headers["Access-Control-Expose-Headers"] = EXPOSED
    headers.add_vary_header("Origin")
    if "access-control-request-method" in request:
        headers["Access-Control-Allow-Methods"] = METHODS
        headers["Access-Control-Allow-Headers"] = request.get("access-control-request-headers", "authorization")
        headers["Access-Control-Max-Age"] = "600"
