"""Once a second a process tells its lag, and what its channel dropped, each once."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from monitor.facts.clock import ManualClock
from monitor.facts.observations import FactsDropped, Observation, OwnLagObserved
from monitor.probes.lag import LagMeter
from monitor.probes.machine import SCHEDSTAT, STAT
from monitor.probes.own_health import Lookups, OwnCounters, OwnHealth, lookups_of


class Channel:
    """Something that counts drops."""

    dropped = 2


def test_lag_and_lateness_are_told_once() -> None:
    clock, facts = ManualClock(), list[Observation]()
    meter = LagMeter(clock)
    health = OwnHealth("prober", "here", facts.append, clock, meter)
    meter.expect(clock.mono_s() + 0.010)
    clock.advance(0.021)
    meter.woke()
    meter.note_lateness(0.25)
    health.tell()
    health.tell()
    first, second = facts
    assert isinstance(first, OwnLagObserved)
    assert isinstance(second, OwnLagObserved)
    assert (first.site, first.process, first.lag_samples_s, first.lateness_samples_s) == (
        "here",
        "prober",
        (0.01,),
        (0.25,),
    )
    assert (second.lag_samples_s, second.lateness_samples_s) == ((), ())


def test_only_new_drops_are_told() -> None:
    clock, facts, channel = ManualClock(), list[Observation](), Channel()
    health = OwnHealth("prober", "here", facts.append, clock, LagMeter(clock), channel)
    health.tell()
    channel.dropped = 5
    health.tell()
    health.tell()
    told = [(fact.sink, fact.count) for fact in facts if isinstance(fact, FactsDropped)]
    assert told == [("prober", 3)]


def test_drops_whose_fact_was_dropped_as_well_are_told_later() -> None:
    clock, facts, channel = ManualClock(), list[Observation](), Channel()

    def full(fact: Observation) -> None:
        if isinstance(fact, FactsDropped) and channel.dropped < 10:
            channel.dropped += 1
        else:
            facts.append(fact)

    health = OwnHealth("prober", "here", full, clock, LagMeter(clock), channel)
    channel.dropped = 5
    for _ in range(8):
        health.tell()
    assert [fact.count for fact in facts if isinstance(fact, FactsDropped)] == [8]  # 3 and its own five facts


def told(health: OwnHealth, facts: list[Observation]) -> OwnLagObserved:
    """What it tells now."""
    health.tell()
    fact = facts[-1]
    assert isinstance(fact, OwnLagObserved)
    return fact


def test_waits_and_steal_are_told_as_differences() -> None:
    clock, facts = ManualClock(), list[Observation]()
    files = {SCHEDSTAT: "5 1000000000 10", STAT: "cpu  100 0 0 0 0 0 0 0 0 0"}
    main = OwnHealth("main", "here", facts.append, clock, LagMeter(clock), read=files.get)
    files |= {SCHEDSTAT: "9 1250000000 60", STAT: "cpu  175 0 0 0 0 0 0 25 0 0"}
    clock.advance(1.5)
    first = told(main, facts)
    assert (first.over_s, first.waited_s, first.turns, first.steal_ratio) == (1.5, 0.25, 50, 0.25)
    clock.advance(1.0)
    second = told(main, facts)
    assert (second.over_s, second.waited_s, second.turns, second.steal_ratio) == (1.0, 0.0, 0, None)


def test_one_process_tells_of_the_machine() -> None:
    clock, asked = ManualClock(), list[Path]()

    def read(path: Path) -> str | None:
        asked.append(path)
        return None

    facts = list[Observation]()
    prober = OwnHealth("prober", "here", facts.append, clock, LagMeter(clock), read=read)
    fact = told(prober, facts)
    assert (fact.waited_s, fact.turns, fact.steal_ratio) == (None, 0, None)
    assert set(asked) == {SCHEDSTAT}


def test_what_peers_counted_is_told_as_differences_and_never_below_0() -> None:
    clock, facts, counted = ManualClock(), list[Observation](), [OwnCounters(100, 3, 2)]
    health = OwnHealth("shard0", "here", facts.append, clock, LagMeter(clock), None, lambda: counted[0])
    counted[0] = OwnCounters(150, 4, 7)
    fact = told(health, facts)
    assert (fact.slots_due, fact.slots_missed, fact.socket_drops) == (50, 1, 5)
    counted[0] = OwnCounters()
    fact = told(health, facts)
    assert (fact.slots_due, fact.slots_missed, fact.socket_drops) == (0, 0, 0)


def test_lookups_are_handed_on() -> None:
    clock, facts = ManualClock(), list[Observation]()
    health = OwnHealth("shard0", "here", facts.append, clock, LagMeter(clock), lookups=lambda: Lookups((0.02,), 3))
    fact = told(health, facts)
    assert (fact.dns_lookups_s, fact.dns_failures) == ((0.02,), 3)


def test_a_lookup_without_an_answer_is_a_failure_and_no_time() -> None:
    assert lookups_of([(0.02, "ok"), (0.5, "dns"), (None, "timeout")]) == Lookups((0.02,), 2)


async def test_collections_are_watched_while_it_runs() -> None:
    clock = ManualClock()
    health = OwnHealth("prober", "here", list[Observation]().append, clock, LagMeter(clock))
    before = len(gc.callbacks)
    running = asyncio.create_task(health.run())
    await asyncio.sleep(0)
    assert len(gc.callbacks) == before + 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(gc.callbacks) == before
