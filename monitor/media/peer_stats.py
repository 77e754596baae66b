"""A peer's counters and estimates as one value, from its sound and its ICE agent."""

from __future__ import annotations

from typing import Any

from monitor.media.lean_media import LeanMedia
from monitor.media.peer_events import MediaStats
from monitor.media.private_names import nominated_socket, sockets_of
from monitor.media.stock_media import StockMedia


def media_stats(media: LeanMedia | StockMedia, connection: Any, drops: int) -> MediaStats:
    """What both tell now. connection: None before there is one. drops: of all its sockets so far."""
    codec = media.codec
    return MediaStats(
        packets_received=media.reception.packets_received,
        packets_lost=media.reception.packets_lost,
        packets_sent=media.packets_sent,
        slots_skipped=media.slots_skipped,
        jitter_s=media.reception.jitter_s,
        rtt_s=media.rtt_s,
        rtt_mono_s=media.rtt_mono_s,
        last_rtp_mono_s=media.reception.last_mono_s,
        bytes_received=media.reception.bytes_received,
        bytes_sent=media.bytes_sent,
        stun_rtt_s=getattr(connection, "rtt_s", None),
        arrival_clock="kernel" if _kernel_stamps(connection) else "callback",
        socket_drops=drops,
        audible_frames=None if codec is None else codec.audible_frames,
        silent_frames=None if codec is None else codec.silent_frames,
        decode_errors=None if codec is None else codec.decode_errors,
    )


def socket_drops(connection: Any) -> int:
    """Datagrams that found a full buffer at one of the sockets that are open; 0 before there are any."""
    sockets = () if connection is None else sockets_of(connection)
    return sum(getattr(one, "socket_drops", 0) for one in sockets)


def _kernel_stamps(connection: Any) -> bool:
    used = None if connection is None else nominated_socket(connection)
    return bool(getattr(used, "kernel_stamps", False))
