"""Turns are taken one after another, gatherings first; a turn that nobody ends does not hold the others up."""

from __future__ import annotations

import asyncio

import pytest

from monitor.facts.clock import ManualClock
from monitor.probes.turnstile import GATHERING, SET_UP, Turn, Turnstile


class Queue:
    """A turnstile in front of which work waits, and who had a turn so far."""

    def __init__(self, *, at_once: int = 1, turn_s: float = 1000.0) -> None:
        self.clock = ManualClock()
        self.turnstile = Turnstile(self.clock, at_once=at_once, turn_s=turn_s)
        self.turns: dict[str, Turn] = {}

    async def come(self, name: str, rank: int) -> asyncio.Task[None]:
        async def wait() -> None:
            self.turns[name] = await self.turnstile.turn(rank)

        task = asyncio.create_task(wait())
        await settled()
        return task


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def queue() -> Queue:
    return Queue()


async def test_one_at_a_time_gatherings_first_and_the_wait_is_told(queue: Queue) -> None:
    for name, rank in (("call 1", SET_UP), ("call 2", SET_UP), ("gathering", GATHERING), ("call 3", SET_UP)):
        await queue.come(name, rank)
    for order in (["call 1"], ["call 1", "gathering"], ["call 1", "gathering", "call 2"]):
        assert list(queue.turns) == order
        queue.clock.advance(0.5)
        queue.turns[order[-1]].over()
        queue.turns[order[-1]].over()  # idempotent: it lets one in, not two
        await settled()
    assert list(queue.turns) == ["call 1", "gathering", "call 2", "call 3"]
    assert [turn.waited_s for turn in queue.turns.values()] == [0.0, 0.5, 1.0, 1.5]
    queue.turns["call 3"].over()
    await queue.come("later", SET_UP)
    assert queue.turns["later"].waited_s == 0.0


async def test_who_gives_up_waiting_holds_nobody_up(queue: Queue) -> None:
    await queue.come("first", SET_UP)
    waiting, chosen = await queue.come("waiting", SET_UP), await queue.come("chosen", SET_UP)
    await queue.come("last", SET_UP)
    waiting.cancel()
    await settled()
    queue.turns["first"].over()
    chosen.cancel()  # its turn has come, and it does not know yet
    await settled()
    assert list(queue.turns) == ["first", "last"]


async def test_so_many_at_once_and_never_one_more() -> None:
    queue = Queue(at_once=2)
    for name in ("first", "second", "third", "fourth"):
        await queue.come(name, SET_UP)
    assert list(queue.turns) == ["first", "second"]
    queue.turns["second"].over()
    await settled()
    assert list(queue.turns) == ["first", "second", "third"]
    for name in ("first", "third"):
        queue.turns[name].over()
        await settled()
    queue.turns["fourth"].over()
    for name in ("fifth", "sixth", "seventh"):
        await queue.come(name, SET_UP)
    assert list(queue.turns)[4:] == ["fifth", "sixth"]


async def test_a_turn_that_nobody_ends_ends_by_itself() -> None:
    queue = Queue(turn_s=0.001)
    await queue.come("silent", GATHERING)
    waiting = await queue.come("next", GATHERING)
    await waiting
