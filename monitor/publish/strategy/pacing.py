"""When the next request of a publish job may go out: policies as pure functions of state, reply and time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from monitor.genesys.rest_messages import RestReply
from monitor.publish.strategy.quiet_hours import Opening, QuietHours
from monitor.publish.strategy.retry import SANE_S

BURST, BATCH, BATCH_SINGLE, PACED, OFF_PEAK = "burst", "batch", "batch_single", "paced", "off_peak"
PACINGS = (BURST, BATCH, BATCH_SINGLE, PACED, OFF_PEAK)
WINDOW_S = 60.0  # the platform's rate limits are per minute
PACED_IN_FLIGHT = 4  # enough for the pace while an answer takes up to a second, and no pile-up when it takes longer
MOST_IN_FLIGHT = 64
MOST_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class PaceState:
    """What pacing remembers; times are monotonic seconds.

    not_before_s: the next request may not go out earlier. sent_s: when the last one did. unanswered: how many have no
    answer yet. used, allowed: the rate-limit window's count and limit as last told, allowed 0 where none is known;
    resets_s: when that window ends.
    """

    not_before_s: float = 0.0
    sent_s: float = 0.0
    unanswered: int = 0
    used: int = 0
    allowed: int = 0
    resets_s: float = 0.0


class Pacing(Protocol):
    """A pacing policy.

    name: one of PACINGS. in_flight: how many requests may be under way at once, those that wait for a retry included.
    bulk: a batch's writes are one request a kind. whole: all agents are one batch. pauses: there is a pause between
    batches, and a batch of single requests holds so many requests.
    """

    @property
    def name(self) -> str: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def bulk(self) -> bool: ...
    @property
    def whole(self) -> bool: ...
    @property
    def pauses(self) -> bool: ...

    def opening(self, wall_s: float) -> Opening:
        """When the next batch may begin, at the earliest `wall_s` (Unix seconds). ValueError: it cannot be said."""
        ...

    def next(self, state: PaceState, reply: RestReply | None, now_s: float) -> PaceState:
        """The state after `reply` has come, or after a request has gone out (reply None)."""
        ...


@dataclass(frozen=True, slots=True)
class Unhurried:
    """burst, batch and batch_single: no request waits for anything but its turn."""

    name: str
    in_flight: int = 1
    bulk: bool = False
    whole: bool = False
    pauses: bool = False

    def opening(self, wall_s: float) -> Opening:
        """At once."""
        return Opening(wall_s)

    def next(self, state: PaceState, reply: RestReply | None, now_s: float) -> PaceState:
        """No change."""
        return state


@dataclass(frozen=True, slots=True)
class OffPeak(Unhurried):
    """As batch, and no batch begins outside the quiet hours."""

    hours: QuietHours = field(kw_only=True)

    def opening(self, wall_s: float) -> Opening:
        """At once inside the quiet hours, else when they next begin."""
        return self.hours.opening(wall_s)


@dataclass(frozen=True, slots=True)
class Paced:
    """Evenly, at most rate_per_s, and so that `headroom` of what the inin-ratelimit headers allow stays free."""

    rate_per_s: float = 4.0
    headroom: float = 0.1
    name: str = PACED
    in_flight: int = PACED_IN_FLIGHT
    bulk: bool = False
    whole: bool = False
    pauses: bool = False

    def opening(self, wall_s: float) -> Opening:
        """At once."""
        return Opening(wall_s)

    def next(self, state: PaceState, reply: RestReply | None, now_s: float) -> PaceState:
        """Take note of what went out or came back, and say when the next may go out."""
        if reply is None:
            state = replace(state, sent_s=now_s, unanswered=state.unanswered + 1)
        else:
            state = _told(replace(state, unanswered=max(0, state.unanswered - 1)), reply, now_s)
        not_before_s = self._next_s(state, now_s)
        if reply is not None and reply.status == 429:
            not_before_s = max(not_before_s, now_s + min(reply.retry_after_s or 0.0, SANE_S))
        return replace(state, not_before_s=max(state.not_before_s, not_before_s))

    def _next_s(self, state: PaceState, now_s: float) -> float:
        gap_s = 1.0 / self.rate_per_s
        usable = state.allowed * (1.0 - self.headroom)
        if usable > 0:
            gap_s = max(gap_s, WINDOW_S / usable)
        if usable <= 0 or now_s >= state.resets_s:
            return state.sent_s + gap_s
        left = usable - state.used - state.unanswered
        if left < 1:
            return state.resets_s
        return state.sent_s + max(gap_s, (state.resets_s - now_s) / left)


def _told(state: PaceState, reply: RestReply, now_s: float) -> PaceState:
    limit = reply.rate_limit
    if limit is None or not 0.0 <= limit.reset_s <= SANE_S:
        return state
    return replace(state, used=limit.count, allowed=limit.allowed, resets_s=now_s + limit.reset_s)


def pacing_named(
    name: str, *, in_flight: int, rate_per_s: float, headroom: float, window: str | None, tz: str | None
) -> Pacing:
    """The policy of that name. Raises ValueError with one clear line."""
    if name not in PACINGS:
        raise ValueError(f"unknown pacing {name!r}; known: {', '.join(PACINGS)}")
    if not 1 <= in_flight <= MOST_IN_FLIGHT:
        raise ValueError(f"{in_flight} requests in flight: a number from 1 to {MOST_IN_FLIGHT} is needed")
    if not 0.0 < rate_per_s <= MOST_PER_S:
        raise ValueError(f"a rate of {rate_per_s:g} requests a second is not between 0 and {MOST_PER_S:g}")
    if not 0.0 <= headroom < 1.0:
        raise ValueError(f"a headroom of {headroom:g} is not between 0 and 1")
    if name == PACED:
        return Paced(rate_per_s, headroom)
    if name == OFF_PEAK:
        return OffPeak(name, bulk=True, pauses=True, hours=QuietHours.parse(window, tz))
    if name == BATCH:
        return Unhurried(name, bulk=True, pauses=True)
    return Unhurried(name, in_flight, whole=name == BURST, pauses=name == BATCH_SINGLE)
