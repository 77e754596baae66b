"""When a real softphone would notice what we noticed: its constants, each with where it is from. Pure.

Ours is not the only clock that matters: what nobody's softphone notices was no drop to a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from monitor.facts.failures import Layer
from monitor.facts.words import seconds_text

CLIENT_PINGS_S: Final = 58.0  # 14 s after an answer a ping, 15 s for its answer, and twice so
SERVER_PINGS_S: Final = 35.0  # without any frame
CHECKS_S: Final = 15.05  # Chromium's ICE checks with a peer that cannot be reached
ICE_DISCONNECTED_S: Final = 7.6  # Chromium's iceConnectionState after the path has died
ICE_FAILED_S: Final = 17.6  # its connectionState, 10 s later
AT_ONCE_S: Final = 0.0


@dataclass(frozen=True, slots=True)
class SoftphoneLimit:
    """seconds: from the last sign of life until a real softphone notices; None when it never does.

    source: which client, and how that is known.
    """

    seconds: float | None
    source: str


_SOCKET = "genesys-cloud-streaming-client: the browser tells it the moment the socket ends"
_CHROMIUM = "Chromium 156, measured with the path cut in a call"

# What is not here is not known.
SOFTPHONE_LIMITS: Final[dict[tuple[Layer, str], SoftphoneLimit]] = {
    (Layer.SIGNALLING, "ping_timeout"): SoftphoneLimit(
        CLIENT_PINGS_S, "genesys-cloud-streaming-client 19.4.1, its own pings: 57.75 s measured on a black hole"
    ),
    (Layer.SIGNALLING, "silence"): SoftphoneLimit(
        SERVER_PINGS_S, "genesys-cloud-streaming-client 19.4.1, the server's pings: 35.00 s measured on a black hole"
    ),
    (Layer.SIGNALLING, "closed"): SoftphoneLimit(AT_ONCE_S, _SOCKET),
    (Layer.SIGNALLING, "reset"): SoftphoneLimit(AT_ONCE_S, _SOCKET),
    (Layer.ICE, "checks_failed"): SoftphoneLimit(CHECKS_S, "Chromium 156, measured with a peer that does not answer"),
    (Layer.ICE, "consent_expired"): SoftphoneLimit(ICE_FAILED_S, f"{_CHROMIUM}: `failed`"),
    (Layer.ICE, "no_candidates"): SoftphoneLimit(
        None, "Chromium 156: a connection without candidates stays `new`, watched for 105 s"
    ),
    (Layer.DTLS, "closed_by_peer"): SoftphoneLimit(
        ICE_DISCONNECTED_S, "Chromium 156: `disconnected`, as it does not heed a close_notify"
    ),
    (Layer.MEDIA, "silence"): SoftphoneLimit(ICE_DISCONNECTED_S, f"{_CHROMIUM}: `disconnected`"),
}


def softphone_limit(layer: str, reason: str) -> SoftphoneLimit | None:
    """What is known of a kind of drop; None for an unknown one, and for words that are no kind of drop."""
    try:
        return SOFTPHONE_LIMITS.get((Layer(layer), reason))
    except ValueError:  # a file of real drops names no layer, or one of its own
        return None


def softphone_notices(layer: str, reason: str) -> str:
    """When a real softphone notices: `after 58.0 s`, `at the same moment`, `never`; "" when that is not known."""
    limit = softphone_limit(layer, reason)
    if limit is None:
        return ""
    if limit.seconds is None:
        return "never"
    return "at the same moment" if limit.seconds == AT_ONCE_S else f"after {seconds_text(limit.seconds)}"


def softphone_words(layer: str, reason: str) -> str:
    """The same as a clause to follow `noticed after 1.9 s; `; "" when that is not known."""
    when = softphone_notices(layer, reason)
    return f"a real softphone {when}" if when else ""
