"""What a signalling session or connection tells its owner: frozen events, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from monitor.facts.failures import Failure
from monitor.facts.ice import IceServer


@dataclass(frozen=True, slots=True)
class Event:
    """Whatever a connection emits."""


@dataclass(frozen=True, slots=True)
class PhaseTimed(Event):
    """One phase of connecting ended: `seconds` when it succeeded, else `failure`.

    phase: token, channel_create, tcp, tls, upgrade, sasl, bind, ice_servers (the ones of
    softphone_signalling_phase_seconds). A name that does not resolve fails phase `tcp` with operation `dns`.
    """

    phase: str
    seconds: float | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class CertificateSeen(Event):
    """The other side's TLS certificate was accepted; it is valid until `expires_wall_s`, in Unix seconds."""

    expires_wall_s: float


@dataclass(frozen=True, slots=True)
class Online(Event):
    """A stream has become usable. The connection turns it into Connected; nobody else sees it."""


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """The session is up. reconnect: "" the first time, then `soft` or `hard`.

    seconds: since the first attempt, or, on a reconnect, since the end of the session before.
    """

    reconnect: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """A session ended without our wish, as an interval of Unix seconds [last_good_wall_s, noticed_wall_s].

    Noticed is when our own watch noticed the silence that it ended in, where that was before the end.
    layer_reason: one of DISCONNECT_REASONS[Layer.SIGNALLING]. was_connected: False when an attempt that had already
    opened its socket was torn down (malformed input, ICE servers not delivered) before `Connected`.
    """

    layer_reason: str
    code: int | None
    detail: str
    last_good_wall_s: float
    noticed_wall_s: float
    will_reconnect: bool
    was_connected: bool = True


@dataclass(frozen=True, slots=True)
class SilenceNoticed(Event):
    """A question of our own stayed unanswered; the connection stands, as a real softphone's would.

    seconds: since the last sign of life. where: `path` when what we sent is not even acknowledged by TCP, `server` when
    it is, and nobody answers; "" where the system does not tell.
    """

    seconds: float
    where: str = ""


@dataclass(frozen=True, slots=True)
class SilenceEnded(Event):
    """The other side was heard again after a SilenceNoticed; seconds: how long it was silent. It was no drop."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GaveUp(Event):
    """The connection will not try again, as the real softphone would not (rejected token)."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Proposed(Event):
    """The platform proposes a call (urn:xmpp:jingle-message:0 propose)."""

    session_id: str
    conversation_id: str
    peer: str
    auto_answer: bool
    sdp_over_xmpp: bool
    persistent: bool
    at_mono_s: float


@dataclass(frozen=True, slots=True)
class OfferReceived(Event):
    """An SDP offer for a session; candidates that came before it follow as CandidateReceived."""

    session_id: str
    conversation_id: str
    sdp: str
    reinvite: bool
    at_mono_s: float
    peer: str = ""


@dataclass(frozen=True, slots=True)
class CandidateReceived(Event):
    """A trickled remote candidate: `sdp` is the attribute line `candidate:...` without `a=` and line end."""

    session_id: str
    sdp: str
    mid: str = ""


@dataclass(frozen=True, slots=True)
class Retracted(Event):
    """The proposer gave up before the call was set up."""

    session_id: str


@dataclass(frozen=True, slots=True)
class HandledElsewhere(Event):
    """Another client of the same user accepted or rejected the proposed session."""

    session_id: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Terminated(Event):
    """The other side ended the session. reason: an XEP-0166 condition."""

    session_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notified(Event):
    """A notification on a topic; body is the event's JSON value (hostile: check types)."""

    topic: str
    body: Any


@dataclass(frozen=True, slots=True)
class PongReceived(Event):
    """The answer to one of our measuring pings. late: it came after its timeout had been reported."""

    kind: str  # xmpp, websocket, notification
    rtt_s: float
    late: bool


@dataclass(frozen=True, slots=True)
class IceServersChanged(Event):
    """The session's ICE servers, as first fetched or refreshed. relay_only: no STUN service was offered."""

    servers: tuple[IceServer, ...]
    relay_only: bool = False


@dataclass(frozen=True, slots=True)
class RequestFailed(Event):
    """A request of the connection's own (subscribe, ICE-server refresh, ...) was refused or not answered."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class PingResult:
    """One measuring ping. outcome: ok, timeout, not_connected, error; rtt_s is set for ok only."""

    outcome: str
    rtt_s: float | None = None
    tcp_rtt_s: float | None = None  # the kernel's smoothed round trip, where it tells
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class IceServersFetched:
    """One fetch of ICE servers over the session: `seconds` when both answers came."""

    servers: tuple[IceServer, ...]
    seconds: float | None
    failure: Failure | None = None
    relay_only: bool = field(default=False)
