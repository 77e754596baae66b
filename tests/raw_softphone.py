"""A softphone's side of the XMPP stream, each stanza spelled out, for tests of the server; shares none of its code."""

from __future__ import annotations

import asyncio
import base64
import json
from types import TracebackType
from typing import Any, Self

from lxml import etree
from websockets.asyncio.client import ClientConnection, connect

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
OPEN = f'<open xmlns="{FRAMING}" xml:lang="en" to="simulated.orgspan.com" version="1.0"/>'
NOTIFICATIONS = "notifications.127.0.0.1:8080"


class RawSoftphone:
    """One WebSocket with the `xmpp` subprotocol. Elements come back parsed; `jid` is the full JID once bound."""

    def __init__(self, ws_url: str, channel_id: str) -> None:
        self._url = f"{ws_url}/stream/channels/{channel_id}"
        self.jid = ""

    async def __aenter__(self) -> Self:
        self.ws: ClientConnection = await connect(
            self._url, subprotocols=["xmpp"], ping_interval=None, close_timeout=1.0, proxy=None
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.ws.close()

    async def send(self, text: str) -> None:
        await self.ws.send(text)

    async def receive(self, timeout_s: float = 5.0) -> etree._Element:
        """The next element, whatever it is."""
        async with asyncio.timeout(timeout_s):
            return etree.fromstring(str(await self.ws.recv()))

    async def until(self, wanted: str, timeout_s: float = 10.0) -> etree._Element:
        """The next element in which an element of that local name occurs; what comes before it is thrown away."""
        async with asyncio.timeout(timeout_s):
            while True:
                element = await self.receive(timeout_s)
                if element.xpath(f"descendant-or-self::*[local-name()='{wanted}']"):
                    return element

    async def authenticate(self, jid: str, token: str) -> etree._Element:
        """Open the stream and try SASL PLAIN; success or failure."""
        await self.send(OPEN)
        await self.until("open")
        await self.until("features")
        initial = base64.b64encode(f"\0{jid}\0authKey:{token}".encode()).decode()
        await self.send(f'<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">{initial}</auth>')
        return await self.receive()

    async def login(self, jid: str, token: str, resource: str = "test") -> Self:
        """Authenticate, restart, bind, start the session."""
        answer = await self.authenticate(jid, token)
        assert etree.QName(answer).localname == "success", etree.tostring(answer)
        await self.send(OPEN)
        await self.until("open")
        features = await self.until("features")
        assert features.find("{urn:ietf:params:xml:ns:xmpp-session}session") is not None
        asked = f"<resource>{resource}</resource>" if resource else ""
        bound = await self.ask(f'<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind">{asked}</bind>')
        self.jid = str(bound.findtext(".//{urn:ietf:params:xml:ns:xmpp-bind}jid"))
        await self.ask('<session xmlns="urn:ietf:params:xml:ns:xmpp-session"/>')
        return self

    async def ask(self, payload: str, kind: str = "set", to: str | None = None, iq_id: str = "q") -> etree._Element:
        """One IQ and its answer; what comes before the answer is thrown away."""
        await self.send_iq(payload, kind, to, iq_id)
        async with asyncio.timeout(10.0):
            while True:
                element = await self.receive()
                if element.get("type") in ("result", "error") and element.get("id") == iq_id:
                    return element

    async def send_iq(self, payload: str, kind: str = "set", to: str | None = None, iq_id: str = "q") -> None:
        addressed = f' to="{to}"' if to else ""
        await self.send(f'<iq xmlns="jabber:client" type="{kind}" id="{iq_id}"{addressed}>{payload}</iq>')

    async def subscribe(self, node: str, verb: str = "subscribe") -> etree._Element:
        payload = f'<pubsub xmlns="http://jabber.org/protocol/pubsub"><{verb} node="{node}" jid="{self.jid}"/></pubsub>'
        return await self.ask(payload, to=NOTIFICATIONS, iq_id=f"{verb}-{node}")

    async def ping(self, iq_id: str = "p") -> etree._Element:
        return await self.ask('<ping xmlns="urn:xmpp:ping"/>', "get", iq_id=iq_id)

    async def services(self, kind: str) -> list[dict[str, str]]:
        payload = f'<services xmlns="urn:xmpp:extdisco:1" type="{kind}"/>'
        answer = await self.ask(payload, "get", to="simulated.orgspan.com", iq_id=f"disco-{kind}")
        return [dict(service.attrib) for service in answer.iter("{urn:xmpp:extdisco:1}service")]

    async def webrtc(self, to: str, method: str, params: dict[str, Any]) -> etree._Element:
        """One SDP-over-XMPP request, and the answer to its IQ."""
        rpc = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": "r"})
        escaped = rpc.replace("&", "&amp;").replace("<", "&lt;")
        return await self.ask(f'<genesys-webrtc xmlns="genesys">{escaped}</genesys-webrtc>', to=to, iq_id=method)

    async def call_message(self, to: str, name: str, sid: str) -> None:
        await self.send(
            f'<message xmlns="jabber:client" to="{to}"><{name} xmlns="urn:xmpp:jingle-message:0" id="{sid}"/></message>'
        )


def rpc_of(element: etree._Element) -> dict[str, Any]:
    """The JSON-RPC in an SDP-over-XMPP IQ."""
    return json.loads(element.findtext("{genesys}genesys-webrtc") or "")


def error_of(element: etree._Element) -> str:
    """The condition of an error stanza or stream error; empty when it is none."""
    found = element.xpath("descendant-or-self::*[local-name()='error']/*[local-name()!='text']")
    return etree.QName(found[0]).localname if found else ""
