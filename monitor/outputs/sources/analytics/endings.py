"""How a call leg ended, by the platform's words: a lost softphone, a normal end, or one that nobody knows; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from monitor.facts.failures import Layer

_EDGE: Final = "error.ininedgecontrol."
_WEBRTC: Final = f"{_EDGE}connection.webrtc.endpoint."
_LOST: Final = frozenset({"error", "timeout", "transportfailure"})  # kinds of end that a softphone's fault can have
_TRANSPORT: Final = "transportfailure"
_NORMAL: Final = frozenset(
    {
        *("client", "endpoint", "peer", "system", "transfer", "conferencetransfer", "consulttransfer"),
        *("forwardtransfer", "noanswertransfer", "notavailabletransfer", "dndtransfer", "dndendpoint"),
        *("inactivity", "sessionexpired", "spam", "takeover", "uncallable"),
    }
)
_NORMAL_CODES: Final = frozenset({f"{_EDGE}session.inactive", f"{_EDGE}connection.dialplan.notreachable"})
_DROP_CODES: Final = {
    f"{_WEBRTC}disconnect.iceidledetection": (Layer.ICE, "consent_expired"),
    f"{_WEBRTC}disconnect.dtlspeerdisconnect": (Layer.DTLS, "closed_by_peer"),
    f"{_WEBRTC}mediarecovery": (Layer.MEDIA, "silence"),
    f"{_EDGE}connection.timeout": (Layer.PLATFORM, "connect_timeout"),
}
_BARE_DISCONNECT: Final = f"{_WEBRTC}disconnect"  # also how a softphone hangs up, so that the kind of end decides


@dataclass(frozen=True, slots=True)
class Ending:
    """What an end means. layer and reason, of the closed list, for a drop; unknown: the words nobody knows."""

    layer: Layer | None = None
    reason: str = ""
    unknown: str = ""

    @property
    def is_drop(self) -> bool:
        """Whether the softphone was lost."""
        return self.layer is not None


NORMAL: Final = Ending()


def ending_of(disconnect_type: str, error_code: str) -> Ending:
    """What a segment's disconnectType and errorCode mean; both as the platform writes them, capitals aside."""
    kind, code = disconnect_type.strip().replace(".", "").casefold(), error_code.strip().casefold()
    known = _DROP_CODES.get(code)
    if known is not None:
        return Ending(*known)
    if code in _NORMAL_CODES:
        return NORMAL
    if kind == _TRANSPORT:
        return Ending(Layer.ICE, "transport_failure")
    if code == _BARE_DISCONNECT and kind in _LOST:
        return Ending(Layer.PLATFORM, "endpoint_lost")
    if kind in _NORMAL:
        return NORMAL
    return Ending(unknown=" ".join(filter(None, (disconnect_type.strip(), error_code.strip()))))
