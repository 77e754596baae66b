"""Once a second a process tells its lag, and what its channel dropped, each once."""

from __future__ import annotations

from monitor.facts.clock import ManualClock
from monitor.facts.observations import FactsDropped, Observation, OwnLagObserved
from monitor.probes.lag import LagMeter
from monitor.probes.own_health import OwnHealth


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
