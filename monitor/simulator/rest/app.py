"""The REST side as one ASGI application: every route behind the gate, everything in the envelope."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from monitor.simulator.organisation.model import Refusal
from monitor.simulator.rest import (
    audits,
    channels,
    conversations,
    directory,
    oauth,
    organization_limits,
    presence,
    stations,
    topic_list,
)
from monitor.simulator.rest.envelope import Envelope
from monitor.simulator.rest.faults import refusal
from monitor.simulator.rest.gate import Gate, refused
from monitor.simulator.rest.wfm import Wfm


def create_app(gate: Gate, extra: list[BaseRoute] | None = None) -> Starlette:
    """The application; `extra` routes (the control API) are added as they are."""
    routes: list[BaseRoute] = [
        *oauth.routes(gate),
        *directory.routes(gate),
        *organization_limits.routes(gate),
        *stations.routes(gate),
        *presence.routes(gate),
        *channels.routes(gate),
        *topic_list.routes(gate),
        *audits.routes(gate),
        *conversations.routes(gate),
        *Wfm(gate).routes(),
        *(extra or []),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Envelope)],
        exception_handlers={HTTPException: _no_such_route},
    )


async def _no_such_route(request: Request, error: Exception) -> Response:
    """404 for a path and 405 for a method that is not there, in the platform's words."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return refused(request, Refusal(405, "method.not.allowed", "HTTP 405 Method Not Allowed"))
    return refused(request, refusal(error.status_code))
