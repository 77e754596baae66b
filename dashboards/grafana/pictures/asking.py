"""Ask Prometheus what a panel asks, as Grafana would for a given time, and read the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

LIMIT_S = 60.0
Points = list[tuple[float, float]]  # Unix seconds, value


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and its points; a single one where a moment was asked for."""

    labels: Mapping[str, str]
    points: Points

    def named(self, legend: str) -> str:
        """The name that a legend gives it, such as `{{site}} {{channel}}`."""
        return re.sub(r"{{(\w+)}}", lambda found: self.labels.get(found[1], ""), legend).strip()


@dataclass(frozen=True, slots=True)
class Asking:
    """A Prometheus and the time to be shown, in Unix seconds. scrape_s: as the datasource is told it."""

    url: str
    since_s: float
    until_s: float
    scrape_s: float = 15.0

    def over_time(self, expr: str, step_s: float | None = None) -> list[Series]:
        """The answer over the shown time."""
        step_s = step_s or self.scrape_s
        when = {"start": self.since_s, "end": self.until_s, "step": step_s}
        return [Series(one["metric"], _points(one["values"])) for one in self._asked("query_range", expr, when, step_s)]

    def now(self, expr: str) -> list[Series]:
        """The answer for the end of the shown time."""
        return [
            Series(one["metric"], _points([one["value"]])) for one in self._asked("query", expr, {"time": self.until_s})
        ]

    def regions(self, annotation: Mapping[str, Any]) -> list[tuple[float, float]]:
        """What Grafana shades of an annotation: values that are times, or times at which the value is above 0."""
        found: Points = []
        for series in self.over_time(annotation["expr"]):
            by_value = annotation["useValueForTime"]
            moments = [v / 1000 for _, v in series.points] if by_value else [t for t, v in series.points if v > 0]
            found += _joined(moments, self.scrape_s)
        return [(start, end) for start, end in found if end >= self.since_s and start <= self.until_s]

    def _asked(self, kind: str, expr: str, when: Mapping[str, float], step_s: float = 0.0) -> list[dict[str, Any]]:
        given = {"query": self._put_in(expr, step_s), **when}
        reply = httpx.post(f"{self.url}/api/v1/{kind}", data=given, timeout=LIMIT_S, trust_env=False)
        if reply.status_code != 200:
            raise RuntimeError(f"{reply.text}: {given['query']}")
        found: list[dict[str, Any]] = reply.json()["data"]["result"]
        return found

    def _put_in(self, expr: str, step_s: float) -> str:
        shown_s = f"{self.until_s - self.since_s:.0f}"
        values = {"site": ".*", "publish": ".*", "__range": f"{shown_s}s", "__range_s": shown_s}
        values["__interval_ms"] = f"{step_s * 1000:.0f}"
        values["__rate_interval"] = f"{max(4 * self.scrape_s, step_s + self.scrape_s):.0f}s"
        return re.sub(r"\$(\w+)", lambda found: values[found[1]], expr)


def _points(values: list[list[Any]]) -> Points:
    return [(float(at), float(value)) for at, value in values]


def _joined(moments: list[float], step_s: float) -> Points:
    drawn: Points = []
    for at_s in moments:
        if drawn and at_s <= drawn[-1][1] + step_s:
            drawn[-1] = (drawn[-1][0], at_s)
        else:
            drawn.append((at_s, at_s))
    return drawn
