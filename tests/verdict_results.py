"""A verdict on nothing, for tests of what is told where nothing is known."""

from __future__ import annotations

from monitor.analysis.verdict.result import Result, Verdict

ON_NOTHING = Result(
    verdict=Verdict.INSUFFICIENT_DATA,
    p_value=None,
    rate_ratio=None,
    ci_low=None,
    ci_high=None,
    events_in=0.0,
    events_out=0.0,
    incidents_in=0,
    incidents_out=0,
    windows=0,
    weeks=0,
    weeks_needed={"x3": None, "x10": None},
)
