"""What a softphone does with requests and messages that the platform sends on its own accord. Pure."""

from __future__ import annotations

from collections.abc import Callable

from monitor.genesys import client_stanzas, stanzas
from monitor.genesys.calls import CallSignalling
from monitor.genesys.events import Event, Notified
from monitor.genesys.jingle_messages import NS_JINGLE, Propose, build_jingle_message, read_jingle_message
from monitor.genesys.sdp_over_xmpp import TAG as CALL_CONTROL
from monitor.genesys.sdp_over_xmpp import read_call_control
from monitor.genesys.services import read_notification


class Incoming:
    """Answers requests and turns calls and notifications into events. Methods raise StanzaError for malformed input."""

    def __init__(self, calls: CallSignalling, send: Callable[[str], None], emit: Callable[[Event], None]) -> None:
        self._calls = calls
        self._send = send
        self._emit = emit

    def asked(self, iq: stanzas.Iq, now: float) -> bool:
        """Act on an IQ get or set. True when it announces a planned move, which is not answered."""
        tag = iq.payload.tag if iq.payload is not None else ""
        if tag == CALL_CONTROL and iq.kind == "set":  # no IQ reply: the answer is a call in the other direction
            for event in self._calls.control(read_call_control(iq), iq.sender, now):
                self._emit(event)
        elif tag == f"{{{stanzas.NS_MOVE}}}query" and iq.kind == "set":
            return True
        elif tag == f"{{{stanzas.NS_PING}}}ping" or self._is_ignored_jingle(iq):
            self._send(client_stanzas.build_result(iq.id, iq.sender))
        else:
            self._send(client_stanzas.build_service_unavailable(iq.id, iq.sender))
        return False

    def message(self, message: stanzas.Message, own_jid: str, now: float) -> str:
        """Act on a message. The topic, when it was a notification, else ""."""
        notification = read_notification(message)
        if notification is not None:
            self._emit(Notified(*notification))
            return notification[0]
        jingle = read_jingle_message(message)
        if isinstance(jingle, Propose):
            self._proposed(jingle, now)
        elif jingle is not None:
            for event in self._calls.follow_up(jingle, own_jid):
                self._emit(event)
        return ""

    def _proposed(self, proposal: Propose, now: float) -> None:
        events, proceed_again = self._calls.propose(proposal, now)
        for event in events:
            self._emit(event)
        if proceed_again:
            self._send(build_jingle_message("proceed", proposal.peer, proposal.session_id))

    def _is_ignored_jingle(self, iq: stanzas.Iq) -> bool:
        """The server may send both forms of a call's signalling; the Jingle one is acknowledged and left alone."""
        if iq.payload is None or iq.payload.tag != f"{{{NS_JINGLE}}}jingle":
            return False
        return self._calls.carries_sdp_over_xmpp(iq.payload.get("sid", ""))
