"""The softphone's own MOS estimate, so that our figure is the one its statistics report."""

from __future__ import annotations


def mos(rtt_s: float, jitter_s: float, loss_ratio: float) -> float:
    """Mean opinion score by the webrtc-stats-gatherer's formula, 1.0 (bad) to about 4.9.

    rtt_s: round trip in seconds, of which half is taken as the one-way latency. jitter_s: seconds. loss_ratio: 0 to 1.
    """
    latency_ms = 1000 * rtt_s / 2 + 2 * 1000 * jitter_s + 10
    if latency_ms < 160:
        r = 93.2 - latency_ms / 40
    else:
        r = 93.2 - (latency_ms - 120) / 10
    r -= 250 * loss_ratio
    if r < 0:
        return 1.0
    return (1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r)) * 5 / 4.5
