"""Session proposals in messages (`urn:xmpp:jingle-message:0`): propose, proceed, accept, reject, retract. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from monitor.genesys.client_stanzas import child, element, text_of
from monitor.genesys.stanzas import NS_CLIENT, Message, StanzaError, identifier

NS_JINGLE_MESSAGE = "urn:xmpp:jingle-message:0"
NS_JINGLE = "urn:xmpp:jingle:1"
CONVERSATION_ID_CHARS = 128  # every fact about a call carries it


@dataclass(frozen=True, slots=True)
class Propose:
    """A call is proposed. persistent: it sets up a persistent connection (`inin-priv-answer-mode="Auto"`)."""

    session_id: str
    conversation_id: str
    peer: str
    auto_answer: bool
    sdp_over_xmpp: bool
    persistent: bool


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """Any other jingle message. action: retract, accept, reject, proceed, ..."""

    action: str
    session_id: str
    sender: str


def read_jingle_message(message: Message) -> Propose | SessionMessage | None:
    """The proposal or its follow-up in a message; None when it carries neither. Raises StanzaError."""
    payload = message.payload
    if payload is None:
        return None
    name = etree.QName(payload)
    if name.namespace != NS_JINGLE_MESSAGE:
        return None
    session_id = identifier(payload.get("id"))
    if name.localname != "propose":
        return SessionMessage(name.localname, session_id, message.sender)
    if not message.sender:
        raise StanzaError("malformed", "a propose without sender")
    return Propose(
        session_id=session_id,
        conversation_id=(payload.get("inin-cid") or payload.get("inin-persistent-cid") or "")[:CONVERSATION_ID_CHARS],
        peer=message.sender,
        auto_answer=payload.get("inin-autoanswer") == "true",
        sdp_over_xmpp=payload.get("inin-sdp-over-xmpp") == "true",
        persistent=payload.get("inin-priv-answer-mode") == "Auto",
    )


def build_jingle_message(action: str, to: str, session_id: str) -> str:
    """A proceed (to the peer), or an accept or reject (to the peer or to the own bare JID): no id, no from."""
    made = element("message", NS_CLIENT, {"to": to})
    child(made, action, NS_JINGLE_MESSAGE, {"id": session_id})
    return text_of(made)
