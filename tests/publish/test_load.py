"""API load: the pace is kept whatever the answers do, nothing is made up for, and it stays on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.failures import Reason, failure
from monitor.genesys.regions import Endpoints, for_region
from monitor.genesys.rest_messages import RestReply
from monitor.publish.load import LoadResult, apply_load, quantiles

LOOPBACK = Endpoints("http://127.0.0.1:1", "http://localhost:1", "ws://[::1]:1", "notifications.127.0.0.1")
Answer = Callable[[int], Awaitable[RestReply]]


class Platform:
    """Stands in for Rest: records the calls and answers as told."""

    def __init__(self, clock: ManualClock, answer: Answer | None = None) -> None:
        self.calls: list[tuple[float, str, str, str, Any]] = []
        self.closed = 0
        self._clock = clock
        self._answer = answer

    async def call(
        self, operation: str, method: str, path: str, *, json: Any = None, timeout_s: float = 30.0
    ) -> RestReply:
        self.calls.append((self._clock.mono_s(), operation, method, path, json))
        if self._answer is not None:
            return await self._answer(len(self.calls) - 1)
        return RestReply(operation, 200, seconds=0.01)

    async def aclose(self) -> None:
        self.closed += 1


async def run(
    answer: Answer | None = None, *, rate_per_s: float = 10, seconds: float = 1, stall_s: float = 0, **options: Any
) -> tuple[LoadResult, Platform]:
    """One run on a clock that only sleeping moves; the third sleep overruns by stall_s."""
    clock = ManualClock()
    sleeps = 0

    async def sleep(length_s: float) -> None:
        nonlocal sleeps
        sleeps += 1
        await asyncio.sleep(0)  # calls start at the time they are due
        clock.advance(length_s + (stall_s if sleeps == 3 else 0))
        await asyncio.sleep(0)

    platform = Platform(clock, answer)
    result = await apply_load(
        lambda endpoints: platform,
        LOOPBACK,
        ["u1", "u2"],
        rate_per_s=rate_per_s,
        seconds=seconds,
        clock=clock,
        sleep=sleep,
        **options,
    )
    assert platform.closed == 1
    return result, platform


async def test_presence_then_routing_status_for_agent_after_agent_at_a_steady_rate() -> None:
    result, platform = await run(rate_per_s=10, seconds=0.5)
    presence = {"presenceDefinition": {"systemPresence": "Available"}}
    assert [(operation, method, path, json) for _, operation, method, path, json in platform.calls] == [
        ("presence", "PATCH", "/api/v2/users/u1/presences/purecloud", presence),
        ("routing_status", "PUT", "/api/v2/users/u1/routingstatus", {"userId": "u1", "status": "IDLE"}),
        ("presence", "PATCH", "/api/v2/users/u2/presences/purecloud", presence),
        ("routing_status", "PUT", "/api/v2/users/u2/routingstatus", {"userId": "u2", "status": "IDLE"}),
        ("presence", "PATCH", "/api/v2/users/u1/presences/purecloud", presence),
    ]
    times = [round(at - platform.calls[0][0], 6) for at, *_ in platform.calls]
    assert times == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert (result.calls, result.statuses, result.late, result.crowded, result.unfinished) == (5, {"200": 5}, 0, 0, 0)


async def test_slots_missed_by_being_late_are_counted_and_never_bursted() -> None:
    result, platform = await run(rate_per_s=10, seconds=1, stall_s=0.35)
    assert result.late == 3
    assert result.calls == 7
    times = [at for at, *_ in platform.calls]
    assert len(set(times)) == len(times)


async def test_calls_in_flight_are_bounded_and_slots_left_out_are_counted() -> None:
    release = asyncio.Event()

    async def hang(index: int) -> RestReply:
        await release.wait()
        return RestReply("presence", 200, seconds=1.0)

    result, platform = await run(hang, rate_per_s=10, seconds=1, most_in_flight=3, grace_s=0)
    assert (result.calls, result.crowded, result.unfinished) == (3, 7, 3)
    assert len(platform.calls) == 3
    assert result.statuses == {}
    assert result.latency_s == {}


async def test_statuses_are_counted_and_only_good_answers_have_a_latency() -> None:
    replies = [
        RestReply("presence", 200, seconds=0.1),
        RestReply("presence", 429, seconds=0.001, failure=failure("presence", Reason.RATE_LIMITED)),
        RestReply("presence", None, failure=failure("presence", Reason.TIMEOUT)),
        RestReply("presence", 200, seconds=0.3),
    ]

    async def answer(index: int) -> RestReply:
        return replies[index]

    result, _ = await run(answer, rate_per_s=4, seconds=1)
    assert result.statuses == {"200": 2, "429": 1, "timeout": 1}
    assert result.latency_s == {0.5: 0.1, 0.9: 0.3, 0.99: 0.3, 1.0: 0.3}


async def test_a_mistake_of_ours_is_not_hidden_and_the_client_is_closed() -> None:
    clock = ManualClock()

    async def broken(index: int) -> RestReply:
        raise RuntimeError("bug")

    platform = Platform(clock, broken)

    async def sleep(length_s: float) -> None:
        clock.advance(length_s)
        await asyncio.sleep(0)

    with pytest.raises(ExceptionGroup):
        await apply_load(lambda e: platform, LOOPBACK, ["u"], rate_per_s=1, seconds=3, clock=clock, sleep=sleep)
    assert platform.closed == 1


async def test_cancelling_ends_every_call() -> None:
    clock, started, ended = ManualClock(), asyncio.Event(), []

    async def hang(index: int) -> RestReply:
        started.set()
        try:
            return await asyncio.Future()
        finally:
            ended.append(index)

    platform = Platform(clock, hang)
    task = asyncio.create_task(apply_load(lambda e: platform, LOOPBACK, ["u"], rate_per_s=1, seconds=60, clock=clock))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (ended, platform.closed) == ([0], 1)


@pytest.mark.parametrize(
    "endpoints",
    [
        for_region("us-east-1"),
        Endpoints("http://127.0.0.1.example.com", LOOPBACK.login, LOOPBACK.streaming, ""),
        Endpoints("http://127.0.0.1@example.com", LOOPBACK.login, LOOPBACK.streaming, ""),
        Endpoints(LOOPBACK.rest, "https://192.0.2.1", LOOPBACK.streaming, ""),
        Endpoints(LOOPBACK.rest, LOOPBACK.login, "wss://streaming.example.com", ""),
        Endpoints("", "", "", ""),
    ],
)
async def test_anything_off_loopback_is_refused_before_a_client_is_made(endpoints: Endpoints) -> None:
    def make(_: Endpoints) -> Platform:
        raise AssertionError("no client may be made")

    with pytest.raises(ValueError, match=r"is not on loopback$"):
        await apply_load(make, endpoints, ["u"], rate_per_s=1, seconds=1, clock=ManualClock())


@pytest.mark.parametrize(
    ("agents", "rate_per_s", "seconds", "words"),
    [
        ([], 1, 1, "at least one user id"),
        (["../x"], 1, 1, "'../x' is not a user id"),
        (["u"], 0, 1, "a rate of 0 calls a second"),
        (["u"], 1001, 1, "a rate of 1001 calls a second"),
        (["u"], float("nan"), 1, "a rate of nan calls a second"),
        (["u"], 1, 0, "a length of 0 s"),
        (["u"], 1, float("inf"), "a length of inf s"),
    ],
)
async def test_nonsense_is_refused(agents: list[str], rate_per_s: float, seconds: float, words: str) -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match=words):
        await apply_load(
            lambda e: Platform(clock), LOOPBACK, agents, rate_per_s=rate_per_s, seconds=seconds, clock=clock
        )


def test_quantiles_are_values_that_were_measured() -> None:
    assert quantiles([]) == {}
    assert quantiles([2.0]) == {0.5: 2.0, 0.9: 2.0, 0.99: 2.0, 1.0: 2.0}
    assert quantiles([float(n) for n in range(1, 101)]) == {0.5: 50.0, 0.9: 90.0, 0.99: 99.0, 1.0: 100.0}
