"""A monitor that a server scrapes, in the terms of the metrics it exports, and what is read back from there."""

from __future__ import annotations

from typing import Any

from monitor.facts.clock import ManualClock
from monitor.facts.evidence import Evidence
from monitor.facts.markers import Marker
from monitor.facts.observations import Observation
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.outputs.sources.prometheus.reading import read_prometheus
from tests.promql_stub import Stored, serving

T0 = 1_790_000_000.0
EVERY_S = 15.0


class Scraped:
    """A monitor that is scraped every EVERY_S, from T0 on.

    external: for each agent that scrapes it at once, the labels it adds to series that have no such label.
    """

    def __init__(
        self,
        site: str = "here",
        instance: str = "a:1",
        external: tuple[dict[str, str], ...] = ({},),
        **options: Any,
    ) -> None:
        self.stored = Stored()
        self.clock = ManualClock(wall_s=T0)
        self.external = external
        self._site, self._instance, self._options = site, instance, options
        self.restart()
        self.scrape()

    def restart(self) -> None:
        """All counters begin anew."""
        self.metrics = Metrics(self._site, MetricsOptions(**self._options), self.clock)

    def scrape(self) -> None:
        """Every agent takes what there is now."""
        for labels in self.external:
            self.stored.scrape(self.metrics, self.clock, instance=self._instance, job="softphone", **labels)

    def between(self, *told: Observation | Marker) -> None:
        """One interval in which this happened."""
        for one in told:
            (self.metrics.marker if isinstance(one, Marker) else self.metrics.observe)(one)  # type: ignore[arg-type]
        self.clock.advance(EVERY_S)
        self.scrape()

    def quiet(self, scrapes: int) -> None:
        """Intervals in which nothing happened."""
        for _ in range(scrapes):
            self.between()


def read(*monitors: Scraped, since_s: float = T0 - 100) -> Evidence:
    """Everything up to the last scrape."""
    stored = Stored()
    for monitor in monitors:
        stored.add(monitor.stored)
    with serving(stored.answer) as url:
        return read_prometheus(url, since_s, max(monitor.clock.wall_s() for monitor in monitors), token="")


def rows(evidence: Evidence, signal: str) -> list[tuple[float, str, float | None, float]]:
    """Seconds after T0, outcome, value, how many."""
    one, names = evidence.series[signal], evidence.names
    columns = zip(one.at_s, one.outcome, one.value, one.weight, strict=True)
    return [(at - T0, names[outcome], None if value != value else value, many) for at, outcome, value, many in columns]
