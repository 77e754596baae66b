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
from monitor.analysis.verdict.outcomes import LEAST_SHARE, Cells, Outcome
from monitor.analysis.verdict.permutation import Stratum
from monitor.analysis.verdict.placed import Placed
from monitor.facts.evidence import Flags, Floats

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
    """The working days of each week that has windows; they are exchangeable if the publish does nothing."""
    in_week: defaultdict[date, list[int]] = defaultdict(list)
    for number, window in enumerate(placed):
        in_week[calendar.work_day(window.day).week].append(number)
    of_week: defaultdict[date, list[WorkDay]] = defaultdict(list)
    for day in days:
        of_week[day.week].append(day)
    layouts, unobserved = [], 0
    for week in sorted(in_week):
        layout, lost = _week(placed, in_week[week], of_week[week], calendar, seen)
        unobserved += lost
        if layout is not None:
            layouts.append(layout)
    return Design(tuple(layouts), unobserved, "weeks")


def block_design(placed: Sequence[Placed], seen: Observed) -> Design:
    """The rows of each block of an experiment, among which chance has dealt the arms."""
    blocks: defaultdict[str, list[int]] = defaultdict(list)
    for number, window in enumerate(placed):
        if window.window.randomised:
            blocks[window.window.block].append(number)
    layouts, unobserved = [], 0
    for rows in sorted(blocks.values(), key=lambda numbers: placed[numbers[0]].start_s):
        cells = _cells([placed[n].start_s for n in rows], [placed[n].end_s for n in rows])
        observed = _observed(cells, seen)
        unobserved += int((~observed).sum())
        kept = [number for number, is_seen in zip(rows, observed, strict=True) if is_seen]
        treated = [(place, (0,)) for place, number in enumerate(kept) if placed[number].treated]
        if treated and len(treated) < len(kept):
            start_s = np.array([[placed[n].start_s] for n in kept])
            end_s = np.array([[placed[n].end_s] for n in kept])
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
            _filled(np.where(carrying, column[number] - outcome.floor, column[number]))
            for outcome, column in zip(outcomes, columns, strict=True)
        ]
        strata.append(Stratum(np.stack(values, axis=2), layout.groups, layout.windows))
    return strata


def _measured(layouts: Sequence[Layout], measure: Callable[[Cells], Floats]) -> list[Floats]:
    """One column for all layouts at once, split up again."""
    cells = [layout.cells for layout in layouts]
    together = Cells(*(np.concatenate([getattr(c, name) for c in cells]) for name in ("start_s", "end_s", "guard_s")))
    parts = np.split(measure(together), np.cumsum([len(one) for one in cells])[:-1])
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
    own = _cells([placed[n].start_s for n in numbers], [placed[n].end_s for n in numbers])
    observed = _observed(own, seen)
    kept = [number for number, is_seen in zip(numbers, observed, strict=True) if is_seen]
    lost = len(numbers) - len(kept)
    if not kept:
        return None, lost
    slots = list(dict.fromkeys((round(placed[n].clock_s / 60.0), round(placed[n].length_s)) for n in kept))
    slot_of = {n: slots.index((round(placed[n].clock_s / 60.0), round(placed[n].length_s))) for n in kept}
    typical = {slot: next(placed[n] for n in kept if slot_of[n] == slot) for slot in range(len(slots))}
    start_s = np.array([[calendar.at(d.day, typical[s].clock_s) for s in range(len(slots))] for d in days])
    end_s = start_s + np.array([typical[s].length_s for s in range(len(slots))])
    of_day: defaultdict[date, list[int]] = defaultdict(list)
    for number in kept:
        of_day[placed[number].day].append(number)
        place = [day.day for day in days].index(placed[number].day)
        start_s[place, slot_of[number]], end_s[place, slot_of[number]] = placed[number].start_s, placed[number].end_s
    whole = _observed(Cells(start_s.ravel(), end_s.ravel(), _guard_s(start_s, end_s).ravel()), seen)
    usable = whole.reshape(start_s.shape).all(axis=1) | np.isin([d.day.toordinal() for d in days], _ordinals(of_day))
    left = [day.day for day, is_usable in zip(days, usable, strict=True) if is_usable]
    groups = tuple((left.index(day), tuple(slot_of[n] for n in in_day)) for day, in_day in sorted(of_day.items()))
    windows = tuple(number for _, in_day in sorted(of_day.items()) for number in in_day)
    start_s, end_s = start_s[usable], end_s[usable]
    return Layout(start_s, end_s, _guard_s(start_s, end_s), groups, windows), lost


def _ordinals(of_day: defaultdict[date, list[int]]) -> list[int]:
    return [day.toordinal() for day in of_day]


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
