"""Events, lists and audit entries as sightings: what counts as a publish, and how certain its edges are."""

from __future__ import annotations

from typing import Any

import pytest
from publish_evidence import OPERATION, SCHEDULE, T0, WHO, audited, complete, event, listed, listing

from monitor.publish.watch.edges import Edge
from monitor.publish.watch.evidence import Audits, Events, Polls, Sighting, listed_ids


def seconds(edge: Edge | None) -> tuple[float, float, float, str]:
    """An edge in seconds after T0."""
    assert edge is not None
    return round(edge.at_s - T0, 3), round(edge.min_s - T0, 3), round(edge.max_s - T0, 3), edge.basis


def only(sightings: list[Sighting] | None) -> Sighting:
    assert sightings is not None
    assert len(sightings) == 1
    return sightings[0]


# --- events -------------------------------------------------------------------------------------------------------


def test_a_processing_event_gives_the_start_and_a_complete_one_the_end() -> None:
    events = Events()
    assert events.take(event("Processing"), T0 + 1.0) is None
    seen = events.take(complete(7, 20.0), T0 + 20.3)
    assert seen is not None
    assert seconds(seen.start) == (1.0, -4.0, 1.0, "event")
    assert seconds(seen.end) == (20.0, 18.0, 20.3, "event")
    assert (seen.way, seen.schedule, seen.version, seen.operation) == ("notification", SCHEDULE, 7, OPERATION)
    assert (seen.agents, seen.by) == (150, WHO)


def test_without_a_processing_event_the_start_is_not_made_up() -> None:
    seen = Events().take(complete(7, 20.0), T0 + 20.3)
    assert seen is not None
    assert seen.start is None


def test_the_same_operation_processing_twice_started_the_first_time() -> None:
    events = Events()
    events.take(event("Processing"), T0 + 1.0)
    events.take(event("Processing"), T0 + 9.0)
    seen = events.take(complete(7, 20.0), T0 + 20.0)
    assert seen is not None
    assert seen.start is not None
    assert seen.start.at_s == T0 + 1.0


@pytest.mark.parametrize("off_s", [-3600.0, -61.0, 2.5, 7200.0])
def test_an_event_whose_date_our_clock_cannot_believe_ended_when_it_came(off_s: float) -> None:
    seen = Events().take(complete(7, 20.0 + off_s), T0 + 20.0)
    assert seen is not None
    assert seconds(seen.end) == (20.0, 15.0, 20.0, "arrival")


def test_events_that_were_held_up_do_not_start_after_their_end() -> None:
    events = Events()
    events.take(event("Processing"), T0 + 40.0)
    seen = events.take(complete(7, 20.0), T0 + 41.0)  # both 20 s or more under way
    assert seen is not None
    assert seconds(seen.end) == (20.0, 18.0, 22.0, "event")
    assert seconds(seen.start) == (20.0, 17.0, 22.0, "event")


@pytest.mark.parametrize(
    "body",
    [
        complete(7, 1.0, published=False),  # an edit of a draft
        event("Complete"),  # no result at all
        event("Error"),
        event("Canceled"),
        event("Complete", kind="Delete", result=listed(7, 1.0)),
        event("Complete", kind="Unheard", result=listed(7, 1.0)),
        event("Complete", result={"published": "true", "id": SCHEDULE}),
        None,
        [],
        "Complete",
        {"status": ["Complete"], "eventType": {}},
    ],
)
def test_what_published_nothing_is_no_sighting(body: Any) -> None:
    events = Events()
    events.take(event("Processing"), T0)
    assert events.take(body, T0 + 1.0) is None


def test_a_result_without_metadata_is_still_a_publish() -> None:
    seen = Events().take(event("Complete", result={"id": SCHEDULE, "published": True}), T0 + 1.0)
    assert seen is not None
    assert (seen.version, seen.end.basis, seen.agents) == (None, "arrival", None)


# --- polls --------------------------------------------------------------------------------------------------------


def polled(*lists: tuple[float, dict[str, Any]], since_s: float | None = None) -> list[list[Sighting] | None]:
    """What each list, asked at a time and answered 0.1 s later, shows."""
    polls = Polls(since_s)
    return [polls.take(body, T0 + at_s, T0 + at_s + 0.1) for at_s, body in lists]


def test_the_first_list_of_a_new_monitor_is_what_was_there_before() -> None:
    assert polled((0, listing(listed(1, -500.0))), (15, listing(listed(1, -500.0)))) == [[], []]


def test_a_new_version_ended_between_two_polls_at_its_date() -> None:
    seen = only(polled((0, listing(listed(1, -500.0))), (15, listing(listed(2, 6.0))))[1])
    assert seconds(seen.end) == (6.0, 4.0, 8.0, "date")
    assert (seen.way, seen.start, seen.after_s, seen.version, seen.by) == ("poll", None, T0 - 500.0, 2, WHO)


def test_the_polls_bound_a_date_near_them() -> None:
    early = only(polled((0, listing()), (15, listing(listed(1, -1.0))))[1])
    assert seconds(early.end) == (0.0, 0.0, 1.0, "date")
    late = only(polled((0, listing()), (15, listing(listed(1, 16.0))))[1])
    assert seconds(late.end) == (15.1, 14.0, 15.1, "date")


@pytest.mark.parametrize("off_s", [-3600.0, 3600.0])
def test_when_the_clocks_disagree_the_polls_alone_tell(off_s: float) -> None:
    seen = only(polled((0, listing(listed(1, -500.0))), (15, listing(listed(2, 6.0 + off_s))))[1])
    assert seconds(seen.end) == (7.55, 0.0, 15.1, "polls")


def test_a_list_that_was_not_up_to_date_widens_the_interval_to_its_date() -> None:
    seen = only(polled((0, listing()), (15, listing(listed(1, -20.0))))[1])
    assert seconds(seen.end) == (7.55, -22.0, 15.1, "polls")


def test_a_draft_is_no_publish_and_its_publishing_is() -> None:
    draft, published = listing(listed(1, -9.0, published=False)), listing(listed(2, 8.0))
    assert polled((0, draft), (15, draft))[1] == []
    assert only(polled((0, draft), (15, published))[1]).version == 2


def test_any_other_version_is_a_publish() -> None:
    assert only(polled((0, listing(listed(9, -9.0))), (15, listing(listed(2, 8.0))))[1]).version == 2


def test_a_schedule_that_was_away_and_comes_back_unchanged_is_no_publish() -> None:
    here = listing(listed(1, -9.0))
    assert polled((0, here), (15, listing()), (30, here)) == [[], [], []]


def test_a_missed_poll_widens_the_interval_back_to_the_last_good_one() -> None:
    polls = Polls(None)
    polls.take(listing(), T0, T0 + 0.1)
    assert polls.take({"message": "busy"}, T0 + 15, T0 + 15.1) is None
    seen = only(polls.take(listing(listed(1, 3600.0)), T0 + 30, T0 + 30.1))
    assert seconds(seen.end) == (15.05, 0.0, 30.1, "polls")


def test_what_was_published_while_we_were_away_is_found_with_wide_edges() -> None:
    seen = only(polled((1000, listing(listed(3, 400.0))), since_s=T0 - 86400)[0])
    assert seconds(seen.end) == (400.0, 340.0, 460.0, "absence")
    assert seen.after_s is None


def test_what_was_published_before_the_memory_begins_is_not_ours() -> None:
    assert polled((1000, listing(listed(3, 400.0))), since_s=T0 + 401.0) == [[]]


def test_after_an_absence_a_date_in_the_future_could_be_any_time_of_it() -> None:
    seen = only(polled((1000, listing(listed(3, 9999.0))), since_s=T0)[0])
    assert seconds(seen.end) == (500.05, 0.0, 1000.1, "absence")


@pytest.mark.parametrize("body", [None, [], {}, {"entities": None}, {"entities": {}}, "x", 7])
def test_what_is_no_list_is_told_as_none(body: Any) -> None:
    assert Polls(None).take(body, T0, T0) is None
    assert listed_ids(body) == set()


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"id": SCHEDULE, "published": True},
        {"id": SCHEDULE, "published": True, "metadata": {"version": True, "dateModified": "2026-11-24T16:00:00Z"}},
        {"id": SCHEDULE, "published": True, "metadata": {"version": 2, "dateModified": "yesterday"}},
        {"id": SCHEDULE, "published": True, "metadata": {"version": 2, "dateModified": "2026-11-24T16:00:00"}},
        {"id": "../x", "published": True, "metadata": {"version": 2, "dateModified": "2026-11-24T16:00:00Z"}},
    ],
)
def test_schedules_that_say_too_little_are_passed_over(item: dict[str, Any]) -> None:
    assert polled((0, listing()), (15, {"entities": [item, 5, None]})) == [[], []]


# --- audits -------------------------------------------------------------------------------------------------------


def test_the_query_reaches_back_for_entries_that_come_late() -> None:
    audits = Audits(None, T0)
    assert audits.query(T0, 1, 100)["interval"] == "2026-11-24T15:45:00.000Z/2026-11-24T16:15:00.000Z"
    audits.take([{"entities": []}], T0 + 60, T0 + 60.2)
    query = audits.query(T0 + 120, 2, 100)
    assert query["interval"] == "2026-11-24T15:46:00.000Z/2026-11-24T16:17:00.000Z"
    assert (query["serviceName"], query["pageNumber"]) == ("WorkforceManagement", 2)
    assert {f["property"]: f["value"] for f in query["filters"]} == {"EntityType": "Schedule", "Action": "Publish"}


def test_the_query_never_reaches_further_back_than_the_platform_allows() -> None:
    assert Audits(T0 - 400 * 86400, T0).query(T0, 1, 100)["interval"].startswith("2026-11-10T16:01:00")


def test_an_entry_is_an_end_at_its_date_and_taken_once() -> None:
    audits = Audits(None, T0)
    page = {"entities": [audited("a2", 40.0), audited("a1", 10.0), audited("a3", 41.0, action="Update")]}
    found = audits.take([page], T0 + 60, T0 + 60.2)
    assert found is not None
    assert [(s.way, s.audit, s.schedule, s.by) for s in found] == [
        ("audit", "a1", SCHEDULE, WHO),
        ("audit", "a2", SCHEDULE, WHO),
    ]
    assert seconds(found[0].end) == (10.0, 8.0, 12.0, "date")
    assert audits.take([page], T0 + 120, T0 + 120.2) == []


def test_entries_from_before_we_were_there_are_taken_back_to_where_the_memory_begins() -> None:
    page = {"entities": [audited("old", -5000.0), audited("missed", -300.0)]}
    found = only(Audits(T0 - 1000, T0).take([page], T0, T0 + 0.2))
    assert (found.audit, seconds(found.end)) == ("missed", (-300.0, -360.0, -240.0, "absence"))
    assert Audits(None, T0).take([page], T0, T0 + 0.2) == []


def test_an_entry_from_the_future_shows_that_the_clocks_disagree() -> None:
    found = only(Audits(None, T0).take([{"entities": [audited("a", 500.0)]}], T0 + 60, T0 + 60.0))
    assert seconds(found.end) == (60.0, -840.0, 60.0, "arrival")


@pytest.mark.parametrize("body", [None, {}, {"entities": 3}])
def test_what_is_no_page_is_told_as_none(body: Any) -> None:
    audits, good = Audits(None, T0), {"entities": [audited("a", 1.0)]}
    assert audits.take([good, body], T0 + 60, T0 + 60) is None
    assert only(audits.take([good], T0 + 120, T0 + 120)).audit == "a"  # and nothing of it is lost


def test_entries_without_id_or_date_are_passed_over() -> None:
    entries = [{**audited("", 1.0)}, {**audited("b", 1.0), "eventDate": 7}, {"action": "Publish"}, 5]
    assert Audits(None, T0).take([{"entities": entries}], T0 + 60, T0 + 60) == []
