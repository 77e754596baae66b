"""What stanzas carry: JSON-RPC calls, candidates, ICE services, topics, proposals. All of it hostile until read."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.facts.ice import IceServer
from monitor.genesys import channel_messages, services
from monitor.genesys.channel_messages import Kind, read_channel_message
from monitor.genesys.jingle_messages import Propose, SessionMessage, build_jingle_message, read_jingle_message
from monitor.genesys.json_values import load_json
from monitor.genesys.sdp_over_xmpp import (
    Answer,
    Info,
    Offer,
    OtherCall,
    RemoteCandidate,
    Terminate,
    build_call_control,
    candidate_sdp,
    read_call_control,
)
from monitor.genesys.stanzas import Iq, Message, StanzaError, read

# --- JSON


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "malformed"),
        ("", "malformed"),
        ("{", "malformed"),
        ("NaN", "malformed"),
        ("[Infinity]", "malformed"),
        ("1" * 5000, "malformed"),
        ("[" * 33 + "]" * 33, "too_deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "too_large"),
        ("[" * 200_000, "too_deep"),
        ('"' + "x" * 300_000 + '"', "too_large"),
        ('"' + '\\"' * 130_000, "malformed"),
        ('"' * 200_001, "malformed"),
    ],
)
def test_hostile_json_is_refused(text: str | None, reason: str) -> None:
    with pytest.raises(StanzaError) as refused:
        load_json(text)
    assert refused.value.reason == reason


def test_brackets_in_strings_are_no_nesting() -> None:
    assert load_json(json.dumps("[" * 1000 + '"\\[')) == "[" * 1000 + '"\\['


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
@settings(deadline=None)
def test_json_values_survive(value: object) -> None:
    assert load_json(json.dumps(value)) == value


@given(st.text(max_size=200))
def test_no_json_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(StanzaError):
        read_channel_message(text)


# --- genesys-webrtc


def call(body: object) -> Iq:
    text = body if isinstance(body, str) else json.dumps(body)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    made = read(
        '<iq xmlns="jabber:client" type="set" id="1" from="p@g">'
        f'<genesys-webrtc xmlns="genesys">{escaped}</genesys-webrtc></iq>'
    )
    assert isinstance(made, Iq)
    return made


def rpc(method: str, **params: object) -> Iq:
    return call({"jsonrpc": "2.0", "id": "r1", "method": method, "params": params})


@pytest.mark.parametrize(
    ("request_iq", "expected"),
    [
        (
            rpc("offer", sessionId="s", conversationId="c", sdp="v=0", reinvite=True),
            Offer("r1", "s", "c", "v=0", reinvite=True),
        ),
        (rpc("offer", sessionId="s", sdp="v=0"), Offer("r1", "s", "", "v=0", reinvite=False)),
        (rpc("answer", sessionId="s", sdp="v=0"), Answer("r1", "s", "v=0")),
        (
            rpc(
                "iceCandidate",
                sessionId="s",
                sdp="m=audio 9 RTP/AVP 0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n",
            ),
            RemoteCandidate("r1", "s", "audio", "candidate:1 1 udp 1 192.0.2.1 9 typ host"),
        ),
        (
            rpc("iceCandidate", sessionId="s", sdp="m=0 9 RTP/AVP 0\r\na=candidate:1 1 udp"),
            RemoteCandidate("r1", "s", "0", "candidate:1 1 udp"),
        ),
        (rpc("iceCandidate", sessionId="s", sdp="a=end-of-candidates\r\n"), RemoteCandidate("r1", "s", "", "")),
        (rpc("info", sessionId="s", status="active"), Info("r1", "s", "active")),
        (rpc("terminate", sessionId="s", reason="gone"), Terminate("r1", "s", "gone")),
        (rpc("terminate", sessionId="s"), Terminate("r1", "s", "success")),
        (rpc("mute"), OtherCall("r1", "mute")),
        (call({"method": "x", "id": 7}), OtherCall("7", "x")),
        (call({"method": "x"}), OtherCall("", "x")),
    ],
)
def test_calls_are_read(request_iq: Iq, expected: object) -> None:
    assert read_call_control(request_iq) == expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        {},
        {"method": 7},
        {"method": "offer"},
        {"method": "offer", "params": []},
        {"method": "offer", "params": {"sessionId": 1, "sdp": "x"}},
        {"method": "offer", "params": {"sessionId": "s"}},
        {"method": "offer", "params": {"sessionId": "s", "sdp": {}}},
        {"method": "offer", "params": {"sessionId": "s", "sdp": "x", "reinvite": "yes"}},
        {"method": "offer", "params": {"sessionId": "a\x00b", "sdp": "x"}},
        {"method": "offer", "params": {"sessionId": "", "sdp": "x"}},
        {"method": "offer", "id": True, "params": {"sessionId": "s", "sdp": "x"}},
        {"method": "offer", "id": {}, "params": {"sessionId": "s", "sdp": "x"}},
        {"method": "iceCandidate", "params": {"sessionId": "s", "sdp": "nothing"}},
        {"method": "iceCandidate", "params": {"sessionId": "s", "sdp": "a=candidate:" + "x" * 0}},
        '{"method":' + "[" * 30_000,
    ],
)
def test_calls_of_wrong_types_are_refused(body: object) -> None:
    with pytest.raises(StanzaError):
        read_call_control(call(body))


SDP = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=400)


@given(SDP)
@settings(deadline=None)
def test_calls_survive_the_round_trip(sdp: str) -> None:
    made = read(build_call_control("i1", "u@d/r", "p@g/1", "answer", {"sessionId": "s", "sdp": sdp}))
    assert isinstance(made, Iq)
    assert made.sender == "u@d/r"
    assert read_call_control(made) == Answer("i1", "s", sdp)


def test_candidates_survive_the_round_trip() -> None:
    line = "candidate:O8hEe/8IsHnvIzM6 1 UDP 1694498815 18.207.148.20 17258 typ srflx raddr 10.27.64.246 rport 17258"
    for given_as in (line, f"a={line}", f"a={line}\r\n"):
        made = read(
            build_call_control(
                "i", "u@d", "p@g", "iceCandidate", {"sessionId": "s", "sdp": candidate_sdp(given_as, "audio")}
            )
        )
        assert isinstance(made, Iq)
        assert read_call_control(made) == RemoteCandidate("i", "s", "audio", line)


# --- jingle messages


def message(payload: str, sender: str = ' from="p@g/1"') -> Message:
    made = read(f'<message xmlns="jabber:client"{sender}>{payload}</message>')
    assert isinstance(made, Message)
    return made


def test_propose_is_read() -> None:
    full = message(
        '<propose xmlns="urn:xmpp:jingle-message:0" id="s" inin-cid="c" inin-autoanswer="true" '
        'inin-sdp-over-xmpp="true" inin-priv-answer-mode="Auto"/>'
    )
    assert read_jingle_message(full) == Propose(
        "s", "c", "p@g/1", auto_answer=True, sdp_over_xmpp=True, persistent=True
    )
    bare = message('<propose xmlns="urn:xmpp:jingle-message:0" id="s"/>')
    assert read_jingle_message(bare) == Propose(
        "s", "", "p@g/1", auto_answer=False, sdp_over_xmpp=False, persistent=False
    )


def test_a_conversation_id_that_every_fact_would_carry_is_cut() -> None:
    long = "c" * 200_000
    propose = f'<propose xmlns="urn:xmpp:jingle-message:0" id="s" inin-cid="{long}"/>'
    message = read(f'<message xmlns="jabber:client" from="a@b">{propose}</message>')
    assert isinstance(message, Message)
    proposal = read_jingle_message(message)
    assert isinstance(proposal, Propose)
    offer = read_call_control(rpc("offer", sessionId="s", conversationId=long, sdp="v=0"))
    assert isinstance(offer, Offer)
    assert len(proposal.conversation_id) == len(offer.conversation_id) == 128


def test_messages_that_carry_no_session() -> None:
    assert read_jingle_message(message("")) is None
    assert read_jingle_message(message("<body/>")) is None


@pytest.mark.parametrize(
    "payload", ['<propose xmlns="urn:xmpp:jingle-message:0"/>', '<retract xmlns="urn:xmpp:jingle-message:0" id="a b"/>']
)
def test_jingle_messages_without_a_session_id_are_refused(payload: str) -> None:
    with pytest.raises(StanzaError):
        read_jingle_message(message(payload))


def test_propose_without_a_sender_is_refused() -> None:
    with pytest.raises(StanzaError):
        read_jingle_message(message('<propose xmlns="urn:xmpp:jingle-message:0" id="s"/>', sender=""))


def test_jingle_messages_survive_the_round_trip() -> None:
    made = read(build_jingle_message("proceed", "p@g/1", "s"))
    assert isinstance(made, Message)
    assert read_jingle_message(made) == SessionMessage("proceed", "s", "")


# --- ICE services


def services_result(*items: str) -> Iq:
    made = read(
        '<iq xmlns="jabber:client" type="result" id="1"><services xmlns="urn:xmpp:extdisco:1">'
        + "".join(f"<service {item}/>" for item in items)
        + "</services></iq>"
    )
    assert isinstance(made, Iq)
    return made


def test_ice_servers_are_read() -> None:
    result = services_result(
        'type="turn" host="turn.example.com" port="3478" transport="udp" username="1:u" password="p"',
        'type="turn" host="turn.example.com" port="3478" transport="tcp" username="1:u" password="p"',
        'type="turns" host="turn.example.com" port="443" transport="TCP"',
        'type="stun" host="192.0.2.1"',
        'type="stun" host="2001:db8::1" port="3478"',
        'type="ftp" host="x y" port="0"',
    )
    servers = services.read_ice_servers(result)
    assert [server.url for server in servers] == [
        "turn:turn.example.com:3478",
        "turn:turn.example.com:3478?transport=tcp",
        "turns:turn.example.com:443?transport=tcp",
        "stun:192.0.2.1",
        "stun:[2001:db8::1]:3478",
    ]
    assert servers[0] == IceServer("turn:turn.example.com:3478", "1:u", "p")
    assert "p'" not in repr(servers[0])


@pytest.mark.parametrize(
    "item",
    [
        'type="stun"',
        'type="stun" host=""',
        'type="stun" host="a b"',
        'type="stun" host="a?b"',
        'type="stun" host="a" port="0"',
        'type="stun" host="a" port="65536"',
        'type="stun" host="a" port="-1"',
        'type="stun" host="a" port="٣٤"',
        'type="stun" host="a" port="1e3"',
        'type="turn" host="a" transport="sctp"',
    ],
)
def test_impossible_ice_servers_are_refused(item: str) -> None:
    with pytest.raises(StanzaError):
        services.read_ice_servers(services_result(item))


def test_an_answer_without_services_is_refused_and_a_long_list_is_cut() -> None:
    empty = read('<iq xmlns="jabber:client" type="result" id="1"/>')
    assert isinstance(empty, Iq)
    with pytest.raises(StanzaError):
        services.read_ice_servers(empty)
    assert len(services.read_ice_servers(services_result(*['type="stun" host="a"'] * 1000))) == services.MAX_SERVICES


# --- topics


def event(node: str, item: str) -> Message:
    return message(f'<event xmlns="http://jabber.org/protocol/pubsub#event"><items{node}>{item}</items></event>')


def test_notifications_are_read() -> None:
    body = '<item><json xmlns="urn:xmpp:json:0">{"topicName":"t","eventBody":{"a":1}}</json></item>'
    assert services.read_notification(event(' node="t"', body)) == ("t", {"a": 1})
    assert services.read_notification(event(' node="t"', "")) == ("t", None)
    plain = '<item><json xmlns="urn:xmpp:json:0">[1]</json></item>'
    assert services.read_notification(event(' node="t"', plain)) == ("t", [1])
    assert services.read_notification(message("<body/>")) is None
    assert services.read_notification(message("")) is None


@pytest.mark.parametrize(
    ("node", "item"),
    [
        ("", ""),
        (' node="t"', '<item><json xmlns="urn:xmpp:json:0">{</json></item>'),
        (' node="t"', '<item><json xmlns="urn:xmpp:json:0"/></item>'),
    ],
)
def test_broken_notifications_are_refused(node: str, item: str) -> None:
    with pytest.raises(StanzaError):
        services.read_notification(event(node, item))


# --- the JSON notification channel


@pytest.mark.parametrize(
    ("message_body", "kind"),
    [
        ({"topicName": "channel.metadata", "eventBody": {"message": "pong"}}, Kind.PONG),
        ({"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}}, Kind.HEARTBEAT),
        ({"topicName": "channel.metadata", "eventBody": None}, Kind.HEARTBEAT),
        ({"topicName": "v2.system.socket_closing", "eventBody": {}}, Kind.CLOSING),
        ({"topicName": "v2.system.no_longer_subscribed.c", "eventBody": {}}, Kind.DISPLACED),
        ({"topicName": "v2.system.token_revoked.c", "eventBody": {}}, Kind.REVOKED),
        ({"topicName": "v2.users.u.presence", "eventBody": {"a": 1}}, Kind.EVENT),
        ({"result": "200", "status": "subscribed"}, Kind.OTHER),
    ],
)
def test_channel_messages_are_told_apart(message_body: object, kind: Kind) -> None:
    assert read_channel_message(json.dumps(message_body)).kind is kind


@pytest.mark.parametrize("text", ["", "[]", "7", '{"topicName":7}', "[" * 100])
def test_broken_channel_messages_are_refused(text: str) -> None:
    with pytest.raises(StanzaError):
        read_channel_message(text)


def test_the_ping_is_as_documented() -> None:
    assert json.loads(channel_messages.PING) == {"message": "ping"}
