"""Words of the command line for the calendar, such as 08:00-18:00, mon-fri, US or FROM/TO, to rules of the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from monitor.analysis.verdict.rules import ALPHA, MARGIN, TAIL_S, Rules
from monitor.config.rules import duration_s
from monitor.config.values import Days, Holidays, Hours, Timezone
from monitor.facts.clock import as_utc
from monitor.publish.watch.times import days_of

if TYPE_CHECKING:  # the settings are read by whoever has a file of them
    from monitor.config.model import Settings

DAY_H = 24.0
FIRST_YEAR, LAST_YEAR = 2000, 2100
LONGEST_TAIL_S = 86_400.0
MOST_ALPHA = 0.5
NO_ZONE = "no --tz: hours, days and weeks are those of UTC, which local clocks leave by an hour in summer"
_SEVERAL = ("hours ", "days ")  # how the message about a plural begins
_T = TypeVar("_T")


class BadWords(Exception):  # noqa: N818 - it is told, not handled
    """Options that cannot be understood: a line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWords:
    """The options as they were written; None where they were not."""

    tz: str | None = None
    hours: str | None = None
    days: str | None = None
    holidays: str | None = None
    exclude: tuple[str, ...] = ()
    span: str | None = None
    agents: float | None = None
    tail: str | None = None
    margin: float = MARGIN
    alpha: float = ALPHA
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What the words say. zone: None where no --tz was given. span: the observed period in Unix seconds."""

    zone: ZoneInfo | None
    span: tuple[float, float] | None
    rules: Rules
    holidays: str | None

    def rules_over(self, span: tuple[float, float] | None) -> Rules:
        """The rules with the holidays of every year of a span. Raises BadWords for a country nobody knows."""
        if self.holidays is None or span is None:
            return self.rules
        words = Words()
        text, (first, last) = self.holidays, (as_utc(edge).year for edge in span)
        off = words.read("--holidays", text, lambda word: days_off(word, first, last))
        words.check()
        return replace(self.rules, days_off=off or frozenset())


class Words:
    """Reads words one after the other and keeps what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, option: str, text: str | None, reader: Callable[[str], _T]) -> _T | None:
        """What the word says; None without a word, or when it says nothing."""
        if text is None:
            return None
        try:
            return reader(text)
        except ValidationError as error:
            needed = error.errors()[0]["msg"]
            if needed.startswith(_SEVERAL):
                needed = needed.replace(" is needed", " are needed")
            self.problems.append(f"{option}: {needed} (got {text!r})")
        except ValueError as error:
            self.problems.append(f"{option}: {error} (got {text!r})")
        return None

    def need(self, good: bool, problem: str) -> None:
        """Note a problem unless all is good."""
        if not good:
            self.problems.append(problem)

    def check(self) -> None:
        """Raises BadWords when anything was wrong."""
        if self.problems:
            raise BadWords(self.problems)


def completed(words: CalendarWords, settings: Settings | None) -> CalendarWords:
    """The words, with what the settings say where they say nothing."""
    if settings is None:
        return words
    calendar = settings.calendar
    return replace(
        words,
        tz=words.tz or settings.timezone,
        hours=words.hours or (calendar.hours if calendar else None),
        days=words.days or (calendar.days if calendar else None),
        holidays=words.holidays or (calendar.holidays if calendar else None),
    )


def told_by(words: CalendarWords) -> Told:
    """What the options say. Raises BadWords with a line for each that says nothing."""
    reading = Words()
    zone = reading.read("--tz", words.tz, zone_of)
    hours = reading.read("--hours", words.hours, hours_of)
    days = reading.read("--days", words.days, weekdays_of)
    reading.read("--holidays", words.holidays, lambda text: days_off(text, 2026, 2026))
    excluded = [reading.read("--exclude", text, lambda word: stretch_of(word, zone)) for text in words.exclude]
    span = reading.read("--span", words.span, lambda word: stretch_of(word, zone))
    tail_s = reading.read("--tail", words.tail, _tail_s)
    if words.agents is not None:
        reading.need(0 < words.agents < math.inf, f"--agents: a number above 0 is needed (got {words.agents:g})")
    reading.need(1 < words.margin < math.inf, f"--margin: a ratio above 1 is needed (got {words.margin:g})")
    likely = 0 < words.alpha <= MOST_ALPHA
    reading.need(likely, f"--alpha: a number above 0, at most {MOST_ALPHA:g}, is needed (got {words.alpha:g})")
    reading.check()
    rules = Rules(
        zone=zone or UTC,
        hours=hours,
        days=days,
        excluded=tuple(one for one in excluded if one is not None),
        agents=words.agents,
        tail_s=TAIL_S if tail_s is None else tail_s,
        margin=words.margin,
        alpha=words.alpha,
        seed=words.seed,
    )
    return Told(zone, span, rules, words.holidays)


def zone_of(text: str) -> ZoneInfo:
    """The time zone of that name. Raises ValueError."""
    return ZoneInfo(TypeAdapter(Timezone).validate_python(text))


def hours_of(text: str) -> tuple[float, float]:
    """Local hours of the day: `08:00-18:00` -> (8.0, 18.0); over midnight the end is beyond 24. Raises ValueError."""
    begin, end = map(_hour, TypeAdapter(Hours).validate_python(text).split("-"))
    return begin, end if end > begin else end + DAY_H


def weekdays_of(text: str) -> frozenset[int]:
    """Weekdays, Monday 0, of `mon-fri` or `mon,wed`. Raises ValueError."""
    return days_of(TypeAdapter(Days).validate_python(text))


def days_off(text: str, first_year: int, last_year: int) -> frozenset[date]:
    """The public holidays of a country such as `US`, or a part of it such as `US-IL`. Raises ValueError."""
    from holidays import country_holidays

    country, _, part = TypeAdapter(Holidays).validate_python(text).partition("-")
    try:
        return frozenset(country_holidays(country, subdiv=part or None, years=range(first_year, last_year + 1)))
    except NotImplementedError:
        raise ValueError(
            "no holidays are known of it; a country such as US, or a part such as US-IL, is needed"
        ) from None


def stretch_of(text: str, zone: ZoneInfo | None) -> tuple[float, float]:
    """`FROM/TO` in Unix seconds; dates count from the first midnight to the last. Raises ValueError."""
    begin, slash, end = text.partition("/")
    if not slash:
        raise ValueError("FROM/TO is needed, dates such as 2026-03-02/2026-03-08 or times")
    begin_s, end_s = _edge(begin.strip(), zone, timedelta(0)), _edge(end.strip(), zone, timedelta(days=1))
    if end_s <= begin_s:
        raise ValueError("an end after its start is needed")
    return begin_s, end_s


def _edge(text: str, zone: ZoneInfo | None, whole_day: timedelta) -> float:
    try:
        day = date.fromisoformat(text)
        moment = datetime.combine(day, time(0)) + whole_day
    except (ValueError, OverflowError):
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError:
            raise ValueError(f"{text!r} is no date or time; one such as 2026-03-02 is needed") from None
    if moment.tzinfo is None and zone is None:
        raise ValueError("a date or a time without offset needs --tz")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is not of this century")
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp()


def _tail_s(text: str) -> float:
    try:
        seconds = duration_s(text)
    except ValueError:
        seconds = LONGEST_TAIL_S + 1
    if seconds > LONGEST_TAIL_S:
        raise ValueError("a duration such as 5m, up to 24h, is needed")
    return seconds


def _hour(text: str) -> float:
    hours, _, minutes = text.partition(":")
    return int(hours) + int(minutes) / 60.0
