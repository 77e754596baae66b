"""The local calendar of an analysis: working days as stretches of Unix time, weeks, safe across DST; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from monitor.analysis.verdict.rules import Rules

MON_TO_FRI: Final = frozenset(range(5))
WHOLE_DAY: Final = (0.0, 24.0)
MOST_DAYS: Final = 20_000  # some fifty years; a longer span is a mistake in somebody's dates


@dataclass(frozen=True, slots=True)
class WorkDay:
    """The working hours of one local day in Unix seconds. week: the Monday it belongs to."""

    day: date
    begin_s: float
    end_s: float

    @property
    def week(self) -> date:
        """The Monday of its week."""
        return self.day - timedelta(days=self.day.weekday())


class LocalCalendar:
    """Which moments count. days: the weekdays worked, 0 is Monday."""

    def __init__(self, rules: Rules, days: frozenset[int]) -> None:
        self._zone = rules.zone
        self._hours = rules.hours or WHOLE_DAY
        self._days_off = rules.days_off
        self.days = days

    def work_days(self, start_s: float, end_s: float) -> list[WorkDay]:
        """Every working day that reaches into the span, in order; hours past midnight belong to the day before."""
        first, last = self.date_of(start_s) - timedelta(days=1), self.date_of(end_s)
        count = min((last - first).days + 1, MOST_DAYS)
        days = [self.work_day(day) for day in (first + timedelta(days=n) for n in range(count)) if self.works(day)]
        return [day for day in days if day.begin_s < end_s and day.end_s > start_s]

    def home_of(self, start_s: float, last_s: float) -> date | None:
        """The working day whose hours a stretch reaches into, the earlier one of two; None where there is none."""
        day = self.date_of(start_s)
        for candidate in (day - timedelta(days=1), day):
            hours = self.work_day(candidate)
            if self.works(candidate) and start_s < hours.end_s and last_s >= hours.begin_s:
                return candidate
        return None

    def work_day(self, day: date) -> WorkDay:
        """The working hours of a day, whether or not anybody works on it."""
        begin, end = self._hours
        return WorkDay(day, self.at(day, begin * 3600.0), self.at(day, end * 3600.0))

    def works(self, day: date) -> bool:
        """Whether it is a working day."""
        return day.weekday() in self.days and day not in self._days_off

    def date_of(self, at_s: float) -> date:
        """The local date of a moment."""
        return self._local(at_s).date()

    def clock_of(self, at_s: float) -> float:
        """What the local clock shows at a moment, in seconds after midnight, whatever DST did since."""
        local = self._local(at_s)
        return local.hour * 3600.0 + local.minute * 60.0 + local.second + local.microsecond / 1e6

    def at(self, day: date, clock_s: float) -> float:
        """The moment the local clock shows that many seconds after a day's midnight; 24 h is the next midnight."""
        whole = datetime(day.year, day.month, day.day) + timedelta(seconds=clock_s)  # noqa: DTZ001 - a clock's face
        return whole.replace(tzinfo=self._zone).timestamp()

    def _local(self, at_s: float) -> datetime:
        return datetime.fromtimestamp(at_s, tz=UTC).astimezone(self._zone)


def calendar_for(rules: Rules, starts_s: Iterable[float]) -> LocalCalendar:
    """The calendar, whose weekdays are those given, or else mon-fri and every weekday that windows usually start on."""
    if rules.days is not None:
        return LocalCalendar(rules, rules.days)
    calendar = LocalCalendar(rules, MON_TO_FRI)
    counts = Counter(calendar.date_of(start_s).weekday() for start_s in starts_s)
    usual = {weekday for weekday, count in counts.items() if count >= max(counts.values()) / 2}
    return LocalCalendar(rules, MON_TO_FRI | usual)


def outside(days: Sequence[WorkDay], start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
    """The stretches of a span that are no working time."""
    at_s = start_s
    for day in days:
        if day.begin_s > at_s:
            yield at_s, min(day.begin_s, end_s)
        at_s = max(at_s, day.end_s)
    if at_s < end_s:
        yield at_s, end_s
