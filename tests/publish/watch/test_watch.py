"""Sightings to markers: one run for one publish, whoever saw it and how often, with the edges that hold."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest
from publish_evidence import OPERATION, SCHEDULE, T0, WHO, audited, complete, event, listed, listing

from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.runs import OVERLAP_SLACK_S, Run, runs_of
from monitor.publish.watch.edges import (
    ABSENCE_TOLERANCE_S,
    BASES,
    CLOCK_TOLERANCE_S,
    EVENT_DELAY_S,
    SAME_DATE_S,
    SCHEDULE_REACH_S,
)
from monitor.publish.watch.evidence import Audits, Events, Polls, Sighting
from monitor.publish.watch.watch import Watched, changes, since_s

JOB = Watched(name="weekly", business_unit="unit", ways=("notification", "poll", "audit"))
DUE = dataclasses.replace(JOB, schedule="tue 10:00", timezone="America/Chicago")
START, BATCH, END = MarkerPhase.START, MarkerPhase.BATCH, MarkerPhase.END


class Stored:
    """A journal's markers, by their identity."""

    def __init__(self, *markers: Marker, job: Watched = JOB) -> None:
        self.job = job
        self.markers = list(markers)

    def see(self, *sightings: Sighting | None, now_s: float = T0 + 3600) -> int:
        """Store what each says; how many markers were stored or replaced."""
        count = 0
        for sighting in sightings:
            assert sighting is not None
            known = [m for m in self.markers if m.at_wall_s >= since_s(self.job, sighting)]
            for change in changes(self.job, sighting, known, now_s):
                if change.old is not None:
                    self.markers.remove(change.old)
                assert _identity(change.new) not in map(_identity, self.markers)
                self.markers.append(change.new)
                count += 1
        return count

    def of(self, phase: MarkerPhase) -> list[Marker]:
        return sorted((m for m in self.markers if m.phase is phase), key=lambda m: m.at_wall_s)

    def runs(self) -> tuple[Run, ...]:
        return runs_of(self.markers, now_wall_s=T0 + 3600)


def _identity(marker: Marker) -> tuple[str, str, str, float]:
    return marker.job, marker.run_id, marker.phase, marker.at_wall_s


def notified(version: int, start_s: float | None, end_s: float, operation: str = OPERATION) -> Sighting:
    """As the topic tells of it, at once."""
    events = Events()
    if start_s is not None:
        events.take(event("Processing", operation=operation), T0 + start_s)
    seen = events.take(complete(version, end_s, operation=operation), T0 + end_s + 0.1)
    assert seen is not None
    return seen


def polled(version: int, end_s: float, before_s: float, now_s: float, known: int | None = None) -> Sighting:
    """As two polls tell of it."""
    polls = Polls(None)
    polls.take(listing() if known is None else listing(listed(known, -9000.0)), T0 + before_s, T0 + before_s)
    found = polls.take(listing(listed(version, end_s)), T0 + now_s, T0 + now_s)
    assert found
    return found[0]


def audit(entry: str, end_s: float, schedule: str = SCHEDULE) -> Sighting:
    """As the audit log tells of it a minute later."""
    page = {"entities": [audited(entry, end_s, schedule=schedule)]}
    found = Audits(None, T0 - 86400).take([page], T0 + end_s + 60, T0 + end_s + 60)
    assert found
    return found[0]


def edges(marker: Marker) -> tuple[float, float, float]:
    """time, time_min, time_max in seconds after T0."""
    assert marker.at_min_wall_s is not None
    assert marker.at_max_wall_s is not None
    return tuple(round(x - T0, 3) for x in (marker.at_wall_s, marker.at_min_wall_s, marker.at_max_wall_s))  # type: ignore[return-value]


def test_the_documentation_explains_every_basis_and_names_the_tolerances() -> None:
    text = (Path(__file__).parents[3] / "docs/detection.md").read_text()
    assert all(f"| `{basis}` |" in text for basis in BASES)
    tolerances = (f"{CLOCK_TOLERANCE_S:.0f} s around it", f"{ABSENCE_TOLERANCE_S:.0f} s around it")
    delays = (
        f"{EVENT_DELAY_S:.0f} s before it",
        f"{SCHEDULE_REACH_S / 60:.0f} min after",
        f"within {SAME_DATE_S:.0f} s",
    )
    assert all(words in text for words in (*tolerances, *delays, f"within {OVERLAP_SLACK_S:.0f} s of it"))


# --- one way ------------------------------------------------------------------------------------------------------


def test_a_notified_publish_is_a_start_and_an_end() -> None:
    stored = Stored()
    assert stored.see(notified(7, 1.0, 20.0)) == 2
    (start,), (end,) = stored.of(START), stored.of(END)
    assert (start.job, start.run_id, start.found_by) == ("weekly", f"{SCHEDULE}-v7", "notification")
    assert edges(start) == (1.0, -4.0, 1.0)
    assert edges(end) == (20.0, 18.0, 20.1)
    assert (end.outcome, end.agents) == ("ok", 150)
    assert end.attributes == {
        "edge": "event",
        "schedule": SCHEDULE,
        "version": "7",
        "operation": OPERATION,
        "modified_by": WHO,
    }


def test_without_a_start_it_is_bounded_by_how_long_a_run_may_last() -> None:
    stored = Stored()
    stored.see(notified(7, None, 20.0))
    (start,) = stored.of(START)
    assert edges(start) == (20.0, 18.0 - 7200.0, 20.1)
    assert start.attributes["edge"] == "bound"


def test_a_poll_bounds_the_start_by_the_change_before() -> None:
    stored = Stored()
    stored.see(polled(7, 20.0, 15.0, 30.0, known=6))
    assert edges(stored.of(START)[0]) == (20.0, 18.0 - 7200.0, 22.0)
    assert edges(stored.of(END)[0]) == (20.0, 18.0, 22.0)
    recent = dataclasses.replace(polled(7, 20.0, 15.0, 30.0), after_s=T0 - 100.0)
    stored = Stored()
    stored.see(recent)
    assert edges(stored.of(START)[0]) == (20.0, -100.0, 22.0)


def test_a_known_publish_before_bounds_the_start_whoever_saw_it() -> None:
    stored = Stored()
    stored.see(notified(7, 1.0, 20.0), audit("a2", 320.0), audit("other", 420.0, schedule="another"))
    assert [edges(start)[1] for start in stored.of(START)] == [-4.0, 18.0, 418.0 - 7200.0]


@pytest.mark.parametrize(("end_s", "start"), [(20.0, (0.0, -2.0, 22.0)), (1799.0, (0.0, -2.0, 1801.0))])
def test_a_job_that_was_due_started_when_it_was_due(end_s: float, start: tuple[float, float, float]) -> None:
    stored = Stored(job=DUE)
    stored.see(polled(7, end_s, end_s - 5, end_s + 10))
    assert edges(stored.of(START)[0]) == start
    assert stored.of(START)[0].attributes["edge"] == "schedule"


@pytest.mark.parametrize("end_s", [1801.0, -60.0])
def test_a_publish_at_another_time_is_not_the_one_that_was_due(end_s: float) -> None:
    stored = Stored(job=DUE)
    stored.see(polled(7, end_s, end_s - 5, end_s + 10))
    assert stored.of(START)[0].attributes["edge"] == "bound"


def test_a_change_after_it_was_due_rules_the_due_time_out() -> None:
    stored = Stored(job=DUE)
    stored.see(dataclasses.replace(polled(7, 600.0, 595.0, 610.0), after_s=T0 + 300.0))
    assert edges(stored.of(START)[0]) == (600.0, 300.0, 602.0)


def test_a_seen_start_holds_whatever_was_due() -> None:
    stored = Stored(job=DUE)
    stored.see(notified(7, 12.0, 20.0))
    assert edges(stored.of(START)[0]) == (12.0, 7.0, 12.0)


# --- several ways -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_three_ways_find_one_run_in_any_order(order: tuple[int, ...]) -> None:
    ways = [notified(7, 1.0, 20.0), polled(7, 20.0, 15.0, 30.0), audit("a1", 20.05)]
    stored = Stored()
    stored.see(*(ways[index] for index in order))
    (start,), (end,) = stored.of(START), stored.of(END)
    assert len(stored.markers) == 2
    assert start.found_by == end.found_by == "notification+poll+audit"
    assert edges(start) == (1.0, -4.0, 1.0)
    assert edges(end)[0] == 20.0
    assert end.attributes["audit"] == "a1"
    assert (start.agents, end.agents) == (150, 150)
    assert len(stored.runs()) == 1


def test_the_same_sighting_twice_says_nothing_new() -> None:
    stored = Stored()
    ways = [notified(7, 1.0, 20.0), polled(7, 20.0, 15.0, 30.0), audit("a1", 20.05)]
    stored.see(*ways)
    assert stored.see(*ways, *ways) == 0


def test_a_run_longer_than_the_limit_is_still_recognised() -> None:
    stored = Stored(job=dataclasses.replace(JOB, limit_s=1.0))
    stored.see(notified(7, 1.0, 9000.0), audit("a1", 9000.0))
    assert [end.found_by for end in stored.of(END)] == ["notification+audit"]


def test_after_a_restart_what_the_markers_know_is_not_told_again() -> None:
    stored = Stored()
    stored.see(notified(7, 1.0, 20.0))
    found = Polls(T0 - 86400).take(listing(listed(7, 20.0)), T0 + 5000, T0 + 5000)
    assert found is not None
    assert found[0].end.basis == "absence"
    stored.see(found[0])
    assert len(stored.markers) == 2
    assert edges(stored.of(END)[0]) == (20.0, 18.0, 20.1)  # a wide edge takes nothing from a good one
    assert stored.of(END)[0].found_by == "notification+poll"
    assert stored.see(found[0]) == 0


def test_ways_narrow_each_others_edges() -> None:
    stored = Stored()
    far = dataclasses.replace(notified(7, None, 20.0), start=None)
    stored.see(dataclasses.replace(far, end=dataclasses.replace(far.end, basis="arrival", min_s=T0 + 10)))
    stored.see(polled(7, 19.0, 18.5, 30.0))
    assert edges(stored.of(END)[0]) == (19.0, 18.5, 20.1)
    assert stored.of(END)[0].attributes["edge"] == "date"


def test_two_ways_that_contradict_each_other_keep_the_better_edge() -> None:
    stored = Stored()
    stored.see(polled(7, 9999.0, 100.0, 200.0))  # clocks apart: between the polls
    assert edges(stored.of(END)[0]) == (150.0, 100.0, 200.0)
    stored.see(notified(7, 1.0, 20.0))
    assert edges(stored.of(END)[0]) == (20.0, 18.0, 20.1)
    assert len(stored.markers) == 2


@pytest.mark.parametrize(("end_s", "runs"), [(24.9, 1), (25.1, 2)])
def test_the_platforms_dates_tell_publishes_apart_that_our_tolerance_would_not(end_s: float, runs: int) -> None:
    stored = Stored(job=dataclasses.replace(JOB, gap_s=0.0))
    found = Polls(T0 - 86400).take(listing(listed(7, end_s)), T0 + 5000, T0 + 5000)  # give or take a minute
    assert found is not None
    stored.see(audit("a1", 20.0), found[0])
    assert len(stored.runs()) == runs


def test_other_schedules_operations_and_entries_are_other_publishes() -> None:
    stored = Stored(job=dataclasses.replace(JOB, gap_s=0.0))
    stored.see(audit("a1", 20.0), audit("a2", 20.5), audit("a3", 21.0, schedule="another"))
    assert len(stored.runs()) == 3


def test_a_start_that_is_only_bounded_follows_its_end() -> None:
    stored = Stored()
    stored.see(polled(7, 9999.0, 10.0, 90.0), notified(7, None, 80.0))
    assert edges(stored.of(START)[0])[0] == edges(stored.of(END)[0])[0] == 80.0


def test_a_publish_does_not_bound_its_own_start() -> None:
    stored = Stored()
    stored.see(notified(7, None, 20.0), audit("a1", 20.0))
    assert edges(stored.of(START)[0])[1] == 18.0 - 7200.0


def test_a_marker_that_was_told_under_the_same_id_is_not_replaced() -> None:
    mine = told(END, 5000.0, run_id=f"{SCHEDULE}-v7")
    stored = Stored(mine)
    stored.see(notified(7, 1.0, 20.0))
    assert mine in stored.markers
    assert len(stored.markers) == 3


# --- batches ------------------------------------------------------------------------------------------------------


def test_updates_in_close_succession_are_batches_of_one_run() -> None:
    stored = Stored()
    stored.see(notified(7, 1.0, 3.0, "o1"), notified(8, 5.0, 7.0, "o2"), notified(9, 9.0, 11.0, "o3"))
    (run,) = stored.runs()
    assert (run.run_id, run.agents) == (f"{SCHEDULE}-v7", 150)
    assert [round(batch.at_wall_s - T0, 3) for batch in run.batches] == [3.0, 7.0, 11.0]
    assert edges(stored.of(START)[0])[0] == 1.0
    assert [edges(end)[0] for end in stored.of(END)] == [11.0]
    assert [m.attributes["version"] for m in stored.of(BATCH)] == ["7", "8", "9"]


def test_each_way_finds_its_batch() -> None:
    stored = Stored()
    stored.see(notified(7, 1.0, 3.0, "o1"), notified(8, 5.0, 7.0, "o2"), notified(9, 9.0, 11.0, "o3"))
    stored.see(polled(9, 11.0, 0.0, 15.0), audit("a1", 3.0), audit("a2", 7.0), audit("a3", 11.0))
    assert [m.found_by for m in stored.of(BATCH)] == ["notification+audit"] * 2 + ["notification+poll+audit"]
    assert [m.attributes["audit"] for m in stored.of(BATCH)] == ["a1", "a2", "a3"]
    assert stored.of(END)[0].found_by == stored.of(START)[0].found_by == "notification+poll+audit"
    assert len(stored.markers) == 5


def test_audit_alone_tells_batches_apart() -> None:
    stored = Stored()
    stored.see(audit("a1", 3.0), audit("a2", 4.0), audit("a3", 5.0))
    (run,) = stored.runs()
    assert (len(run.batches), run.found_by, run.run_id) == (3, "audit", "audit-a1")


def test_a_later_batch_says_nothing_of_the_runs_start() -> None:
    stored = Stored()
    stored.see(audit("a1", 3.0), audit("a2", 40.0), polled(9, 40.0, 30.0, 45.0))
    assert edges(stored.of(START)[0]) == (3.0, 1.0 - 7200.0, 5.0)


@pytest.mark.parametrize(("start_s", "runs"), [(79.0, 1), (81.0, 2)])
def test_the_gap_decides_where_a_run_ends(start_s: float, runs: int) -> None:
    stored = Stored()
    stored.see(notified(7, 1.0, 20.0, "o1"), notified(8, start_s, 90.0, "o2"))
    assert len(stored.runs()) == runs


def test_an_earlier_update_that_is_found_later_moves_the_start() -> None:
    stored = Stored()
    stored.see(notified(8, 30.0, 33.0, "o2"), notified(7, 21.0, 23.0, "o1"))
    assert edges(stored.of(START)[0])[0] == 21.0
    assert [edges(m)[0] for m in stored.of(BATCH)] == [23.0, 33.0]
    assert [edges(m)[0] for m in stored.of(END)] == [33.0]


# --- told runs ----------------------------------------------------------------------------------------------------


def told(phase: MarkerPhase, at_s: float, run_id: str = "mine", job: str = "weekly") -> Marker:
    return Marker(job=job, run_id=run_id, phase=phase, at_wall_s=T0 + at_s)


def test_a_run_that_was_told_learns_who_else_has_seen_it() -> None:
    stored = Stored(told(START, 0.0))
    stored.see(notified(7, 1.0, 20.0), now_s=T0 + 20.1)
    assert [(m.run_id, m.found_by, m.at_wall_s) for m in stored.markers] == [("mine", "told+notification", T0)]
    stored.markers.append(told(END, 25.0))
    stored.see(audit("a1", 20.0), notified(7, 1.0, 20.0))
    (run,) = stored.runs()
    assert (run.run_id, run.start_wall_s, run.end_wall_s) == ("mine", T0, T0 + 25.0)
    assert run.found_by == "told+notification+audit"


def test_a_run_that_was_told_too_late_is_still_one_run() -> None:
    stored = Stored()
    stored.see(notified(7, 1.0, 20.0))
    stored.markers += [told(START, 0.0), told(END, 25.0)]
    (run,) = stored.runs()
    assert (run.run_id, run.start_wall_s, run.end_wall_s) == ("mine", T0, T0 + 25.0)
    assert (run.found_by, run.agents) == ("told+notification", 150)
    assert stored.see(polled(7, 20.0, 15.0, 30.0)) == 2  # it is the detected one that learns of it now
    assert stored.runs()[0].found_by == "told+notification+poll"


@pytest.mark.parametrize(
    "others",
    [
        [told(START, -900.0), told(END, -300.0)],
        [told(START, 500.0), told(END, 600.0)],
        [told(START, 0.0, job="daily"), told(END, 25.0, job="daily")],
    ],
)
def test_a_told_run_of_another_time_or_job_is_another(others: Iterable[Marker]) -> None:
    stored = Stored(*others)
    stored.see(notified(7, 1.0, 20.0))
    assert len(stored.runs()) == 2


def test_a_script_that_does_not_wait_for_the_platform_is_still_the_one() -> None:
    stored = Stored(told(START, 0.0), told(END, 2.0))
    stored.see(notified(7, 1.9, 45.0))
    (run,) = stored.runs()
    assert (run.end_wall_s, run.found_by) == (T0 + 2.0, "told+notification")


def test_a_marker_that_a_user_posts_as_found_is_left_alone() -> None:
    odd = dataclasses.replace(told(START, 0.0), found_by="poll")
    stored = Stored(odd)
    stored.see(notified(7, 1.0, 20.0))
    assert odd in stored.markers
    assert len(stored.of(END)) == 1
