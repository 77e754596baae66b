"""What a media peer tells and measures: its events, its options, its counters. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from monitor.facts.failures import Layer
from monitor.facts.ice import ServerResult
from monitor.facts.softphone_limits import ICE_DISCONNECTED_S, ICE_FAILED_S

Media = Literal["talk", "dtx", "idle"]  # 50 packets/s, 2.5 packets/s as in silence, none and direction inactive


class PeerEventKind(StrEnum):
    """What happened to a peer, in the order of a good call."""

    GATHERED = "gathered"  # the last of its ICE servers has a result, all of them in `servers`; comes at any time
    ICE_CHECKING = "ice_checking"
    ICE_COMPLETED = "ice_completed"  # seconds: first check to nomination
    DTLS_CONNECTED = "dtls_connected"  # seconds: the handshake
    FIRST_MEDIA = "first_media"  # seconds: DTLS connected to first RTP packet in
    LOST = "lost"  # once a loss; layer, reason, last_good_mono_s are set
    DISCONNECTED = "disconnected"  # no STUN answer and no RTP for so long that Chromium says so; it may come back
    RECONNECTED = "reconnected"  # an answer or RTP after a DISCONNECTED
    MEDIA_RESUMED = "media_resumed"  # RTP came back, here or there, after a loss by silence
    ENDED = "ended"  # the connection cannot come back; always after a LOST, never after our own close()


@dataclass(frozen=True, slots=True)
class PeerEvent:
    """One event. at_mono_s: when it happened, or, for a loss, when it was noticed. seconds: the phase's own time."""

    kind: PeerEventKind
    at_mono_s: float
    seconds: float | None = None
    layer: Layer | None = None
    reason: str = ""  # one of DISCONNECT_REASONS[layer]
    last_good_mono_s: float | None = None
    detail: str = ""
    servers: tuple[ServerResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOptions:
    """How a peer behaves; the defaults are those of a softphone in a browser, where it has any."""

    relay_only: bool = False
    interface: str | None = None
    checks_timeout_s: float = 15.0  # Chromium fails ICE after 15 s of checks; DTLS gets as long
    silence_timeout_s: float = 1.75  # no RTP for so long, or none of ours there, is a loss; 0 switches both off
    disconnected_after_s: float = ICE_DISCONNECTED_S  # no STUN answer and no RTP either
    failed_after_s: float = ICE_FAILED_S  # the same lasting on: the end
    consent_timeout_s: float = 30.0  # RFC 7675 section 5.1
    media: Media = "talk"
    canary: bool = False  # encode and decode for real, as a browser: some 50 ms of processor a second more
    gather_timeout_s: float = 2.0  # longest wait of the answer for slow servers; longer without any candidate


@dataclass(frozen=True, slots=True)
class MediaStats:
    """Counters since the start of the call, and the last estimates. Sequence numbers decide what is lost."""

    packets_received: int = 0
    packets_lost: int = 0
    packets_sent: int = 0
    slots_skipped: int = 0  # 20 ms sending slots that our own loop missed; never sent late in a burst
    jitter_s: float | None = None  # RFC 3550 section 6.4.1, from monotonic arrival times
    rtt_s: float | None = None  # RTCP, W3C remote-inbound-rtp roundTripTime; the last that was measured
    rtt_mono_s: float | None = None  # and when
    last_rtp_mono_s: float | None = None
    bytes_received: int = 0  # payload alone, as W3C's inbound-rtp and outbound-rtp count
    bytes_sent: int = 0
    stun_rtt_s: float | None = None  # the last consent check's round trip, by arrival_clock
    arrival_clock: Literal["kernel", "callback"] = "callback"  # what arrival times are: stamps, or when we came to read
    socket_drops: int = 0  # datagrams that found our socket's buffer full, received or to be sent
    audible_frames: int | None = None  # of a canary; None where nothing is decoded
    silent_frames: int | None = None
    decode_errors: int | None = None
