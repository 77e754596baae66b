"""Which days are exchangeable: weeks of observed days, and the blocks of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitor.analysis.verdict.calendar import LocalCalendar
from monitor.analysis.verdict.design import Design, block_design, strata_of, weekday_control, weekly_design
from monitor.analysis.verdict.observed import Observed, observe
from monitor.analysis.verdict.outcomes import Cells
from monitor.analysis.verdict.placed import Placed, place
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Floats, Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder

HOUR_S = 3600.0
RULES = Rules(zone=ZoneInfo("America/Chicago"), hours=(8.0, 18.0), days_off=frozenset({date(2026, 9, 24)}))
CALENDAR = LocalCalendar(RULES, frozenset(range(5)))
MONDAY = date(2026, 9, 14)
SPAN = CALENDAR.at(MONDAY, 0.0), CALENDAR.at(MONDAY + timedelta(days=28), 0.0)


def at(day: int, hour: float) -> float:
    return CALENDAR.at(MONDAY + timedelta(days=day), hour * HOUR_S)


def window(day: int, hour: float = 10.0, **what: object) -> Window:
    return Window(start_s=at(day, hour), end_s=at(day, hour) + 300.0, **what)  # type: ignore[arg-type]


def seen(windows: Sequence[Window], *gaps: Stretch) -> tuple[tuple[Placed, ...], Observed]:
    builder = EvidenceBuilder()
    builder.drop(SPAN[0], SPAN[0])
    builder.gaps.extend(gaps)
    placed = place(windows, CALENDAR, 300.0)
    return placed.tested, observe(builder.build(SPAN), RULES, CALENDAR.work_days(*SPAN), SPAN, placed.tested)


def weekly(windows: Sequence[Window], *gaps: Stretch) -> Design:
    placed, observed = seen(windows, *gaps)
    return weekly_design(placed, CALENDAR, CALENDAR.work_days(*SPAN), observed)


def test_a_week_has_its_working_days_and_the_one_that_published() -> None:
    design = weekly([window(1), window(8)])
    assert [len(layout.start_s) for layout in design.layouts] == [5, 4]  # the second week has a holiday
    assert [layout.groups for layout in design.layouts] == [((1, (0,)),)] * 2
    assert design.layouts[0].start_s[:, 0].tolist() == [at(day, 10.0) for day in range(5)]


def test_days_that_were_hardly_observed_are_no_controls_and_no_windows() -> None:
    control = Stretch(at(0, 9.0), at(0, 12.0))
    own = Stretch(at(8, 9.9), at(8, 10.3))
    design = weekly([window(1), window(8)], control, own)
    assert [len(layout.start_s) for layout in design.layouts] == [4]
    assert design.layouts[0].groups == ((0, (0,)),)
    assert design.unobserved == 1


def test_several_windows_of_a_week_keep_their_time_of_day() -> None:
    (layout,) = weekly([window(1, 10.0), window(3, 14.0), window(3, 10.0)]).layouts
    assert layout.start_s.shape == (5, 2)
    assert layout.groups == ((1, (0,)), (3, (0, 1)))
    assert layout.start_s[0].tolist() == [at(0, 10.0), at(0, 14.0)]
    assert layout.carrying.sum() == 3


def test_rows_of_a_block_are_exchanged_among_themselves() -> None:
    rows = [
        window(day, hour, arm=arm, block=str(day), randomised=True)
        for day in (0, 1)
        for hour, arm in ((10.0, "publish"), (11.0, "none"), (12.0, "paced"))
    ]
    placed, observed = seen([*rows, window(2, 10.0, arm="none", block="2", randomised=True)])
    design = block_design(placed, observed)
    assert [layout.groups for layout in design.layouts] == [
        ((0, (0,)), (2, (0,)))
    ] * 2  # a block of one arm tells nothing
    assert design.layouts[1].windows == (3, 5)


def test_weekdays_without_a_publish_are_set_beside_those_with_one() -> None:
    placed, observed = seen([window(1), window(15)])
    (layout,) = weekday_control(placed, CALENDAR, CALENDAR.work_days(*SPAN), observed)
    assert layout.start_s[:, 0].tolist() == [at(day, 10.0) for day in (1, 15, 8, 22)]
    assert layout.groups == ((0, (0,)), (1, (0,)))


class Known:
    """An outcome whose excess is the weekday, but for what was not measured."""

    name, site, floor = "known", "", 0.25

    def excess(self, cells: Cells) -> Floats:
        days = np.round((cells.start_s - at(0, 10.0)) / 86_400.0)
        return np.where(days == 3, np.nan, days)


def test_the_floor_is_taken_off_where_the_window_is_and_gaps_move_nothing() -> None:
    (stratum,) = strata_of(weekly([window(1)]).layouts, [Known()])
    assert stratum.values[:, 0, 0] == pytest.approx([0.0, 0.75, 2.0, (0 + 0.75 + 2 + 4) / 4, 4.0])
    assert strata_of([], [Known()]) == []
    assert strata_of(weekly([window(1)]).layouts, []) == []
