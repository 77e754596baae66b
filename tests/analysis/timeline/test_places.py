"""Where a window would have been on other days: the same local clock, no other window, no gap."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from monitor.analysis.timeline.places import counts_from, places_of
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder

ZONE = ZoneInfo("America/Chicago")
RULES = Rules(zone=ZONE, hours=(8.0, 18.0), days=frozenset(range(5)))


def at(day: date, hour: int, minute: int = 0) -> float:
    return datetime.combine(day, time(hour, minute), ZONE).timestamp()


def window(day: date, **changes: object) -> Window:
    return Window(start_s=at(day, 10), end_s=at(day, 10, 10), **changes)  # type: ignore[arg-type]


def test_other_days_have_the_same_local_clock_across_dst() -> None:
    builder = EvidenceBuilder()
    builder.windows += [window(date(2026, 3, 3)), window(date(2026, 3, 10))]  # the clocks change on the 8th
    found = places_of(builder.build((at(date(2026, 3, 2), 0), at(date(2026, 3, 14), 0))), RULES)
    days = [datetime.fromtimestamp(moment, ZONE) for moment in found.others.tolist()]
    assert [moment.day for moment in days] == [2, 4, 5, 6, 9, 11, 12, 13]
    assert {(moment.hour, moment.minute) for moment in days} == {(10, 0)}
    assert found.longest_s == 600.0


def test_a_gap_another_window_or_a_block_without_load_is_no_day_to_compare_with() -> None:
    builder = EvidenceBuilder()
    builder.windows += [window(date(2026, 3, 3)), window(date(2026, 3, 5), arm="none")]
    builder.gaps.append(Stretch(at(date(2026, 3, 4), 10, 14), at(date(2026, 3, 4), 11)))  # meets the tail
    found = places_of(builder.build((at(date(2026, 3, 2), 0), at(date(2026, 3, 7), 0))), RULES)
    assert [datetime.fromtimestamp(moment, ZONE).day for moment in found.others.tolist()] == [2, 6]
    assert [one.start_s for one in found.windows] == [at(date(2026, 3, 3), 10)]


def test_nothing_is_no_place() -> None:
    found = places_of(EvidenceBuilder().build(), RULES)
    assert found.windows == ()
    assert len(found.others) == 0


def test_an_event_counts_where_it_may_have_been() -> None:
    first, last = np.array([5.0, 30.0]), np.array([12.0, 31.0])
    assert counts_from(np.array([0.0, 10.0, 20.0, 40.0]), 5.0, first, last).tolist() == [1.0, 1.0, 0.0, 0.0]
