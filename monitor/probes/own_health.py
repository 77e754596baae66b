"""What a process tells about itself once a second: the lag of its loop, and facts its channel had to drop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from monitor.facts.clock import Clock
from monitor.facts.observations import FactsDropped, Observation, OwnLagObserved
from monitor.probes.lag import LagMeter

REPORT_S = 1.0


class Dropping(Protocol):
    """Whatever counts what it drops."""

    @property
    def dropped(self) -> int:
        """How many so far."""
        ...


class OwnHealth:
    """Emits OwnLagObserved, and FactsDropped when there is something to tell. process: main, prober, shard0."""

    def __init__(
        self,
        process: str,
        site: str,
        emit: Callable[[Observation], None],
        clock: Clock,
        lag: LagMeter,
        channel: Dropping | None = None,
    ) -> None:
        self._process = process
        self._site = site
        self._emit = emit
        self._clock = clock
        self._lag = lag
        self._channel = channel
        self._told = channel.dropped if channel else 0

    async def run(self) -> None:
        """Tell once a second until cancelled."""
        while True:
            await asyncio.sleep(REPORT_S)
            self.tell()

    def tell(self) -> None:
        """Tell now what there is since the last time."""
        at_wall_s = self._clock.wall_s()
        self._emit(
            OwnLagObserved(
                site=self._site,
                probe=self._process,
                at_wall_s=at_wall_s,
                process=self._process,
                lag_samples_s=self._lag.drain(),
                lateness_samples_s=self._lag.drain_lateness(),
            )
        )
        dropped = self._channel.dropped if self._channel else 0
        if dropped > self._told:
            count, self._told = dropped - self._told, dropped
            self._emit(
                FactsDropped(site=self._site, probe=self._process, at_wall_s=at_wall_s, sink=self._process, count=count)
            )
