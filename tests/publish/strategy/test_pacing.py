"""Pacing as a pure function: when the next request may go out."""

from __future__ import annotations

import math

import pytest

from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RateLimit, RestReply
from monitor.publish.strategy.pacing import PACINGS, Paced, PaceState, Pacing, pacing_named


def named(name: str, **figures: float) -> Pacing:
    """A policy with the usual figures."""
    usual = {"in_flight": 8, "rate_per_s": 4.0, "headroom": 0.1, **figures}
    return pacing_named(name, window="22:00-05:00", tz="UTC", **usual)  # type: ignore[arg-type]


def told(count: int, allowed: int = 300, reset_s: float = 60.0) -> RestReply:
    """An answer with rate-limit headers."""
    return RestReply("presence", 200, seconds=0.01, rate_limit=RateLimit(count, allowed, reset_s))


def test_what_each_policy_is() -> None:
    facts = {name: (named(name).in_flight, named(name).bulk, named(name).whole, named(name).pauses) for name in PACINGS}
    assert facts == {
        "burst": (8, False, True, False),
        "batch": (1, True, False, True),
        "batch_single": (8, False, False, True),
        "paced": (4, False, False, False),
        "off_peak": (1, True, False, True),
    }


@pytest.mark.parametrize("name", ["burst", "batch", "batch_single", "off_peak"])
def test_the_unhurried_hold_nothing_back(name: str) -> None:
    policy, state = named(name), PaceState()
    for reply in (None, told(300), None):
        state = policy.next(state, reply, 5.0)
    assert state == PaceState()


def test_off_peak_opens_in_its_window_and_the_others_at_once() -> None:
    noon_s = 1_790_000_000.0 - 1_790_000_000.0 % 86400 + 12 * 3600
    assert named("off_peak").opening(noon_s).at_wall_s == noon_s + 10 * 3600
    assert named("burst").opening(noon_s).at_wall_s == noon_s


def test_paced_keeps_its_rate_before_the_first_answer() -> None:
    state = Paced(rate_per_s=4.0).next(PaceState(), None, 100.0)
    assert state.not_before_s == 100.25


def test_paced_slows_down_when_others_use_the_same_window() -> None:
    policy = Paced(rate_per_s=4.0)
    state = policy.next(policy.next(PaceState(), None, 100.0), told(210, reset_s=30.0), 100.1)
    assert state.not_before_s == pytest.approx(100.0 + 30.0 / (270 - 210))
    state = policy.next(policy.next(state, None, 101.0), told(270, reset_s=29.0), 101.1)
    assert state.not_before_s == pytest.approx(130.1)  # nothing left: the window's end


def test_paced_holds_everything_after_a_429() -> None:
    refused = RestReply("presence", 429, retry_after_s=42.0, failure=failure("presence", Reason.RATE_LIMITED))
    policy = Paced()
    state = policy.next(policy.next(PaceState(), None, 10.0), refused, 10.5)
    assert state.not_before_s == 52.5


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e9])
def test_paced_does_not_wait_for_ever_because_a_header_says_so(seconds: float) -> None:
    policy = Paced()
    sent = policy.next(PaceState(), None, 10.0)
    assert policy.next(sent, told(300, reset_s=seconds), 10.5).not_before_s == 10.25  # nonsense is not believed
    refused = RestReply("presence", 429, retry_after_s=1e9, failure=failure("presence", Reason.RATE_LIMITED))
    assert policy.next(sent, refused, 10.5).not_before_s == 310.5


@pytest.mark.parametrize("rate_per_s", [4.0, 1000.0])
def test_paced_stays_under_the_limit_with_headroom(rate_per_s: float) -> None:
    """Against a window that its own calls open, with another client's 60 calls counted in as well."""
    policy, state, now_s, used, opened_s = Paced(rate_per_s), PaceState(), 0.0, 60, 0.0
    highest = 0
    for _ in range(900):
        now_s = max(now_s, state.not_before_s)
        if now_s - opened_s >= 60.0:
            opened_s, used = now_s, 60
        state = policy.next(state, None, now_s)
        used += 1
        highest = max(highest, used)
        state = policy.next(state, told(used, reset_s=math.ceil(opened_s + 60.0 - now_s)), now_s)
    assert 200 < highest <= 270
    assert now_s < 900 / 4.0 * 1.5


@pytest.mark.parametrize(
    ("name", "figures", "words"),
    [
        ("fast", {}, "unknown pacing 'fast'; known: burst, batch, batch_single, paced, off_peak"),
        ("burst", {"in_flight": 0}, "0 requests in flight"),
        ("paced", {"rate_per_s": 0.0}, "a rate of 0 requests a second"),
        ("paced", {"rate_per_s": -1.0}, "a rate of -1"),
        ("paced", {"rate_per_s": math.nan}, "a rate of nan"),
        ("paced", {"headroom": 1.0}, "a headroom of 1"),
    ],
)
def test_figures_without_sense(name: str, figures: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        named(name, **figures)
