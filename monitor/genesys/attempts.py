"""The reconnect loop that both kinds of connection share: attempt, wait, attempt again; and a drop as an interval."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure
from monitor.genesys.account import Setback
from monitor.genesys.backoff import Backoff, BackoffOptions
from monitor.genesys.events import Dropped
from monitor.genesys.states import Ending

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt, or the connection it made, ended. fatal: do not try again. at_once: try again without waiting."""

    failure: Failure
    fatal: bool = False
    at_once: bool = False
    retry_after_s: float = 0.0
    was_connected: bool = False


class Attempts:
    """Attempts without end: 2 s after a drop, doubling after each failed attempt; Retry-After comes on top."""

    def __init__(self, options: BackoffOptions, clock: Clock, sleep: Sleep) -> None:
        self._backoff = Backoff(options, random.SystemRandom() if options.full_jitter else None)
        self._clock = clock
        self._sleep = sleep

    async def run(self, attempt: Callable[[], Awaitable[Outcome]]) -> Failure:
        """Call `attempt` again and again; returns the failure of the one that was fatal."""
        waited = False
        while True:
            outcome = await attempt()
            if outcome.fatal:
                return outcome.failure
            now = self._clock.mono_s()
            if waited and not outcome.was_connected:
                self._backoff.failed(now)
            waited = not (outcome.at_once and outcome.was_connected)
            await self._sleep(outcome.retry_after_s + self._backoff.delay_s(now) if waited else 0.0)


def outcome_of(setback: Setback, *, fatal: bool) -> Outcome:
    """A setback before the socket as an attempt's outcome."""
    return Outcome(setback.failure, fatal=fatal, retry_after_s=setback.retry_after_s)


def dropped(
    ending: Ending,
    heard_mono_s: float,
    clock: Clock,
    *,
    was_connected: bool = True,
    noticed_mono_s: float | None = None,
) -> Dropped:
    """The drop of a connection that last heard from the other side at `heard_mono_s`.

    noticed_mono_s: when its silence was noticed before; without that, or if it was heard since, it is noticed now.
    """
    now_wall_s, now_mono_s = clock.wall_s(), clock.mono_s()
    if noticed_mono_s is None or noticed_mono_s < heard_mono_s:
        noticed_mono_s = now_mono_s
    return Dropped(
        layer_reason=ending.reason,
        code=ending.code,
        detail=ending.failure.detail,
        # both by the monotonic clock, so that a stepped wall clock cannot turn the interval round
        last_good_wall_s=now_wall_s - (now_mono_s - heard_mono_s),
        noticed_wall_s=now_wall_s - (now_mono_s - noticed_mono_s),
        will_reconnect=not ending.fatal,
        was_connected=was_connected,
    )
