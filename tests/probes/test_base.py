"""The supervisor: one run at a time, on the grid, with own lag on every fact; a broken probe ends nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from monitor.facts.clock import ManualClock
from monitor.facts.failures import Failure, Fault, Reason
from monitor.facts.observations import HeartbeatObserved, Observation, SlotSkipped
from monitor.probes.base import Context, Supervisor
from monitor.probes.cadence import Cadence
from monitor.probes.lag import LagMeter

INTERVAL_S = 10.0


class Bench:
    """A manual clock, a sleep that moves it, and the facts that were emitted."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.lag = LagMeter(self.clock)
        self.facts: list[Observation] = []
        self.context = Context("here", self.emit, self.clock, self.lag)
        self.slots_left = 0
        self.emitted, self.parked = asyncio.Event(), asyncio.Event()

    def emit(self, fact: Observation) -> None:
        self.facts.append(fact)
        self.emitted.set()

    async def sleep(self, seconds: float) -> None:
        """Let the time pass; after the agreed number of slots, for ever."""
        if self.slots_left == 0:
            self.parked.set()
            await asyncio.Event().wait()
        self.slots_left -= 1
        self.clock.advance(max(0.0, seconds))

    async def run(self, probe: FakeProbe, slots: int) -> None:
        """Supervise for that many slots."""
        self.slots_left = slots
        task = asyncio.create_task(self.supervise(probe).run())
        await self.parked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def supervise(self, probe: FakeProbe, grace_s: float = 2.0) -> Supervisor:
        """A supervisor with a slot every ten seconds from now on."""
        grid = Cadence(self.clock.mono_s(), INTERVAL_S)
        return Supervisor(probe, grid, self.context, grace_s=grace_s, sleep=self.sleep)


class FakeProbe:
    """A probe whose run is what the test says; it measures nothing."""

    name, kind, interval_s, timeout_s = "fake", "heartbeat", INTERVAL_S, 5.0

    def __init__(self, bench: Bench, run: Callable[[], Awaitable[None]] | None = None) -> None:
        self._bench = bench
        self._run = run
        self.runs = 0

    async def run(self) -> Sequence[Observation]:
        self.runs += 1
        if self._run is not None:
            await self._run()
        return [self._fact("ok", 0.02)]

    def failed(self, failure: Failure) -> Sequence[Observation]:
        return [self._fact("error", None, failure)]

    async def close(self) -> None:
        """Nothing runs beside the slots."""

    def _fact(self, outcome: str, rtt_s: float | None, failure: Failure | None = None) -> Observation:
        stamp = self._bench.context.stamp(self.name)
        return HeartbeatObserved(**stamp, channel="xmpp", outcome=outcome, rtt_s=rtt_s, failure=failure)


async def test_one_fact_a_slot_on_the_grid() -> None:
    bench = Bench()
    begin = bench.clock.wall_s()
    await bench.run(FakeProbe(bench), slots=3)
    assert [fact.at_wall_s - begin for fact in bench.facts] == [0.0, 10.0, 20.0]
    assert all(fact.site == "here" and fact.probe == "fake" and fact.lateness_s == 0.0 for fact in bench.facts)


async def test_slots_that_come_during_a_run_are_skipped_and_counted() -> None:
    bench = Bench()

    async def long_first_run() -> None:
        if probe.runs == 1:
            bench.clock.advance(25.0)

    probe = FakeProbe(bench, long_first_run)
    await bench.run(probe, slots=2)
    assert [fact.kind for fact in bench.facts] == ["heartbeat", "slot_skipped", "heartbeat"]
    skipped = bench.facts[1]
    assert isinstance(skipped, SlotSkipped)
    assert skipped.slots == 2
    assert bench.facts[2].at_wall_s - bench.facts[0].at_wall_s == 5.0  # back on the grid: 25 s, then slot 30 s


async def test_lateness_and_lag_are_on_the_fact() -> None:
    bench = Bench()

    async def blocked() -> None:
        bench.lag.expect(bench.clock.mono_s() + 0.010)
        bench.clock.advance(0.511)
        bench.lag.woke()

    async def oversleep(seconds: float) -> None:
        await bench.sleep(seconds)
        bench.clock.advance(0.25)

    bench.slots_left = 1
    supervisor = Supervisor(
        FakeProbe(bench, blocked), Cadence(bench.clock.mono_s(), INTERVAL_S), bench.context, sleep=oversleep
    )
    task = asyncio.create_task(supervisor.run())
    await bench.emitted.wait()
    task.cancel()
    [fact] = bench.facts
    assert fact.lateness_s == 0.25
    assert round(fact.lag_s, 6) == 0.5
    assert fact.suspect
    assert bench.lag.drain_lateness() == (0.25,)


async def test_a_probe_that_raises_is_a_failed_fact_and_runs_again() -> None:
    bench = Bench()

    async def broken() -> None:
        if probe.runs == 1:
            raise KeyError("secret")

    probe = FakeProbe(bench, broken)
    await bench.run(probe, slots=2)
    first, second = bench.facts
    assert isinstance(first, HeartbeatObserved)
    assert isinstance(second, HeartbeatObserved)
    assert first.failure is not None
    assert (first.failure.reason, first.failure.fault) == (Reason.ERROR, Fault.LOCAL)
    assert first.failure.detail == "KeyError"  # the class alone: the words may hold anything
    assert second.outcome == "ok"


async def test_a_timeout_error_of_the_probe_itself_is_our_mistake_not_a_deadline() -> None:
    bench = Bench()

    async def leaky() -> None:
        raise TimeoutError

    result = await bench.supervise(FakeProbe(bench, leaky)).probe_now()
    assert not result.success
    assert result.failure is not None
    assert result.failure.reason is Reason.ERROR


async def test_a_run_over_its_deadline_is_cancelled_and_counted_as_timeout() -> None:
    bench = Bench()
    cancelled = []

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    probe = FakeProbe(bench, stuck)
    probe.timeout_s = 0.0
    result = await bench.supervise(probe, grace_s=0.0).probe_now()
    assert result.failure is not None
    assert result.failure.reason is Reason.TIMEOUT
    assert cancelled == [True]


async def test_a_slot_during_a_run_on_demand_is_skipped() -> None:
    bench = Bench()
    release, entered = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        entered.set()
        await release.wait()

    probe = FakeProbe(bench, wait)
    supervisor = bench.supervise(probe)
    on_demand = asyncio.create_task(supervisor.probe_now())
    await entered.wait()
    bench.slots_left = 1
    on_grid = asyncio.create_task(supervisor.run())
    await bench.emitted.wait()
    release.set()
    result = await on_demand
    assert result.success
    assert [(phase.name, phase.seconds, phase.outcome) for phase in result.phases] == [("ping", 0.02, "ok")]
    on_grid.cancel()
    assert [fact.kind for fact in bench.facts] == ["slot_skipped"]
    assert probe.runs == 1


async def test_a_wall_clock_step_moves_no_slot() -> None:
    bench = Bench()

    async def stepped() -> None:
        bench.clock.step_wall(-3600.0)

    begin = bench.clock.mono_s()
    await bench.run(FakeProbe(bench, stepped), slots=3)
    assert bench.clock.mono_s() - begin == 20.0
    assert not [fact for fact in bench.facts if isinstance(fact, SlotSkipped)]


async def test_slots_before_the_start_are_not_missed() -> None:
    bench = Bench()
    grid = Cadence(bench.clock.mono_s(), INTERVAL_S)
    bench.clock.advance(25.0)
    bench.slots_left = 1
    task = asyncio.create_task(Supervisor(FakeProbe(bench), grid, bench.context, sleep=bench.sleep).run())
    await bench.parked.wait()
    task.cancel()
    assert [fact.kind for fact in bench.facts] == ["heartbeat"]
