"""The whole way from facts to a verdict, on small histories whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitor.analysis.verdict.analyse import analyse
from monitor.analysis.verdict.calendar import LocalCalendar
from monitor.analysis.verdict.result import Result, Verdict, to_json
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence, Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder

RULES = Rules(zone=ZoneInfo("America/Chicago"), hours=(8.0, 18.0), days=frozenset(range(5)))
CALENDAR = LocalCalendar(RULES, frozenset(range(5)))
MONDAY = date(2026, 9, 14)
HOUR_S = 3600.0


def at(day: int, hour: float) -> float:
    """The moment on the day-th day from the first Monday on."""
    return CALENDAR.at(MONDAY + timedelta(days=day), hour * HOUR_S)


class History:
    """Weeks of drops at an even rate, some an hour, with a publish at 10:00 of given days."""

    def __init__(
        self, weeks: int, *, per_hour: float = 2.0, seed: int = 0, publish: Callable[[int], bool] | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = EvidenceBuilder()
        self.days = [7 * week + day for week in range(weeks) for day in range(5)]
        for day in self.days:
            for hour in self.rng.uniform(8.0, 18.0, size=self.rng.poisson(10 * per_hour)):
                self.builder.drop(at(day, hour), at(day, hour) + 30.0, agent=f"a{self.rng.integers(150)}")
        published = publish or (lambda day: day % 7 == 1)
        self.windows = [day for day in self.days if published(day)]
        for day in self.windows:
            self.builder.windows.append(
                Window(start_s=at(day, 10.0), end_s=at(day, 10.0) + 300.0, job="weekly", run_id=str(day))
            )

    def hit(self, days: list[int], drops: int) -> History:
        """So many drops more in the publish of these days."""
        for day in days:
            for n in range(drops):
                moment_s = at(day, 10.0) + self.rng.uniform(0.0, 400.0)
                self.builder.drop(moment_s, moment_s + 20.0, agent=f"hit{n}")
        return self

    @property
    def evidence(self) -> Evidence:
        """Observed from the first Monday's 8:00 to the last Friday's 18:00."""
        return self.builder.build(span=(at(0, 8.0), at(self.days[-1], 18.0)))


def judged(history: History, **changes: object) -> Result:
    return analyse(history.evidence, replace(RULES, **changes))  # type: ignore[arg-type]


def test_a_publish_that_drops_agents_every_week_is_associated() -> None:
    history = History(6)
    found = judged(history.hit(history.windows, 6))
    assert found.verdict is Verdict.ASSOCIATED
    assert found.rate_ratio is not None
    assert found.rate_ratio > 6
    assert found.ci_low is not None
    assert found.ci_low > 1
    assert (found.windows, found.weeks, found.design) == (6, 6, "weekly")
    assert found.events_in >= 36
    assert (
        found.not_separable[0]
        == "anything else that happens on Tuesdays at 10:00, for want of such days without a publish"
    )


def test_an_innocent_publish_with_data_enough_is_acquitted() -> None:
    found = judged(History(16, per_hour=8.0, seed=3))
    assert found.verdict is Verdict.NOT_ASSOCIATED
    assert found.ci_high is not None
    assert found.ci_high < 2.0


def test_a_window_without_a_drop_is_none_in_excess_however_little_was_expected() -> None:
    history = History(6, per_hour=0.0)
    for n, day in enumerate(day for day in history.days if day not in history.windows):
        for drop in range(n % 4):  # busy and quiet days: a quiet one's window lies above the busy ones' mean
            history.builder.drop(at(day, 11.0) + drop, at(day, 11.0) + drop + 1.0)
    found = judged(history)
    assert found.events_in == 0
    (drops,) = found.outcomes
    assert drops.p_value is not None
    assert drops.p_value <= 0.05  # by the arithmetic of the test alone
    assert drops.windows_in_excess == 0
    assert found.verdict is not Verdict.ASSOCIATED  # nobody is blamed for drops that did not happen


@pytest.mark.parametrize("weeks", [1, 2])
def test_two_weeks_of_a_weekly_job_are_never_enough(weeks: int) -> None:
    history = History(weeks)
    found = judged(history.hit(history.windows, 50))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.weeks_needed["x10"] is not None
    assert found.weeks_needed["x10"] >= 3


def test_one_bad_tuesday_carries_no_verdict() -> None:
    history = History(8)
    found = judged(history.hit(history.windows[3:4], 80))
    assert found.verdict is not Verdict.ASSOCIATED


def test_a_daily_job_cannot_be_told_from_its_time_of_day() -> None:
    history = History(6, publish=lambda day: True)
    found = judged(history.hit(history.windows, 6))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.design == "daily"
    assert any("randomise" in line for line in found.not_separable)
    assert found.weeks_needed == {"x3": None, "x10": None}


def test_tuesdays_without_a_publish_that_show_the_same_acquit_it_of_blame() -> None:
    history = History(12, publish=lambda day: day % 14 == 1)
    everything = [day for day in history.days if day % 7 == 1]
    found = judged(history.hit(everything, 6))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("do not stand out from the same weekdays without a publish (6 days)" in line for line in found.warnings)
    guilty = History(12, publish=lambda day: day % 14 == 1)
    assert judged(guilty.hit(guilty.windows, 6)).verdict is Verdict.ASSOCIATED


def test_chance_that_dealt_the_arms_makes_a_cause_of_it() -> None:
    history = History(4, per_hour=6.0)
    history.builder.windows.clear()
    for day in history.days:
        arms = ("publish", "none") if history.rng.random() < 0.5 else ("none", "publish")
        for hour, arm in zip((10.0, 14.0), arms, strict=True):
            start_s = at(day, hour)
            row = Window(start_s=start_s, end_s=start_s + 300.0, arm=arm, block=str(day), randomised=True)
            history.builder.windows.append(row)
            for n in range(5 if arm == "publish" else 0):
                history.builder.drop(start_s + 30.0 * n, start_s + 30.0 * n + 10.0)
    found = judged(history)
    assert (found.verdict, found.design, found.windows) == (Verdict.CAUSED, "randomised", 20)


def test_what_was_not_randomised_is_never_a_cause() -> None:
    history = History(6)
    assert judged(history.hit(history.windows, 20)).verdict is Verdict.ASSOCIATED


def test_a_suspect_monitor_blames_nobody() -> None:
    history = History(6)
    history.hit(history.windows, 6)
    for day in history.windows:
        history.builder.suspects.append(Stretch(at(day, 10.0) + 100.0, at(day, 10.0) + 400.0))
    found = judged(history)
    assert found.verdict is not Verdict.ASSOCIATED
    assert any("suspect" in line for line in found.vetoes)


def test_own_lag_that_rises_with_the_publish_forbids_blame() -> None:
    history = History(6)
    history.hit(history.windows, 6)
    for day in history.days:
        for minute in range(0, 600, 5):
            inside = day in history.windows and 120 <= minute <= 130
            history.builder.sample("loop_lag_seconds", at(day, 8.0 + minute / 60), 0.4 if inside else 0.002)
    found = judged(history)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("own loop lag" in line for line in found.vetoes)


def test_gaps_take_a_window_out_and_say_so() -> None:
    history = History(6)
    history.hit(history.windows, 6)
    history.builder.gaps.append(Stretch(at(history.windows[0], 9.5), at(history.windows[0], 11.0)))
    found = judged(history)
    assert found.verdict is Verdict.ASSOCIATED
    assert found.exposure is not None
    assert (found.exposure.windows_unobserved, found.exposure.gap_hours) == (1, pytest.approx(1.5))


def test_windows_outside_the_hours_are_told_apart() -> None:
    history = History(6)
    start_s = at(2, 3.0)
    history.builder.windows.append(Window(start_s=start_s, end_s=start_s + 300.0, job="weekly", run_id="night"))
    history.builder.drop(start_s + 10.0, start_s + 20.0)
    found = judged(history)
    assert found.exposure is not None
    assert (found.exposure.windows_outside_hours, found.exposure.events_outside_hours) == (1, 1.0)
    assert found.windows == 6


def three_weeks_of_harm() -> History:
    """Drops in every window; ICE gathering, the second outcome, is well all the time."""
    history = History(3)
    for day in history.days:
        for minute in range(0, 600, 10):
            history.builder.sample("ice_gathering_seconds", at(day, 8.0 + minute / 60), 0.05)
    return history.hit(history.windows, 12)


def test_repeated_looks_ask_for_more() -> None:
    once, again = judged(three_weeks_of_harm()), judged(three_weeks_of_harm(), provisional=True)
    assert (once.verdict, once.provisional) == (Verdict.ASSOCIATED, False)
    assert (again.verdict, again.provisional) == (Verdict.INCONCLUSIVE, True)
    assert again.outcomes[0].p_anytime == pytest.approx(2 / 27)  # two outcomes, three weeks
    six = History(6)
    assert judged(six.hit(six.windows, 12), provisional=True).verdict is Verdict.ASSOCIATED


@pytest.mark.parametrize(
    "evidence",
    [
        EvidenceBuilder().build(),
        History(3).builder.build(span=(1e9, 1e9 + 1.0)),
        replace(History(3).evidence, windows=()),
        replace(EvidenceBuilder().build(), windows=History(3).evidence.windows),
    ],
    ids=["nothing", "another span", "no window", "no event"],
)
def test_too_little_of_anything_is_insufficient(evidence: Evidence) -> None:
    found = analyse(evidence, RULES)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert json.loads(json.dumps(to_json(found), allow_nan=False))["rate_ratio"] is None


def test_the_json_has_every_name_of_the_contract() -> None:
    history = History(6)
    told = to_json(judged(history.hit(history.windows, 6)))
    named = {
        *("verdict", "p_value", "rate_ratio", "ci_low", "ci_high", "events_in", "events_out", "incidents_in"),
        *("incidents_out", "windows", "weeks", "weeks_needed", "sites", "dose_response", "order", "first_mover"),
        *("cause", "causes", "strategies", "warnings", "not_separable"),
    }
    assert named <= set(told)
    json.dumps(told, allow_nan=False)
    assert set(told["weeks_needed"]) == {"x3", "x10"}


def test_equal_seeds_give_equal_results() -> None:
    history = History(9)
    assert to_json(judged(history, seed=4)) == to_json(judged(history, seed=4))


def test_drops_in_the_windows_alone_leave_the_other_days_as_controls() -> None:
    history = History(6, per_hour=0.0)
    assert judged(history.hit(history.windows, 6)).verdict is Verdict.ASSOCIATED


def test_two_runs_at_the_daily_peaks_of_one_day_are_innocent() -> None:
    blamed = 0
    for seed in range(12):
        history = History(6, seed=seed)
        for day in history.days:
            for peak in (10.0, 11.0):
                for hour in history.rng.normal(peak, 0.15, size=history.rng.poisson(4.0)):
                    history.builder.drop(at(day, hour), at(day, hour) + 10.0)
        for day in history.windows:
            history.builder.windows.append(Window(start_s=at(day, 11.0), end_s=at(day, 11.0) + 300.0, job="second"))
        blamed += judged(history).verdict is Verdict.ASSOCIATED
    assert blamed <= 2


def test_a_daily_job_that_misses_days_is_still_daily() -> None:
    history = History(9, publish=lambda day: day not in (3, 16, 29, 38, 51))
    assert judged(history.hit(history.windows, 6)).verdict is Verdict.INCONCLUSIVE


def test_a_weekend_is_no_control_for_a_working_week() -> None:
    history = History(6)
    history.builder.windows.clear()
    for day in (5, 12, 19, 26, 33):
        history.builder.windows.append(Window(start_s=at(day, 10.0), end_s=at(day, 10.0) + 300.0))
    found = judged(history.hit([5, 12, 19, 26, 33], 9), days=frozenset(range(7)))
    assert found.verdict is not Verdict.ASSOCIATED


def pings(history: History, answered: Callable[[int, int], str]) -> History:
    """A ping each five minutes of the working hours, with its outcome."""
    for day in history.days:
        for minute in range(0, 600, 2):
            outcome = answered(day, minute)
            value = 0.02 * history.rng.lognormal(0.0, 0.2) if outcome == "ok" else None
            history.builder.sample("ws_rtt_seconds", at(day, 8.0 + minute / 60), value, outcome)
    return history


def test_nothing_measured_in_the_windows_acquits_nobody_and_failures_of_the_far_side_are_harm() -> None:
    def inside(day: int, minute: int) -> bool:
        return day % 7 == 1 and 118 <= minute <= 132

    unseen = History(6, per_hour=0.0)
    assert judged(pings(unseen, lambda d, m: "not_connected" if inside(d, m) else "ok")).verdict is Verdict.INCONCLUSIVE
    broken = judged(pings(History(6, per_hour=0.0), lambda d, m: "reset" if inside(d, m) else "ok"))
    assert broken.verdict is Verdict.ASSOCIATED
    assert broken.outcomes[0].censored


def test_blocks_of_two_jobs_are_apart_whatever_they_are_called() -> None:
    history = History(4, per_hour=4.0)
    history.builder.windows.clear()
    for job, hour, arms in (("a", 9.0, "ppn"), ("b", 15.0, "pnn")):
        for day in history.days:
            for row, arm in enumerate(arms):
                start_s = at(day, hour + row / 2)
                for n in range(3 if job == "a" else 0):  # of any arm: a's time of day is a bad one
                    history.builder.drop(start_s + 20.0 * n, start_s + 20.0 * n + 5.0)
                what = {"arm": "none" if arm == "n" else "publish", "block": str(day), "randomised": True}
                history.builder.windows.append(Window(start_s=start_s, end_s=start_s + 120.0, job=job, **what))  # type: ignore[arg-type]
    assert judged(history).verdict is not Verdict.CAUSED


@pytest.mark.parametrize(
    "window",
    [
        Window(start_s=float("-inf"), end_s=1.0),
        Window(start_s=at(0, 8.0) - 3600.0 * 9, end_s=at(0, 8.0) + 60.0),
        Window(start_s=at(1, 10.0), end_s=at(1, 10.0)),
    ],
    ids=["before all time", "from the day before the span", "without length"],
)
def test_odd_windows_raise_nothing(window: Window) -> None:
    history = History(4)
    history.builder.windows.append(window)
    history.builder.drop(-1e15, 1e300)
    history.builder.heads(at(0, 9.0), float("nan"))
    json.dumps(to_json(judged(history, hours=None)), allow_nan=False)


def test_a_daily_job_over_many_weeks_can_be_judged_at_all() -> None:
    assert judged(History(70, per_hour=0.2, publish=lambda day: True)).verdict is Verdict.INCONCLUSIVE
