"""The channel over real socket pairs: both ways, in order, bounded, and loud about every ask."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from monitor.probes import channel as channel_module
from monitor.probes.channel import Channel, ChannelError


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Two running ends."""
    left_socket, right_socket = socket.socketpair()
    left = await Channel.from_socket(left_socket, "left")
    right = await Channel.from_socket(right_socket, "right")
    runs = [asyncio.create_task(left.run()), asyncio.create_task(right.run())]
    try:
        yield left, right
    finally:
        await left.close()
        await right.close()
        await asyncio.gather(*runs)


@asynccontextmanager
async def against_raw() -> AsyncIterator[tuple[Channel, asyncio.Task[None], socket.socket]]:
    """A running channel, and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    channel = await Channel.from_socket(ours, "ours")
    run = asyncio.create_task(channel.run())
    try:
        yield channel, run, theirs
    finally:
        theirs.close()
        await channel.close()
        await run


async def echo(params: dict[str, Any]) -> dict[str, Any]:
    return params


async def test_asks_go_both_ways_at_the_same_time() -> None:
    async with pair() as (left, right):
        left.on("echo", echo)
        right.on("echo", echo)
        asked = [side.ask("echo", {"n": n}) for n in range(50) for side in (left, right)]
        assert [reply["n"] for reply in await asyncio.gather(*asked)] == [n for n in range(50) for _ in "lr"]


async def test_a_slow_ask_does_not_hold_up_a_quick_one_and_a_handler_may_ask_back() -> None:
    async with pair() as (left, right):
        release = asyncio.Event()

        async def slow(params: dict[str, Any]) -> dict[str, Any]:
            await release.wait()
            return await right.ask("echo", params)

        left.on("echo", echo)
        right.on("slow", slow)
        right.on("echo", echo)
        waiting = asyncio.create_task(left.ask("slow", {"n": 1}))
        assert await left.ask("echo", {"n": 2}) == {"n": 2}
        assert not waiting.done()
        release.set()
        assert await waiting == {"n": 1}


async def test_tells_arrive_in_order_and_a_failing_handler_ends_nothing() -> None:
    async with pair() as (left, right):
        heard: list[int] = []
        complete = asyncio.Event()

        async def hear(params: dict[str, Any]) -> None:
            heard.append(params["n"])
            if params["n"] == 3:
                raise RuntimeError("a mistake")
            if params["n"] == 99:
                complete.set()

        right.on("fact", hear)
        assert all(left.tell("fact", {"n": n}) for n in range(100))
        await complete.wait()
        assert heard == list(range(100))
        assert left.dropped == right.dropped == 0


async def test_a_handler_that_raises_is_an_error_reply() -> None:
    async with pair() as (left, right):

        async def broken(params: dict[str, Any]) -> None:
            raise ValueError("no such target")

        right.on("probe", broken)
        with pytest.raises(ChannelError, match="ValueError: no such target"):
            await left.ask("probe", {})
        with pytest.raises(ChannelError, match="unknown method 'nothing'"):
            await left.ask("nothing", {})


async def test_an_ask_nobody_answers_times_out_and_its_late_reply_is_ignored() -> None:
    async with pair() as (left, right):
        release = asyncio.Event()

        async def late(params: dict[str, Any]) -> None:
            await release.wait()

        right.on("late", late)
        right.on("echo", echo)
        with pytest.raises(ChannelError, match="no answer within 0 s"):
            await left.ask("late", {}, timeout_s=0.0)
        release.set()
        assert await left.ask("echo", {"n": 1}) == {"n": 1}


async def test_tells_are_bounded_and_counted_while_asks_are_never_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "QUEUE_LINES", 5)
    async with pair() as (left, right):
        right.on("echo", echo)
        assert [left.tell("fact", {}) for _ in range(8)] == [True] * 5 + [False] * 3  # the writer has had no turn yet
        assert await left.ask("echo", {"n": 1}) == {"n": 1}
        assert left.dropped == 3


async def test_a_peer_that_does_not_read_costs_drops_not_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "QUEUE_LINES", 50)
    async with against_raw() as (channel, _, _):
        for _ in range(2000):
            channel.tell("fact", {"words": "x" * 5000})
            await asyncio.sleep(0)
        assert channel.dropped > 1000


async def test_too_many_open_asks_fail_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "ASKS_LIMIT", 2)
    async with against_raw() as (channel, _, _):
        open_asks = [asyncio.create_task(channel.ask("wait", {})) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ChannelError, match="2 asks are open already"):
            await channel.ask("wait", {})
        await channel.close()
        outcomes = await asyncio.gather(*open_asks, return_exceptions=True)
        assert all(isinstance(outcome, ChannelError) for outcome in outcomes)


async def test_lines_over_the_limit_are_refused_before_they_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "LINE_LIMIT_BYTES", 1000)
    async with pair() as (left, right):

        async def long_answer(params: dict[str, Any]) -> dict[str, Any]:
            return {"words": "x" * 1000}

        right.on("long", long_answer)
        right.on("echo", echo)
        assert left.tell("fact", {"words": "x" * 1000}) is False
        with pytest.raises(ChannelError, match="question is longer"):
            await left.ask("echo", {"words": "x" * 1000})
        with pytest.raises(ChannelError, match="answer is longer"):
            await left.ask("long", {})
        assert await left.ask("echo", {"n": 1}) == {"n": 1}


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"\xff\xfe\n",
        b"[1]\n",
        b'{"method": 7, "params": {}}\n',
        b'{"method": "fact"}\n',
        b'{"id": "x", "result": {}}\n',
        b'{"id": 1}\n',
        b"{}\n",
        b"[" * 200_000 + b"\n",
        b"x" * (channel_module.LINE_LIMIT_BYTES * 2 + 10) + b"\n",
    ],
    ids=["words", "bytes", "list", "method", "no-params", "id", "no-result", "empty", "deep", "endless"],
)
async def test_a_malformed_line_ends_the_channel_with_a_reason(line: bytes) -> None:
    async with against_raw() as (channel, run, theirs):
        asked = asyncio.create_task(channel.ask("wait", {}))
        await asyncio.sleep(0)
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(theirs, line))
        await run
        assert channel.closed_reason.startswith("malformed: ")
        with pytest.raises(ChannelError, match="ours: malformed"):
            await asked
        await asyncio.gather(sending, return_exceptions=True)  # the rest of the endless line has nowhere to go


async def test_the_other_side_going_away_fails_open_asks() -> None:
    async with against_raw() as (channel, run, theirs):
        asked = asyncio.create_task(channel.ask("wait", {}))
        await asyncio.sleep(0)
        theirs.close()
        with pytest.raises(ChannelError, match=r"ours: (ended by the other side|lost)"):
            await asked
        await run
        with pytest.raises(ChannelError):
            await channel.ask("again", {})
        assert channel.tell("fact", {}) is False


async def test_close_flushes_what_was_told_and_is_idempotent() -> None:
    async with against_raw() as (channel, run, theirs):
        channel.tell("fact", {"n": 1})
        await asyncio.gather(channel.close(), channel.close())
        await channel.close()
        await run
        line = await asyncio.get_running_loop().sock_recv(theirs, 1000)
        assert json.loads(line) == {"method": "fact", "params": {"n": 1}}
        assert await asyncio.get_running_loop().sock_recv(theirs, 1000) == b""


async def test_a_channel_that_never_ran_can_be_closed() -> None:
    ours, theirs = socket.socketpair()
    channel = await Channel.from_socket(ours, "ours")
    await channel.close()
    assert theirs.recv(1) == b""
    theirs.close()


async def test_a_cancelled_run_ends_its_handlers() -> None:
    async with pair() as (left, right):
        entered, ended = asyncio.Event(), asyncio.Event()

        async def stuck(params: dict[str, Any]) -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        right.on("stuck", stuck)
        asked = asyncio.create_task(left.ask("stuck", {}))
        await entered.wait()
        await left.close()
        with pytest.raises(ChannelError):
            await asked
        await ended.wait()
