"""The JSON that the live page reads, and the page's own files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.guard import refused
from monitor.web.live.data import WINDOW_OF, LiveData
from monitor.web.query import whole_number
from monitor.web.runs import KnownRuns
from monitor.web.streams import EventStream, Streams, as_json

FILES = Path(__file__).parent / "page"
DEFAULT_WINDOW = "15m"
RUNS_DEFAULT, RUNS_LIMIT = 20, 1000


def login_page(scope: Scope, receive: Receive, send: Send) -> Any:
    """The form that asks for the token, as an ASGI answer."""
    return FileResponse(FILES / "login.html", status_code=401)(scope, receive, send)


class PageApi:
    """The handlers of the page. token_needed: whether it asks for one."""

    def __init__(self, streams: Streams, runs: KnownRuns, *, started_wall_s: float, token_needed: bool) -> None:
        self._streams = streams
        self._runs = runs
        self._data: LiveData = streams.data
        self._started_wall_s = started_wall_s
        self._token_needed = token_needed

    def routes(self) -> list[BaseRoute]:
        """Where they answer."""
        return [
            Route("/", self.index),
            Mount("/static", StaticFiles(directory=FILES)),
            Route("/api/page", self.page),
            Route("/api/timeline", self.timeline),
            Route("/api/live", self.live),
            Route("/api/runs", self.runs),
            Route("/api/probes", self.probes),
            Route("/api/probes/{name}", self.probe),
        ]

    async def index(self, request: Request) -> Response:
        """The page itself, which is the same for everybody: all that differs it reads."""
        return FileResponse(FILES / "index.html")

    async def page(self, request: Request) -> Response:
        """What does not change while the monitor runs, but for a reload."""
        options = self._data.options
        return JSONResponse(
            {
                "site": options.site,
                "zone": options.zone,
                "version": options.version,
                "simulated": options.simulated,
                "started_at": self._started_wall_s,
                "jobs": options.jobs,
                "token_needed": self._token_needed,
                "probes": [probe.to_json() for probe in options.probes],
                "windows": list(WINDOW_OF),
            }
        )

    async def timeline(self, request: Request) -> Response:
        """A snapshot of a window."""
        window = request.query_params.get("window", DEFAULT_WINDOW)
        if window not in WINDOW_OF:
            return _no_window(window)
        _, told = await asyncio.to_thread(self._data.snapshot, window)
        return Response(await asyncio.to_thread(as_json, told), media_type="application/json")

    async def live(self, request: Request) -> Response | ASGIApp:
        """A stream of a window's changes."""
        window = request.query_params.get("window", DEFAULT_WINDOW)
        if window not in WINDOW_OF:
            return _no_window(window)
        if self._streams.full:
            return refused(503, "too many pages are open, or the monitor is stopping", {"Retry-After": "5"})
        return EventStream(self._streams, window)

    async def runs(self, request: Request) -> Response:
        """The last runs of all that the journal knows, newest first."""
        text = request.query_params.get("limit", str(RUNS_DEFAULT))
        limit = whole_number(text, RUNS_LIMIT)
        if limit is None:
            return refused(422, f"limit: a whole number from 1 to {RUNS_LIMIT} (got {text[:20]!r})")
        runs = await self._runs.newest(limit)
        return Response(await asyncio.to_thread(as_json, {"runs": runs}), media_type="application/json")

    async def probes(self, request: Request) -> Response:
        """Every probe with its last attempt."""
        return JSONResponse({"probes": await asyncio.to_thread(self._data.probes)})

    async def probe(self, request: Request) -> Response:
        """One probe with its attempts and failures."""
        name = request.path_params["name"]
        told = await asyncio.to_thread(self._data.probe, name)
        return refused(404, f"no probe is called {name[:100]!r}") if told is None else JSONResponse(told)


def _no_window(window: str) -> Response:
    return refused(422, f"no window is called {window[:20]!r}; one of {', '.join(WINDOW_OF)}")
