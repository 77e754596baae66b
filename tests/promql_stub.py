"""A Prometheus server in a few lines, for the handful of expressions that the monitor asks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from prometheus_client.parser import text_string_to_metric_families

from monitor.facts.clock import ManualClock
from monitor.outputs.metrics import Metrics

Samples = dict[str, dict[frozenset[tuple[str, str]], list[tuple[float, float]]]]  # by metric and labels
Answer = tuple[int, str, bytes]
_RANGE = re.compile(r"(\w+)(?:\{(.*)\})?\[(\d+)s\]")
_MATCHER = re.compile(r'(\w+)=~("(?:[^"\\]|\\.)*")')


class Stored:
    """Samples of scrapes, and answers to questions about them."""

    def __init__(self) -> None:
        self._samples: Samples = {}

    def scrape(self, metrics: Metrics, clock: ManualClock, **target: str) -> None:
        """Scrape now. target: the labels that Prometheus adds."""
        for family in text_string_to_metric_families(metrics.render("")[0].decode()):
            for sample in family.samples:
                labels = frozenset({**target, **sample.labels}.items())  # a label of the metric stays
                of_metric = self._samples.setdefault(sample.name, {})
                of_metric.setdefault(labels, []).append((clock.wall_s(), sample.value))

    def add(self, other: Stored) -> None:
        """Take over what another one has of other targets."""
        for name, series in other._samples.items():
            self._samples.setdefault(name, {}).update(series)

    def answer(self, promql: str, at_s: float) -> Answer:
        """As the HTTP API answers an instant query."""
        inner = re.search(r"\w+(?:\{.*?\})?\[\d+s\]", promql)
        assert inner is not None, promql
        found = list(self._matrix(inner.group(), at_s))
        data = {"resultType": "matrix", "result": found}
        if inner.group() != promql:
            keep = _kept(promql)
            rows = ((one["metric"], keep(one["values"])) for one in found)
            result = [{"metric": labels, "value": [at_s, str(value)]} for labels, value in rows if value is not None]
            data = {"resultType": "vector", "result": result}
        return 200, "application/json", json.dumps({"status": "success", "data": data}).encode()

    def _matrix(self, promql: str, at_s: float) -> Iterator[dict[str, Any]]:
        match = _RANGE.match(promql)
        assert match is not None, promql
        name, selector, seconds = match.groups()
        wanted = {label: json.loads(pattern) for label, pattern in _MATCHER.findall(selector or "")}
        for labels, samples in self._samples.get(name, {}).items():
            chosen = [[at, str(value)] for at, value in samples if at_s - int(seconds) < at <= at_s]
            if chosen and _matches(dict(labels), wanted):
                yield {"metric": {"__name__": name, **dict(labels)}, "values": chosen}


def _matches(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in wanted.items())


def _kept(promql: str) -> Callable[[list[list[Any]]], float | None]:
    """What becomes of a range: the last value, or whether it changed or is shorter than it might be."""
    most = re.search(r"< (\d+)\)$", promql)
    if most is None:
        assert promql.startswith("last_over_time("), promql
        return lambda values: float(values[-1][1])
    return lambda values: 1.0 if len({v for _, v in values}) > 1 or len(values) < int(most.group(1)) else None


@contextmanager
def serving(answer: Callable[[str, float], Answer], seen: list[dict[str, str]] | None = None) -> Iterator[str]:
    """An HTTP server that answers POST /api/v1/query so; its address. seen: gets the headers of every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, else each answer waits for an acknowledgement

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            if seen is not None:
                seen.append({name.lower(): value for name, value in self.headers.items()})
            status, content_type, body = answer(form["query"][0], float(form["time"][0]))
            self.send_response(status if self.path == "/api/v1/query" else 404)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
