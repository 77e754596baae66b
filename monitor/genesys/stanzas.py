"""The XMPP stream's reader: hostile text in, typed stanzas out.

One XML element per WebSocket text message (RFC 7395). Pure: no clock, no socket. Every refusal is a StanzaError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

LIMIT_BYTES = 262_144
MAX_DEPTH = 32

NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
NS_STREAM = "http://etherx.jabber.org/streams"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session"
NS_CLIENT = "jabber:client"
NS_STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_PING = "urn:xmpp:ping"
NS_MOVE = "urn:xmpp:cxfr"

_IDENTIFIER = re.compile(r"[^\x00-\x20\x7f-\x9f\ud800-\udfff\ufffe\uffff]{1,1023}")


class StanzaError(ValueError):
    """Text that is refused.

    reason: malformed, too_large, too_deep, dtd, comment, processing_instruction. The text itself is not kept.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class _Guard:
    """A parser target that builds nothing and stops at what a stanza must not hold (RFC 6120 section 11.1)."""

    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > self._max_depth:
            raise StanzaError("too_deep", f"more than {self._max_depth} levels")

    def end(self, tag: str) -> None:
        self._depth -= 1

    def comment(self, text: str) -> None:
        raise StanzaError("comment")

    def pi(self, target: str, text: str | None = None) -> None:
        raise StanzaError("processing_instruction")

    def doctype(self, name: str, public_id: str | None, system_url: str | None) -> None:
        raise StanzaError("dtd")

    def close(self) -> None:
        """Required of a target; raises nothing, so that a refusal is not masked."""


def parse(text: str, *, limit_bytes: int = LIMIT_BYTES, max_depth: int = MAX_DEPTH) -> etree._Element:
    """One element from one message. Raises StanzaError, and nothing else, for whatever is not a harmless stanza."""
    if len(text) > limit_bytes:
        raise StanzaError("too_large", f"over {limit_bytes} bytes")
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StanzaError("malformed", "not a Unicode text") from error
    if len(raw) > limit_bytes:
        raise StanzaError("too_large", f"over {limit_bytes} bytes")
    if raw.lstrip().startswith(b"<?"):  # lxml does not report an XML declaration to its target
        raise StanzaError("processing_instruction")
    return _parse(raw, max_depth)


def _parse(raw: bytes, max_depth: int) -> etree._Element:
    try:
        etree.fromstring(raw, _parser(_Guard(max_depth)))
        parsed: etree._Element = etree.fromstring(raw, _parser(None))
    except StanzaError:
        raise
    except (etree.LxmlError, ValueError) as error:
        # libxml2's own words can quote the text, which may hold a credential, so they are not kept
        raise StanzaError("malformed", "not well-formed XML") from error
    return parsed


def _parser(target: Any) -> etree.XMLParser:
    return etree.XMLParser(
        target=target,
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )


def identifier(value: object) -> str:
    """A JID, session id or topic as it may be sent back. Raises StanzaError for anything else than such a string."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise StanzaError("malformed", "not an identifier")
    return value


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return etree.QName(element).localname


def first_child(element: etree._Element) -> etree._Element | None:
    """The first child element, or None."""
    return next(iter(element), None)


# --- what the server sends ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """`<open>`: the server's stream header. stream_id doubles as the platform's connection id."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class Features:
    """`<stream:features>`. needs_session: a session is advertised and not marked optional."""

    mechanisms: tuple[str, ...] = ()
    binds: bool = False
    needs_session: bool = False


@dataclass(frozen=True, slots=True)
class SaslSuccess:
    """`<success>`."""


@dataclass(frozen=True, slots=True)
class SaslFailure:
    """`<failure>` with its RFC 6120 section 6.5 condition."""

    condition: str


@dataclass(frozen=True, slots=True)
class Iq:
    """An `<iq>`. kind: get, set, result, error. condition is set for an error."""

    id: str
    kind: str
    sender: str
    payload: etree._Element | None = field(default=None, compare=False)
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A `<message>` and its first payload."""

    sender: str
    payload: etree._Element | None = field(default=None, compare=False)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """`<stream:error>` with its RFC 6120 section 4.9.3 condition."""

    condition: str


@dataclass(frozen=True, slots=True)
class Closed:
    """`<close>`: the server ends the stream."""


@dataclass(frozen=True, slots=True)
class Other:
    """A well-formed element that a softphone does not act on, such as a presence."""

    tag: str


Stanza = Opened | Features | SaslSuccess | SaslFailure | Iq | Message | StreamFailed | Closed | Other


def read(text: str, *, limit_bytes: int = LIMIT_BYTES, max_depth: int = MAX_DEPTH) -> Stanza:
    """The stanza in one message from the server. Raises StanzaError."""
    element = parse(text, limit_bytes=limit_bytes, max_depth=max_depth)
    reader = _READERS.get(str(element.tag))
    return reader(element) if reader is not None else Other(str(element.tag))


def _read_opened(element: etree._Element) -> Opened:
    return Opened((element.get("id") or "")[:128])


def _read_features(element: etree._Element) -> Features:
    session = element.find(f"{{{NS_SESSION}}}session")
    return Features(
        mechanisms=tuple(m.text or "" for m in element.iterfind(f"{{{NS_SASL}}}mechanisms/{{{NS_SASL}}}mechanism")),
        binds=element.find(f"{{{NS_BIND}}}bind") is not None,
        needs_session=session is not None and session.find(f"{{{NS_SESSION}}}optional") is None,
    )


def _read_sasl_failure(element: etree._Element) -> SaslFailure:
    return SaslFailure(_condition(element))


def _read_stream_failed(element: etree._Element) -> StreamFailed:
    return StreamFailed(_condition(element))


def _condition(element: etree._Element) -> str:
    names = [local_name(child) for child in element]
    return next((name for name in names if name != "text"), "")[:64]


def _read_iq(element: etree._Element) -> Iq:
    kind = element.get("type", "")
    if kind not in ("get", "set", "result", "error"):
        raise StanzaError("malformed", "an iq of no known type")
    error = element.find(f"{{{NS_CLIENT}}}error")
    condition = ""
    if kind == "error":
        condition = (_condition(error) if error is not None else "") or "undefined-condition"
    return Iq(identifier(element.get("id")), kind, _sender(element), first_child(element), condition)


def _read_message(element: etree._Element) -> Message:
    return Message(_sender(element), first_child(element), element.get("type", ""))


def _sender(element: etree._Element) -> str:
    sender = element.get("from")
    return "" if sender is None else identifier(sender)


_READERS: dict[str, Callable[[etree._Element], Stanza]] = {
    f"{{{NS_FRAMING}}}open": _read_opened,
    f"{{{NS_FRAMING}}}close": lambda _: Closed(),
    f"{{{NS_STREAM}}}features": _read_features,
    f"{{{NS_STREAM}}}error": _read_stream_failed,
    f"{{{NS_SASL}}}success": lambda _: SaslSuccess(),
    f"{{{NS_SASL}}}failure": _read_sasl_failure,
    f"{{{NS_CLIENT}}}iq": _read_iq,
    f"{{{NS_CLIENT}}}message": _read_message,
}


def read_bound_jid(iq: Iq) -> str:
    """The full JID of a bind result. Raises StanzaError when there is none."""
    jid = iq.payload.findtext(f"{{{NS_BIND}}}jid") if iq.payload is not None else None
    return identifier(jid)
