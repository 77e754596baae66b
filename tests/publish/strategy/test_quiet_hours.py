"""Quiet hours in local time, over midnight and over both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.publish.strategy.quiet_hours import QuietHours

CHICAGO = "America/Chicago"


def at(text: str, tz: str = CHICAGO) -> float:
    """Unix seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-23T12:00", "2026-11-23T22:00"),
        ("2026-11-23T22:00", "2026-11-23T22:00"),
        ("2026-11-23T23:30", "2026-11-23T23:30"),
        ("2026-11-24T04:59", "2026-11-24T04:59"),
        ("2026-11-24T05:00", "2026-11-24T22:00"),
    ],
)
def test_a_window_over_midnight(now: str, opens: str) -> None:
    opening = QuietHours.parse("22:00-05:00", CHICAGO).opening(at(now))
    assert opening.at_wall_s == at(opens)
    assert opening.note == ""


def test_a_window_within_a_day() -> None:
    hours = QuietHours.parse("02:00-04:00", CHICAGO)
    assert hours.opening(at("2026-11-23T04:00")).at_wall_s == at("2026-11-24T02:00")
    assert hours.opening(at("2026-11-23T03:00")).at_wall_s == at("2026-11-23T03:00")


def test_the_local_time_counts_and_not_utc() -> None:
    opening = QuietHours.parse("22:00-05:00", CHICAGO).opening(at("2027-03-15T12:00"))  # summer time since the 14th
    assert datetime.fromtimestamp(opening.at_wall_s, tz=UTC).hour == 3  # 22:00 CDT; 22:00 CST would be 4


@pytest.mark.parametrize("window", ["02:30-05:00", "22:00-02:30", "02:10-02:50"])
def test_a_window_that_does_not_exist_when_summer_time_begins(window: str) -> None:
    hours = QuietHours.parse(window, CHICAGO)
    with pytest.raises(ValueError, match=r"02:\d0 does not exist on 2027-03-14 in America/Chicago") as error:
        hours.opening(at("2027-03-14T00:30"))
    assert "\n" not in str(error.value)


def test_the_missing_hour_is_no_matter_on_other_days() -> None:
    hours = QuietHours.parse("02:30-05:00", CHICAGO)
    assert hours.opening(at("2027-03-14T12:00")).at_wall_s == at("2027-03-15T02:30")
    assert hours.opening(at("2027-03-12T12:00")).at_wall_s == at("2027-03-13T02:30")


def test_an_ambiguous_time_is_the_earlier_one_and_said_so() -> None:
    opening = QuietHours.parse("01:30-05:00", CHICAGO).opening(at("2026-11-01T00:10"))
    assert opening.at_wall_s == datetime(2026, 11, 1, 6, 30, tzinfo=UTC).timestamp()  # CDT, an hour before CST's
    assert opening.note == "01:30 comes twice on 2026-11-01 in America/Chicago: the earlier one is taken"


@pytest.mark.parametrize(
    ("window", "tz", "words"),
    [
        (None, CHICAGO, "needs a window"),
        ("22:00-05:00", None, "needs a window and a time zone"),
        ("22-5", CHICAGO, "not of the form"),
        ("24:00-05:00", CHICAGO, "not of the form"),
        ("05:00-05:00", CHICAGO, "is empty"),
        ("22:00-05:00", "Chicago", "not an IANA time zone"),
        ("22:00-05:00", "../../etc/passwd", "not an IANA time zone"),
    ],
)
def test_what_is_no_window(window: str | None, tz: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        QuietHours.parse(window, tz)
