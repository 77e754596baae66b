"""A simulated history as targets to scrape, many times quicker than it happened: one target for each site's monitor."""

from __future__ import annotations

import bisect
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from monitor.facts.markers import Marker
from monitor.facts.observations import Observation
from monitor.outputs.metrics import MetricsOptions
from tests.system.backfill import exposed

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
TIMESTAMPS = "_timestamp_seconds"
EVERY_S = 30.0  # between two expositions


@dataclass(slots=True)
class Replay:
    """What monitors told at moments of their own time. The clock starts with the first scrape of any.

    factor: how many of the history's seconds pass in one of ours. texts: the expositions of each site, with their time.
    """

    factor: float
    begin_s: float
    end_s: float
    texts: dict[str, list[tuple[float, str]]]
    _began_wall_s: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now_s(self) -> float:
        """The history's time; its beginning until somebody scrapes."""
        return self.begin_s if self._began_wall_s is None else self._shown_s(time.time())

    def exposition(self, site: str) -> str:
        """What that site's monitor shows now, its timestamps in our time."""
        now_wall_s = time.time()
        with self._lock:
            self._began_wall_s = now_wall_s if self._began_wall_s is None else self._began_wall_s
        texts = self.texts[site]
        place = bisect.bisect_right(texts, self._shown_s(now_wall_s), key=lambda shown: shown[0])
        return "\n".join(map(self._in_our_time, texts[max(0, place - 1)][1].splitlines())) + "\n"

    def _shown_s(self, wall_s: float) -> float:
        assert self._began_wall_s is not None
        return self.begin_s + (wall_s - self._began_wall_s) * self.factor

    def _in_our_time(self, line: str) -> str:
        series, _, value = line.rpartition(" ")
        if TIMESTAMPS not in series or float(value) == 0:  # 0 says that it is not known
            return line
        assert self._began_wall_s is not None
        return f"{series} {self._began_wall_s + (float(value) - self.begin_s) / self.factor!r}"


def replay(
    told: Sequence[Observation | Marker],
    sites: Sequence[str],
    begin_s: float,
    end_s: float,
    factor: float,
    options: MetricsOptions | None = None,
) -> Replay:
    """From begin_s to end_s (Unix seconds of the history). What was told before is known by then.

    Each site's softphones are measured by its own monitor; the first site's is told of the publish.
    """
    of_site = {}
    for site in sites:
        known = [one for one in told if site == sites[0] or not isinstance(one, Marker)]
        of_site[site] = _expositions(known, site, begin_s, end_s, options or MetricsOptions(simulated=True))
    return Replay(factor, begin_s, end_s, {site: sorted(texts.items()) for site, texts in of_site.items()})


@contextmanager
def served(one: Replay) -> Iterator[str]:
    """The replay over HTTP at /SITE; host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = one.exposition(self.path.strip("/")).encode()
            self.send_response(200)
            self.send_header("Content-Type", PLAIN)
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(ConnectionError):  # a scrape that was given up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with answering(Handler) as address:
        yield address


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """An HTTP server on a free port in a thread of its own; host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _expositions(
    told: Sequence[Observation | Marker], site: str, begin_s: float, end_s: float, options: MetricsOptions
) -> dict[float, str]:
    """What the site's monitor shows at each of its scrapes, by their time."""
    shown: dict[float, list[str]] = defaultdict(list)
    mine = [one for one in told if isinstance(one, Marker) or one.site == site]
    agents = tuple(sorted({agent for one in mine if (agent := getattr(one, "agent", ""))}))
    for day in exposed(mine, site, replace(options, agents=agents), EVERY_S):
        for line in day:
            text, _, at_s = line.rpartition(" ")
            shown[float(at_s)].append(text)
    return {at_s: "\n".join(lines) for at_s, lines in shown.items() if begin_s <= at_s <= end_s}
