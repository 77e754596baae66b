"""What a process tells about itself once a second: what kept it from measuring, and facts its channel had to drop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from monitor.facts.clock import Clock
from monitor.facts.observations import FactsDropped, Observation, OwnLagObserved
from monitor.media.resolver import RESOLVER
from monitor.probes.interpreter import GcPauses, executor_queue
from monitor.probes.lag import LagMeter
from monitor.probes.machine import SCHEDSTAT, STAT, ProcessorTime, processor_time, read_text, steal_ratio, turns

REPORT_S = 1.0
TELLS_OF_MACHINE = "main"  # one process reads what is the same for all: /proc/stat is costly on a large machine


class Dropping(Protocol):
    """Whatever counts what it drops."""

    @property
    def dropped(self) -> int:
        """How many so far."""
        ...


@dataclass(frozen=True, slots=True)
class OwnCounters:
    """What a process's media peers have counted so far, peers that are gone included.

    slots_due, slots_missed: of the 20 ms grid. socket_drops: datagrams lost at full sockets, received or to be sent.
    """

    slots_due: int = 0
    slots_missed: int = 0
    socket_drops: int = 0

    def __add__(self, other: OwnCounters) -> OwnCounters:
        """The counts of both."""
        return OwnCounters(
            self.slots_due + other.slots_due,
            self.slots_missed + other.slots_missed,
            self.socket_drops + other.socket_drops,
        )


@dataclass(frozen=True, slots=True)
class Lookups:
    """DNS lookups since they were asked for last: how long each took that was answered, and how many were not."""

    seconds: tuple[float, ...] = ()
    failures: int = 0


def lookups_of(seen: Iterable[tuple[float | None, str]]) -> Lookups:
    """What Resolver.observed() tells: seconds and outcome; only `ok` is an answer."""
    told = tuple(seen)
    answered = tuple(round(seconds, 6) for seconds, outcome in told if seconds is not None and outcome == "ok")
    return Lookups(answered, len(told) - len(answered))


def _lookups_here() -> Lookups:
    return lookups_of(RESOLVER.observed())


class OwnHealth:
    """Emits OwnLagObserved, and FactsDropped when there is something to tell. process: main, prober, shard0, ...

    counters: of the media peers, where there are any. lookups: drains what the resolver has seen. read: text of a file,
    None where the system has none.
    """

    def __init__(
        self,
        process: str,
        site: str,
        emit: Callable[[Observation], None],
        clock: Clock,
        lag: LagMeter,
        channel: Dropping | None = None,
        counters: Callable[[], OwnCounters] = OwnCounters,
        *,
        lookups: Callable[[], Lookups] = _lookups_here,
        read: Callable[[Path], str | None] = read_text,
    ) -> None:
        self._process = process
        self._site = site
        self._emit = emit
        self._clock = clock
        self._lag = lag
        self._channel = channel
        self._counters = counters
        self._lookups = lookups
        self._read = read
        self._pauses = GcPauses(clock)
        self._told = channel.dropped if channel else 0
        self._counted = counters()
        self._told_mono_s = clock.mono_s()
        self._turns = turns(read(SCHEDSTAT))
        self._processors = self._processor_time()

    async def run(self) -> None:
        """Tell once a second until cancelled."""
        self._pauses.watch()
        try:
            while True:
                await asyncio.sleep(REPORT_S)
                self.tell(executor_queue(asyncio.get_running_loop()))
        finally:
            self._pauses.ignore()

    def tell(self, waiting_jobs: int | None = None) -> None:
        """Tell now what there is since the last time. waiting_jobs: of the default executor, None when not known."""
        at_wall_s = self._clock.wall_s()
        fact = OwnLagObserved(
            site=self._site,
            probe=self._process,
            at_wall_s=at_wall_s,
            process=self._process,
            lag_samples_s=self._lag.drain(),
            lateness_samples_s=self._lag.drain_lateness(),
            gc_pauses_s=self._pauses.drain(),
            executor_queue=waiting_jobs,
        )
        self._emit(self._with_lookups(self._with_processor(self._with_media(fact))))
        dropped = self._channel.dropped if self._channel else 0
        if dropped > self._told:
            count = dropped - self._told
            self._emit(
                FactsDropped(site=self._site, probe=self._process, at_wall_s=at_wall_s, sink=self._process, count=count)
            )
            if self._channel is not None and self._channel.dropped == dropped:  # or that was dropped as well
                self._told = dropped

    def _with_media(self, fact: OwnLagObserved) -> OwnLagObserved:
        before, self._counted = self._counted, self._counters()
        return replace(
            fact,
            slots_due=max(0, self._counted.slots_due - before.slots_due),
            slots_missed=max(0, self._counted.slots_missed - before.slots_missed),
            socket_drops=max(0, self._counted.socket_drops - before.socket_drops),
        )

    def _with_processor(self, fact: OwnLagObserved) -> OwnLagObserved:
        now_mono_s = self._clock.mono_s()
        over_s, self._told_mono_s = now_mono_s - self._told_mono_s, now_mono_s
        before, self._turns = self._turns, turns(self._read(SCHEDSTAT))
        stolen_before, self._processors = self._processors, self._processor_time()
        fact = replace(fact, over_s=round(over_s, 6), steal_ratio=steal_ratio(stolen_before, self._processors))
        if before is None or self._turns is None:
            return fact
        waited_s = max(0.0, self._turns.waited_s - before.waited_s)
        return replace(fact, waited_s=round(waited_s, 6), turns=max(0, self._turns.count - before.count))

    def _with_lookups(self, fact: OwnLagObserved) -> OwnLagObserved:
        seen = self._lookups()
        return replace(fact, dns_lookups_s=seen.seconds, dns_failures=seen.failures)

    def _processor_time(self) -> ProcessorTime | None:
        return processor_time(self._read(STAT)) if self._process == TELLS_OF_MACHINE else None
