"""What is a departure from the usual range, and what is noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from monitor.analysis.verdict.attempts import attempts_of, drop_events
from monitor.analysis.verdict.departures import Departures, burst_departures, sample_departures
from monitor.analysis.verdict.looks import looks_of
from monitor.facts import signals
from monitor.facts.evidence import Evidence, Window
from monitor.facts.evidence_builder import EvidenceBuilder

START_S = 1_790_000_000.0
WINDOW = Window(start_s=START_S, end_s=START_S + 600.0)
USUAL_S = 0.03
SAMPLES = range(-720, 120)  # one each ten seconds

Value = Callable[[int], float | None]


def departed(value: Value, *, signal: str = signals.WS_RTT, targets: dict[str, Value] | None = None) -> Departures:
    """One look at streams by target; value by ten seconds after the start, None for a timeout."""
    builder = EvidenceBuilder()
    for target, of in (targets or {"": value}).items():
        for step in SAMPLES:
            found = of(step)
            outcome = "ok" if found is not None else "timeout"
            builder.sample(signal, START_S + 10.0 * step, found, outcome, site="a", target=target)
    evidence = builder.build()
    return sample_departures(
        attempts_of(signal, evidence.series[signal], evidence), looks_of(evidence, [WINDOW], 300.0)
    )


def usual(_step: int) -> float:
    return USUAL_S


def slow_at(*steps: int, factor: float = 8.0) -> Value:
    return lambda step: USUAL_S * (factor if step in steps else 1.0)


def lost_at(*steps: int) -> Value:
    return lambda step: None if step in steps else USUAL_S


def after_start(found: Departures) -> tuple[float, float] | None:
    low_s, high_s = float(found.low_s[0]) - START_S, float(found.high_s[0]) - START_S
    return None if math.isnan(high_s) else (low_s, high_s)


def near(low_s: float, high_s: float) -> object:
    return (pytest.approx(low_s, abs=1e-5), pytest.approx(high_s, abs=1e-5))


def test_a_lasting_slow_down_lies_between_the_last_usual_and_the_first_slow_answer() -> None:
    assert after_start(departed(slow_at(5, 6, 7, 8))) == near(40.0 - USUAL_S, 50.0)


def test_a_single_spike_is_none_however_high() -> None:
    assert after_start(departed(slow_at(5, factor=100.0))) is None
    assert after_start(departed(slow_at(5, 6, factor=100.0))) is None


def test_one_usual_answer_in_between_does_not_hide_a_slow_down() -> None:
    assert after_start(departed(slow_at(5, 7, 8))) == near(40.0 - USUAL_S, 50.0)


def test_less_than_half_as_long_again_is_usual_however_steady_the_signal() -> None:
    assert after_start(departed(slow_at(*range(60), factor=1.4))) is None
    assert after_start(departed(slow_at(*range(60), factor=1.6))) == near(-10.0 - USUAL_S, 0.0)


def test_a_noisy_signal_must_leave_its_own_noise() -> None:
    def noisy(factor: float) -> Value:
        return lambda step: USUAL_S * 2.0 ** ((step * 37 % 11 - 5) / 3) * (factor if 0 <= step < 60 else 1.0)

    assert after_start(departed(noisy(2.0))) is None
    assert after_start(departed(noisy(100.0))) is not None


def test_one_timeout_is_enough_where_there_is_none_before() -> None:
    assert after_start(departed(lost_at(5))) == near(40.0 - USUAL_S, 50.0)


def test_one_timeout_is_not_enough_where_some_are_usual() -> None:
    often = tuple(range(-720, -40, 30))
    assert after_start(departed(lost_at(*often, 5))) is None
    assert after_start(departed(lost_at(*often, 5, 6, 7))) == near(40.0 - USUAL_S, 50.0)


def test_a_server_that_is_always_dead_says_nothing() -> None:
    found = departed(lambda step: None if step % 2 or step > 0 else USUAL_S)
    assert after_start(found) is None


def test_without_time_before_nothing_can_be_seen() -> None:
    builder = EvidenceBuilder()
    for step in range(60):
        builder.sample(signals.WS_RTT, START_S + 10.0 * step, 0.3)
    evidence = builder.build()
    attempts = attempts_of(signals.WS_RTT, evidence.series[signals.WS_RTT], evidence)
    found = sample_departures(attempts, looks_of(evidence, [WINDOW], 300.0))
    assert (found.seen.tolist(), after_start(found)) == ([False], None)


def test_one_of_four_servers_is_enough_and_one_of_five_is_not() -> None:
    def servers(count: int) -> dict[str, Value]:
        return {"dead": lost_at(*range(3, 50)), **{f"fine-{n}": usual for n in range(count - 1)}}

    assert after_start(departed(usual, signal=signals.STUN_RTT, targets=servers(4))) == near(20.0 - USUAL_S, 30.0)
    assert after_start(departed(usual, signal=signals.STUN_RTT, targets=servers(5))) is None


def test_the_median_stream_of_a_site_tells_when() -> None:
    agents = {"early": slow_at(*range(-20, 60)), "x": slow_at(*range(4, 60)), "y": slow_at(*range(5, 60))}
    assert after_start(departed(usual, targets=agents)) == near(30.0 - USUAL_S, 40.0)


def test_the_first_site_tells_when() -> None:
    builder = EvidenceBuilder()
    for site, first in (("a", 20), ("b", 5), ("c", 500)):
        for step in SAMPLES:
            builder.sample(signals.WS_RTT, START_S + 10.0 * step, 0.3 if step >= first else 0.03, site=site)
    evidence = builder.build()
    attempts = attempts_of(signals.WS_RTT, evidence.series[signals.WS_RTT], evidence)
    found = sample_departures(attempts, looks_of(evidence, [WINDOW], 300.0))
    assert after_start(found) == near(40.0 - 0.03, 50.0)


def test_gatherings_depart_when_they_fail() -> None:
    builder = EvidenceBuilder()
    for step in SAMPLES:
        builder.sample(signals.ICE_GATHERING, START_S + 10.0 * step, 0.05, "empty" if step in (4, 5) else "ok")
    evidence = builder.build()
    attempts = attempts_of(signals.ICE_GATHERING, evidence.series[signals.ICE_GATHERING], evidence)
    found = sample_departures(attempts, looks_of(evidence, [WINDOW], 300.0))
    assert after_start(found) == near(30.0 - 0.05, 40.0)


def dropped(*moments: tuple[float, float]) -> Evidence:
    builder = EvidenceBuilder()
    for last_good_s, noticed_s in moments:
        builder.drop(START_S + last_good_s, START_S + noticed_s)
    return builder.build((START_S - 20_000.0, START_S + 20_000.0))


def burst(evidence: Evidence) -> tuple[float, float] | None:
    return after_start(burst_departures(drop_events(evidence.drops, evidence), looks_of(evidence, [WINDOW], 300.0)))


def test_a_drop_where_none_is_usual_has_its_own_interval() -> None:
    assert burst(dropped((10.0, 45.0))) == (10.0, 45.0)


def test_as_many_drops_as_before_are_no_departure() -> None:
    before = [(-3000.0 - n, -2999.0 - n) for n in range(3)]
    assert burst(dropped(*before, (10.0, 45.0), (12.0, 50.0), (13.0, 51.0))) is None
    assert burst(dropped(*before, (10.0, 45.0), (2.0, 50.0), (13.0, 51.0), (14.0, 52.0))) == (2.0, 45.0)


def test_a_usual_drop_does_not_begin_the_burst_that_comes_later() -> None:
    before = [(-3000.0, -2999.0)]
    late = [(200.0 + n, 240.0 + n) for n in range(3)]
    assert burst(dropped(*before, (0.0, 30.0), *late)) == (200.0, 240.0)


def test_drops_before_the_observed_period_are_not_compared_with() -> None:
    builder = EvidenceBuilder()
    builder.drop(START_S, START_S + 10.0)
    evidence = builder.build((START_S - 100.0, START_S + 1000.0))
    found = burst_departures(drop_events(evidence.drops, evidence), looks_of(evidence, [WINDOW], 300.0))
    assert (found.seen.tolist(), after_start(found)) == ([False], None)
