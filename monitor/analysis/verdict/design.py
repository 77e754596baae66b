"""Which days are exchangeable: weeks, or the blocks of an experiment, as strata for the permutation test; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from monitor.analysis.verdict.calendar import LocalCalendar, WorkDay
from monitor.analysis.verdict.observed import Observed
from monitor.analysis.verdict.outcomes import LEAST_SHARE, Cells, Outcome, joined
from monitor.analysis.verdict.permutation import Stratum
from monitor.analysis.verdict.placed import Placed
from monitor.facts.evidence import Flags, Floats

SATURDAY: Final = 5
LEAST_GUARD_S: Final = 60.0
LEAST_AROUND: Final = 0.1  # of the adjacent hours that must have been observed


@dataclass(frozen=True, slots=True)
class Layout:
    """One stratum as places and slots, before anything is measured.

    start_s, end_s, guard_s: places x slots. groups, windows: as Stratum has them, windows as places in the list given.
    """

    start_s: Floats
    end_s: Floats
    guard_s: Floats
    groups: tuple[tuple[int, tuple[int, ...]], ...]
    windows: tuple[int, ...]

    @property
    def carrying(self) -> Flags:
        """Places x slots: where the windows are."""
        found = np.zeros(self.start_s.shape, dtype=np.bool_)
        for place, slots in self.groups:
            found[place, list(slots)] = True
        return found

    @property
    def cells(self) -> Cells:
        """All of it, one after another."""
        return Cells(self.start_s.ravel(), self.end_s.ravel(), self.guard_s.ravel())


@dataclass(frozen=True, slots=True)
class Design:
    """All strata in order of time. unobserved: windows of which too little was seen. rows: what a stratum is called."""

    layouts: tuple[Layout, ...]
    unobserved: int
    rows: str


def weekly_design(placed: Sequence[Placed], calendar: LocalCalendar, days: Sequence[WorkDay], seen: Observed) -> Design:
    """The working days of each week that has windows; they are exchangeable if the publish does nothing.

    Days are exchanged with their like alone: a weekend is no control for a working week, nor the other way round.
    """
    of_week: defaultdict[tuple[date, bool], list[WorkDay]] = defaultdict(list)
    for day in days:
        of_week[day.week, _is_weekend(day.day)].append(day)
    in_week: defaultdict[tuple[date, bool], list[int]] = defaultdict(list)
    for number, window in enumerate(placed):
        in_week[calendar.work_day(window.day).week, _is_weekend(window.day)].append(number)
    layouts, unobserved = [], 0
    for week in sorted(in_week):
        layout, lost = _week(placed, in_week[week], of_week[week], calendar, seen)
        unobserved += lost
        if layout is not None:
            layouts.append(layout)
    return Design(tuple(layouts), unobserved, "weeks")


def shadows(placed: Sequence[Placed], calendar: LocalCalendar, days: Sequence[WorkDay]) -> list[tuple[float, float]]:
    """Where each window would lie on the days of its week: no adjacent hour there, as it is none on its own day."""
    of_week: defaultdict[date, list[date]] = defaultdict(list)
    for day in days:
        of_week[day.week].append(day.day)
    found = []
    for one in placed:
        for other in of_week[calendar.work_day(one.day).week] if not one.window.randomised else ():
            start_s = calendar.at(other, one.clock_s)
            found.append((start_s, start_s + one.length_s))
    return found


def block_design(placed: Sequence[Placed], seen: Observed) -> Design:
    """The rows of each block of an experiment, among which chance has dealt the arms.

    Every row of a block is measured over the same length, that of the shortest: a longer one would show more by chance.
    """
    blocks: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, window in enumerate(placed):
        if window.window.randomised:
            blocks[window.window.job, window.window.block].append(number)
    layouts, unobserved = [], 0
    for rows in sorted(blocks.values(), key=lambda numbers: placed[numbers[0]].start_s):
        length_s = min(placed[n].length_s for n in rows)
        observed = _observed(
            _cells([placed[n].start_s for n in rows], [placed[n].start_s + length_s for n in rows]), seen
        )
        unobserved += int((~observed).sum())
        kept = [number for number, is_seen in zip(rows, observed, strict=True) if is_seen]
        treated = [(place, (0,)) for place, number in enumerate(kept) if placed[number].treated]
        if treated and len(treated) < len(kept):
            start_s = np.array([[placed[n].start_s] for n in kept])
            end_s = start_s + length_s
            windows = tuple(number for number in kept if placed[number].treated)
            layouts.append(Layout(start_s, end_s, _guard_s(start_s, end_s), tuple(treated), windows))
    return Design(tuple(layouts), unobserved, "blocks")


def weekday_control(
    placed: Sequence[Placed], calendar: LocalCalendar, days: Sequence[WorkDay], seen: Observed
) -> list[Layout]:
    """For each weekday the days with a window and those without one: do only the former show the excess?"""
    layouts = []
    for weekday in sorted({window.day.weekday() for window in placed}):
        windows = [number for number, window in enumerate(placed) if window.day.weekday() == weekday]
        published = {placed[number].day for number in windows}
        free = [day.day for day in days if day.day.weekday() == weekday and day.day not in published]
        middle = placed[sorted(windows, key=lambda number: placed[number].clock_s)[len(windows) // 2]]
        free_s = [calendar.at(day, middle.clock_s) for day in free]
        free_s = [s for s in free_s if _observed(_cells([s], [s + middle.length_s]), seen).all()]
        if free_s:
            start_s = np.array([[s] for s in (*(placed[n].start_s for n in windows), *free_s)])
            ends = (*(placed[n].end_s for n in windows), *(s + middle.length_s for s in free_s))
            end_s = np.array([[s] for s in ends])
            groups = tuple((place, (0,)) for place in range(len(windows)))
            layouts.append(Layout(start_s, end_s, _guard_s(start_s, end_s), groups, tuple(windows)))
    return layouts


def strata_of(layouts: Sequence[Layout], outcomes: Sequence[Outcome]) -> list[Stratum]:
    """The layouts measured: what every slot shows at every place, in all outcomes.

    The floor of an outcome is taken off where the windows are, before anything moves, so that a slow-down up to it is
    no excess. What was not measured neither stands out nor holds back. Nothing to measure, or nowhere, is no stratum.
    """
    if not layouts or not outcomes:
        return []
    columns = [_measured(layouts, outcome.excess) for outcome in outcomes]
    strata = []
    for number, layout in enumerate(layouts):
        carrying = layout.carrying
        values = [
            np.where(carrying, column[number] - outcome.floor, column[number])
            for outcome, column in zip(outcomes, columns, strict=True)
        ]
        known = ~np.isnan(np.stack(values, axis=2))
        filled = np.stack([_filled(one) for one in values], axis=2)
        strata.append(Stratum(filled, known, layout.groups, layout.windows))
    return strata


def _measured(layouts: Sequence[Layout], measure: Callable[[Cells], Floats]) -> list[Floats]:
    """One column for all layouts at once, split up again."""
    cells = [layout.cells for layout in layouts]
    parts = np.split(measure(joined(cells)), np.cumsum([len(one) for one in cells])[:-1])
    return [part.reshape(layout.start_s.shape) for part, layout in zip(parts, layouts, strict=True)]


def _filled(values: Floats) -> Floats:
    """Missing values replaced by their slot's mean, which moves nothing; a slot without any is 0."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    means = np.divide(np.where(known, values, 0.0).sum(axis=0), count, out=np.zeros(values.shape[1]), where=count > 0)
    return np.where(known, values, means)


def _week(
    placed: Sequence[Placed], numbers: Sequence[int], days: Sequence[WorkDay], calendar: LocalCalendar, seen: Observed
) -> tuple[Layout | None, int]:
    """The layout of one week, None where nothing of it can be tested, and how many of its windows were not observed."""
    place_of = {day.day: place for place, day in enumerate(days)}
    own = _cells([placed[n].start_s for n in numbers], [placed[n].end_s for n in numbers])
    kept = [
        n for n, is_seen in zip(numbers, _observed(own, seen), strict=True) if is_seen and placed[n].day in place_of
    ]
    lost = len(numbers) - len(kept)
    at: dict[tuple[int, int], int] = {}
    slots: dict[tuple[int, int], Placed] = {}
    for number in kept:
        shape = round(placed[number].clock_s / 60.0), round(placed[number].length_s)
        slots.setdefault(shape, placed[number])
        at.setdefault((place_of[placed[number].day], list(slots).index(shape)), number)
    if not at:
        return None, lost
    start_s = np.array([[calendar.at(day.day, slot.clock_s) for slot in slots.values()] for day in days])
    end_s = start_s + np.array([slot.length_s for slot in slots.values()])
    for (place, slot), number in at.items():
        start_s[place, slot], end_s[place, slot] = placed[number].start_s, placed[number].end_s
    carrying = {place for place, _ in at}
    whole = _observed(Cells(start_s.ravel(), end_s.ravel(), _guard_s(start_s, end_s).ravel()), seen)
    usable = [
        place
        for place, is_seen in enumerate(np.all(whole.reshape(start_s.shape), axis=1))
        if is_seen or place in carrying
    ]
    in_order = sorted(at)
    groups = tuple(
        (usable.index(place), tuple(slot for other, slot in in_order if other == place)) for place in sorted(carrying)
    )
    start_s, end_s = start_s[usable], end_s[usable]
    return Layout(start_s, end_s, _guard_s(start_s, end_s), groups, tuple(at[key] for key in in_order)), lost


def _is_weekend(day: date) -> bool:
    return day.weekday() >= SATURDAY


def _cells(start_s: Sequence[float], end_s: Sequence[float]) -> Cells:
    starts, ends = np.array(start_s, dtype=np.float64), np.array(end_s, dtype=np.float64)
    return Cells(starts, ends, _guard_s(starts, ends))


def _guard_s(start_s: Floats, end_s: Floats) -> Floats:
    """The adjacent hours keep as far away as the window is long, within reason: what precedes or follows is not it."""
    return np.clip((end_s - start_s) / 2.0, LEAST_GUARD_S, 600.0)


def _observed(cells: Cells, seen: Observed) -> Flags:
    """Whether enough of each cell and of its adjacent hours was seen."""
    (a, b), (c, d) = cells.adjacent
    around = (seen.watched_share(a, b) + seen.watched_share(c, d)) / 2.0
    return np.asarray((seen.watched_share(cells.start_s, cells.end_s) >= LEAST_SHARE) & (around >= LEAST_AROUND))
