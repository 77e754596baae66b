"""Clients that mean harm, or only leave in the middle: what each may cost the simulator, and what it leaves behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Literal, cast

import pytest
from certificates import make_certificate
from lxml import etree
from raw_softphone import error_of, rpc_of
from streaming_bench import bench, scenario
from websockets.exceptions import ConnectionClosed

from monitor.facts.clock import ManualClock, SystemClock
from monitor.simulator.platform import Channel, Platform
from monitor.simulator.streaming import call
from monitor.simulator.streaming.client_socket import FRAME_BURST, FRAME_CHARS, Shaper, SimulatedConnection, frame_cost
from monitor.simulator.streaming.notification_socket import NotificationSocket
from monitor.simulator.streaming.streaming import Streaming
from monitor.simulator.streaming.xmpp_session import LOGIN_S, Softphones, XmppSession

NO_CONNECTION = cast(SimulatedConnection, None)


def a_channel(platform: Platform, kind: Literal["notification", "streaming"]) -> Channel:
    grant = platform.grant(platform.issue_client_token()[0])
    assert grant is not None
    return platform.create_channel(grant, kind)


@pytest.mark.parametrize("opcode", [0x9, 0xA], ids=["ping", "pong"])
async def test_a_flood_of_control_frames_ends_that_connection_alone(opcode: int) -> None:
    async with bench() as at:
        good, flood = await at.softphone(0), await at.softphone(1)
        await asyncio.wait_for(await flood.ws.ping(), 5)  # a few are everybody's right
        flood.ws.transport.write(bytes([0x80 | opcode, 0x80, 0, 0, 0, 0]) * 5000)
        with pytest.raises(ConnectionClosed):
            await flood.receive()
        assert (await good.ping()).get("type") == "result"
        assert at.streaming.state()["sessions"] == [good.jid]


async def test_a_stanza_of_more_elements_than_a_softphone_ever_sends_is_not_parsed() -> None:
    async with bench() as at:
        softphone = await at.softphone()
        await softphone.send(f'<iq xmlns="jabber:client" type="get" id="1">{"<a/>" * 60_000}</iq>')
        assert error_of(await softphone.until("error")) == "policy-violation"


def test_a_large_frame_weighs_as_much_as_the_small_ones_it_could_have_been() -> None:
    assert frame_cost("<iq/>") < 1.01
    shaper, large = Shaper(0.0), "x" * 256_000
    waits = [shaper.wait_s(0.0, frame_cost(large)) for _ in range(10)]
    assert waits[0] == 0.0  # one is within everybody's burst
    assert waits[9] >= (10 * 256_000 / FRAME_CHARS - FRAME_BURST) / 100


# What time does to connections that are ending: the closing handshake may last, and nothing may spin meanwhile


def test_a_json_socket_that_is_being_closed_waits_in_peace() -> None:
    clock = ManualClock()
    platform = Platform(scenario(heartbeat_period_s=5.0), seed=1, clock=clock)
    channel = a_channel(platform, "notification")
    closing = NotificationSocket(NO_CONNECTION, platform, channel)
    del platform.channels[channel.id]
    clock.advance(6.0)  # a heartbeat would be due by now
    assert closing.tick(clock.mono_s()) > 0.0


async def test_a_session_that_is_being_closed_waits_in_peace() -> None:
    clock = ManualClock()
    platform = Platform(scenario(server_ping_period_s=5.0), seed=1, clock=clock)
    channel = a_channel(platform, "streaming")
    closing = XmppSession(NO_CONNECTION, platform, channel, cast(Softphones, None))
    closing.subscribe_to_pings()
    closing.finish(1000, "")
    for passed_s in (6.0, LOGIN_S):
        clock.advance(passed_s)
        assert closing.tick(clock.mono_s()) > 0.0


async def test_close_ends_although_a_client_stopped_in_its_tls_handshake(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    platform = Platform(scenario(), seed=1, clock=SystemClock())
    streaming = await Streaming.start(platform, "127.0.0.1", 0, tls=tls)
    with socket.create_connection(("127.0.0.1", streaming.port)):
        while not len(streaming.clients.connections):  # noqa: ASYNC110 - nothing tells that a connection was accepted
            await asyncio.sleep(0.005)
        async with asyncio.timeout(10):
            await streaming.blackhole()
            await streaming.reset()
            await streaming.close()


# Calls


async def test_a_client_that_proceeds_and_never_answers_does_not_keep_a_peer_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call, "ANSWER_S", 0.05)
    async with bench() as at:
        softphone = await at.softphone()
        ids = await at.streaming.propose()
        far = str((await softphone.until("propose")).get("from"))
        await softphone.call_message(far, "proceed", ids["sid"])
        told = rpc_of(await softphone.until("genesys-webrtc"))
        while told["method"] != "terminate":
            told = rpc_of(await softphone.until("genesys-webrtc"))
        assert told["params"] == {"sessionId": ids["sid"], "reason": "timeout"}
        assert at.streaming.state()["calls"][ids["sid"]]["reason"] == "timeout"


async def test_words_that_do_not_take_a_call_on_do_not_keep_it_ringing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "RING_S", 0.3)
    async with bench() as at:
        softphone = await at.softphone()
        ids = await at.streaming.propose()
        far = str((await softphone.until("propose")).get("from"))
        async with asyncio.timeout(5):
            while at.streaming.state()["calls"][ids["sid"]]["state"] != "ended":
                await softphone.webrtc(far, "mute", {"sessionId": ids["sid"]})


async def test_a_reject_reaches_the_users_other_client_once() -> None:
    async with bench() as at:
        other, softphone = await at.softphone(0, "other"), await at.softphone(0, "own")
        ids = await at.streaming.propose()
        far = str((await softphone.until("propose")).get("from"))
        for to in (at.jid(), far):  # the real client tells its own bare JID, then the peer
            await softphone.call_message(to, "reject", ids["sid"])
        await softphone.ping()
        await other.send_iq('<ping xmlns="urn:xmpp:ping"/>', "get", iq_id="last")
        names = []
        while (element := await other.receive()).get("id") != "last":
            names.append(etree.QName(element[0]).localname)
        assert names == ["reject"]
