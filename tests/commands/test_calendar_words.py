"""Words for the calendar: what they mean, and one line for each that means nothing."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest

from monitor.analysis.verdict.rules import Rules
from monitor.commands.calendar_words import (
    BadWords,
    CalendarWords,
    days_off,
    hours_of,
    stretch_of,
    told_by,
    weekdays_of,
)
from monitor.facts.clock import parse_rfc3339

CHICAGO = ZoneInfo("America/Chicago")


def test_no_words_are_the_usual_rules() -> None:
    told = told_by(CalendarWords())
    assert told.rules == Rules()
    assert (told.zone, told.span, told.rules_over((0.0, 1.0))) == (None, None, Rules())


def test_every_word() -> None:
    told = told_by(
        CalendarWords(
            tz="America/Chicago",
            hours="08:30-18:00",
            days="mon,wed-fri",
            holidays="US-IL",
            exclude=("2026-12-24/2026-12-26", "2026-03-08T01:00:00Z/2026-03-08T02:00:00Z"),
            span="2026-03-02/2027-01-10",
            agents=150,
            tail="90s",
            margin=3.0,
            alpha=0.01,
            seed=7,
        )
    )
    span = (parse_rfc3339("2026-03-02T06:00:00Z"), parse_rfc3339("2027-01-11T06:00:00Z"))
    assert told.span == span
    rules = told.rules_over(span)
    assert {date(2026, 7, 3), date(2026, 12, 25), date(2027, 1, 1)} <= rules.days_off
    assert rules == Rules(
        zone=CHICAGO,
        hours=(8.5, 18.0),
        days=frozenset({0, 2, 3, 4}),
        days_off=rules.days_off,
        excluded=(
            (parse_rfc3339("2026-12-24T06:00:00Z"), parse_rfc3339("2026-12-27T06:00:00Z")),
            (parse_rfc3339("2026-03-08T01:00:00Z"), parse_rfc3339("2026-03-08T02:00:00Z")),
        ),
        agents=150,
        tail_s=90.0,
        margin=3.0,
        alpha=0.01,
        seed=7,
    )


def test_hours_over_midnight_end_beyond_24() -> None:
    assert hours_of("22:00-06:00") == (22.0, 30.0)
    assert hours_of("00:00-24:00") == (0.0, 24.0)


def test_days_over_the_weekend() -> None:
    assert weekdays_of("sat-mon") == {5, 6, 0}


def test_holidays_of_a_country_differ_from_those_of_its_part() -> None:
    assert date(2026, 2, 12) in days_off("US-IL", 2026, 2026) - days_off("US", 2026, 2026)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-02", "FROM/TO is needed"),
        ("2026-03-03/2026-03-02", "an end after its start"),
        ("monday/2026-03-02", "'monday' is no date or time"),
        ("2026-03-02/9999-12-31", "not of this century"),
        ("0001-01-01/2026-03-02", "not of this century"),
    ],
)
def test_what_is_no_stretch(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        stretch_of(text, CHICAGO)
    with pytest.raises(ValueError, match=f"needs --tz|{words}"):
        stretch_of(text, None)
    assert stretch_of("2026-03-02T10:00:00Z/2026-03-02T12:00:00+01:00", UTC)[0] > 0


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("tz", {"tz": "Mars"}),
        ("hours", {"hours": "9-17"}),
        ("days", {"days": "monday"}),
        ("holidays", {"holidays": "XX"}),
        ("holidays", {"holidays": "US-XX"}),
        ("exclude", {"exclude": ("x",)}),
        ("span", {"span": "2026-03-02/2026-03-08"}),
        ("tail", {"tail": "5"}),
        ("tail", {"tail": "25h"}),
        ("agents", {"agents": 0.0}),
        ("agents", {"agents": float("inf")}),
        ("margin", {"margin": 1.0}),
        ("alpha", {"alpha": float("nan")}),
    ],
)
def test_each_word_that_means_nothing_is_one_line(option: str, words: dict[str, object]) -> None:
    with pytest.raises(BadWords) as error:
        told_by(CalendarWords(**words))  # type: ignore[arg-type]
    (line,) = error.value.lines
    assert line.startswith(f"--{option}: ")
    assert "(got " in line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"tail": "5"}, "--tail: a duration such as 5m, up to 24h, is needed (got '5')"),
        ({"alpha": 0.0}, "--alpha: a number above 0, at most 0.5, is needed (got 0)"),
        ({"agents": 0.0}, "--agents: a number above 0 is needed (got 0)"),
        ({"hours": "x"}, "--hours: hours such as \"08:00-18:00\" are needed (got 'x')"),
        ({"days": "x"}, "--days: days such as mon-fri or mon,wed,fri are needed (got 'x')"),
    ],
)
def test_a_problem_says_what_is_allowed(words: dict[str, object], line: str) -> None:
    with pytest.raises(BadWords) as error:
        told_by(CalendarWords(**words))  # type: ignore[arg-type]
    assert error.value.lines == [line]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(BadWords) as error:
        told_by(CalendarWords(tz="Mars", hours="x", days="y"))
    assert len(error.value.lines) == 3
