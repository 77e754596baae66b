"""The timeline of a scenario: what is going on when, in local weekly time and over changes to summer time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.simulator.world.occurrences import Occurrence, Timeline, local_moment, weekly_moments
from monitor.simulator.world.scenario import load_scenario

CHICAGO = ZoneInfo("America/Chicago")
DAY_S = 86_400.0
MONDAY = datetime(2026, 10, 5, tzinfo=CHICAGO).timestamp()


class Made:
    """What a Timeline is made of."""

    def __init__(self, *occurrences: dict[str, Any], timezone: str = "America/Chicago") -> None:
        self.timezone = timezone
        self.occurrences = tuple(Occurrence(**occurrence) for occurrence in occurrences)


def timeline(*occurrences: dict[str, Any], start_wall_s: float = MONDAY) -> Timeline:
    return Timeline(Made(*occurrences), start_wall_s)


def local(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, CHICAGO).strftime("%a %m-%d %H:%M")


def test_seconds_after_the_start_hold_for_their_time_and_no_longer() -> None:
    made = timeline({"kind": "dns", "at": (40.0,), "for_s": 20.0})
    held = [made.active("dns", MONDAY + s) is not None for s in (0.0, 39.9, 40.0, 59.9, 60.0, 1e6)]
    assert held == [False, False, True, True, False, False]
    assert made.active("stun", MONDAY + 50.0) is None


def test_what_has_no_time_always_holds() -> None:
    made = timeline({"kind": "nat", "symmetric": True})
    assert made.active("nat", MONDAY) is made.active("nat", MONDAY + 300 * DAY_S) is not None
    assert [(edge.at_wall_s, edge.begins) for edge in made.edges(MONDAY, MONDAY + DAY_S)] == [(MONDAY, True)]
    assert made.next_edge(MONDAY) is None


def test_a_site_of_its_own_is_spared_elsewhere() -> None:
    made = timeline({"kind": "path", "site": "chicago", "loss": 1.0, "at": (10.0,), "for_s": 10.0})
    assert made.active("path", MONDAY + 15, "chicago") is not None
    assert made.active("path", MONDAY + 15, "dallas") is None
    assert made.active("path", MONDAY + 15) is not None  # anywhere at all


def test_weekly_times_are_local_and_recur() -> None:
    made = timeline({"kind": "background", "rest_per_s": 5.0, "at": ("tue 10:00",), "for_s": 600.0})
    edges = made.edges(MONDAY, MONDAY + 21 * DAY_S)
    assert [(local(edge.at_wall_s), edge.begins) for edge in edges] == [
        ("Tue 10-06 10:00", True),
        ("Tue 10-06 10:10", False),
        ("Tue 10-13 10:00", True),
        ("Tue 10-13 10:10", False),
        ("Tue 10-20 10:00", True),
        ("Tue 10-20 10:10", False),
    ]


def test_a_range_of_days_wraps_around_the_week() -> None:
    days = [local(at)[:3] for at in weekly_moments("fri-mon 09:30", CHICAGO, MONDAY, MONDAY + 7 * DAY_S - 1)]
    assert [day for day in days if day != "Sun"] == ["Mon", "Fri", "Sat"]
    assert "Sun" in days


def test_the_wall_clock_time_stays_when_summer_time_ends() -> None:
    start = datetime(2026, 10, 26, tzinfo=CHICAGO).timestamp()  # summer time ends on 1 November
    made = timeline({"kind": "takeover", "at": ("tue 10:00",)}, start_wall_s=start)
    moments = [edge.at_wall_s for edge in made.edges(start, start + 14 * DAY_S)]
    assert [local(at) for at in moments] == ["Tue 10-27 10:00", "Tue 11-03 10:00"]
    assert moments[1] - moments[0] == 7 * DAY_S + 3600


def test_a_local_time_that_is_left_out_is_the_next_one_that_exists() -> None:
    moment = local_moment(datetime(2026, 3, 8).date(), datetime(2026, 1, 1, 2, 30).time(), CHICAGO)  # noqa: DTZ001
    assert datetime.fromtimestamp(moment, UTC) == datetime(2026, 3, 8, 8, 0, tzinfo=UTC)
    assert local(moment) == "Sun 03-08 03:00"


def test_of_a_local_time_that_occurs_twice_the_first_is_meant() -> None:
    moment = local_moment(datetime(2026, 11, 1).date(), datetime(2026, 1, 1, 1, 30).time(), CHICAGO)  # noqa: DTZ001
    assert datetime.fromtimestamp(moment, UTC) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_nothing_happens_before_the_start() -> None:
    tuesday_noon = datetime(2026, 10, 6, 12, tzinfo=CHICAGO).timestamp()
    made = timeline({"kind": "dns", "at": ("tue 10:00",), "for_s": 600.0}, start_wall_s=tuesday_noon)
    assert made.edges(0.0, tuesday_noon + DAY_S) == []
    following = made.next_edge(tuesday_noon)
    assert following is not None
    assert local(following) == "Tue 10-13 10:00"


def test_moments_have_an_edge_and_no_length() -> None:
    made = timeline({"kind": "clock_step", "by_s": 5.0, "at": (30.0,)})
    assert made.active("clock_step", MONDAY + 30.0) is None
    assert [edge.at_wall_s - MONDAY for edge in made.edges(MONDAY, MONDAY + 60)] == [30.0]


@given(st.floats(0.0, 20 * DAY_S))
def test_next_edge_and_edges_agree(after_s: float) -> None:
    made = timeline(
        {"kind": "dns", "at": (40.0, "wed 14:10"), "for_s": 600.0},
        {"kind": "stun", "loss": 1.0, "at": ("mon-fri 10:00",), "for_s": 60.0},
    )
    following = made.next_edge(MONDAY + after_s)
    assert following is not None
    later = [e.at_wall_s for e in made.edges(MONDAY + after_s, MONDAY + after_s + 8 * DAY_S)]
    assert following == next(at for at in later if at > MONDAY + after_s)


@given(st.lists(st.floats(0.0, 14 * DAY_S), min_size=1, max_size=30))
def test_what_is_remembered_of_an_answer_never_shows(moments: list[float]) -> None:
    occurrence = {"kind": "dns", "at": (40.0, "mon-fri 10:00", "wed 14:10"), "for_s": 7200.0}
    asked_before = timeline(occurrence)
    for moment in moments:
        fresh = timeline(occurrence)
        assert (asked_before.active("dns", MONDAY + moment) is None) == (fresh.active("dns", MONDAY + moment) is None)


@pytest.mark.parametrize("name", ["dns_failure", "edge_restart", "publish_innocent_daily_peak"])
def test_twelve_weeks_of_a_shipped_scenario_hold_many_occurrences(name: str) -> None:
    made = Timeline(load_scenario(name), MONDAY)
    begun = [edge for edge in made.edges(MONDAY, MONDAY + 84 * DAY_S) if edge.begins]
    assert len(begun) > 40


def test_an_edge_beyond_a_day_is_not_missed_because_something_longer_ends_later() -> None:
    made = timeline(
        {"kind": "stun", "loss": 1.0, "at": (0.0,), "for_s": 5 * DAY_S},
        {"kind": "dns", "at": (2 * DAY_S,), "for_s": 60.0},
    )
    assert made.next_edge(MONDAY) == MONDAY + 2 * DAY_S
    assert made.active("dns", MONDAY + 10.0) is None  # asked before, it must not be remembered for longer than it holds
    assert made.active("dns", MONDAY + 2 * DAY_S + 10.0) is not None


@pytest.mark.parametrize(
    "figures",
    [
        {"kind": "background", "rest_per_s": 1.0},
        {"kind": "clock_step", "by_s": 1.0, "at": (10.0,)},
        {"kind": "ice_list_empty"},
        {"kind": "turn_credentials", "life_s": 10.0},
    ],
)
def test_what_no_site_has_for_itself_takes_no_site(figures: dict[str, Any]) -> None:
    Occurrence(**figures)
    with pytest.raises(ValueError, match="is the same at every site: give no `site`"):
        Occurrence(**figures, site="chicago")
