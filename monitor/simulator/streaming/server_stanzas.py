"""What the platform sends on an XMPP stream, one function a stanza, as the real clients were seen to read it; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from monitor.simulator.ice.stun_responder import IceService

FRAMING: Final = "urn:ietf:params:xml:ns:xmpp-framing"
SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION: Final = "urn:ietf:params:xml:ns:xmpp-session"
STANZAS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAMS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
STREAM_PREFIX: Final = "http://etherx.jabber.org/streams"
CLIENT: Final = "jabber:client"
PING: Final = "urn:xmpp:ping"
EXTDISCO: Final = "urn:xmpp:extdisco:1"
PUBSUB: Final = "http://jabber.org/protocol/pubsub"
JINGLE_MESSAGE: Final = "urn:xmpp:jingle-message:0"
GENESYS: Final = "genesys"
CXFR: Final = "urn:xmpp:cxfr"

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 section 2.2


def attributes(**values: str | None) -> str:
    """` name="value"` for each value that is not None; a name's `_` is written `-`."""
    written = ((name.rstrip("_").replace("_", "-"), value) for name, value in values.items() if value is not None)
    return "".join(f" {name}={quoteattr(NOT_XML.sub('', value))}" for name, value in written)


def opening(stream_id: str) -> str:
    """The server's half of a stream opening (RFC 7395 section 3.4), from `hawk` as the real one."""
    return (
        f'<open xmlns="{FRAMING}" xmlns:stream="{STREAM_PREFIX}" version="1.0" from="hawk"'
        f'{attributes(id=stream_id)} xml:lang="en"></open>'
    )


def closing() -> str:
    """The end of a stream."""
    return f'<close xmlns="{FRAMING}"></close>'


def sasl_features() -> str:
    """What may be done before authentication: SASL PLAIN."""
    mechanisms = f'<mechanisms xmlns="{SASL}"><mechanism>PLAIN</mechanism></mechanisms>'
    return f'<stream:features xmlns:stream="{STREAM_PREFIX}">{mechanisms}</stream:features>'


def bind_features() -> str:
    """What is to be done after authentication: bind, and the session of RFC 3921."""
    offered = f'<bind xmlns="{BIND}"></bind><session xmlns="{SESSION}"></session>'
    return f'<stream:features xmlns:stream="{STREAM_PREFIX}">{offered}</stream:features>'


def sasl_success() -> str:
    """The token was accepted."""
    return f'<success xmlns="{SASL}"></success>'


def sasl_failure(condition: str) -> str:
    """Authentication failed with a condition of RFC 6120 section 6.5."""
    return f'<failure xmlns="{SASL}"><{condition}></{condition}></failure>'


def stream_error(condition: str, text: str) -> str:
    """The stream ends because of a condition of RFC 6120 section 4.9.3."""
    told = f'<text xmlns="{STREAMS}">{_text(text)}</text>'
    told = f'<{condition} xmlns="{STREAMS}"></{condition}>{told}'
    return f'<stream:error xmlns:stream="{STREAM_PREFIX}">{told}</stream:error>'


def result(iq_id: str, to: str | None, from_: str | None, payload: str = "") -> str:
    """The answer to an IQ."""
    return f'<iq xmlns="{CLIENT}" type="result"{attributes(id=iq_id, to=to, from_=from_)}>{payload}</iq>'


def error(iq_id: str, to: str | None, from_: str | None, condition: str, kind: str = "cancel") -> str:
    """A refused IQ: a condition of RFC 6120 section 8.3.3, and what the client may do about it."""
    told = f'<error type="{kind}"><{condition} xmlns="{STANZAS}"></{condition}></error>'
    return f'<iq xmlns="{CLIENT}" type="error"{attributes(id=iq_id, to=to, from_=from_)}>{told}</iq>'


def bound(jid: str) -> str:
    """The payload of a bind's answer: the full JID."""
    return f'<bind xmlns="{BIND}"><jid>{_text(jid)}</jid></bind>'


def ping(iq_id: str, to: str, from_: str) -> str:
    """A server-side ping."""
    return (
        f'<iq xmlns="{CLIENT}" type="get"{attributes(id=iq_id, to=to, from_=from_)}><ping xmlns="{PING}"></ping></iq>'
    )


def services(kind: str | None, found: Iterable[IceService]) -> str:
    """The payload of an extdisco answer (XEP-0215)."""
    entries = "".join(f"<service{_service(service)}></service>" for service in found)
    return f'<services xmlns="{EXTDISCO}"{attributes(type=kind)}>{entries}</services>'


def _service(service: IceService) -> str:
    return attributes(
        type=service.type,
        host=service.host,
        port=str(service.port),
        transport=service.transport,
        username=service.username,
        password=service.password,
    )


def subscription(node: str, jid: str, state: str) -> str:
    """The payload of a pubsub answer; state is `subscribed` or `none`."""
    return (
        f'<pubsub xmlns="{PUBSUB}"><subscription{attributes(node=node, jid=jid, subscription=state)}>'
        "</subscription></pubsub>"
    )


def event(topic: str, event_body: dict[str, Any], to: str, from_: str, correlation_id: str) -> str:
    """One notification as a pubsub event with its JSON payload."""
    payload = notification(topic, event_body, correlation_id)
    item = f'<item><json xmlns="urn:xmpp:json:0">{_text(payload)}</json></item>'
    items = f"<items{attributes(node=topic)}>{item}</items>"
    told = f'<event xmlns="{PUBSUB}#event">{items}</event>'
    return f'<message xmlns="{CLIENT}"{attributes(from_=from_, to=to)}>{told}</message>'


def notification(topic: str, event_body: dict[str, Any], correlation_id: str) -> str:
    """One notification as JSON, alike on both kinds of channel."""
    metadata = {"CorrelationId": correlation_id}
    return json.dumps({"topicName": topic, "version": "2", "eventBody": event_body, "metadata": metadata})


def connection_transfer(iq_id: str, to: str) -> str:
    """The planned move (XEP-0051): the client is to connect again elsewhere."""
    query = f'<query xmlns="{CXFR}"><domain></domain><server></server></query>'
    return f'<iq xmlns="{CLIENT}" type="set"{attributes(id=iq_id, to=to)}>{query}</iq>'


def propose(message_id: str, from_: str, to: str, sid: str, *, cid: str, autoanswer: bool, priv: str) -> str:
    """A call is offered; with `priv` it is the persistent connection's, answered without asking."""
    offered = attributes(
        id=sid,
        inin_cid=cid,
        inin_autoanswer="true" if autoanswer else "false",
        inin_sdp_over_xmpp="true",
        inin_persistent_cid=cid if priv else None,
        inin_priv_answer_mode=priv or None,
    )
    description = '<description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"></description>'
    body = f'<propose xmlns="{JINGLE_MESSAGE}"{offered}>{description}</propose>'
    return f'<message xmlns="{CLIENT}"{attributes(from_=from_, to=to, id=message_id)}>{body}</message>'


def call_message(name: str, from_: str, to: str, sid: str) -> str:
    """`retract` of the caller, or `accept` and `reject` of the user's other client."""
    body = f'<{name} xmlns="{JINGLE_MESSAGE}"{attributes(id=sid)}></{name}>'
    return f'<message xmlns="{CLIENT}"{attributes(from_=from_, to=to)}>{body}</message>'


def webrtc(iq_id: str, from_: str, to: str, method: str, params: dict[str, Any]) -> str:
    """SDP over XMPP: JSON-RPC in an IQ that the real client never answers."""
    rpc = json.dumps({"jsonrpc": "2.0", "method": method, "id": iq_id, "params": params})
    body = f'<genesys-webrtc xmlns="{GENESYS}">{_text(rpc)}</genesys-webrtc>'
    return f'<iq xmlns="{CLIENT}" type="set"{attributes(id=iq_id, from_=from_, to=to)}>{body}</iq>'


def _text(value: str) -> str:
    return escape(NOT_XML.sub("", value))
