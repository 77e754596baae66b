"""The stanzas that a client sends: stream, SASL, binding, pings, answers. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from lxml import etree

from monitor.genesys.stanzas import (
    NS_BIND,
    NS_CLIENT,
    NS_FRAMING,
    NS_PING,
    NS_SASL,
    NS_SESSION,
    NS_STANZA_ERRORS,
    StanzaError,
)


def element(tag: str, namespace: str, attributes: Mapping[str, str] | None = None) -> etree._Element:
    """A new element in its default namespace. Raises StanzaError for a value that XML cannot hold."""
    made = etree.Element(f"{{{namespace}}}{tag}", nsmap=_default(namespace))
    return _with(made, attributes)


def child(
    parent: etree._Element, tag: str, namespace: str, attributes: Mapping[str, str] | None = None
) -> etree._Element:
    """A new element below `parent`."""
    made = etree.SubElement(parent, f"{{{namespace}}}{tag}", nsmap=_default(namespace))
    return _with(made, attributes)


def _default(namespace: str) -> dict[Any, str]:
    return {None: namespace}


def _with(made: etree._Element, attributes: Mapping[str, str] | None) -> etree._Element:
    try:
        for name, value in (attributes or {}).items():
            made.set(name, value)
    except ValueError as error:
        raise StanzaError("malformed", "a value that XML cannot hold") from error
    return made


def text_of(made: etree._Element) -> str:
    """The element as the text of one WebSocket message."""
    return etree.tostring(made, encoding="unicode")


def build_open(domain: str) -> str:
    """The stream header, sent at the start and again after SASL."""
    made = element("open", NS_FRAMING)
    made.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    return text_of(_with(made, {"to": domain, "version": "1.0"}))


def build_close() -> str:
    """`<close/>`: the end of the stream."""
    return text_of(element("close", NS_FRAMING))


def build_auth(bare_jid: str, token: str) -> str:
    """SASL PLAIN: authzid empty, the bare JID as user name, `authKey:` and the access token as password."""
    made = element("auth", NS_SASL, {"mechanism": "PLAIN"})
    made.text = base64.b64encode(f"\0{bare_jid}\0authKey:{token}".encode()).decode("ascii")
    return text_of(made)


def iq(iq_id: str, kind: str, *, to: str | None = None, sender: str | None = None) -> etree._Element:
    """An empty `<iq>` of type get, set, result or error."""
    attributes = {"id": iq_id, "type": kind}
    if to is not None:
        attributes["to"] = to
    if sender is not None:
        attributes["from"] = sender
    return element("iq", NS_CLIENT, attributes)


def build_bind(iq_id: str, resource: str) -> str:
    """Resource binding with the client's own resource, kept over reconnects."""
    made = iq(iq_id, "set")
    child(child(made, "bind", NS_BIND), "resource", NS_BIND).text = resource
    return text_of(made)


def build_session(iq_id: str) -> str:
    """RFC 3921 session establishment, sent only when the server advertises it as needed."""
    made = iq(iq_id, "set")
    child(made, "session", NS_SESSION)
    return text_of(made)


def build_ping(iq_id: str) -> str:
    """An XEP-0199 ping to the server (no `to`)."""
    made = iq(iq_id, "get")
    child(made, "ping", NS_PING)
    return text_of(made)


def build_result(iq_id: str, to: str) -> str:
    """An empty result, e.g. to the server's ping."""
    return text_of(iq(iq_id, "result", to=to or None))


def build_service_unavailable(iq_id: str, to: str) -> str:
    """The answer to a request that a softphone does not know (RFC 6120 section 8.4)."""
    made = iq(iq_id, "error", to=to or None)
    error = child(made, "error", NS_CLIENT, {"type": "cancel"})
    child(error, "service-unavailable", NS_STANZA_ERRORS)
    return text_of(made)
