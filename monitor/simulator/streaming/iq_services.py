"""The IQ requests a bound softphone may make: ping, session, ICE servers, subscriptions, SDP over XMPP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from monitor.simulator.ice.stun_responder import IceService
from monitor.simulator.organisation.topics import MAX_TOPICS
from monitor.simulator.platform import Channel, Platform, User
from monitor.simulator.streaming import server_stanzas as stanzas

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

SERVER_PINGS: Final = "enable.server.side.pings"
MAX_TOPIC_CHARS: Final = 200

Answer = tuple[str, str]  # a stanza, and the kind of work it is to the World


class Requester(Protocol):
    """The bound session that asks."""

    jid: str
    pubsub_host: str
    channel: Channel
    platform: Platform

    @property
    def user(self) -> User:
        """Who authenticated."""
        ...

    def ice_services(self) -> tuple[IceService, ...]:
        """The ICE servers that this client is handed out now."""
        ...

    def subscribe_to_pings(self) -> None:
        """Ping this client from now on."""
        ...

    def call_request(self, method: str, params: dict[str, Any]) -> bool:
        """Pass on a word about a call; False when there is no such call."""
        ...


def answer_iq(session: Requester, element: Element) -> Answer | None:
    """The answer to one IQ; None for an answer of the client's own. Answers come from where the request went."""
    iq_id, to = element.get("id") or "", element.get("to")
    kind = element.get("type")
    if kind in ("result", "error"):
        return None
    if kind not in ("get", "set") or len(element) != 1:
        return stanzas.error(iq_id, session.jid, to, "bad-request", "modify"), "message"
    request = element[0]
    service = SERVICES.get((kind, str(request.tag)))
    if service is None:
        return stanzas.error(iq_id, session.jid, to, "service-unavailable"), "message"
    work, answer = service
    payload = answer(session, request, to)
    if payload is None:
        return stanzas.error(iq_id, session.jid, to, "item-not-found"), work
    return stanzas.result(iq_id, session.jid, to, payload), work


def _nothing(_session: Requester, _request: Element, _to: str | None) -> str | None:
    return ""


def _ice_servers(session: Requester, request: Element, _to: str | None) -> str | None:
    """XEP-0215."""
    kind = request.get("type")
    found = [service for service in session.ice_services() if kind in (service.type, None)]
    return stanzas.services(kind, found)


def _pubsub(session: Requester, request: Element, to: str | None) -> str | None:
    session.pubsub_host = to or session.pubsub_host
    verb = request[0] if len(request) else None
    node = verb.get("node") if verb is not None else None
    if verb is None or not node or len(node) > MAX_TOPIC_CHARS:
        return None
    if verb.tag == f"{{{stanzas.PUBSUB}}}subscribe":
        return _subscribe(session, node)
    if verb.tag == f"{{{stanzas.PUBSUB}}}unsubscribe":
        session.channel.topics.pop(node, None)
        return stanzas.subscription(node, session.user.jid, "none")
    return None


def _subscribe(session: Requester, node: str) -> str | None:
    topics = session.channel.topics
    if node == SERVER_PINGS:
        session.subscribe_to_pings()
    elif session.platform.rejection(node) is not None or (len(topics) >= MAX_TOPICS and node not in topics):
        return None
    else:
        session.platform.subscribe(session.channel, [node])
    return stanzas.subscription(node, session.user.jid, "subscribed")


def _webrtc(session: Requester, request: Element, _to: str | None) -> str | None:
    try:
        rpc = json.loads(request.text or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(rpc, dict) or not isinstance(rpc.get("method"), str) or not isinstance(rpc.get("params"), dict):
        return None
    return "" if session.call_request(rpc["method"], rpc["params"]) else None


SERVICES: Final = {
    ("get", f"{{{stanzas.PING}}}ping"): ("ping", _nothing),
    ("set", f"{{{stanzas.SESSION}}}session"): ("bind", _nothing),
    ("get", f"{{{stanzas.EXTDISCO}}}services"): ("extdisco", _ice_servers),
    ("set", f"{{{stanzas.PUBSUB}}}pubsub"): ("pubsub", _pubsub),
    ("set", f"{{{stanzas.GENESYS}}}genesys-webrtc"): ("message", _webrtc),
}
