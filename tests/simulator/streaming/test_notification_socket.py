"""The JSON notification channel of the simulator over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from streaming_bench import Bench, bench
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PONG = {"topicName": "channel.metadata", "eventBody": {"message": "pong"}}


@asynccontextmanager
async def joined(at: Bench, channel: str) -> AsyncIterator[ClientConnection]:
    async with connect(f"{at.url}/channels/{channel}", ping_interval=None, close_timeout=1.0, proxy=None) as ws:
        yield ws


async def heard(ws: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        return dict(json.loads(await ws.recv()))


async def asked(ws: ClientConnection, frame: object) -> dict[str, Any]:
    await ws.send(frame if isinstance(frame, str) else json.dumps(frame))
    return await heard(ws)


async def close_code(ws: ClientConnection) -> int:
    with suppress(ConnectionClosed):
        while True:
            await heard(ws)
    assert ws.close_code is not None
    return ws.close_code


async def test_message_ping_is_answered_with_a_pong() -> None:
    async with bench() as at, joined(at, at.channel()) as ws:
        assert await asked(ws, {"message": "ping"}) == PONG


async def test_heartbeats_come_by_themselves() -> None:
    async with bench(heartbeat_period_s=0.05) as at, joined(at, at.channel()) as ws:
        for _ in range(3):
            beat = {"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}}
            assert await heard(ws) == beat


async def test_subscribed_topics_are_delivered() -> None:
    async with bench() as at, joined(at, at.channel()) as ws:
        user = at.platform.first_user.id
        frame = {"message": "subscribe", "topics": [f"v2.users.{user}?presence&station"], "correlationId": "c7"}
        assert await asked(ws, frame) == {"result": "200", "status": "subscribed", "correlationId": "c7"}
        assert await at.platform.deliver(f"v2.users.{user}.station", {"station": "x"}) == 1
        event = await heard(ws)
        assert (event["topicName"], event["eventBody"]) == (f"v2.users.{user}.station", {"station": "x"})
        assert event["metadata"]["CorrelationId"]


@pytest.mark.parametrize(
    ("frame", "result", "status"),
    [
        ("not json", "400", "error"),
        ("[" * 100_000, "400", "error"),
        ("[]", "400", "error"),
        ({"message": "dance"}, "404", None),
        ({}, "404", None),
        ({"message": "subscribe"}, "400", "failure"),
        ({"message": "subscribe", "topics": "v2.x"}, "400", "failure"),
        ({"message": "subscribe", "topics": [1]}, "400", "failure"),
        ({"message": "subscribe", "topics": ["v2.users.nobody.presence"]}, "400", "failure"),
        ({"message": "subscribe", "topics": ["v2." + "x" * 300]}, "400", "failure"),
        ({"message": "subscribe", "topics": [f"v2.topic.{n}" for n in range(1001)]}, "400", "failure"),
    ],
)
async def test_a_bad_frame_gets_its_error_and_the_next_ping_its_pong(
    frame: object, result: str, status: str | None
) -> None:
    async with bench() as at, joined(at, at.channel()) as ws:
        answer = await asked(ws, frame)
        assert (answer["result"], answer.get("status")) == (result, status)
        assert await asked(ws, {"message": "ping"}) == PONG


async def test_binary_and_giant_frames_end_that_connection_alone() -> None:
    async with bench() as at, joined(at, at.channel(0)) as good:
        async with joined(at, at.channel(1)) as binary:
            await binary.send(b"\x00\x01")
            assert await close_code(binary) == 1003
        async with joined(at, at.channel(1)) as giant:
            await giant.send("x" * 3_000_000)
            assert await close_code(giant) == 1009
        assert await asked(good, {"message": "ping"}) == PONG


async def test_a_second_connection_displaces_the_first() -> None:
    async with bench() as at:
        channel = at.channel()
        async with joined(at, channel) as first, joined(at, channel) as second:
            assert await close_code(first) == 1000
            assert await asked(second, {"message": "ping"}) == PONG
            assert at.platform.channels[channel].socket is not None


async def test_a_planned_move_is_announced_and_not_enforced_at_once() -> None:
    async with bench() as at, joined(at, at.channel()) as ws:
        await at.streaming.cxfr()
        assert (await heard(ws))["topicName"] == "v2.system.socket_closing"
        assert await asked(ws, {"message": "ping"}) == PONG


async def test_an_expired_channel_is_closed() -> None:
    async with bench() as at:
        channel = at.channel()
        async with joined(at, channel) as ws:
            assert await asked(ws, {"message": "ping"}) == PONG
            at.platform.channels[channel].expires_wall_s = 0.0
            assert await close_code(ws) == 1000


async def test_a_closed_connection_leaves_no_socket_behind() -> None:
    async with bench() as at:
        channel = at.channel()
        async with joined(at, channel) as ws:
            assert await asked(ws, {"message": "ping"}) == PONG
        async with joined(at, at.channel(1)) as other:  # one round trip later the first handler has ended
            assert await asked(other, {"message": "ping"}) == PONG
        assert at.platform.channels[channel].socket is None


async def test_blackhole_reaches_notification_sockets_too() -> None:
    async with bench() as at, joined(at, at.channel()) as ws:
        assert await asked(ws, {"message": "ping"}) == PONG
        assert await at.streaming.blackhole() == {"sockets": 1}
        await ws.send(json.dumps({"message": "ping"}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ws.recv(), 0.2)
        await at.streaming.reset()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(ws.recv(), 5)
