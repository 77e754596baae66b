"""The XMPP side of the simulator over real sockets: a softphone's whole life, and clients that mean harm."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from lxml import etree
from raw_softphone import FRAMING, NOTIFICATIONS, OPEN, RawSoftphone, error_of
from streaming_bench import IDLE, Bench, bench, scenario
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from monitor.simulator.streaming.client_socket import FRAME_BURST, FRAMES_PER_S
from monitor.simulator.world.scenario import Turn
from monitor.simulator.world.world import SIGNALLING_WORK

Start = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:
        yield lambda **changes: stack.enter_async_context(bench(**changes))


async def closed(softphone: RawSoftphone) -> tuple[int, list[str]]:
    """The close code, and the names of what came before the end."""
    names = []
    try:
        while True:
            names.append(etree.QName(await softphone.receive()).localname)
    except ConnectionClosed as end:
        return (end.rcvd.code if end.rcvd is not None else 1006), names


# The life of a softphone


async def test_session_from_open_to_close_word_for_word(start: Start) -> None:
    at = await start()
    softphone = await at.raw()
    assert softphone.ws.subprotocol == "xmpp"
    await softphone.send(OPEN)
    opening = str(await softphone.ws.recv())
    assert opening.startswith(
        f'<open xmlns="{FRAMING}" xmlns:stream="http://etherx.jabber.org/streams" version="1.0" from="hawk" id="'
    )
    assert opening.endswith('" xml:lang="en"></open>')
    assert str(await softphone.ws.recv()) == (
        '<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms xmlns="urn:ietf:params:xml:ns:'
        'xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms></stream:features>'
    )
    softphone = await at.softphone(0, "r1")
    assert softphone.jid == f"{at.jid()}/r1"
    assert at.streaming.state()["sessions"] == [softphone.jid]
    await softphone.send(f'<close xmlns="{FRAMING}"/>')
    assert await closed(softphone) == (1000, ["close"])
    assert at.streaming.state()["sessions"] == []


async def test_an_empty_bind_gets_a_resource_of_the_servers_choice(start: Start) -> None:
    at = await start()
    first, second = await at.softphone(0, ""), await at.softphone(1, "")
    assert first.jid.startswith(f"{at.jid()}/")
    assert first.jid.partition("/")[2] != second.jid.partition("/")[2] != ""


@pytest.mark.parametrize("wrong", ["token", "user", "channel"])
async def test_wrong_credentials_are_not_authorized(start: Start, wrong: str) -> None:
    at = await start()
    softphone = await at.raw(0, at.channel(1) if wrong == "channel" else "")
    jid = at.jid(1) if wrong == "user" else at.jid(0)
    answer = await softphone.authenticate(jid, "nonsense" if wrong == "token" else at.token(0))
    assert etree.tostring(answer) == (b'<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>')


async def test_a_client_credentials_token_is_no_softphone(start: Start) -> None:
    at = await start()
    token = at.platform.issue_client_token()[0]
    answer = await (await at.raw()).authenticate(at.jid(), token)
    assert etree.QName(answer).localname == "failure"


@pytest.mark.parametrize("initial", ["", "%%%", "AAAA", "bm8gbnVscw==", "/w=="])
async def test_a_malformed_sasl_response_is_not_authorized_and_thrice_is_enough(start: Start, initial: str) -> None:
    softphone = await (await start()).raw()
    await softphone.send(OPEN)
    await softphone.until("features")
    for _ in range(3):
        await softphone.send(f'<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">{initial}</auth>')
    assert await closed(softphone) == (1008, ["failure", "failure", "failure", "error", "close"])


@pytest.mark.parametrize("path", ["/stream/channels/streaming-0-unknown", "/channels/streaming-0-unknown", "/", "/x"])
async def test_an_unknown_channel_or_path_is_404(start: Start, path: str) -> None:
    at = await start()
    with pytest.raises(InvalidStatus) as refused:
        await connect(at.url + path, subprotocols=["xmpp"], proxy=None)
    assert refused.value.response.status_code == 404


async def test_an_expired_channel_is_401_and_a_missing_subprotocol_400(start: Start) -> None:
    at = await start()
    channel = at.channel()
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{at.url}/stream/channels/{channel}", proxy=None)
    assert refused.value.response.status_code == 400
    at.platform.channels[channel].expires_wall_s = 0.0
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{at.url}/stream/channels/{channel}", subprotocols=["xmpp"], proxy=None)
    assert refused.value.response.status_code == 401


async def test_pings_are_answered_and_unknown_requests_refused(start: Start) -> None:
    softphone = await (await start()).softphone()
    answer = await softphone.ping("p1")
    assert (answer.get("type"), answer.get("id"), len(answer)) == ("result", "p1", 0)
    refused = await softphone.ask('<query xmlns="jabber:iq:roster"/>', "get")
    assert error_of(refused) == "service-unavailable"
    assert error_of(await softphone.ask("", "get")) == "bad-request"


async def test_ice_servers_stun_alone_and_with_a_turn_server(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    assert await softphone.services("turn") == []
    stun = {"type": "stun", "host": "127.0.0.1", "port": str(at.streaming.ice_servers.stun_port), "transport": "udp"}
    assert await softphone.services("stun") == [stun]
    turn = Turn(host="turn.test", port=3479, transports=("udp", "tcp"), username="u", password="pw")
    softphone = await (await start(turn=turn, force_turn=True)).softphone()
    common = {"type": "turn", "host": "turn.test", "port": "3479", "username": "u", "password": "pw"}
    assert await softphone.services("turn") == [{**common, "transport": "udp"}, {**common, "transport": "tcp"}]
    assert await softphone.services("stun") == []


async def test_subscribed_events_arrive_until_unsubscribed(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    topic = f"v2.users.{at.platform.first_user.id}.conversations"
    answer = await softphone.subscribe(topic)
    assert answer.get("from") == NOTIFICATIONS
    told = answer.find(".//{http://jabber.org/protocol/pubsub}subscription")
    assert told is not None
    assert (told.get("node"), told.get("subscription")) == (topic, "subscribed")
    assert await at.platform.deliver(topic, {"id": "<&>\x00"}) == 1
    event = await softphone.until("event")
    assert event.get("from") == NOTIFICATIONS
    assert event.get("to") == at.jid()
    payload = json.loads(event.findtext(".//{urn:xmpp:json:0}json") or "")
    assert (payload["topicName"], payload["eventBody"]) == (topic, {"id": "<&>\x00"})
    await softphone.subscribe(topic, "unsubscribe")
    assert await at.platform.deliver(topic, {}) == 0
    assert error_of(await softphone.subscribe("no such topic")) == "item-not-found"


async def test_server_side_pings_come_only_after_they_were_asked_for(start: Start) -> None:
    at = await start(server_ping_period_s=0.05)
    asked, silent = await at.softphone(0), await at.softphone(1)
    await asked.subscribe("enable.server.side.pings")
    for _ in range(3):
        ping = await asked.until("ping")
        assert ping.get("type") == "get"
        assert ping.get("to") == asked.jid
    await silent.send_iq('<ping xmlns="urn:xmpp:ping"/>', "get", iq_id="only")
    assert (await silent.receive()).get("id") == "only"


async def test_a_second_session_of_the_same_resource_displaces_the_first(start: Start) -> None:
    at = await start()
    first = await at.softphone(0, "same")
    second = await at.softphone(0, "same")
    event = await first.until("event")
    items = event.find(".//{http://jabber.org/protocol/pubsub#event}items")
    assert items is not None
    assert "duplicate_id" in str(items.get("node"))
    assert await closed(first) == (1000, ["close"])
    assert at.streaming.state()["sessions"] == [second.jid]
    assert (await second.ping()).get("type") == "result"


async def test_an_evicted_channel_is_told_no_longer_subscribed(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    for _ in range(20):
        at.platform.touch(at.platform.channels[at.channel()])
    for channel in list(at.platform.channels.values())[1:]:
        channel.socket = channel.socket or softphone  # type: ignore[assignment]  # all in use: the oldest has to go
    at.channel()
    assert "no_longer_subscribed" in etree.tostring(await softphone.until("event")).decode()
    assert await closed(softphone) == (1000, ["close"])


async def test_answers_keep_their_order_and_a_slow_platform_slows_each_by_its_own_turn(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    at.platform.use_scenario(scenario(signalling=IDLE.model_copy(update={"base_s": 0.2})))
    began = asyncio.get_running_loop().time()
    for number in range(20):
        await softphone.send_iq('<ping xmlns="urn:xmpp:ping"/>', "get", iq_id=str(number))
    assert [(await softphone.receive()).get("id") for _ in range(20)] == [str(number) for number in range(20)]
    waited = asyncio.get_running_loop().time() - began
    assert 0.19 < waited < 0.2 * 20  # each waited for its turn, side by side and not one after the other


# Faults


async def test_drop_closes_the_newest_session_with_the_given_code(start: Start) -> None:
    at = await start()
    older, newest = await at.softphone(0), await at.softphone(1)
    assert await at.streaming.drop(code=1012, reason="restart") == {"jid": newest.jid}
    assert await closed(newest) == (1012, [])
    assert (await older.ping()).get("type") == "result"
    with pytest.raises(ValueError, match="1005"):
        await at.streaming.drop(code=1005)


async def test_abort_resets_the_tcp_connection(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    await at.streaming.abort()
    with pytest.raises(ConnectionClosed) as ended:
        await softphone.receive()
    assert ended.value.rcvd is None
    assert isinstance(ended.value.__cause__, ConnectionResetError)
    with pytest.raises(LookupError):
        await at.streaming.abort()


async def test_blackhole_swallows_old_and_new_connections_until_reset(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    await at.streaming.blackhole()
    await softphone.send_iq('<ping xmlns="urn:xmpp:ping"/>', "get")
    wire_ping = await softphone.ws.ping()
    with pytest.raises(TimeoutError):
        await softphone.receive(0.2)
    assert not wire_ping.done()
    with pytest.raises(TimeoutError):
        await connect(f"{at.url}/stream/channels/{at.channel()}", open_timeout=0.2, proxy=None)
    await at.streaming.reset()
    with pytest.raises(ConnectionClosed):
        await softphone.receive()
    assert (await (await at.softphone()).ping()).get("type") == "result"


async def test_cxfr_asks_the_client_to_move(start: Start) -> None:
    at = await start()
    softphone = await at.softphone()
    assert await at.streaming.cxfr() == {"jid": softphone.jid}
    move = await softphone.until("query")
    assert (move.get("type"), move.get("to")) == ("set", softphone.jid)
    assert move[0].tag == "{urn:xmpp:cxfr}query"
    assert [etree.QName(child).localname for child in move[0]] == ["domain", "server"]


async def test_faults_without_a_session_say_so(start: Start) -> None:
    streaming = (await start()).streaming
    for fault in (streaming.drop(), streaming.abort(), streaming.cxfr(), streaming.propose()):
        with pytest.raises(LookupError):
            await fault


async def test_close_is_idempotent_and_ends_half_open_connections(start: Start) -> None:
    at = await start()
    await at.softphone()
    with socket.create_connection(("127.0.0.1", at.streaming.port)) as half_open:
        half_open.send(b"GET /stream")
        await at.streaming.blackhole()
        async with asyncio.timeout(10):
            await at.streaming.close()
            await at.streaming.close()


# Clients that mean harm


BILLION_LAUGHS = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><iq xmlns="jabber:client">&b;</iq>'


@pytest.mark.parametrize(
    "text",
    [
        "not xml",
        "<a><b></a>",
        "<iq xmlns='jabber:client' type='get' id='1'/><iq/>",
        BILLION_LAUGHS,
        "<!--x--><iq xmlns='jabber:client'/>",
        "<a>" * 100 + "</a>" * 100,
        f"<iq xmlns='jabber:client'>{'x' * 300_000}</iq>",
        '<unknown xmlns="jabber:client"/>',
        "",
    ],
    ids=["garbage", "unbalanced", "two", "entities", "comment", "deep", "oversized", "stranger", "empty"],
)
async def test_a_bad_stanza_ends_that_connection_alone_with_a_stream_error(start: Start, text: str) -> None:
    at = await start()
    good, bad = await at.softphone(0), await at.softphone(1)
    await bad.send(text)
    code, names = await closed(bad)
    assert (code, names) == (1008, ["error", "close"])
    assert (await good.ping()).get("type") == "result"
    assert at.streaming.state()["sessions"] == [good.jid]


async def test_stanzas_before_authentication_are_refused(start: Start) -> None:
    softphone = await (await start()).raw()
    await softphone.send('<iq xmlns="jabber:client" type="get" id="1"><ping xmlns="urn:xmpp:ping"/></iq>')
    assert error_of(await softphone.receive()) == "not-authorized"
    assert await closed(softphone) == (1008, ["close"])


async def test_binary_that_is_not_text_ends_the_stream_and_a_giant_frame_is_cut_off(start: Start) -> None:
    at = await start()
    binary, giant, good = await at.softphone(0), await at.softphone(1), await at.softphone(2)
    await binary.ws.send(b"\xff\xfe")
    assert (await closed(binary))[0] == 1008
    await giant.send("x" * 3_000_000)
    assert (await closed(giant))[0] == 1009
    assert (await good.ping()).get("type") == "result"


async def test_a_client_that_does_not_read_is_cut_off_while_another_keeps_its_pongs(start: Start) -> None:
    at = await start()
    good = await at.softphone(0)
    deaf = await at.softphone(1)
    await deaf.subscribe(f"v2.users.{list(at.platform.users)[1]}.conversations")
    deaf.ws.transport.pause_reading()
    filling = random.Random(1).randbytes(25_000).hex()  # does not deflate to nothing
    topic, body = f"v2.users.{list(at.platform.users)[1]}.conversations", {"filling": filling}
    rounds = 0
    while deaf.jid in at.streaming.state()["sessions"]:
        await at.platform.deliver(topic, body)
        assert (await good.ping(str(rounds))).get("type") == "result"
        rounds += 1
        assert rounds < 2000
    assert at.streaming.state()["sessions"] == [good.jid]


async def test_a_flood_does_not_keep_the_others_from_their_pongs(start: Start) -> None:
    at = await start()
    good, flood = await at.softphone(0), await at.softphone(1)
    stanza = b'<iq xmlns="jabber:client" type="get" id="f"><ping xmlns="urn:xmpp:ping"/></iq>'
    frame = bytes([0x81, 0x80 | len(stanza)]) + bytes(4) + stanza  # a text frame under a mask of zeros
    wire = flood.ws.transport
    began_s, own_pings = at.platform.clock.mono_s(), 0
    wire.write(frame * 20_000)  # written once, so that this test's own loop is not what is kept busy
    while own_pings < 50 or at.platform.clock.mono_s() - began_s < 1.0:
        assert (await good.ping(str(own_pings))).get("type") == "result"
        own_pings += 1
    pings_served = at.platform.world.signalling.accepted_s * IDLE.capacity / SIGNALLING_WORK["ping"]
    may_pass = FRAME_BURST + FRAMES_PER_S * (at.platform.clock.mono_s() - began_s)
    assert pings_served <= own_pings + may_pass + 200  # what both logins cost, counted as pings, is below 200
    wire.abort()


async def test_a_client_that_goes_while_it_is_owed_answers_leaves_nothing_behind(start: Start) -> None:
    at = await start()
    hasty = await at.softphone()
    at.platform.use_scenario(scenario(signalling=IDLE.model_copy(update={"base_s": 3600.0})))
    for number in range(150):  # more than the server reads ahead of its answers
        await hasty.send_iq('<ping xmlns="urn:xmpp:ping"/>', "get", iq_id=str(number))
    hasty.ws.transport.abort()
    async with asyncio.timeout(30):
        await at.streaming.close()
    assert at.streaming.state()["sessions"] == []
