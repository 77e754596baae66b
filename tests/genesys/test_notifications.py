"""The JSON notification channel over real sockets: pings, heartbeats, moves, displacement, expiry, hostile messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection
from websockets.datastructures import Headers

sys.path.insert(0, str(Path(__file__).parent))

from genesys_servers import (
    Asked,
    Listener,
    RestServer,
    Script,
    SocketServer,
    Told,
    endpoints,
    platform,
    rest_server,
    socket_server,
    stay,
)

from monitor.facts.clock import SystemClock, rfc3339
from monitor.facts.failures import Reason
from monitor.genesys import channel_stream, notifications
from monitor.genesys.auth import ClientCredentials
from monitor.genesys.events import Connected, Dropped, GaveUp, Notified, PhaseTimed, PongReceived, RequestFailed
from monitor.genesys.exchange import make_http
from monitor.genesys.notifications import NotificationConnection, NotificationOptions
from monitor.genesys.rest import Rest

SECRET = "client-sEcReT"
PONG = json.dumps({"topicName": "channel.metadata", "eventBody": {"message": "pong"}})
HEARTBEAT = json.dumps({"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}})


class Rig(Listener):
    """A connection under test, its events and its waits."""

    def __init__(self, rest: RestServer, ws: SocketServer, options: NotificationOptions) -> None:
        super().__init__()
        self.rest, self.ws = rest, ws
        clock = SystemClock()
        ends = endpoints(rest.url, ws.url)
        self._http = make_http(rest.url)
        self.tokens = ClientCredentials(ends, "id", SECRET, clock, self._http)
        self.client = Rest(ends, self.tokens, clock=clock)
        self.connection = NotificationConnection(ends, self.client, options, self.hear, clock, sleep=self.sleep)

    async def close(self) -> None:
        await self.connection.close()
        await self.client.aclose()
        await self._http.aclose()


@contextlib.asynccontextmanager
async def rig(
    *scripts: Any,
    answer: Callable[[Asked], Told] | None = None,
    process_request: Any = None,
    **options: Any,
) -> AsyncIterator[Rig]:
    async with (
        socket_server(*scripts, subprotocols=None, select_subprotocol=None, process_request=process_request) as ws,
        rest_server(answer or platform(lambda: ws.url)) as rest,
    ):
        made = Rig(rest, ws, NotificationOptions(**options))
        task = asyncio.create_task(made.connection.run())
        try:
            yield made
        finally:
            await made.close()
            await task


async def echo(websocket: ServerConnection) -> None:
    """Answer pings, as the platform does."""
    async for message in websocket:
        if json.loads(message) == {"message": "ping"}:
            await websocket.send(PONG)


def says(*texts: str | bytes, then: Callable[[ServerConnection], Any] = stay) -> Callable[[ServerConnection], Any]:
    async def script(websocket: ServerConnection) -> None:
        for text in texts:
            await websocket.send(text)
        await then(websocket)

    return script


def topic(name: str, **body: Any) -> str:
    return json.dumps({"topicName": name, "version": "2", "eventBody": body})


async def test_connects_subscribes_and_pings() -> None:
    async with rig(echo, topics=("v2.users.u.presence",)) as made:
        await made.until(lambda: made.rest.count("PUT", "/api/v2/notifications/channels/streaming-0-1/subscriptions"))
        phases = [(phase.phase, phase.seconds is not None) for phase in made.of(PhaseTimed)]
        assert phases == [("token", True), ("channel_create", True), ("tcp", True), ("upgrade", True)]
        assert made.of(Connected)[0].reconnect == ""
        assert made.connection.connected
        created, put = (asked for asked in made.rest.asked if "/channels" in asked.path)
        assert created.path == "/api/v2/notifications/channels"
        assert json.loads(put.body) == [{"id": "v2.users.u.presence"}]
        assert made.ws.paths == ["/channels/streaming-0-1"]
        assert "authorization" not in made.ws.headers[0]
        results = [await made.connection.ping(10) for _ in range(3)]
        assert [result.outcome for result in results] == ["ok"] * 3
        assert all(result.rtt_s is not None and result.rtt_s > 0 for result in results)
        assert [(pong.kind, pong.late) for pong in made.of(PongReceived)] == [("notification", False)] * 3


async def test_events_are_told_and_heartbeats_are_not() -> None:
    async with rig(
        says(HEARTBEAT, topic("v2.users.u.presence", a=1), '{"result":"200","status":"subscribed"}')
    ) as made:
        await made.until(lambda: made.of(Notified))
        assert made.of(Notified) == [Notified("v2.users.u.presence", {"a": 1})]


def slow_until(release: asyncio.Event) -> Script:
    """A server that holds back its first pong."""

    async def slow(websocket: ServerConnection) -> None:
        await websocket.recv()
        await release.wait()
        await websocket.send(PONG)
        await echo(websocket)

    return slow


async def test_a_lost_pong_is_a_timeout_and_no_pong_is_mistaken_for_another() -> None:
    release = asyncio.Event()
    async with rig(slow_until(release)) as made:
        await made.until(lambda: made.of(Connected))
        assert (await made.connection.ping(0.05)).outcome == "timeout"
        assert (await made.connection.ping(0.05)).outcome == "timeout"
        release.set()
        await made.until(lambda: made.of(PongReceived))
        assert [pong.late for pong in made.of(PongReceived)] == [True]
        assert (await made.connection.ping(10)).outcome == "ok"


async def test_while_a_pong_is_due_the_next_ping_waits_for_it_and_then_goes_out() -> None:
    """A ping that timed out at once, unsent, would count one silence many times over."""
    release = asyncio.Event()
    async with rig(slow_until(release)) as made:
        await made.until(lambda: made.of(Connected))
        assert (await made.connection.ping(0.05)).outcome == "timeout"
        waiting = asyncio.create_task(made.connection.ping(10))
        await asyncio.sleep(0)
        assert not waiting.done()
        release.set()
        assert (await waiting).outcome == "ok"
        assert [pong.late for pong in made.of(PongReceived)] == [True, False]


async def test_a_pong_that_never_comes_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_stream, "LOST_AFTER_S", 0.0)

    async def forgetful(websocket: ServerConnection) -> None:
        await websocket.recv()
        await echo(websocket)

    async with rig(forgetful) as made:
        await made.until(lambda: made.of(Connected))
        assert (await made.connection.ping(0.05)).outcome == "timeout"
        assert (await made.connection.ping(10)).outcome == "ok"


async def test_silence_ends_the_connection_and_the_channel_is_used_again() -> None:
    async with rig(stay, stay, silence_limit_s=0.2) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.of(Dropped)[0].layer_reason == "silence"
        assert made.of(Connected)[1].reconnect == "soft"
        assert made.ws.paths == ["/channels/streaming-0-1"] * 2


async def test_a_planned_move_reconnects_to_the_same_channel() -> None:
    async with rig(says(topic("v2.system.socket_closing"))) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.of(Dropped)[0].layer_reason == "moved"
        assert made.of(Connected)[1].reconnect == "soft"
        assert made.sleeps == [2.0]  # at once, had the socket not been so young


async def test_a_planned_move_of_an_old_socket_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "SHORT_LIFE_S", 0.0)
    async with rig(says(topic("v2.system.socket_closing"))) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.sleeps == [0.0]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (says(topic("v2.system.no_longer_subscribed.streaming-0-1", reason="x")), "no_longer_subscribed"),
        (says(topic("v2.system.token_revoked.u")), "auth"),
        (lambda websocket: websocket.close(1000, "another connection opened this channel"), "closed"),
    ],
    ids=["no longer subscribed", "token revoked", "displaced"],
)
async def test_a_channel_that_is_of_no_more_use_is_replaced(script: Any, reason: str) -> None:
    async with rig(script, topics=("t",)) as made:
        await made.until(lambda: made.rest.count("PUT", "/api/v2/notifications/channels/streaming-0-2/subscriptions"))
        assert made.of(Dropped)[0].layer_reason == reason
        assert made.of(Connected)[1].reconnect == "hard"
        assert made.ws.paths == ["/channels/streaming-0-1", "/channels/streaming-0-2"]
        assert made.rest.count("POST", "/oauth/token") == (2 if reason == "auth" else 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "malformed"),
        ("[1]", "malformed"),
        (b"x", "malformed"),
        ("[" * 100, "too_deep"),
        ("x" * 2_000_000, "too_large"),
    ],
    ids=["broken", "no object", "binary", "deep", "oversized"],
)
async def test_hostile_messages_end_that_connection_only(text: str | bytes, words: str) -> None:
    async with rig(says(text)) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        (drop,) = made.of(Dropped)
        assert drop.layer_reason == "malformed"
        assert words in drop.detail


async def test_end_without_close_frame_is_a_reset() -> None:
    async def abort(websocket: ServerConnection) -> None:
        websocket.transport.abort()

    async with rig(abort) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.of(Dropped)[0].layer_reason == "reset"


@pytest.mark.parametrize("status", [401, 404])
async def test_a_channel_refused_at_the_handshake_is_replaced(status: int) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return Response(status, "No", Headers()) if request.path.endswith("-1") else None

    async with rig(process_request=refuse) as made:
        await made.until(lambda: made.of(Connected))
        assert made.ws.paths == ["/channels/streaming-0-2"]
        failed = [phase for phase in made.of(PhaseTimed) if phase.seconds is None]
        assert [phase.phase for phase in failed] == ["upgrade"]


async def test_a_channel_is_renewed_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "SHORTEST_LIFE_S", 0.2)
    count = 0

    def answer(asked: Asked) -> Told:
        nonlocal count
        if asked.path == "/oauth/token":
            return Told(body={"access_token": "t", "expires_in": 1000})
        count += 1
        life_s = 0.4 if count == 1 else 86400
        expires = rfc3339(SystemClock().wall_s() + life_s)
        return Told(body={"id": f"c{count}", "connectUri": f"{made.ws.url}/channels/c{count}", "expires": expires})

    async with rig(answer=answer) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.of(Connected)[1].reconnect == "hard"
        assert not made.of(Dropped)
        assert made.sleeps == [0.0]
        assert made.ws.paths == ["/channels/c1", "/channels/c2"]


async def test_refused_credentials_are_given_up() -> None:
    refusal = Told(401, {"error": "invalid_client", "description": SECRET})
    async with rig(answer=lambda _: refusal) as made:
        await made.until(lambda: made.of(GaveUp))
        assert made.of(GaveUp)[0].failure.reason is Reason.AUTH
        assert SECRET not in repr(made.events)
        assert made.sleeps == []
        assert (await made.connection.ping(1)).outcome == "not_connected"


async def test_a_refused_token_is_renewed_and_tried_again() -> None:
    refused = [401]
    normal = platform(lambda: made.ws.url)

    def answer(asked: Asked) -> Told:
        return Told(refused.pop(), {}) if refused and "/channels" in asked.path else normal(asked)

    async with rig(answer=answer) as made:
        await made.until(lambda: made.of(Connected))
        assert made.rest.count("POST", "/oauth/token") == 2


@pytest.mark.parametrize(
    "body", [None, [], {"id": 7}, {"id": "a/b"}, {"id": "c", "connectUri": 7}, {"id": "c", "connectUri": "http://x"}]
)
async def test_strange_channels_are_refused(body: Any) -> None:
    def answer(asked: Asked) -> Told:
        return Told(body={"access_token": "t"} if asked.path == "/oauth/token" else body)

    async with rig(answer=answer) as made:
        await made.until(lambda: len(made.sleeps) >= 2)
        assert not made.of(Connected)
        assert not made.of(GaveUp)


async def test_subscriptions_report_what_was_rejected() -> None:
    normal = platform(lambda: made.ws.url)

    def answer(asked: Asked) -> Told:
        if not asked.path.partition("?")[0].endswith("/subscriptions"):
            return normal(asked)
        wanted = [entry["id"] for entry in json.loads(asked.body)]
        states = [{"id": name, "state": "Rejected" if name == "bad" else "Permitted"} for name in wanted]
        return Told(body={"entities": states})

    async with rig(answer=answer, topics=("good", "bad")) as made:
        await made.until(lambda: made.of(RequestFailed))
        words = made.of(RequestFailed)[0].failure
        assert (words.reason, words.detail) == (Reason.FORBIDDEN, "rejected: bad")
        again = await made.connection.subscribe(["more"])
        assert again is not None
        assert again.detail == "rejected: bad"
        assert [entry["id"] for entry in json.loads(made.rest.asked[-1].body)] == ["good", "bad", "more"]


async def test_subscribe_before_there_is_a_channel_is_remembered() -> None:
    async with rest_server() as rest, socket_server(subprotocols=None, select_subprotocol=None) as ws:
        made = Rig(rest, ws, NotificationOptions())
        refused = await made.connection.subscribe(["t"])
        assert refused is not None
        assert refused.reason is Reason.NOT_CONNECTED
        rest.answer = platform(lambda: ws.url)
        task = asyncio.create_task(made.connection.run())
        await made.until(lambda: rest.count("PUT", "/api/v2/notifications/channels/streaming-0-1/subscriptions"))
        await made.close()
        await task


async def test_secrets_and_channel_ids_are_in_no_event() -> None:
    async with rig(echo) as made:
        await made.until(lambda: made.of(Connected))
        assert "streaming-0-1" not in repr(made.events)
        assert SECRET not in repr(made.events)
