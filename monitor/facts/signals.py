"""The names of what can be sampled, in every file, journal and verdict: one signal, one meaning, one unit."""

from __future__ import annotations

from typing import Final

WS_RTT: Final = "ws_rtt_seconds"  # the softphone's own XMPP ping on its signalling socket
NOTIFICATION_RTT: Final = "notification_rtt_seconds"  # JSON ping on the notification channel
EDGE_RTT: Final = "edge_rtt_seconds"  # WebSocket ping frame, answered by the platform's edge before any queue
TCP_RTT: Final = "tcp_rtt_seconds"  # the kernel's smoothed round trip of the signalling socket
LOOPBACK_RTT: Final = "loopback_rtt_seconds"  # a round trip that never leaves this machine: only we can slow it down
ICE_SERVERS: Final = "ice_servers_seconds"  # fetch of the ICE-server list over the signalling socket
ICE_GATHERING: Final = "ice_gathering_seconds"  # a whole gathering; its outcome is the signature
STUN_RTT: Final = "stun_rtt_seconds"  # one binding transaction; target is the server, detail the mapped address
TURN_ALLOCATE: Final = "turn_allocate_seconds"  # one allocation; target is the server
API: Final = "api_seconds"  # one REST call of our own; outcome is the HTTP status, target the operation
RETRY_AFTER: Final = "retry_after_seconds"  # what a 429 told to wait; target is the operation
API_RATE: Final = "api_calls_per_second"  # API load as the publish job or other clients apply it
RECONNECT: Final = "reconnect_seconds"  # from losing a session to having it again; outcome is `soft` or `hard`
MEDIA_RTT: Final = "media_rtt_seconds"
MEDIA_JITTER: Final = "media_jitter_seconds"
MEDIA_LOSS: Final = "media_loss_ratio"  # 0 to 1
MEDIA_MOS: Final = "media_mos"  # 1 to 5
LOOP_LAG: Final = "loop_lag_seconds"  # the worst lag of one of our own event loops; target is the process
LATENESS: Final = "schedule_lateness_seconds"

PING_OF_CHANNEL: Final = {"xmpp": WS_RTT, "notification": NOTIFICATION_RTT, "websocket": EDGE_RTT}

OK: Final = "ok"  # the outcome of an attempt that was measured, where the signal has no words of its own
TIMEOUT: Final = "timeout"

# A gathering of one of these signatures left the softphone without a candidate type that it wanted.
FAILED_GATHERINGS: Final = ("empty", "host_only", "no_relay", "no_srflx")


def phase_signal(phase: str) -> str:
    """The signal of a signalling phase: `sasl` -> `sasl_seconds`; the ICE-server fetch is one of them."""
    return f"{phase}_seconds"


def call_signal(phase: str) -> str:
    """The signal of a phase of call set-up: `dtls` -> `call_dtls_seconds`."""
    return f"call_{phase}_seconds"
