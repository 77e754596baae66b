"""The verdict in words: first of all, never more than it says, readable at 100 columns, SIMULATED where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from verdict_results import ON_NOTHING

from monitor.analysis.diagnosis.result import CauseFound, Diagnosis
from monitor.analysis.verdict.result import (
    DoseResponse,
    Exposure,
    Onset,
    OutcomeResult,
    Result,
    SiteResult,
    StrategyResult,
    Verdict,
)
from monitor.commands.verdict_text import WIDTH, verdict_lines

DROPS = OutcomeResult("drops", "", 11.5, 6.2, 21.3, 0.0004, 0.012, 0.03, 6)
PINGS = OutcomeResult("ws_rtt_seconds", "north", None, None, None, 0.2, 0.4, 0.6, 3, censored=True)
RESULT = Result(
    verdict=Verdict.ASSOCIATED,
    p_value=0.0004,
    rate_ratio=11.5,
    ci_low=6.2,
    ci_high=21.3,
    events_in=42.0,
    events_out=120.5,
    incidents_in=7,
    incidents_out=88,
    windows=6,
    weeks=6,
    weeks_needed={"x3": 9, "x10": 4},
    outcomes=(DROPS, PINGS),
    sites=(SiteResult("north", 12.0, 0.001), SiteResult("south", None, None)),
    dose_response=DoseResponse(1.0, 0.02),
    onsets=(Onset("ws_rtt_seconds", -3.0, 15.0), Onset("drops", 10.0, 60.0)),
    diagnosis=Diagnosis(
        "signalling_saturated",
        "edge_restart",
        (CauseFound("signalling_saturated", 0.9, ("ping 3.2 s", "STUN flat")), CauseFound("edge_restart", 0.3)),
        ("STUN from a second network",),
    ),
    strategies=(StrategyResult("script", 6, 42.0, 11.5), StrategyResult("", 1, 0.0, None)),
    exposure=Exposure(55.0, 2000.0, 3.5, 0.25, 1, 2, 4.0),
    design="weekly",
    warnings=("the clock was stepped",),
    not_separable=("anything else that happens on Tuesdays at 10:00",),
    method="Permutation test. " * 20,
    span=("2026-09-14T00:00:00.000Z", "2026-10-26T00:00:00.000Z"),
)


def text(**changes: Any) -> str:
    """The whole text of a changed result, on one line."""
    return " ".join(" ".join(verdict_lines(replace(RESULT, **changes))).split())


def test_everything_is_told_in_lines_of_100_columns_the_verdict_first() -> None:
    lines = verdict_lines(RESULT)
    assert lines[0].startswith("verdict: associated: harm comes with the publish")
    assert max(map(len, lines)) <= WIDTH
    whole = "\n".join(lines)
    for words in (
        "observed: 2026-09-14T00:00:00Z to 2026-10-26T00:00:00Z (UTC)",
        "publish: 6 windows in 6 weeks, weekly",
        "against those to be expected: x 11.50, 95 % 6.20 to 21.30",
        "drops: 42 in windows, 120.5 outside",
        "  drops            all sites  x 11.50    6.20 to 21.30  0.0004  0.0120        6",
        "  ping round trip  north      timed out  -              0.2000  0.4000        3",
        "  north  x 12.00   0.0010",
        "  south  no ratio  -",
        "order not established: ping round trip -3 to 15 s after the start (it may have begun before it);",
        "dose: harm changes by a factor of 2.72 for each doubling of API calls a second, p = 0.0200",
        "cause: signalling_saturated",
        "  signalling_saturated, score 0.90: ping 3.2 s; STUN flat",
        "next best cause: edge_restart",
        "  to tell them apart, measure: STUN from a second network",
        "  script     6        42     x 11.50",
        "exposure: 55 agent-hours in windows, 2000 outside; left out: gaps 3.5 h, suspect time 0.25 h",
        "windows hardly observed: 1",
        "drops 10 to 60 s after the start",
        "windows outside the working hours, never tested: 2, 4 drops in them",
        "cannot be told apart: anything else that happens on Tuesdays at 10:00",
        "warning: the clock was stepped",
    ):
        assert words in whole


def test_associated_is_not_called_caused() -> None:
    assert "(in drops, p = 0.0004). That is no proof that the publish is the cause" in text()


def test_caused_says_that_chance_dealt() -> None:
    assert "verdict: caused: chance dealt when it was published" in text(verdict=Verdict.CAUSED)


def test_an_acquittal_names_margin_and_limits() -> None:
    changes = {"rate_ratio": 0.9, "ci_low": 0.4, "ci_high": 1.6, "outcomes": ()}
    said = text(verdict=Verdict.NOT_ASSOCIATED, **changes)
    assert "no harm of x 2 or more in drops comes with the publish: x 0.90 the drops" in said
    assert "x 0.90 the drops to be expected, with 95 % limits 0.40 to 1.60, all below the margin of 2" in said


def test_an_acquittal_without_drops_rests_on_latencies() -> None:
    changes = {"rate_ratio": None, "ci_low": None, "ci_high": None}
    said = text(verdict=Verdict.NOT_ASSOCIATED, **changes)
    assert "no harm of x 2 or more comes with the publish: nothing dropped, and the 95 % limit of every other" in said
    assert "worth the name" not in said


def test_an_acquittal_tells_no_order_as_if_the_publish_set_it_off() -> None:
    order = (Onset("ws_rtt_seconds", 0.0, 5.0), Onset("drops", 10.0, 60.0))
    said = text(verdict=Verdict.NOT_ASSOCIATED, order=order, first_mover="ws_rtt_seconds")
    assert "what moves first" not in said
    assert "order" not in said


def test_nothing_tested_is_no_acquittal_of_the_order() -> None:
    silent = {"outcomes": (), "onsets": ()}
    assert "order not judged: no window could be tested" in text(verdict=Verdict.INSUFFICIENT_DATA, **silent)
    little = text(verdict=Verdict.INSUFFICIENT_DATA, onsets=())
    assert "order not established: too little data to see what moves with the windows" in little
    assert "order not established: no signal is seen to move with the windows" in text(onsets=())


def test_a_made_up_ratio_is_not_told() -> None:
    gatherings = OutcomeResult("ice_gathering_seconds", "", None, None, None, 1.0, 1.0, 1.0, 0, none_failed=True)
    lines = verdict_lines(replace(RESULT, outcomes=(DROPS, gatherings)))
    (line,) = [line for line in lines if "gatherings" in line]
    assert " ".join(line.split()) == "failed ICE gatherings all sites none failed - 1.0000 1.0000 0"


def test_figures_are_no_finer_than_anybody_knows() -> None:
    said = text(
        rate_ratio=349.284, ci_low=120.55, ci_high=1020.4, exposure=Exposure(55.1234, 2.0, 0.6616, 0.0, 0, 0, 0.0)
    )
    assert "x 349, 95 % 121 to 1020" in said
    assert "55.1 agent-hours in windows, 2 outside; left out: gaps 0.66 h, suspect time 0 h" in said


def test_no_window_is_not_counted_in_weeks() -> None:
    said = text(verdict=Verdict.INSUFFICIENT_DATA, windows=0, weeks=0, design="once", outcomes=())
    assert "too little data to blame or to acquit the publish: no publish window is known." in said
    assert "publish: no window known" in said


@pytest.mark.parametrize(
    ("needed", "design", "words"),
    [
        (
            {"x3": 9, "x10": 4},
            "weekly",
            "needs about 9 weeks to see a ratio of 3 and about 4 weeks to see a ratio of 10.",
        ),
        ({"x3": None, "x10": 4}, "randomised", "this job needs about 4 blocks to see a ratio of 10."),
        ({"x3": None, "x10": None}, "weekly", "nobody can say how many weeks it needs; a weekly job needs at least"),
    ],
)
def test_too_little_data_says_how_much_is_needed(needed: dict[str, int | None], design: str, words: str) -> None:
    said = text(verdict=Verdict.INSUFFICIENT_DATA, weeks_needed=needed, design=design)
    assert "too little data to blame or to acquit the publish: 6 windows in 6 weeks are known" in said
    assert words in said


def test_a_provisional_verdict_is_judged_over_all_looks() -> None:
    looked = {"provisional": True, "p_anytime": 0.25}
    said = text(verdict=Verdict.INCONCLUSIVE, **looked)
    assert "at one look harm would seem to come with it (p = 0.0004), but over repeated looks p = 0.2500" in said
    assert "provisional: this verdict may be looked at again and again" in said
    assert "(in drops, p = 0.2500)" in text(**looked)


def test_a_limit_that_does_not_exist_is_called_so() -> None:
    assert "to be expected: x 11.50, 95 % from 6.20, no upper limit" in text(ci_high=None)


def test_the_observed_period_is_told_on_the_local_clock() -> None:
    (line,) = [one for one in verdict_lines(RESULT, zone=ZoneInfo("America/Chicago")) if one.startswith("observed")]
    assert line == "observed: 2026-09-13T19:00:00-05:00 to 2026-10-25T19:00:00-05:00 (America/Chicago)"


def test_what_was_not_measured_is_one_line_and_an_unknown_cause_has_no_score() -> None:
    missing = (
        *(f"{name} was not measured" for name in ("ws_rtt_seconds", "own_lag_seconds", "sasl")),
        "a second probe",
    )
    unknown = Diagnosis("unknown", None, (CauseFound("unknown", 0.0, ("drops rose",)),), missing)
    lines = verdict_lines(replace(RESULT, diagnosis=unknown))
    assert "  unknown: drops rose" in lines
    assert [line for line in lines if "worth measuring" in line] == [
        "  worth measuring: ws_rtt_seconds, own_lag_seconds and sasl",
        "  worth measuring: a second probe",
    ]


def test_what_began_before_the_window_is_told_as_before_it() -> None:
    assert "drops 3 to 10 s before the start" in text(onsets=(Onset("drops", -10.0, -3.0),))


def test_one_of_a_thing_is_singular() -> None:
    said = text(windows=1, weeks=1, exposure=Exposure(1.0, 2.0, 0.0, 0.0, 0, 1, 1.0))
    assert "publish: 1 window in 1 week" in said
    assert "never tested: 1, 1 drop in it" in said


def test_a_tiny_chance_is_not_called_none() -> None:
    assert "p < 0.0001). That is no proof" in text(p_value=0.0)
    assert "<0.0001" in text(outcomes=(replace(DROPS, p_value=0.00002),))


def test_simulated_is_told_in_the_first_word() -> None:
    assert verdict_lines(replace(RESULT, simulated=True))[0].startswith("SIMULATED verdict: associated")
    assert "SIMULATED" not in text()


def test_an_established_order_is_told() -> None:
    order = (Onset("ws_rtt_seconds", 0.0, 5.0), Onset("drops", 10.0, 60.0))
    said = text(order=order, first_mover="ws_rtt_seconds")
    assert "what moves first: ping round trip 0 to 5 s after the start, then drops 10 to 60 s after the start" in said


def test_what_is_not_there_is_not_told() -> None:
    bare = replace(ON_NOTHING, weeks=1)
    assert [line.split(":")[0] for line in verdict_lines(bare) if not line.startswith(" ")] == [
        "verdict",
        "publish",
        "drops",
        "order not judged",
        "cause",
    ]
