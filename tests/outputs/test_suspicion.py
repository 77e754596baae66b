"""When our own measurements are not to be trusted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.facts.observations import HeartbeatObserved, OwnLagObserved, ProcessEnded
from monitor.outputs.suspicion import LAG_LIMIT_S, Second, Suspicion, starved, suspect

GOOD = HeartbeatObserved(site="s", probe="p", at_wall_s=0.0, channel="xmpp", outcome="ok", rtt_s=0.05)
SUSPECT = replace(GOOD, lag_s=0.02)
LAG = OwnLagObserved(site="s", probe="prober", at_wall_s=0.0, process="prober", lag_samples_s=(0.001, 0.3))


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        ([], False),
        ([Second(100, samples=10, suspect=2)], False),
        ([Second(100, samples=10, suspect=3)], True),
        ([Second(100, samples=4, suspect=4)], False),
        ([Second(39, samples=10, suspect=10), Second(100, samples=10)], False),
        ([Second(40, samples=10, suspect=10), Second(100, samples=10)], True),
        ([Second(96, starved=("a",)), Second(99, starved=("b",)), Second(100, starved=("a",))], False),
        ([Second(97, starved=("a",)), Second(99, starved=("b",)), Second(100, starved=("a",))], True),
        ([Second(39, starved=("a",)), Second(80, starved=("a",)), Second(100, starved=("a",))], False),
        ([Second(40, starved=("a",)), Second(80, starved=("a",)), Second(100, starved=("a",))], True),
        ([Second(70, lag_s=LAG_LIMIT_S)], False),
        ([Second(70, lag_s=LAG_LIMIT_S + 0.01)], True),
    ],
)
def test_the_share_and_the_lag_of_the_last_minute_decide(seconds: list[Second], verdict: bool) -> None:
    assert suspect(seconds, now_s=100.0) is verdict


def test_suspicion_rises_with_suspect_measurements_and_fades() -> None:
    suspicion = Suspicion()
    for i in range(10):
        suspicion.feed(GOOD if i % 2 else SUSPECT, 100.0 + i)
    assert suspicion.suspect(110.0)
    assert not suspicion.suspect(175.0)


def test_a_loopback_ping_with_a_millisecond_of_lag_is_no_reason() -> None:
    suspicion = Suspicion()
    for i in range(10):
        suspicion.feed(replace(GOOD, rtt_s=0.0008, lag_s=0.001), 100.0 + i)
    assert not suspicion.suspect(110.0)


def test_a_late_measuring_process_is_a_reason_and_the_collecting_one_is_not() -> None:
    suspicion = Suspicion()
    suspicion.feed(replace(LAG, process="main"), 100.0)
    assert not suspicion.suspect(100.5)
    suspicion.feed(LAG, 101.0)
    assert suspicion.suspect(101.5)


QUIET = replace(LAG, lag_samples_s=(0.001,), waited_s=0.002, turns=110, steal_ratio=0.0)


@pytest.mark.parametrize(
    ("fact", "kept_from_measuring"),
    [
        (QUIET, False),
        (replace(QUIET, waited_s=None, steal_ratio=None), False),
        (replace(QUIET, waited_s=0.05), True),
        (replace(QUIET, waited_s=0.05, over_s=5.0), False),
        (replace(QUIET, waited_s=0.05, turns=2000), False),  # busy peers: many waits, each too short to matter
        (replace(QUIET, waited_s=0.05, process="main"), False),
        (replace(QUIET, steal_ratio=0.11), True),
        (replace(QUIET, steal_ratio=0.11, process="main"), True),
        (replace(QUIET, slots_due=1000, slots_missed=10), False),
        (replace(QUIET, slots_due=1000, slots_missed=11), True),
        (replace(QUIET, socket_drops=1), True),
    ],
)
def test_what_keeps_a_process_from_measuring(fact: OwnLagObserved, kept_from_measuring: bool) -> None:
    assert starved(fact) is kept_from_measuring


def test_a_process_without_processors_is_distrusted_within_seconds_and_trusted_again_later() -> None:
    suspicion = Suspicion()
    for second in range(2):
        assert not suspicion.suspect(100.0 + second)
        suspicion.feed(replace(QUIET, waited_s=0.05), 100.0 + second)
    assert suspicion.suspect(101.0)
    suspicion.feed(QUIET, 161.0)
    assert not suspicion.suspect(162.0)


def test_a_process_that_tells_nothing_of_itself_is_stuck_until_it_is_replaced() -> None:
    suspicion = Suspicion()
    for process in ("prober", "shard0", "main"):
        suspicion.feed(replace(QUIET, process=process), 99.0)
        suspicion.feed(replace(QUIET, process=process), 100.0)
    suspicion.feed(replace(QUIET, process="told once"), 99.0)  # as a history does: nothing is known of its cadence
    suspicion.feed(replace(QUIET, process="shard0"), 104.0)
    assert not suspicion.suspect(105.0)
    assert suspicion.suspect(105.1)
    suspicion.feed(ProcessEnded(site="s", probe="prober", at_wall_s=0.0, process="prober", exit_status=-9), 106.0)
    assert not suspicion.suspect(106.0)


def test_timeouts_have_no_latency_to_suspect() -> None:
    suspicion = Suspicion()
    for i in range(10):
        suspicion.feed(replace(GOOD, rtt_s=None, outcome="timeout", lag_s=0.2), 100.0 + i)
    assert not suspicion.suspect(110.0)
