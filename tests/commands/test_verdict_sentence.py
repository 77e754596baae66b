"""The sentence of a verdict: of one that decides nothing the first reason that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitor.analysis.verdict.result import OutcomeResult, Result, Verdict
from monitor.commands.verdict_sentence import limits, sentence

DROPS = OutcomeResult("drops", "", 1.5, 0.96, 2.4, 0.3, 0.4, 0.5, 2)
CLEAR = replace(DROPS, p_value=0.001, p_left_out=0.02)
RESULT = Result(
    verdict=Verdict.INCONCLUSIVE,
    p_value=0.3,
    rate_ratio=1.5,
    ci_low=0.96,
    ci_high=2.4,
    events_in=12.0,
    events_out=120.0,
    incidents_in=7,
    incidents_out=88,
    windows=6,
    weeks=6,
    weeks_needed={"x3": 9, "x10": 4},
    outcomes=(DROPS,),
    design="weekly",
)
NOTHING: dict[str, Any] = {"rate_ratio": None, "ci_low": None, "ci_high": None, "events_in": 0.0, "events_out": 0.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"design": "daily", "vetoes": ("x",)}, "the job runs at one time of every day"),
        ({"design": "daily"}, "randomise its times to know."),
        ({"vetoes": ("x",), "outcomes": (CLEAR,)}, "the monitor itself may explain what it saw."),
        ({"outcomes": (CLEAR,)}, "days of the same weekday without a publish show the same harm"),
        (
            {"outcomes": (CLEAR,), "provisional": True, "p_value": 0.001, "p_anytime": 0.2},
            "(p = 0.0010), but over repeated looks p = 0.2000 is more than 0.05.",
        ),
        ({"outcomes": (replace(CLEAR, p_left_out=0.2),)}, "one window alone carries the harm in drops, and chance may"),
        ({}, "x 1.50 the drops to be expected, with 95 % limits 0.96 to 2.40; only an upper limit below 2 acquits."),
        ({"ci_high": None}, "with 95 % limits from 0.96, no upper limit; only an upper limit below 2 acquits."),
        ({"rate_ratio": None}, "no ratio of drops could be found that would acquit it."),
        (NOTHING, "nothing dropped, and not every latency is sure to stay below 2 times the usual."),
    ],
)
def test_inconclusive_says_why(changes: dict[str, Any], words: str) -> None:
    said = sentence(replace(RESULT, **changes), 2.0, 0.05)
    assert said.startswith("the publish can neither be blamed nor acquitted: ")
    assert words in said


def test_little_data_is_counted() -> None:
    little = replace(RESULT, verdict=Verdict.INSUFFICIENT_DATA, windows=1, weeks=1, weeks_needed={"x3": 2, "x10": 1})
    assert sentence(little, 2.0, 0.05).endswith(
        "1 window in 1 week is known; this job needs about 2 weeks to see a ratio of 3 and about 1 week to see a ratio "
        "of 10."
    )


def test_limits_that_do_not_exist() -> None:
    assert [limits(None, None), limits(None, 2.0)] == ["without limits", "up to 2.00, no lower limit"]
