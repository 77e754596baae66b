"""What a probe is, what it is given, and the supervisor that runs it on its grid of slots."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Fault, Reason, failure
from monitor.facts.observations import Observation, SlotSkipped
from monitor.facts.probe_result import ProbeResult
from monitor.probes.cadence import Cadence
from monitor.probes.lag import LagMeter
from monitor.probes.once import result_of

GRACE_S = 2.0  # a probe keeps its own timeout; one that is still running this much later is cancelled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What every probe and session is given. `emit` hands a finished fact on: it never blocks and never raises."""

    site: str
    emit: Callable[[Observation], None]
    clock: Clock
    lag: LagMeter

    def stamp(self, probe: str) -> dict[str, Any]:
        """The fields every fact of `probe` starts with: site, probe, at_wall_s (now)."""
        return {"site": self.site, "probe": probe, "at_wall_s": self.clock.wall_s()}

    def stamp_over(self, probe: str, seconds: float | None) -> dict[str, Any]:
        """As `stamp`, with the largest own lag over the last `seconds`: for facts that no slot asked for."""
        lag_s = self.lag.max_since(self.clock.mono_s() - (seconds or 0.0))
        return {**self.stamp(probe), "lag_s": lag_s}


class Probe(Protocol):
    """One configured measurement."""

    name: str
    kind: str
    interval_s: float
    timeout_s: float

    async def run(self) -> Sequence[Observation]:
        """One attempt, no retry. A failed measurement is a value: this raises only for a mistake of ours.

        The supervisor adds this process's lag and the lateness to what it returns.
        """
        ...

    def failed(self, failure: Failure) -> Sequence[Observation]:
        """The facts of a run that could not tell its own end: it was cancelled over its deadline, or raised."""
        ...

    async def close(self) -> None:
        """End whatever runs beside the slots (listeners, calls). Idempotent; most probes have nothing to do."""
        ...


class Supervisor:
    """Runs one probe on its slots, and once on demand; never twice at a time."""

    def __init__(
        self,
        probe: Probe,
        cadence: Cadence,
        context: Context,
        *,
        grace_s: float = GRACE_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.probe = probe
        self.started = asyncio.Event()  # its slots have begun
        self._cadence = cadence
        self._context = context
        self._limit_s = probe.timeout_s + grace_s
        self._sleep = sleep
        self._running = asyncio.Lock()

    async def run(self) -> None:
        """Measure at every slot until cancelled; what goes wrong in one run is a fact and never ends the next."""
        slot_index = self._cadence.next(self._context.clock.mono_s()).index - 1  # what lay before is not missed
        self.started.set()
        while True:
            slot = self._cadence.next(self._context.clock.mono_s(), slot_index)
            self._skipped(slot.missed)
            await self._sleep(slot.at_mono_s - self._context.clock.mono_s())
            slot_index = slot.index
            if self._running.locked():  # a run on demand
                self._skipped(1)
                continue
            lateness_s = slot.lateness_s(self._context.clock.mono_s())
            self._context.lag.note_lateness(lateness_s)
            async with self._running:
                facts = await self._measure(lateness_s)
            for fact in facts:
                self._context.emit(fact)

    async def probe_now(self) -> ProbeResult:
        """One run on demand, after one that is under way. Its facts are told to the asker alone, not emitted."""
        async with self._running:
            started_mono_s = self._context.clock.mono_s()
            facts = await self._measure(0.0)
            duration_s = self._context.clock.mono_s() - started_mono_s
        return result_of(self.probe.name, self.probe.kind, facts, duration_s)

    async def _measure(self, lateness_s: float) -> list[Observation]:
        started_mono_s = self._context.clock.mono_s()
        facts = await self._attempt()
        lag_s = self._context.lag.max_since(started_mono_s)
        # a probe whose measuring was done by another process brings that one's lag along
        return [replace(fact, lag_s=max(fact.lag_s, lag_s), lateness_s=lateness_s) for fact in facts]

    async def _attempt(self) -> Sequence[Observation]:
        try:
            async with asyncio.timeout(self._limit_s) as deadline:
                return await self.probe.run()
        except Exception as error:
            if deadline.expired():
                log.warning("probe %s: cancelled after %g s", self.probe.name, self._limit_s)
                return self._failed(failure(self.probe.kind, Reason.TIMEOUT, f"cancelled after {self._limit_s:g} s"))
            log.exception("probe %s: our own mistake: %s", self.probe.name, type(error).__name__)
            return self._failed(failure(self.probe.kind, Reason.ERROR, type(error).__name__, Fault.LOCAL))

    def _failed(self, reason: Failure) -> Sequence[Observation]:
        try:
            return self.probe.failed(reason)
        except Exception as error:
            log.exception("probe %s: our own mistake: %s", self.probe.name, type(error).__name__)
            return ()

    def _skipped(self, slots: int) -> None:
        if slots:
            self._context.emit(SlotSkipped(**self._context.stamp(self.probe.name), slots=slots))
