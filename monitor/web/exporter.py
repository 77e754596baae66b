"""The exporter: the live page, /metrics, /probe, /markers, health and reload, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitor.facts.clock import Clock, parse_rfc3339
from monitor.facts.probe_result import ProbeResult
from monitor.outputs.intake import take_marker
from monitor.outputs.journal import Journal, JournalError
from monitor.outputs.metrics import Metrics, render_probe
from monitor.web.api import PageApi, login_page
from monitor.web.guard import (
    BODY_DEADLINE_S,
    BODY_LIMIT_BYTES,
    BodyTooLargeError,
    BodyTooSlowError,
    Guard,
    read_body,
    refused,
)
from monitor.web.login import Login, Passes
from monitor.web.markers import MarkerError, marker_json, parse_marker, problem
from monitor.web.query import whole_number
from monitor.web.runs import KnownRuns
from monitor.web.secure import SecureHeaders, secured
from monitor.web.server import ServerHandle, serve
from monitor.web.streams import Streams

__all__ = ["ServerHandle", "WebContext", "create_app", "serve"]

MARKERS_DEFAULT, MARKERS_LIMIT = 100, 10_000
SIMULATED = "the platform is on loopback: everything measured is SIMULATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """What the exporter answers with.

    probes: names of the configured probes with their kinds; nothing else can be probed. probe_now(target, module):
    one probe, once. ready: every probe has started. reload: read the settings again; the problems, or none. simulated:
    the platform measured is the simulator. host: the address listened on; off loopback `token` is needed. streams: the
    live page's, with the data that it shows.
    """

    metrics: Metrics
    streams: Streams
    journal: Journal
    probes: Callable[[], Mapping[str, str]]
    probe_now: Callable[[str, str], Awaitable[ProbeResult]]
    ready: Callable[[], bool]
    reload: Callable[[], Awaitable[Sequence[str]]]
    clock: Clock
    simulated: Callable[[], bool] = lambda: False
    host: str = "127.0.0.1"
    token: str | None = None


def create_app(context: WebContext) -> Starlette:
    """The exporter's application. Raises ValueError for an address off loopback without a token."""
    pages = _Pages(context)
    passes = Passes(context.token, context.clock) if context.token else None
    login = Login(passes)
    runs = KnownRuns(context.streams.data, context.journal, context.clock)
    page = PageApi(context.streams, runs, started_wall_s=context.clock.wall_s(), token_needed=passes is not None)
    app = Starlette(
        routes=[
            *page.routes(),
            Route("/login", login.login, methods=["POST"]),
            Route("/logout", login.logout, methods=["POST"]),
            Route("/metrics", pages.metrics),
            Route("/probe", pages.probe),
            Route("/markers", pages.list_markers, methods=["GET"]),
            Route("/markers", pages.add_marker, methods=["POST"]),
            Route("/-/healthy", pages.healthy),
            Route("/-/ready", pages.ready),
            Route("/-/reload", pages.reload, methods=["POST"]),
        ],
        middleware=[
            Middleware(SecureHeaders),
            Middleware(Guard, host=context.host, opens=passes, login_page=login_page),
        ],
        exception_handlers={
            BodyTooLargeError: _too_large,
            BodyTooSlowError: _too_slow,
            MarkerError: _problems,
            JournalError: _journal_failed,
            Exception: _mistaken,
        },
    )
    app.build_middleware_stack()  # a bad context is refused here, not at the first request
    return app


class _Pages:
    """The handlers."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    async def metrics(self, request: Request) -> Response:
        """The exposition, on no thread: 10,000 lines take 6 ms, a turn among the threads of the sinks takes more."""
        accept = request.headers.get("accept", "")
        body, content_type = self._context.metrics.render(accept)
        return Response(body, headers={"Content-Type": content_type})

    async def probe(self, request: Request) -> Response:
        """One configured probe, now."""
        target, module = request.query_params.get("target", ""), request.query_params.get("module", "")
        probes = self._context.probes()
        if target not in probes:
            return refused(404, f"no probe is called {target[:100]!r}; known are {', '.join(probes) or 'none'}")
        if module not in ("", probes[target]):
            return refused(404, f"the probe {target} is of the kind {probes[target]}, not {module[:100]!r}")
        try:
            result = await self._context.probe_now(target, probes[target])
        except Exception as error:  # what the measuring process raises is not ours to know; it is no probe result
            return refused(503, f"the probe could not be run: {error}")
        body, content_type = render_probe(result, request.headers.get("accept", ""))
        if request.query_params.get("debug", "") in ("1", "true"):
            told = f"{SIMULATED}\n" if self._context.simulated() else ""
            return PlainTextResponse(told + _debug_text(result) + body.decode())
        return Response(body, headers={"Content-Type": content_type})

    async def add_marker(self, request: Request) -> Response:
        """Store a marker: 201 once it is on disk, 200 when it was there already."""
        marker, told_time = parse_marker(await read_body(request), self._context.clock.wall_s())
        context = self._context
        shown_by = context.metrics, context.streams.data
        new = await take_marker(context.journal, shown_by, marker, once=not told_time)
        return JSONResponse(marker_json(marker), status_code=201 if new else 200)

    async def list_markers(self, request: Request) -> Response:
        """The stored markers, newest first."""
        problems: list[dict[str, Any]] = []
        since, until = (_time(request, name, problems) for name in ("since", "until"))
        limit = _limit(request, problems)
        if problems:
            raise MarkerError(problems)
        markers = await asyncio.to_thread(self._context.journal.markers, since, until, limit)
        return JSONResponse({"markers": [marker_json(marker) for marker in markers]})

    async def healthy(self, request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("healthy\n")

    async def ready(self, request: Request) -> Response:
        """Every probe has started."""
        if self._context.ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready: probes are starting\n", status_code=503)

    async def reload(self, request: Request) -> Response:
        """Read the settings again; bad ones change nothing."""
        problems = list(await self._context.reload())
        if problems:
            return JSONResponse({"reloaded": False, "problems": problems}, status_code=422)
        return JSONResponse({"reloaded": True})


def _time(request: Request, name: str, problems: list[dict[str, Any]]) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return parse_rfc3339(text.replace(" ", "+"))  # an unescaped + arrives as a space
    except ValueError:
        problems.append(problem(name, text, "RFC 3339 with an offset, e.g. 2026-11-24T16:00:00Z"))
        return None


def _limit(request: Request, problems: list[dict[str, Any]]) -> int:
    text = request.query_params.get("limit", str(MARKERS_DEFAULT))
    limit = whole_number(text, MARKERS_LIMIT)
    if limit is None:
        problems.append(problem("limit", text, f"a whole number from 1 to {MARKERS_LIMIT}"))
    return limit or MARKERS_DEFAULT


def _debug_text(result: ProbeResult) -> str:
    """What a person wants to see: the log, every phase, the failure."""
    lines = list(result.log)
    for phase in result.phases:
        took = "not measured" if phase.seconds is None else f"{phase.seconds * 1000:.1f} ms"
        lines.append(f"phase {phase.name}: {phase.outcome}, {took}")
    if result.failure is not None:
        failed = result.failure
        lines.append(f"failed in {failed.operation}: {failed.reason} ({failed.fault} fault) {failed.detail}".rstrip())
    lines.append(f"{result.target} ({result.module}): {'up' if result.success else 'down'}, {result.duration_s:.3f} s")
    return "\n".join(lines) + "\n\n"


async def _too_large(request: Request, error: Exception) -> Response:
    return refused(413, f"a body has at most {BODY_LIMIT_BYTES} bytes")


async def _too_slow(request: Request, error: Exception) -> Response:
    return refused(408, f"the body was not there within {BODY_DEADLINE_S:.0f} s")


async def _problems(request: Request, error: Exception) -> Response:
    assert isinstance(error, MarkerError)
    return JSONResponse({"problems": error.problems}, status_code=422)


async def _journal_failed(request: Request, error: Exception) -> Response:
    return refused(503, str(error))


async def _mistaken(request: Request, error: Exception) -> Response:
    """A mistake of ours, which the server logs. This answer goes out past all middleware."""
    return secured(refused(500, "a mistake of the monitor's own; its log says more"))
