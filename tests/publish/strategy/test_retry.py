"""Retry policies as pure functions; the SDK's as it was measured."""

from __future__ import annotations

import math

import pytest

from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RestReply
from monitor.publish.strategy.retry import RETRIES, Retry, RetryState, retry_named


def named(name: str, *, limit: int | None = None, factor: float = 2.0, jitter: bool = False) -> Retry:
    """A policy."""
    return retry_named(name, limit=limit, factor=factor, first_s=1.0, jitter=jitter)


def refused(status: int, retry_after_s: float | None = None) -> RestReply:
    """An answer other than 2xx."""
    return RestReply("x", status, retry_after_s=retry_after_s, failure=failure("x", Reason.UNEXPECTED_STATUS))


def lost(reason: Reason) -> RestReply:
    """No answer."""
    return RestReply("x", None, failure=failure("x", reason))


def waits(policy: Retry, reply: RestReply, most: int = 30) -> list[float]:
    """How long is waited before each further try, until it gives up."""
    state, found = RetryState(draw="1"), []
    while len(found) < most:
        state = policy.next(state, reply, 0.0)
        if state.wait_s is None:
            break
        found.append(state.wait_s)
    return found


@pytest.mark.parametrize("reply", [refused(429, 1.0), refused(503, 1.0), refused(500), lost(Reason.RESET)])
def test_none_never_tries_again(reply: RestReply) -> None:
    assert waits(named("none"), reply) == []


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refused(429, 42.0), [1.0, 2.0, 4.0]),  # deaf to Retry-After: that is the point of comparing it
        (refused(500), [1.0, 2.0, 4.0]),
        (refused(409), [1.0, 2.0, 4.0]),
        (lost(Reason.RESET), [1.0, 2.0, 4.0]),
        (lost(Reason.TIMEOUT), [1.0, 2.0, 4.0]),
        (refused(400), []),
        (refused(403), []),
        (lost(Reason.AUTH), []),
    ],
)
def test_backoff(reply: RestReply, expected: list[float]) -> None:
    assert waits(named("backoff"), reply) == expected


def test_backoff_takes_its_figures() -> None:
    assert waits(named("backoff", limit=5, factor=3.0), refused(500)) == [1.0, 3.0, 9.0, 27.0, 81.0]
    assert waits(named("backoff", limit=0), refused(500)) == []


def test_jitter_differs_between_requests_and_repeats_with_the_seed() -> None:
    policy = named("backoff", jitter=True)
    one, same, other = (policy.next(RetryState(draw=draw), refused(500), 0.0).wait_s for draw in ("1/1", "1/1", "1/2"))
    assert one == same != other
    assert one is not None
    assert other is not None
    assert 0.5 <= min(one, other) <= max(one, other) <= 1.0


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refused(429, 42.0), [42.0] * 10),
        (refused(503, 7.0), [7.0] * 10),
        (refused(429), []),
        (refused(429, 0.0), [0.0] * 10),
        (refused(429, 301.0), []),  # as long as sane
        (refused(500), []),
        (refused(409), [0.0] * 10),
        (lost(Reason.RESET), []),
    ],
)
def test_retry_after(reply: RestReply, expected: list[float]) -> None:
    assert waits(named("retry_after"), reply) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refused(429, 1.0), [1.0] * 10),  # 11 requests
        (refused(413, 1.0), [1.0] * 10),
        (refused(503, 1.0), [1.0] * 10),
        (refused(429), []),
        (refused(503), []),
        (refused(500, 1.0), []),
        (refused(502, 1.0), []),
        (refused(504), []),
        (refused(401), []),
        (refused(409), []),  # an update that was processed and refused is nothing that the SDK looks at
        (refused(429, 1e6), [21600.0] * 10),
        (lost(Reason.RESET), [0.0] * 10),
        (lost(Reason.REFUSED), [0.0] * 10),
        (lost(Reason.TIMEOUT), []),  # it has no timeout at all
    ],
)
def test_sdk_default(reply: RestReply, expected: list[float]) -> None:
    assert waits(named("sdk_default"), reply) == expected


def test_only_a_wait_that_the_platform_asked_for_is_honoured() -> None:
    honoured = {
        name: named(name).next(RetryState(), refused(429, 3.0), 0.0).honoured for name in RETRIES if name != "none"
    }
    assert honoured == {"backoff": False, "retry_after": True, "sdk_default": True}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": -1}, "a retry limit of -1"),
        ({"factor": 0.5}, "a retry factor of 0.5"),
        ({"factor": math.nan}, "a retry factor of nan"),
        ({"first_s": 0.0}, "a first retry after 0 s"),
        ({"name": "always"}, "unknown retry 'always'; known: none, backoff, retry_after, sdk_default"),
    ],
)
def test_figures_without_sense(options: dict[str, object], words: str) -> None:
    usual: dict[str, object] = {"name": "backoff", "limit": None, "factor": 2.0, "first_s": 1.0, "jitter": False}
    with pytest.raises(ValueError, match=words):
        retry_named(**{**usual, **options})  # type: ignore[arg-type]
