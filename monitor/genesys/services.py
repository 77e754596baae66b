"""What a session asks of the platform's services: ICE servers (XEP-0215) and notifications (XEP-0060). Pure."""

from __future__ import annotations

from typing import Any

from lxml import etree

from monitor.facts.ice import IceServer
from monitor.genesys.client_stanzas import child, iq, text_of
from monitor.genesys.json_values import load_json
from monitor.genesys.stanzas import Iq, Message, StanzaError

NS_EXTDISCO = "urn:xmpp:extdisco:1"
NS_PUBSUB = "http://jabber.org/protocol/pubsub"
NS_PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event"
NS_JSON = "urn:xmpp:json:0"
SERVER_PINGS_NODE = "enable.server.side.pings"
MAX_SERVICES = 64

_SCHEMES = ("stun", "stuns", "turn", "turns")


def build_extdisco(iq_id: str, domain: str, kind: str) -> str:
    """Ask for ICE servers of one kind, `turn` or `stun`."""
    made = iq(iq_id, "get", to=domain)
    child(made, "services", NS_EXTDISCO, {"type": kind})
    return text_of(made)


def read_ice_servers(result: Iq) -> tuple[IceServer, ...]:
    """The servers of one extdisco answer; services of other types are skipped. Raises StanzaError."""
    payload = result.payload
    if payload is None or payload.tag != f"{{{NS_EXTDISCO}}}services":
        raise StanzaError("malformed", "an extdisco answer without services")
    services = payload.findall(f"{{{NS_EXTDISCO}}}service")[:MAX_SERVICES]
    return tuple(_ice_server(service) for service in services if service.get("type") in _SCHEMES)


def _ice_server(service: etree._Element) -> IceServer:
    transport = service.get("transport", "udp").lower()
    if transport not in ("udp", "tcp"):
        raise StanzaError("malformed", "an ICE server with an unknown transport")
    suffix = "" if transport == "udp" else f"?transport={transport}"
    return IceServer(
        url=f"{service.get('type')}:{_host(service.get('host'))}{_port(service.get('port'))}{suffix}",
        username=service.get("username"),
        credential=service.get("password"),
    )


def _host(host: str | None) -> str:
    if not host or len(host) > 255 or not all(c.isalnum() or c in "-._:[]" for c in host):
        raise StanzaError("malformed", "an ICE server without a host")
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _port(port: str | None) -> str:
    if port is None:
        return ""
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise StanzaError("malformed", "an ICE server with an impossible port")
    return f":{int(port)}"


def build_subscribe(iq_id: str, service: str, node: str, bare_jid: str) -> str:
    """Subscribe the user to a topic (or switch on server pings: node `enable.server.side.pings`)."""
    made = iq(iq_id, "set", to=service)
    child(child(made, "pubsub", NS_PUBSUB), "subscribe", NS_PUBSUB, {"node": node, "jid": bare_jid})
    return text_of(made)


def read_notification(message: Message) -> tuple[str, Any] | None:
    """(topic, the event's `eventBody`) of a pubsub event; None when the message carries none. Raises StanzaError."""
    payload = message.payload
    if payload is None or payload.tag != f"{{{NS_PUBSUB_EVENT}}}event":
        return None
    items = payload.find(f"{{{NS_PUBSUB_EVENT}}}items")
    if items is None or not items.get("node"):
        raise StanzaError("malformed", "a pubsub event without node")
    item = items.find(f"{{{NS_PUBSUB_EVENT}}}item/{{{NS_JSON}}}json")
    value = None if item is None else load_json(item.text)
    if isinstance(value, dict) and "eventBody" in value:
        value = value["eventBody"]
    return str(items.get("node"))[:512], value
