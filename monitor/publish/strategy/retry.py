"""Whether a failed request is sent again, and when: policies as pure functions of state, reply and time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from monitor.facts.failures import Reason
from monitor.genesys.rest_messages import RestReply

NONE, BACKOFF, RETRY_AFTER, SDK_DEFAULT = "none", "backoff", "retry_after", "sdk_default"
RETRIES = (NONE, BACKOFF, RETRY_AFTER, SDK_DEFAULT)
CONFLICT = 409  # also stands for an update that the platform has processed and refused
MOST_TRIES = 100
SANE_S = 300.0  # a longer Retry-After is not waited for by `retry_after`, nor a longer window of the limit by `paced`
SDK_LIMIT = 10  # urllib3.util.Retry.total
SDK_LONGEST_S = 21_600.0  # urllib3's DEFAULT_RETRY_AFTER_MAX
_CUT = (Reason.RESET, Reason.CLOSED, Reason.REFUSED, Reason.UNREACHABLE, Reason.DNS)
_TRANSIENT = (408, CONFLICT, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class RetryState:
    """One request's history. tries: how often it has been sent again; wait_s: how long to wait before the next time.

    wait_s None: not again. honoured: the wait is the platform's own Retry-After. draw: makes one request's jitter
    differ from another's, and one seed's from another's.
    """

    tries: int = 0
    wait_s: float | None = None
    honoured: bool = False
    draw: str = ""

    def again(self, wait_s: float, *, honoured: bool = False) -> RetryState:
        """Once more, after `wait_s`."""
        return RetryState(self.tries + 1, wait_s, honoured, self.draw)

    def never(self) -> RetryState:
        """No more."""
        return RetryState(self.tries, None, False, self.draw)


class Retry(Protocol):
    """A retry policy."""

    @property
    def name(self) -> str:
        """One of RETRIES."""
        ...

    def next(self, state: RetryState, reply: RestReply, now_s: float) -> RetryState:
        """What to do about a failed reply: the state to go on with, whose wait_s says when or None."""
        ...


@dataclass(frozen=True, slots=True)
class NoRetry:
    """What fails has failed."""

    name: str = NONE

    def next(self, state: RetryState, reply: RestReply, now_s: float) -> RetryState:
        """Never again."""
        return state.never()


@dataclass(frozen=True, slots=True)
class Backoff:
    """`limit` more tries, first_s x factor^n apart, deaf to Retry-After; jitter draws each from half to all of it."""

    limit: int = 3
    factor: float = 2.0
    first_s: float = 1.0
    jitter: bool = False
    name: str = BACKOFF

    def next(self, state: RetryState, reply: RestReply, now_s: float) -> RetryState:
        """Again for what may pass by itself: 408, 409, 429, 5xx, and no answer at all."""
        transient = reply.status in _TRANSIENT if reply.status is not None else _may_pass(reply)
        if not transient or state.tries >= self.limit:
            return state.never()
        wait_s = self.first_s * self.factor**state.tries
        if self.jitter:
            draw = random.Random(f"{state.draw}/{state.tries}")  # noqa: S311 - a run must be repeatable from its seed
            wait_s *= draw.uniform(0.5, 1.0)
        return state.again(wait_s)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Waits as long as the platform says, up to `limit` times, if it says so and that is at most `sane_s`."""

    limit: int = 10
    sane_s: float = SANE_S
    name: str = RETRY_AFTER

    def next(self, state: RetryState, reply: RestReply, now_s: float) -> RetryState:
        """Again after Retry-After. An update that another edit overtook is tried again at once: nothing says wait."""
        if state.tries >= self.limit:
            return state.never()
        if reply.status == CONFLICT:
            return state.again(0.0)
        wait_s = reply.retry_after_s
        if reply.status is None or wait_s is None or wait_s > self.sane_s:
            return state.never()
        return state.again(wait_s, honoured=True)


@dataclass(frozen=True, slots=True)
class SdkDefault:
    """What the Python SDK does by way of urllib3: 413, 429 and 503 with Retry-After, and cut connections at once."""

    limit: int = SDK_LIMIT
    name: str = SDK_DEFAULT

    def next(self, state: RetryState, reply: RestReply, now_s: float) -> RetryState:
        """Again, ten times in all, without any backoff of its own."""
        if state.tries >= self.limit:
            return state.never()
        if reply.status is None:
            cut = reply.failure is not None and reply.failure.reason in _CUT
            return state.again(0.0) if cut else state.never()
        if reply.status not in (413, 429, 503) or reply.retry_after_s is None:
            return state.never()
        return state.again(min(reply.retry_after_s, SDK_LONGEST_S), honoured=True)


def retry_named(name: str, *, limit: int | None, factor: float, first_s: float, jitter: bool) -> Retry:
    """The policy of that name. Raises ValueError with one clear line."""
    if limit is not None and not 0 <= limit <= MOST_TRIES:
        raise ValueError(f"a retry limit of {limit} is not between 0 and {MOST_TRIES}")
    if not 1.0 <= factor <= 10.0:
        raise ValueError(f"a retry factor of {factor:g} is not between 1 and 10")
    if not 0.0 < first_s <= 600.0:
        raise ValueError(f"a first retry after {first_s:g} s is not between 0 and 600 s")
    if name == NONE:
        return NoRetry()
    if name == BACKOFF:
        return Backoff(3 if limit is None else limit, factor, first_s, jitter)
    if name == RETRY_AFTER:
        return RetryAfter(10 if limit is None else limit)
    if name == SDK_DEFAULT:
        return SdkDefault(SDK_LIMIT if limit is None else limit)
    raise ValueError(f"unknown retry {name!r}; known: {', '.join(RETRIES)}")


def _may_pass(reply: RestReply) -> bool:
    return reply.failure is not None and reply.failure.reason in (*_CUT, Reason.TIMEOUT)
