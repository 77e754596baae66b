"""The verdict as a status: caused, associated, acquitted, and all that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.analysis.diagnosis.result import CauseFound, Diagnosis
from monitor.analysis.verdict.result import OutcomeResult, Result, SiteResult, Verdict
from monitor.facts.evidence import Window
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.oncall.judge import Limits, Question
from monitor.oncall.nagios import State, read_range, render
from monitor.oncall.publish_impact import MOVING, impact, nothing_to_judge
from tests.nagios_grammar import perf_of
from tests.oncall_evidence import NOW_S, evidence

DAYS_90_S = 90 * 86400.0
RESULT = Result(
    verdict=Verdict.ASSOCIATED,
    p_value=0.004,
    rate_ratio=11.5,
    ci_low=6.0,
    ci_high=20.25,
    events_in=120.0,
    events_out=300.0,
    incidents_in=9,
    incidents_out=210,
    windows=12,
    weeks=12,
    weeks_needed={"x3": 9, "x10": 4},
    outcomes=(
        OutcomeResult("drops", "", 11.5, 6.0, 20.25, 0.004, 0.01, 0.02, 11),
        OutcomeResult("ws_rtt_seconds", "", 3.0, 2.0, 4.0, 0.004, 0.01, 0.5, 11),
    ),
    sites=(SiteResult("chicago", 11.5, 0.004),),
    diagnosis=Diagnosis(
        "signalling_saturated",
        "api_overloaded",
        (CauseFound("signalling_saturated", 0.9, ("fetch p95 16 s inside, 0.04 s outside",)),),
        ("REST time",),
    ),
    provisional=True,
    p_anytime=0.02,
    not_separable=("anything else that happens on Tuesdays at 10:00",),
)


def marked(builder: EvidenceBuilder) -> None:
    """A publish took place."""
    builder.windows.append(Window(start_s=NOW_S - 7000.0, end_s=NOW_S - 6000.0, job="weekly"))


def asked(*changes: object, **more: object) -> Question:
    """Asked about ninety days."""
    return Question(evidence(marked, *changes), NOW_S - DAYS_90_S, NOW_S, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.CAUSED, State.CRITICAL),
        (Verdict.ASSOCIATED, State.WARNING),
        (Verdict.NOT_ASSOCIATED, State.OK),
        (Verdict.INSUFFICIENT_DATA, State.UNKNOWN),
        (Verdict.INCONCLUSIVE, State.UNKNOWN),
    ],
)
def test_each_verdict_has_its_state_and_is_named(verdict: Verdict, state: State) -> None:
    status = impact(replace(RESULT, verdict=verdict), asked())
    assert (status.state, status.summary.startswith(f"verdict {verdict.value}: ")) == (state, True)


def test_the_line_holds_ratio_p_value_over_all_looks_and_cause() -> None:
    status = impact(RESULT, asked())
    assert "drops inside against outside 11.5 times (6 to 20.2), p 0.02, cause signalling_saturated" in status.summary
    assert status.summary.endswith("12 runs in 12 weeks of 90d")
    assert "cause signalling_saturated: fetch p95 16 s inside, 0.04 s outside" in status.notes
    assert "cannot be told apart: anything else that happens on Tuesdays at 10:00" in status.notes
    assert status.notes[-1] == "read docs/runbook.md#publish-impact"
    assert perf_of(render(status))["rate_ratio"] == "11.5"


def test_a_fixed_beginning_is_told_and_a_moving_one_warned_of() -> None:
    fixed = impact(replace(RESULT, windows=1, weeks=1), asked(beginning="2026-07-01"))
    assert fixed.summary.endswith("1 run in 1 week since 2026-07-01")
    assert "judged by a p-value that stays valid however often one looks" in fixed.notes
    assert not [note for note in fixed.notes if "moves with every look" in note]
    moving = impact(RESULT, asked())
    assert (
        "judged by a p-value that stays valid however often one looks, if the beginning stays the same" in moving.notes
    )
    assert f"note: {MOVING}" in moving.notes


def test_what_does_not_exist_is_undetermined() -> None:
    blank = replace(
        RESULT, rate_ratio=None, p_value=None, p_anytime=None, outcomes=(), verdict=Verdict.INSUFFICIENT_DATA
    )
    status = impact(blank, asked())
    assert "weeks (or blocks) needed: 9 for a ratio of 3, 4 for a ratio of 10" in status.notes
    assert perf_of(render(status))["p_value"] == "U"


def test_vetoes_say_why_blame_was_withheld() -> None:
    status = impact(replace(RESULT, verdict=Verdict.INCONCLUSIVE, vetoes=("own lag rose in the windows",)), asked())
    assert (status.state, "veto: own lag rose in the windows" in status.notes) == (State.UNKNOWN, True)


def test_limits_may_be_given_on_top() -> None:
    limits = Limits(critical={"rate_ratio": read_range("10")})
    status = impact(RESULT, asked(limits=limits))
    assert (status.state, status.notes[0]) == (State.CRITICAL, "CRITICAL: rate_ratio 11.5 is outside 10")


def test_without_facts_runs_or_a_fact_of_today_there_is_nothing_to_judge() -> None:
    assert nothing_to_judge(asked()) is None
    empty = nothing_to_judge(Question(evidence(base=None), NOW_S - DAYS_90_S, NOW_S))
    assert empty is not None
    assert (empty.state, empty.summary) == (State.UNKNOWN, "no facts in the last 90d")
    unmarked = nothing_to_judge(Question(evidence(), NOW_S - DAYS_90_S, NOW_S))
    assert unmarked is not None
    assert unmarked.summary == "no publish is known of in the last 90d: mark or detect its runs"
    old = nothing_to_judge(replace(asked(), now_s=NOW_S + 48 * 3600.0))
    assert old is not None
    assert (old.state, old.summary) == (State.UNKNOWN, "stale: the last fact is 48 h old")
    silent = nothing_to_judge(asked(silent=("dallas.db",)))
    assert silent is not None
    assert silent.summary == "no facts in the last 90d in dallas.db"
