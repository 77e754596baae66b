"""When a publish started and ended, as honestly as its evidence allows: a moment, its interval, its basis; pure."""

from __future__ import annotations

from dataclasses import dataclass

CLOCK_TOLERANCE_S = 2.0  # how far the platform's clock and ours may be apart and still count as agreeing
ABSENCE_TOLERANCE_S = 60.0  # the same where nothing was polled just before, so that the clocks could not be compared
EVENT_DELAY_S = 5.0  # how long an event may have been under way
LONGEST_DELAY_S = 60.0  # an event that comes later after its own date than that tells of clocks that disagree
AUDIT_LOOKBACK_S = 900.0  # an audit entry may appear so long after its date
SCHEDULE_REACH_S = 1800.0  # a run that is found to end so long after it was due is the one that was due
# What an edge may rest upon, the best first; docs/detection.md explains each.
BASES = ("event", "date", "arrival", "polls", "absence", "schedule", "bound")
DATED = frozenset({"event", "date", "absence"})  # the point is the platform's own date
SAME_DATE_S = 5.0  # how far apart the platform's services may date one change


@dataclass(frozen=True, slots=True)
class Edge:
    """A moment in Unix seconds and the interval that it lies in. basis: one of BASES."""

    at_s: float
    min_s: float
    max_s: float
    basis: str


def event_end(modified_s: float | None, now_s: float) -> Edge:
    """The end that a Complete event tells: its date where the clocks agree, else its arrival now."""
    if modified_s is not None and now_s - LONGEST_DELAY_S <= modified_s <= now_s + CLOCK_TOLERANCE_S:
        return _around(modified_s, CLOCK_TOLERANCE_S, modified_s - CLOCK_TOLERANCE_S, now_s, "event")
    return Edge(now_s, now_s - EVENT_DELAY_S, now_s, "arrival")


def event_start(arrived_s: float, end: Edge, now_s: float) -> Edge:
    """The start that a Processing event tells: its arrival. It was under way as long as the Complete event, now."""
    delay_s = max(EVENT_DELAY_S, now_s - end.min_s)
    at_s = min(arrived_s, end.at_s)
    return Edge(at_s, min(arrived_s - delay_s, at_s), max(at_s, min(arrived_s, end.max_s)), "event")


def poll_end(date_s: float, before_s: float, now_s: float) -> Edge:
    """The end that two polls tell: the date in the list where the clocks agree, else the time between the polls.

    A date a little before the earlier poll may also come of a list that was not up to date then.
    """
    if before_s - CLOCK_TOLERANCE_S <= date_s <= now_s + CLOCK_TOLERANCE_S:
        return _around(date_s, CLOCK_TOLERANCE_S, before_s, now_s, "date")
    stale = before_s - LONGEST_DELAY_S <= date_s < before_s
    return Edge((before_s + now_s) / 2, date_s - CLOCK_TOLERANCE_S if stale else before_s, now_s, "polls")


def absence_end(date_s: float, since_s: float, now_s: float) -> Edge:
    """The end of a publish that the first list shows: sometime since the memory begins, most likely at its date."""
    if date_s <= now_s + ABSENCE_TOLERANCE_S:
        return _around(date_s, ABSENCE_TOLERANCE_S, since_s, now_s, "absence")
    return Edge((since_s + now_s) / 2, since_s, now_s, "absence")


def audit_end(date_s: float, now_s: float, *, absent: bool) -> Edge:
    """The end that an audit entry tells: its date. Entries come late, so that only a date in the future shows clocks
    that disagree. absent: it is from before we were there."""
    if absent:
        return _around(date_s, ABSENCE_TOLERANCE_S, date_s - ABSENCE_TOLERANCE_S, now_s, "absence")
    if date_s <= now_s + CLOCK_TOLERANCE_S:
        return _around(date_s, CLOCK_TOLERANCE_S, date_s - CLOCK_TOLERANCE_S, now_s, "date")
    return Edge(now_s, now_s - AUDIT_LOOKBACK_S, now_s, "arrival")


def due_start(due_s: float, end: Edge) -> Edge:
    """The start of a run that was due at `due_s`: then, or later."""
    at_s = min(due_s, end.at_s)
    return Edge(at_s, at_s - CLOCK_TOLERANCE_S, end.max_s, "schedule")


def bounded_start(earliest_s: float, end: Edge) -> Edge:
    """The start of a run of which only the end shows: the latest moment possible stands for it."""
    return Edge(end.at_s, min(earliest_s, end.at_s), end.max_s, "bound")


def start_within(start: Edge, end: Edge) -> Edge:
    """A start within its own bounds and those of its end; one that is only bounded is at the latest moment."""
    high = max(min(start.max_s, end.max_s), start.min_s)
    latest_s = end.at_s if start.basis == "bound" else min(start.at_s, end.at_s)
    return Edge(min(max(latest_s, start.min_s), high), start.min_s, high, start.basis)


def near_s(one: Edge, other: Edge) -> float | None:
    """How far apart two edges are that may be of one moment; None when they cannot be.

    Where both are the platform's dates its one clock decides, whatever it may be off from ours.
    """
    apart_s = abs(one.at_s - other.at_s)
    if one.basis in DATED and other.basis in DATED:
        return apart_s if apart_s <= SAME_DATE_S else None
    return apart_s if one.min_s <= other.max_s and other.min_s <= one.max_s else None


def better(held: Edge, new: Edge) -> Edge:
    """Two edges of one moment as one: the better basis gives the point, both bound it as far as they agree."""
    best, other = (new, held) if _rank(new) < _rank(held) else (held, new)
    low, high = max(best.min_s, other.min_s), min(best.max_s, other.max_s)
    if not low <= best.at_s <= high:
        return best
    return Edge(best.at_s, low, high, best.basis)


def _around(moment_s: float, tolerance_s: float, first_s: float, last_s: float, basis: str) -> Edge:
    """A moment give or take a tolerance, within what is certain."""
    at_s = min(max(moment_s, first_s), last_s)
    return Edge(
        at_s, min(at_s, max(first_s, moment_s - tolerance_s)), max(at_s, min(last_s, moment_s + tolerance_s)), basis
    )


def _rank(edge: Edge) -> int:
    return BASES.index(edge.basis) if edge.basis in BASES else len(BASES)
