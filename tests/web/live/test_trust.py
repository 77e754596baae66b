"""Own trust: the last minute, and which minutes of the day are to be distrusted."""

from __future__ import annotations

from live_facts import SITE, T0, lag, ping

from monitor.facts.observations import FactsDropped, ProcessEnded, SlotSkipped
from monitor.outputs.suspicion import Second
from monitor.web.live.trust import MINUTE_S, MOST_MINUTES, Trust

MINUTE = T0 // MINUTE_S * MINUTE_S


def test_the_last_minute_is_counted() -> None:
    trust = Trust()
    trust.feed(ping(lag_s=0.5), 100.0)
    trust.feed(lag(lag_s=0.3), 130.0)
    trust.feed(lag(lag_s=0.2, process="main"), 150.0)
    assert trust.last_minute(150.0) == Second(150, samples=1, suspect=1, lag_s=0.3)
    assert trust.suspect(150.0)
    assert trust.last_minute(195.0) == Second(195)  # the lag of what only collects falsifies nothing
    trust.feed(lag(), 194.0)
    assert not trust.suspect(195.0)


def test_what_went_wrong_since_the_start_is_counted() -> None:
    trust = Trust()
    told = {"site": SITE, "probe": "p", "at_wall_s": T0}
    for fact in (
        FactsDropped(sink="page", count=5, **told),  # type: ignore[arg-type]
        SlotSkipped(slots=2, **told),  # type: ignore[arg-type]
        ProcessEnded(process="prober", exit_status=1, **told),  # type: ignore[arg-type]
    ):
        trust.feed(fact, 1.0)
    assert (trust.dropped, trust.skipped_slots, trust.ended_processes) == (5, 2, 1)


def test_bad_minutes_are_stretches_whatever_the_order() -> None:
    trust = Trust()
    for minutes in (5, 1, 2, 0):
        trust.remember(lag(MINUTE + minutes * MINUTE_S + 7, 0.3 if minutes else 0.01))
    assert trust.stretches(MINUTE, MINUTE + 900) == [
        (MINUTE + 60, MINUTE + 180),
        (MINUTE + 300, MINUTE + 360),
    ]
    assert trust.stretches(MINUTE + 200, MINUTE + 900) == [(MINUTE + 300, MINUTE + 360)]


def test_a_minute_before_all_that_are_kept_is_passed_over() -> None:
    trust = Trust()
    for minute in range(MOST_MINUTES):
        trust.remember(lag(MINUTE + minute * MINUTE_S, 0.01))
    trust.remember(lag(MINUTE - MINUTE_S, 0.3))
    assert trust.stretches(0, MINUTE * 2) == []
    trust.remember(lag(MINUTE + MOST_MINUTES * MINUTE_S, 0.3))
    assert len(trust.stretches(0, MINUTE * 2)) == 1


def test_minutes_are_bounded() -> None:
    trust = Trust()
    for minute in range(MOST_MINUTES + 500):
        trust.remember(lag(MINUTE + minute * MINUTE_S, 0.3))
    ((start, end),) = trust.stretches(0, MINUTE * 2)
    assert (end - start) / MINUTE_S == MOST_MINUTES
