"""The softphone connection over real sockets: servers that play transcripts, then misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(Path(__file__).parent))

from genesys_servers import (
    JID,
    RESOURCE,
    TOKEN,
    Asked,
    Listener,
    RestServer,
    SocketServer,
    Told,
    endpoints,
    platform,
    rest_server,
    socket_server,
    stay,
    transcript,
)

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Reason
from monitor.genesys import silence, xmpp_stream
from monitor.genesys.auth import StaticToken
from monitor.genesys.connection import ConnectionOptions, SoftphoneConnection
from monitor.genesys.events import (
    Connected,
    Dropped,
    GaveUp,
    Notified,
    Online,
    PhaseTimed,
    PongReceived,
    SilenceEnded,
    SilenceNoticed,
)
from monitor.genesys.rest import Rest

CONNECTED = "_connected_client.txt"
NOTICE = (
    '<message xmlns="jabber:client"><event xmlns="http://jabber.org/protocol/pubsub#event">'
    '<items node="t"/></event></message>'
)


class Rig(Listener):
    """A connection under test, the events it told, and how long it wanted to sleep."""

    def __init__(self, rest: RestServer, ws: SocketServer | None, streaming: str, options: ConnectionOptions) -> None:
        super().__init__()
        self.rest, self.ws = rest, ws
        clock = SystemClock()
        ends = endpoints(rest.url, streaming)
        tokens = StaticToken("synthetic-1", TOKEN)
        self.client = Rest(ends, tokens, clock=clock)
        self.connection = SoftphoneConnection(ends, self.client, tokens, options, self.hear, clock, sleep=self.sleep)


@contextlib.asynccontextmanager
async def rig(
    *scripts: Any, answer: Callable[[Asked], Told] | None = None, streaming: str = "", **options: Any
) -> AsyncIterator[Rig]:
    server_options = {"process_request": options.pop("process_request")} if "process_request" in options else {}
    server_options |= options.pop("server_options", {})
    chosen = ConnectionOptions(**{"resource": RESOURCE, "watch_silence": True, **options})
    async with rest_server(answer) as rest, socket_server(*scripts, **server_options) as ws:
        made = Rig(rest, ws, streaming or ws.url, chosen)
        task = asyncio.create_task(made.connection.run())
        try:
            yield made
        finally:
            await made.connection.close()
            await task
            await made.client.aclose()
        assert not ws.errors


async def test_connects_as_the_transcript_says_and_times_every_phase() -> None:
    async with rig(transcript(CONNECTED)) as made:
        await made.until(lambda: made.of(Connected))
        phases = made.of(PhaseTimed)
        assert [phase.phase for phase in phases] == ["channel_create", "tcp", "upgrade", "sasl", "bind", "ice_servers"]
        assert all(phase.seconds is not None and phase.seconds > 0 for phase in phases)
        assert made.of(Connected)[0].reconnect == ""
        assert made.connection.connected
        assert made.connection.jid == f"{JID}/{RESOURCE}"
        assert [server.url for server in made.connection.ice_servers] == [
            "turn:turn.us-east-1.mypurecloud.com:3478",
            "stun:stun.us-east-1.mypurecloud.com:3478",
        ]
        assert made.connection.relay_only is False
        assert not made.of(Online)
        assert made.ws is not None
        assert made.ws.paths == ["/stream/channels/streaming-0-1"]
        assert "authorization" not in made.ws.headers[0]
        assert [asked.path for asked in made.rest.asked] == [
            "/api/v2/users/me",
            "/api/v2/notifications/channels?connectionType=streaming",
        ]
        assert made.rest.asked[1].headers["authorization"] == f"Bearer {TOKEN}"
        assert made.rest.asked[1].body == ""


async def test_server_keepalive_connects_too() -> None:
    async with rig(transcript("_connected_server.txt"), keepalive="server", topics=()) as made:
        await made.until(lambda: made.of(Connected))


async def close_1001(websocket: ServerConnection) -> None:
    await websocket.close(1001, "going away")


async def test_close_1001_is_followed_by_a_soft_reconnect_without_rest() -> None:
    async with rig(transcript(CONNECTED, close_1001), transcript(CONNECTED)) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        (drop,) = made.of(Dropped)
        assert (drop.layer_reason, drop.code, drop.was_connected, drop.will_reconnect) == ("closed", 1001, True, True)
        assert drop.last_good_wall_s <= drop.noticed_wall_s
        assert made.of(Connected)[1].reconnect == "soft"
        assert made.sleeps == [2.0]
        assert made.ws is not None
        assert made.ws.paths == ["/stream/channels/streaming-0-1"] * 2
        assert len(made.rest.asked) == 2


async def abort(websocket: ServerConnection) -> None:
    websocket.transport.abort()


async def test_end_without_close_frame_is_a_reset() -> None:
    async with rig(transcript(CONNECTED, abort), transcript(CONNECTED)) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        (drop,) = made.of(Dropped)
        assert (drop.layer_reason, drop.code) == ("reset", None)


async def test_black_hole_is_noticed_by_missed_pings() -> None:
    async with rig(transcript(CONNECTED), transcript(CONNECTED), detect_after_s=0.4) as made:
        await made.until(lambda: made.of(Dropped))
        drop = made.of(Dropped)[0]
        assert drop.layer_reason == "ping_timeout"
        assert drop.last_good_wall_s < drop.noticed_wall_s


async def test_silence_is_noticed_in_server_mode() -> None:
    async with rig(transcript("_connected_server.txt"), keepalive="server", topics=(), detect_after_s=0.4) as made:
        await made.until(lambda: made.of(Dropped))
        assert made.of(Dropped)[0].layer_reason == "silence"


def says(text: str | bytes) -> Callable[[ServerConnection], Any]:
    async def script(websocket: ServerConnection) -> None:
        await websocket.send(text)
        await stay(websocket)

    return script


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<iq", "malformed"),
        (b"\x00binary", "malformed"),
        ("<a>" * 5000, "too_deep"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "dtd"),
        ("<a><!-- --></a>", "comment"),
        ("<a>" + "x" * 400_000 + "</a>", "too_large"),
    ],
    ids=["malformed", "binary", "deep", "entities", "comment", "oversized"],
)
async def test_hostile_message_ends_that_connection_only(text: str | bytes, words: str) -> None:
    async with rig(transcript(CONNECTED, says(text)), transcript(CONNECTED)) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        (drop,) = made.of(Dropped)
        assert drop.layer_reason == "malformed"
        assert words in drop.detail


async def test_hostile_message_before_connected_counts_as_a_drop_too() -> None:
    async with rig(says("<"), transcript(CONNECTED)) as made:
        await made.until(lambda: made.of(Connected))
        (drop,) = made.of(Dropped)
        assert (drop.layer_reason, drop.was_connected) == ("malformed", False)


async def test_planned_move_reconnects_hard_on_a_new_channel() -> None:
    move = '<iq xmlns="jabber:client" type="set" id="m1"><query xmlns="urn:xmpp:cxfr"/></iq>'
    async with rig(transcript(CONNECTED, says(move)), transcript(CONNECTED)) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.of(Dropped)[0].layer_reason == "moved"
        assert made.of(Connected)[1].reconnect == "hard"
        assert made.sleeps == [2.0]
        assert made.ws is not None
        assert made.ws.paths == ["/stream/channels/streaming-0-1", "/stream/channels/streaming-0-2"]
        assert made.rest.count("GET", "/api/v2/users/me") == 1


async def test_extdisco_failure_tears_down_and_tries_again() -> None:
    async with rig(transcript("extdisco_error.txt"), transcript(CONNECTED), topics=()) as made:
        await made.until(lambda: made.of(Dropped))
        drop = made.of(Dropped)[0]
        assert (drop.layer_reason, drop.was_connected) == ("ice_servers", False)
        failed = [phase for phase in made.of(PhaseTimed) if phase.seconds is None]
        assert [phase.phase for phase in failed] == ["ice_servers"]


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_token_is_given_up(status: int) -> None:
    refusal = Told(status, {"code": "bad.credentials", "message": f"{TOKEN} is no token"})
    async with rig(answer=lambda _: refusal) as made:
        await made.until(lambda: made.of(GaveUp))
        (gave_up,) = made.of(GaveUp)
        assert gave_up.failure.reason in (Reason.AUTH, Reason.FORBIDDEN)
        assert "*** is no token" in gave_up.failure.detail
        assert len(made.rest.asked) == 1
        assert made.sleeps == []


@pytest.mark.parametrize("condition", ["not_authorized", "temporary_auth_failure"])
async def test_refused_sasl_is_given_up(condition: str) -> None:
    async with rig(transcript(f"sasl_{condition}.txt")) as made:
        await made.until(lambda: made.of(GaveUp))
        assert made.of(GaveUp)[0].failure.reason is Reason.AUTH
        assert made.sleeps == []


async def test_retryable_sasl_failure_is_retried_on_a_new_channel() -> None:
    async with rig(transcript("sasl_malformed_request.txt"), transcript(CONNECTED)) as made:
        await made.until(lambda: made.of(Connected))
        assert made.rest.count("POST", "/api/v2/notifications/channels") == 2


async def test_retry_after_comes_on_top_of_the_backoff() -> None:
    """Two 429 with Retry-After 3 after a drop: 2, then 3 + 4, then 3 + 8 seconds of waiting."""
    normal = platform()
    refusals = [Told(429, {}, {"retry-after": "3"})] * 2

    def answer(asked: Asked) -> Told:
        if asked.method == "POST" and made.of(Dropped) and refusals:
            return refusals.pop()
        return normal(asked)

    move = '<iq xmlns="jabber:client" type="set" id="m1"><query xmlns="urn:xmpp:cxfr"/></iq>'
    async with rig(transcript(CONNECTED, says(move)), transcript(CONNECTED), answer=answer) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.sleeps == [2.0, 7.0, 11.0]


async def test_failed_attempts_double_the_delay() -> None:
    """Three 500 after a drop: 2 + 4 + 8 + 16 seconds of waiting."""
    normal = platform()
    failures = [Told(500, "oops")] * 3

    def answer(asked: Asked) -> Told:
        if asked.method == "POST" and made.of(Dropped) and failures:
            return failures.pop()
        return normal(asked)

    move = '<iq xmlns="jabber:client" type="set" id="m1"><query xmlns="urn:xmpp:cxfr"/></iq>'
    async with rig(transcript(CONNECTED, says(move)), transcript(CONNECTED), answer=answer) as made:
        await made.until(lambda: len(made.of(Connected)) == 2)
        assert made.sleeps == [2.0, 4.0, 8.0, 16.0]
        reasons = [phase.failure.reason for phase in made.of(PhaseTimed) if phase.failure is not None]
        assert reasons == [Reason.SERVER_ERROR] * 3


async def test_a_first_connection_that_fails_waits_two_seconds_first() -> None:
    normal = platform()
    failures = [Told(503, {})] * 2

    def answer(asked: Asked) -> Told:
        return failures.pop() if failures else normal(asked)

    async with rig(transcript(CONNECTED), answer=answer) as made:
        await made.until(lambda: made.of(Connected))
        assert made.sleeps == [2.0, 4.0]
        assert made.of(Connected)[0].reconnect == ""


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {"id": 7, "chat": {"jabberId": JID}},
        {"id": "u", "chat": "x"},
        {"id": "u", "chat": {"jabberId": "a b"}},
        {"id": "../../x", "chat": {"jabberId": JID}},
    ],
)
async def test_strange_identity_is_malformed(body: Any) -> None:
    async with rig(answer=lambda _: Told(body=body)) as made:
        await made.until(lambda: made.sleeps)
        assert not made.of(Connected)
        assert not made.of(GaveUp)


async def test_every_call_signal_is_refused_while_not_connected() -> None:
    async with rig(answer=lambda _: Told(503)) as made:
        connection = made.connection
        failures = [
            await connection.proceed("s", "p"),
            await connection.accept("s"),
            await connection.reject("s", "p"),
            await connection.answer("s", "p", "v=0"),
            await connection.candidate("s", "p", "candidate:1"),
            await connection.end_of_candidates("s", "p"),
            await connection.info_active("s", "p"),
            await connection.terminate("s", "p"),
            (await connection.ping("xmpp", 1)).failure,
            (await connection.ping("websocket", 1)).failure,
            (await connection.fetch_ice_servers(1)).failure,
        ]
        assert [failed.reason for failed in failures if failed is not None] == [Reason.NOT_CONNECTED] * len(failures)


async def test_a_call_over_real_sockets() -> None:
    peer = "+13175550123@gjoll.us-east-1.mypurecloud.com/i-1e9e4387"
    local = "candidate:1 1 udp 2130706431 192.0.2.2 40000 typ host"
    async with rig(transcript("call.txt")) as made:
        connection = made.connection
        await made.until(
            lambda: made.connection.connected and any(e.__class__.__name__ == "Proposed" for e in made.events)
        )
        assert await connection.proceed("sid-1", peer) is None
        await made.until(lambda: any(e.__class__.__name__ == "OfferReceived" for e in made.events))
        assert await connection.accept("sid-1") is None
        assert await connection.answer("sid-1", peer, "v=0") is None
        assert await connection.candidate("sid-1", peer, local) is None
        assert await connection.end_of_candidates("sid-1", peer) is None
        assert await connection.info_active("sid-1", peer) is None
        await made.until(lambda: any(e.__class__.__name__ == "Terminated" for e in made.events))


async def pongs(websocket: ServerConnection) -> None:
    """Answer every XMPP ping."""
    async for message in websocket:
        if "urn:xmpp:ping" in str(message):
            iq_id = str(message).partition('id="')[2].partition('"')[0]
            await websocket.send(f'<iq xmlns="jabber:client" type="result" id="{iq_id}"/>')


async def test_pings_are_measured() -> None:
    async with rig(transcript(CONNECTED, pongs)) as made:
        await made.until(lambda: made.of(Connected))
        for kind in ("xmpp", "websocket"):
            result = await made.connection.ping(kind, 10)
            assert result.outcome == "ok"
            assert result.rtt_s is not None
            assert result.rtt_s > 0
            if sys.platform == "linux":
                assert result.tcp_rtt_s is not None
                assert result.tcp_rtt_s > 0
        assert [(pong.kind, pong.late) for pong in made.of(PongReceived)] == [("xmpp", False), ("websocket", False)]


async def test_unanswered_ping_times_out_and_a_late_answer_is_told() -> None:
    release = asyncio.Event()

    async def slow(websocket: ServerConnection) -> None:
        ping = str(await websocket.recv())
        await release.wait()
        iq_id = ping.partition('id="')[2].partition('"')[0]
        await websocket.send(f'<iq xmlns="jabber:client" type="result" id="{iq_id}"/>')
        await stay(websocket)

    async with rig(transcript(CONNECTED, slow)) as made:
        await made.until(lambda: made.of(Connected))
        result = await made.connection.ping("xmpp", 0.05)
        assert (result.outcome, result.rtt_s) == ("timeout", None)
        release.set()
        await made.until(lambda: made.of(PongReceived))
        (pong,) = made.of(PongReceived)
        assert (pong.kind, pong.late) == ("xmpp", True)
        assert pong.rtt_s > 0.05


async def test_ping_in_flight_when_the_connection_ends_is_not_connected() -> None:
    async with rig(transcript(CONNECTED, lambda websocket: drop_on_message(websocket))) as made:
        await made.until(lambda: made.of(Connected))
        result = await made.connection.ping("xmpp", 10)
        assert result.outcome == "not_connected"


async def drop_on_message(websocket: ServerConnection) -> None:
    await websocket.recv()
    websocket.transport.abort()


async def test_close_says_goodbye_and_may_be_called_twice() -> None:
    heard: list[str] = []

    async def listen(websocket: ServerConnection) -> None:
        heard.extend([str(message) async for message in websocket])

    async with rig(transcript(CONNECTED, listen)) as made:
        await made.until(lambda: made.of(Connected))
        await asyncio.gather(made.connection.close(), made.connection.close())
        await made.connection.close()
        assert heard[-1] == '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>'
        assert not made.connection.connected
        assert not made.of(Dropped)
        assert made.connection.ice_servers == ()


async def test_close_before_run_and_cancelled_run() -> None:
    async with rest_server() as rest, socket_server(transcript(CONNECTED)) as ws:
        made = Rig(rest, ws, ws.url, ConnectionOptions(resource=RESOURCE))
        task = asyncio.create_task(made.connection.run())
        await made.until(lambda: made.of(Connected))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not made.connection.connected
        never = Rig(rest, ws, ws.url, ConnectionOptions())
        await never.connection.close()
        await never.connection.run()
        assert never.events == []
        await made.client.aclose()
        await never.client.aclose()


async def test_the_token_shows_up_in_no_event() -> None:
    async with rig(transcript(CONNECTED, close_1001), transcript("sasl_not_authorized.txt")) as made:
        await made.until(lambda: made.of(GaveUp))
        assert TOKEN not in repr(made.events)


async def test_websocket_ping_that_is_answered_late() -> None:
    resume = asyncio.Event()

    async def deaf(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await websocket.send(NOTICE)
        await resume.wait()
        websocket.transport.resume_reading()
        await stay(websocket)

    async with rig(transcript(CONNECTED, deaf)) as made:
        await made.until(lambda: made.of(Notified))
        result = await made.connection.ping("websocket", 0.05)
        assert (result.outcome, result.rtt_s) == ("timeout", None)
        resume.set()
        await made.until(lambda: made.of(PongReceived))
        assert [(pong.kind, pong.late) for pong in made.of(PongReceived)] == [("websocket", True)]


async def test_websocket_ping_in_flight_when_the_connection_ends() -> None:
    async def leave(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await websocket.send(NOTICE)
        await asyncio.sleep(0.1)
        websocket.transport.abort()

    async with rig(transcript(CONNECTED, leave)) as made:
        await made.until(lambda: made.of(Notified))
        assert (await made.connection.ping("websocket", 10)).outcome == "not_connected"


async def test_a_server_that_asks_and_never_reads_cannot_fill_our_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmpp_stream, "OUTGOING_LIMIT", 20)

    async def flood(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        with contextlib.suppress(ConnectionClosed):
            for n in range(100_000):
                iq_id = f"{n}-{'x' * 1000}"
                await websocket.send(
                    f'<iq xmlns="jabber:client" type="get" id="{iq_id}"><ping xmlns="urn:xmpp:ping"/></iq>'
                )
        websocket.transport.abort()

    async with rig(transcript(CONNECTED, flood)) as made:
        await made.until(lambda: made.of(Dropped))
        assert made.of(Dropped)[0].layer_reason == "malformed"
        assert "asked" in made.of(Dropped)[0].detail


async def test_a_refused_ping_is_an_error_and_a_refused_fetch_a_failure() -> None:
    async def refuse(websocket: ServerConnection) -> None:
        async for message in websocket:
            iq_id = str(message).partition('id="')[2].partition('"')[0]
            await websocket.send(
                f'<iq xmlns="jabber:client" type="error" id="{iq_id}"><error type="cancel">'
                '<internal-server-error xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>'
            )

    async with rig(transcript(CONNECTED, refuse)) as made:
        await made.until(lambda: made.of(Connected))
        result = await made.connection.ping("xmpp", 10)
        assert result.outcome == "error"
        assert result.failure is not None
        assert result.failure.reason is Reason.SERVER_ERROR
        fetched = await made.connection.fetch_ice_servers(10)
        assert (fetched.servers, fetched.seconds) == ((), None)
        assert fetched.failure is not None
        assert made.connection.connected
        assert len(made.connection.ice_servers) == 2


async def test_what_xml_cannot_hold_is_a_failure_of_that_call() -> None:
    async with rig(transcript(CONNECTED)) as made:
        await made.until(lambda: made.of(Connected))
        for failed in (
            await made.connection.accept("a\x00b"),
            await made.connection.answer("s", "p\x00", "v=0"),
        ):
            assert failed is not None
            assert failed.reason is Reason.MALFORMED
        assert made.connection.connected


async def test_a_drop_after_a_noticed_silence_was_noticed_then_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, seconds in (("ASK_AFTER_S", 0.05), ("STEP_S", 0.02)):
        monkeypatch.setattr(silence, name, seconds)
    async with rig(transcript(CONNECTED), transcript(CONNECTED, stay), detect_after_s=2.0) as made:
        await made.until(lambda: made.of(Dropped))
        [noticed], [drop] = made.of(SilenceNoticed), made.of(Dropped)
        assert made.events.index(noticed) < made.events.index(drop)
        assert drop.layer_reason == "ping_timeout"
        # the drop's interval ends when the silence was noticed, not when the softphone's own pings gave up
        assert drop.noticed_wall_s - drop.last_good_wall_s == pytest.approx(noticed.seconds, abs=0.05)
        assert noticed.where == ("server" if sys.platform.startswith("linux") else "")


async def test_a_silence_that_ends_is_no_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("ASK_AFTER_S", 0.05), ("STEP_S", 0.02)):
        monkeypatch.setattr(silence, name, seconds)
    speak = asyncio.Event()

    async def quiet_then_speaks(websocket: ServerConnection) -> None:
        await speak.wait()
        await websocket.send(NOTICE)
        await stay(websocket)

    async with rig(transcript(CONNECTED, quiet_then_speaks)) as made:
        await made.until(lambda: made.of(SilenceNoticed))
        speak.set()
        await made.until(lambda: made.of(SilenceEnded))
        assert not made.of(Dropped)
        assert made.connection.connected
