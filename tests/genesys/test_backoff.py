"""The softphone's backoff, by table; times are arguments."""

from __future__ import annotations

import random

import pytest

from monitor.genesys.backoff import Backoff, BackoffOptions
from monitor.genesys.reconnect import ReconnectPlan


def test_doubles_from_two_seconds_to_ninety() -> None:
    backoff = Backoff()
    delays, now = [], 0.0
    for _ in range(8):
        delays.append(backoff.delay_s(now))
        now += delays[-1]
        backoff.failed(now)
    assert delays == [2, 4, 8, 16, 32, 64, 90, 90]


@pytest.mark.parametrize(
    ("failures", "quiet_s", "delay_s"),
    [
        (0, 0.0, 2.0),
        (1, 0.0, 4.0),
        (1, 19.9, 4.0),
        (1, 20.0, 2.0),  # 5 x 4 s
        (2, 39.9, 8.0),
        (2, 40.0, 4.0),
        (2, 59.9, 4.0),
        (2, 60.0, 2.0),  # 5 x 8 s, then 5 x 4 s
        (9, 449.9, 90.0),
        (9, 450.0, 45.0),
        (9, 3599.0, 2.0),
        (9, 3600.0, 2.0),
    ],
)
def test_a_remembered_delay_halves_after_five_times_itself(failures: int, quiet_s: float, delay_s: float) -> None:
    backoff = Backoff()
    for _ in range(failures):
        backoff.failed(1000.0)
    assert backoff.delay_s(1000.0 + quiet_s) == pytest.approx(delay_s)


def test_an_hour_without_a_failure_forgets_all() -> None:
    backoff = Backoff(BackoffOptions(cap_s=4000.0))
    for _ in range(12):
        backoff.failed(0.0)
    assert backoff.delay_s(3599.0) == 4000.0
    assert backoff.delay_s(3600.0) == 2.0


def test_full_jitter_spreads_below_the_delay_and_follows_its_seed() -> None:
    options = BackoffOptions(full_jitter=True)
    backoff, same = Backoff(options, random.Random(7)), Backoff(options, random.Random(7))
    for one in (backoff, same):
        one.failed(0.0)
    delays = [backoff.delay_s(0.0) for _ in range(200)]
    assert delays == [same.delay_s(0.0) for _ in range(200)]
    assert all(0 <= delay <= 4 for delay in delays)
    assert len(set(delays)) > 100
    with pytest.raises(ValueError, match=r"random\.Random"):
        Backoff(options)


def test_every_tenth_reuse_of_a_channel_is_hard() -> None:
    plan = ReconnectPlan()
    kinds = []
    for attempt in range(23):
        kinds.append(plan.begin_attempt())
        if kinds[-1] == "hard":
            plan.created(f"channel-{attempt}")
    assert [n for n, kind in enumerate(kinds) if kind == "hard"] == [0, 10, 20]
    assert plan.channel_id == "channel-20"


def test_a_hard_reconnect_is_required_until_a_channel_is_made() -> None:
    plan = ReconnectPlan()
    plan.created("c")
    plan.require_hard()
    assert plan.channel_id is None
    assert [plan.begin_attempt(), plan.begin_attempt()] == ["hard", "hard"]
    plan.created("d")
    assert plan.begin_attempt() == "soft"
