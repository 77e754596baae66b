"""The bus: order, isolation of sinks, and every fact that is lost is counted."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.observations import FactsDropped, HeartbeatObserved, Observation
from monitor.outputs.bus import Bus

FACT = HeartbeatObserved(site="s", probe="p", at_wall_s=0.0, channel="xmpp", outcome="ok", rtt_s=0.01)


class Blocked:
    """A sink that handles nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()
        self.got: list[Observation] = []

    def __call__(self, fact: Observation) -> None:
        self.entered.set()
        self.go.wait()
        self.got.append(fact)


def test_every_sink_gets_every_fact_in_order() -> None:
    bus = Bus("s", ManualClock())
    one: list[Observation] = []
    two: list[Observation] = []
    bus.add("one", one.append)
    bus.add("two", two.append)
    facts = [replace(FACT, at_wall_s=float(i)) for i in range(500)]
    for fact in facts:
        bus.publish(fact)
    bus.close(5.0)
    assert one == two == facts
    assert bus.dropped == {"one": 0, "two": 0}


def test_a_full_sink_drops_and_counts_while_the_other_goes_on() -> None:
    clock = ManualClock()
    bus = Bus("s", clock)
    blocked, free = Blocked(), list[Observation]()
    arrived = threading.Event()

    def handle(fact: Observation) -> None:
        free.append(fact)
        if len(free) == 6:
            arrived.set()

    bus.add("blocked", blocked, limit=2)
    bus.add("free", handle)
    bus.publish(FACT)
    assert blocked.entered.wait(10)  # one fact in the handler, room for two more
    for _ in range(5):
        bus.publish(FACT)
    assert arrived.wait(10)
    assert bus.dropped == {"blocked": 3, "free": 0}
    clock.advance(2.0)
    bus.publish(FACT)
    blocked.go.set()
    bus.close(5.0)
    told = [fact for fact in free if isinstance(fact, FactsDropped)]
    assert [(fact.sink, fact.count, fact.site) for fact in told] == [("blocked", 4, "s")]


def test_a_failing_sink_is_counted_and_complained_about_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    bus = Bus("s", clock)
    handled: list[Observation] = []
    third = threading.Semaphore(0)

    def fail(fact: Observation) -> None:
        third.release()
        raise RuntimeError("disk on fire")

    bus.add("bad", fail)
    bus.add("good", handled.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(FACT)
        bus.publish(FACT)
        assert third.acquire(timeout=10)
        assert third.acquire(timeout=10)
        bus.close(5.0)
    assert bus.dropped == {"bad": 2, "good": 0}
    assert len(handled) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "sink bad: RuntimeError: disk on fire (1 facts dropped so far)"
    ]


def test_a_sink_may_say_that_it_lost_facts_later() -> None:
    clock = ManualClock()
    bus = Bus("s", clock)
    got: list[Observation] = []
    bus.add("journal", got.append)
    bus.lost("journal", 7)
    clock.advance(2.0)
    bus.publish(FACT)
    bus.close(5.0)
    assert bus.dropped == {"journal": 7}
    assert [fact.count for fact in got if isinstance(fact, FactsDropped)] == [7]


def test_close_has_a_deadline_and_may_be_called_twice() -> None:
    bus = Bus("s", ManualClock())
    blocked = Blocked()
    bus.add("blocked", blocked)
    bus.publish(FACT)
    bus.close(0.05)
    assert blocked.got == []
    blocked.go.set()
    bus.close(5.0)
    assert blocked.got == [FACT]
