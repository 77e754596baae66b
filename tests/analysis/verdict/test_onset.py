"""Onsets and their order: established, overlapping, absent, before the window; figures checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time

import pytest

from monitor.analysis.verdict.onset import onsets, order
from monitor.analysis.verdict.result import Onset
from monitor.facts import signals
from monitor.facts.evidence import Evidence, Window
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.outputs.sources.observed import facts_evidence
from monitor.simulator.history.history import Cadence, HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

WEEK_S = 604_800.0
STARTS = tuple(1_790_000_000.0 + n * WEEK_S for n in range(4))
TAIL_S = 300.0
USUAL_S = 0.030


def windows(earlier_s: float = 0.0, later_s: float = 0.0) -> list[Window]:
    """Four weekly windows of ten minutes, whose start may have been so much earlier or later."""
    return [Window(start_s=s, end_s=s + 600.0, start_min_s=s - earlier_s, start_max_s=s + later_s) for s in STARTS]


def measured(builder: EvidenceBuilder, signal: str, every_s: float, value: Callable[[float], float | None]) -> None:
    """Attempts each `every_s` from two hours before each start to half an hour after it; value by seconds after it.

    They complete a second after a multiple of every_s; None is a timeout.
    """
    for start_s in STARTS:
        for step in range(int(-7200 / every_s), int(1800 / every_s)):
            after_s = step * every_s + 1.0
            found = value(after_s)
            builder.sample(signal, start_s + after_s, found, "timeout" if found is None else "ok", site="a")


def slow_from(first_s: float, factor: float = 10.0) -> Callable[[float], float]:
    return lambda after_s: USUAL_S * (factor if first_s <= after_s < 600 else 1.0)


def steady(_after_s: float) -> float:
    return USUAL_S


def test_an_order_that_intervals_do_not_contradict_is_established() -> None:
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 10.0, slow_from(100.0))
    measured(builder, signals.API, 10.0, slow_from(20.0))
    measured(builder, signals.STUN_RTT, 10.0, steady)
    for start_s in STARTS:
        for n in range(8):
            builder.drop(start_s + 150.0, start_s + 190.0 + n, site="a")
    found = onsets(builder.build(), windows(), TAIL_S)
    assert [one.signal for one in found] == [signals.API, signals.WS_RTT, "drops"]
    assert [(one.onset_low_s, one.onset_high_s) for one in found] == [
        (pytest.approx(11.0 - USUAL_S), 21.0),
        (pytest.approx(91.0 - USUAL_S), 101.0),
        (150.0, 190.0),
    ]
    assert order(found) == (found, signals.API)


def test_no_order_where_a_coarse_grid_makes_intervals_overlap() -> None:
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 10.0, slow_from(20.0))
    measured(builder, signals.API, 60.0, slow_from(50.0))
    found = onsets(builder.build(), windows(), TAIL_S)
    assert [one.signal for one in found] == [signals.API, signals.WS_RTT]
    assert order(found) == (None, None)


def test_detection_timers_of_drops_belong_to_their_interval() -> None:
    """Drops were noticed last, but the connections may have died before anything else moved."""
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 5.0, slow_from(0.0))
    for start_s in STARTS:
        builder.drop(start_s - 20.0, start_s + 38.0, site="a")
    found = onsets(builder.build(), windows(), TAIL_S)
    assert (found[0].signal, found[0].onset_low_s, found[0].onset_high_s) == ("drops", -20.0, 38.0)
    assert order(found) == (None, None)


def test_uncertain_starts_of_detected_windows_widen_every_interval() -> None:
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 10.0, slow_from(100.0))
    measured(builder, signals.API, 10.0, slow_from(20.0))
    sharp = onsets(builder.build(), windows(), TAIL_S)
    wide = onsets(builder.build(), windows(earlier_s=60.0, later_s=30.0), TAIL_S)
    assert order(sharp)[1] == signals.API
    for before, after in zip(sharp, wide, strict=True):
        assert after.onset_low_s == pytest.approx(before.onset_low_s - 30.0)
        assert after.onset_high_s == pytest.approx(before.onset_high_s + 60.0)
    assert order(wide) == (None, None)


def test_what_moved_before_the_window_has_a_negative_onset() -> None:
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 10.0, slow_from(-120.0))
    (found,) = onsets(builder.build(), windows(), TAIL_S)
    assert found.onset_low_s == pytest.approx(-129.0 - USUAL_S)
    assert found.onset_high_s == -119.0


def test_a_signal_that_moves_alone_is_no_order() -> None:
    assert order([Onset("drops", 0.0, 1.0)]) == (None, None)
    assert order([]) == (None, None)


def test_touching_intervals_are_no_order() -> None:
    assert order([Onset("a", 0.0, 5.0), Onset("b", 5.0, 6.0)]) == (None, None)
    first, second = Onset("a", 0.0, 4.9), Onset("b", 5.0, 6.0)
    assert order([second, first]) == ((first, second), "a")


def test_a_short_interval_inside_a_long_one_is_not_first() -> None:
    assert order([Onset("a", 0.0, 100.0), Onset("b", 1.0, 2.0), Onset("c", 50.0, 60.0)]) == (None, None)


@pytest.mark.parametrize(("weeks", "moved"), [(1, False), (2, True)])
def test_a_signal_must_move_in_half_of_the_windows(weeks: int, moved: bool) -> None:
    builder = EvidenceBuilder()
    for number, start_s in enumerate(STARTS):
        for step in range(-700, 100):
            slow = number < weeks and 30 < step * 10 < 600
            builder.sample(signals.WS_RTT, start_s + step * 10, 0.3 if slow else 0.03)
    assert bool(onsets(builder.build(), windows(), TAIL_S)) is moved


def test_one_window_is_never_an_order() -> None:
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 10.0, slow_from(0.0))
    assert onsets(builder.build(), windows()[:1], TAIL_S) == ()


def test_blocks_in_which_nothing_was_done_do_not_count() -> None:
    builder = EvidenceBuilder()
    measured(builder, signals.WS_RTT, 10.0, slow_from(0.0))
    blocks = [Window(start_s=one.start_s, end_s=one.end_s, arm="none") for one in windows()]
    assert onsets(builder.build(), blocks, TAIL_S) == ()


def test_nothing_known_has_no_onset() -> None:
    assert onsets(EvidenceBuilder().build(), windows(), TAIL_S) == ()
    assert onsets(EvidenceBuilder().build(), [], TAIL_S) == ()


def simulated(name: str, weeks: int) -> Evidence:
    """A quarter of an hour before each publish and some minutes after it, pinged each second."""
    plan = HistoryPlan(
        start=date(2026, 9, 14),
        weeks=weeks,
        days="tue",
        hours=(time(9, 45), time(10, 4)),
        cadence=Cadence(heartbeat_s=1.0, signalling_s=5.0, gathering_s=20.0, api_s=5.0),
    )
    return facts_evidence(facts(load_scenario(name), plan, 1))


def test_a_publish_that_saturates_signalling_at_once_has_onsets_but_no_first_mover() -> None:
    evidence = simulated("publish_saturates_signalling", 2)
    found = {one.signal: one for one in onsets(evidence, evidence.windows, TAIL_S)}
    assert {"drops", signals.WS_RTT, signals.NOTIFICATION_RTT, signals.ICE_SERVERS, signals.RECONNECT} <= set(found)
    assert not {signals.STUN_RTT, signals.MEDIA_RTT, signals.EDGE_RTT} & set(found)
    assert -2.0 < found[signals.NOTIFICATION_RTT].onset_low_s < found[signals.NOTIFICATION_RTT].onset_high_s < 2.0
    assert order(list(found.values())) == (None, None)


def test_an_innocent_publish_moves_nothing_but_the_api_that_it_calls() -> None:
    evidence = simulated("publish_innocent", 2)
    found = onsets(evidence, evidence.windows, TAIL_S)
    assert [one.signal for one in found] == [signals.API]
    assert -5.1 < found[0].onset_low_s < 0.0 < found[0].onset_high_s < 5.0
    assert order(found) == (None, None)
