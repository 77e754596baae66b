"""The closed vocabulary of failure: which reason, in which operation, whose fault."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a failure is."""

    LOCAL = "local"  # this monitor, its host, its configuration
    PATH = "path"  # the network between
    REMOTE = "remote"  # the platform, or the server asked


class Reason(StrEnum):
    """Why an operation failed. A reason that fits none is `error`, with the words in `detail`."""

    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    TLS = "tls"
    CLOSED = "closed"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    REJECTED = "rejected"
    UNSUPPORTED = "unsupported"
    NOT_CONNECTED = "not_connected"
    CANCELLED = "cancelled"
    ERROR = "error"


FAULT_OF: dict[Reason, Fault] = {
    Reason.TIMEOUT: Fault.PATH,
    Reason.DNS: Fault.PATH,
    Reason.REFUSED: Fault.REMOTE,
    Reason.UNREACHABLE: Fault.PATH,
    Reason.RESET: Fault.PATH,
    Reason.TLS: Fault.REMOTE,
    Reason.CLOSED: Fault.REMOTE,
    Reason.AUTH: Fault.LOCAL,
    Reason.FORBIDDEN: Fault.LOCAL,
    Reason.NOT_FOUND: Fault.REMOTE,
    Reason.RATE_LIMITED: Fault.REMOTE,
    Reason.SERVER_ERROR: Fault.REMOTE,
    Reason.UNEXPECTED_STATUS: Fault.REMOTE,
    Reason.MALFORMED: Fault.REMOTE,
    Reason.TOO_LARGE: Fault.REMOTE,
    Reason.REJECTED: Fault.REMOTE,
    Reason.UNSUPPORTED: Fault.LOCAL,
    Reason.NOT_CONNECTED: Fault.LOCAL,
    Reason.CANCELLED: Fault.LOCAL,
    Reason.ERROR: Fault.LOCAL,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed operation as a value.

    operation: what was tried, in the words of the field (`dns`, `tcp`, `tls`, `upgrade`, `sasl`, `bind`, `ice_servers`,
    `channel_create`, `xmpp_ping`, `stun_binding`, `turn_allocate`, ...). detail: the other side's words, already
    stripped of secrets and cut to 200 characters.
    """

    operation: str
    reason: Reason
    fault: Fault
    detail: str = ""


def failure(operation: str, reason: Reason, detail: object = "", fault: Fault | None = None) -> Failure:
    """A Failure whose fault follows from its reason unless it is given."""
    return Failure(operation, reason, fault or FAULT_OF[reason], " ".join(str(detail).split())[:200])


_REASON_OF_STATUS = {
    401: Reason.AUTH,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    429: Reason.RATE_LIMITED,
}


def reason_of_status(status: int) -> Reason:
    """The reason for an HTTP status that is not a success."""
    default = Reason.SERVER_ERROR if 500 <= status < 600 else Reason.UNEXPECTED_STATUS
    return _REASON_OF_STATUS.get(status, default)


class Layer(StrEnum):
    """Which link of the chain a disconnect broke."""

    SIGNALLING = "signalling"
    ICE = "ice"
    DTLS = "dtls"
    MEDIA = "media"
    PLATFORM = "platform"


# Every reason a disconnect can carry, by layer: the label sets of softphone_disconnects_total.
DISCONNECT_REASONS: dict[Layer, tuple[str, ...]] = {
    Layer.SIGNALLING: (
        "ping_timeout",  # our application pings were not answered
        "silence",  # server-side pings stopped
        "closed",  # the server closed the socket with a close frame
        "reset",  # the connection ended without a close frame
        "ice_servers",  # an ICE-server fetch failed, so the attempt tore the socket down
        "moved",  # planned move (cxfr, v2.system.socket_closing)
        "no_longer_subscribed",
        "duplicate_id",
        "stream_error",
        "malformed",  # the server sent what is not a stanza
        "auth",  # the platform no longer accepts the token
    ),
    Layer.ICE: (
        "checks_failed",
        "consent_expired",
        "no_candidates",
        "transport_failure",  # a real call's, as the platform tells it: ICE, and not which part of it
    ),
    Layer.DTLS: ("handshake_failed", "closed_by_peer"),
    Layer.MEDIA: ("silence",),
    Layer.PLATFORM: (
        "terminated",
        "retracted",
        "persistent_connection",
        "connect_timeout",  # the platform gave up on a leg that was not connected within its limit
        "endpoint_lost",  # the platform lost a softphone, and does not say which link broke
        "reported",  # told by an agent or an export that does not know the layer; the words are in `detail`
    ),
}

# Ends that are no failure: the platform hung up or withdrew an offer, or closed an idle persistent connection; and a
# move that it announced. By layer and reason, though each of these reasons is of one layer only.
NORMAL_ENDS = ((Layer.PLATFORM, "terminated"), (Layer.PLATFORM, "retracted"), (Layer.PLATFORM, "persistent_connection"))
PLANNED_ENDS = ((Layer.SIGNALLING, "moved"),)
