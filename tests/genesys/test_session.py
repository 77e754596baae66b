"""The session against golden transcripts, and what no transcript can show: the table, hostile input, deadlines."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from genesys_transcript import JID, PUBSUB, RESOURCE, TOKEN, MismatchError, Player

from monitor.facts.failures import DISCONNECT_REASONS, Layer, Reason
from monitor.genesys.calls import CallSignalling
from monitor.genesys.events import PhaseTimed, PongReceived
from monitor.genesys.requests import Reply
from monitor.genesys.session import Session
from monitor.genesys.states import PHASE_OF, TRANSITIONS, Input, SessionOptions, State

TRANSCRIPTS = sorted(p for p in (Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_session_keeps_to_the_transcript(path: Path) -> None:
    Player().play(path)


def test_transcripts_are_there() -> None:
    assert len(TRANSCRIPTS) >= 30


@pytest.mark.parametrize(
    "lines",
    [
        "C: <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='elsewhere' version='1.0'/>",
        "S: <a/>\nQ:",
        "I: _bound.txt\nC: <close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        "I: _bound.txt\nX: silence",
        "I: _bound.txt\nE: Online",
        "I: _bound.txt\nR: ok",
    ],
)
def test_player_notices_a_difference(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(lines)
    with pytest.raises(MismatchError):
        Player().play(path)


def connected() -> tuple[Session, Player]:
    player = Player()
    player.play(Path(__file__).parent / "transcripts" / "_connected_client.txt")
    assert player.session is not None
    return player.session, player


def fresh() -> Session:
    session = Session(SessionOptions(JID, TOKEN, RESOURCE, PUBSUB), CallSignalling())
    session.start(0.0)
    return session


def test_every_state_but_the_last_two_is_reached_by_the_table() -> None:
    reached = set(TRANSITIONS.values())
    assert reached == set(State) - {State.NEW, State.CLOSING, State.CLOSED}
    assert {what for _, what in TRANSITIONS} == set(Input)
    assert set(PHASE_OF.values()) == {"sasl", "bind", "ice_servers"}


HOSTILE = {
    "malformed": "<iq",
    "empty": "",
    "comment": "<!-- x --><a/>",
    "dtd": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "deep": "<a>" * 80_000,
    "iq without id": '<iq xmlns="jabber:client" type="result"/>',
    "iq of no type": '<iq xmlns="jabber:client" id="1"/>',
    "event without node": '<message xmlns="jabber:client">'
    '<event xmlns="http://jabber.org/protocol/pubsub#event"/></message>',
    "event with deep JSON": '<message xmlns="jabber:client"><event xmlns="http://jabber.org/protocol/pubsub#event">'
    '<items node="t"><item><json xmlns="urn:xmpp:json:0">' + "[" * 50_000 + "</json></item></items></event></message>",
    "call control not JSON": '<iq xmlns="jabber:client" type="set" id="1">'
    '<genesys-webrtc xmlns="genesys">{</genesys-webrtc></iq>',
    "call control of wrong type": '<iq xmlns="jabber:client" type="set" id="1"><genesys-webrtc xmlns="genesys">'
    '{"method":"offer","params":{"sessionId":7}}</genesys-webrtc></iq>',
    "propose without id": '<message xmlns="jabber:client" from="a@b">'
    '<propose xmlns="urn:xmpp:jingle-message:0"/></message>',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_ends_the_stream_as_malformed(text: str) -> None:
    session, _ = connected()
    session.receive(text, 2000.0)
    assert session.ending is not None
    assert session.ending.reason == "malformed"
    assert session.ending.failure.reason is Reason.MALFORMED
    assert session.outgoing() == ('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>',)
    assert session.next_deadline() is None


def test_oversized_text_ends_the_stream_as_too_large() -> None:
    session, _ = connected()
    session.receive("<a>" + "x" * 10_000_000 + "</a>", 2000.0)
    assert session.ending is not None
    assert (session.ending.reason, session.ending.failure.reason) == ("malformed", Reason.TOO_LARGE)


def test_hostile_ice_servers_end_the_attempt() -> None:
    player = Player()
    player.play(Path(__file__).parent / "transcripts" / "_bound.txt")
    player.server(
        '<iq xmlns="jabber:client" type="result" id="$turn1"><services xmlns="urn:xmpp:extdisco:1">'
        '<service type="turn" host="a b" port="99999"/></services></iq>'
    )
    assert player.session is not None
    assert player.session.ending is not None
    assert player.session.ending.reason == "malformed"


def test_stanzas_out_of_order_do_nothing() -> None:
    session = fresh()
    session.outgoing()
    session.receive('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>', 0.0)
    session.receive('<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>', 0.0)
    assert session.state is State.OPENING
    assert session.outgoing() == ()
    assert session.ending is None


def test_a_server_without_plain_is_unsupported() -> None:
    session = fresh()
    session.receive(
        '<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms '
        'xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>',
        1.0,
    )
    assert session.ending is not None
    assert session.ending.failure.reason is Reason.UNSUPPORTED
    (phase,) = [event for event in session.events() if isinstance(event, PhaseTimed)]
    assert (phase.phase, phase.seconds) == ("sasl", None)


@pytest.mark.parametrize(("code", "reason"), [(None, "reset"), (1001, "closed"), (1006, "closed")])
def test_a_closed_socket_ends_the_stream(code: int | None, reason: str) -> None:
    session, _ = connected()
    session.closed(code, "going away", 2000.0)
    assert session.ending is not None
    assert (session.ending.reason, session.ending.code, session.ending.hard) == (reason, code, False)
    assert session.state is State.CLOSED


def test_a_displaced_stream_that_is_never_closed_ends_after_a_minute() -> None:
    session, player = connected()
    topic = "v2.system.no_longer_subscribed.x"
    session.receive(
        '<message xmlns="jabber:client"><event xmlns="http://jabber.org/protocol/pubsub#event">'
        f'<items node="{topic}"/></event></message>',
        player.now,
    )
    session.tick(player.now + 59.9)
    assert session.ending is None
    session.tick(player.now + 60.0)
    assert session.ending is not None
    assert (session.ending.reason, session.ending.hard) == ("no_longer_subscribed", True)


def test_an_answer_after_the_timeout_is_late_even_when_our_own_timer_is_late_too() -> None:
    session, _ = connected()
    replies: list[Reply] = []
    session.ping(2000.0, 2.0, lambda reply, _: replies.append(reply))
    (asked,) = session.outgoing()
    iq_id = asked.partition('id="')[2].partition('"')[0]
    session.receive(f'<iq xmlns="jabber:client" type="result" id="{iq_id}"/>', 2020.0)  # stopped for 20 s meanwhile
    (reply,) = replies
    assert reply.seconds is None
    assert reply.failure is not None
    assert reply.failure.reason is Reason.TIMEOUT
    assert [e for e in session.events() if isinstance(e, PongReceived)] == [PongReceived("xmpp", 20.0, late=True)]


def test_ice_servers_are_fetched_again_after_six_hours() -> None:
    session, player = connected()
    player.options.clear()
    asked = []
    now = player.now
    while now < player.now + 6 * 3600 + 20:
        deadline = session.next_deadline()
        assert deadline is not None
        now = deadline
        session.tick(now)
        for text in session.outgoing():
            kind = "ping" if "urn:xmpp:ping" in text else "ice"
            asked.append((kind, now - player.now))
            reply = re.sub(r".* id=\"([^\"]*)\".*", r'<iq xmlns="jabber:client" type="result" id="\1"/>', text)
            if kind == "ping":
                session.receive(reply, now)
    assert session.ending is None
    assert [at for kind, at in asked if kind == "ice"][:2] == [pytest.approx(6 * 3600)] * 2


def test_ticking_at_every_deadline_never_gets_stuck() -> None:
    session, player = connected()
    now = player.now
    for _ in range(200):
        deadline = session.next_deadline()
        if deadline is None:
            break
        assert deadline >= now
        now = deadline
        session.tick(now)
    assert session.ending is not None
    assert session.ending.reason == "ping_timeout"
    assert now == pytest.approx(player.now + 58.0)


def test_reasons_are_of_the_closed_vocabulary() -> None:
    words = {
        line.split()[1]
        for path in TRANSCRIPTS
        for line in path.read_text().splitlines()
        if line.startswith("X:") and line.split()[1] != "-"
    }
    assert words <= set(DISCONNECT_REASONS[Layer.SIGNALLING])
    assert {"ping_timeout", "silence", "ice_servers", "moved", "no_longer_subscribed", "duplicate_id"} <= words


def test_the_token_is_never_in_a_repr() -> None:
    options = SessionOptions(JID, "s3cret", RESOURCE, PUBSUB)
    assert "s3cret" not in repr(options)
