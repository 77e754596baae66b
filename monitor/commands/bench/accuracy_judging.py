"""Holds what a peer measured against what the line really did: the errors, summed up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.commands.bench.line_truth import Moment, nearest, quantile, true_at

SLACK_S = 0.0005  # a figure may be seen this much before the line has noted that it let the packet go


def errors(measured: Sequence[Moment], truth: Sequence[Moment]) -> list[tuple[float, float]]:
    """Pairs of measured and true seconds: each figure beside the last thing that was true when it was seen."""
    pairs = ((value_s, true_at(truth, seen_mono_s + SLACK_S)) for seen_mono_s, value_s in measured)
    return [(value_s, true_s) for value_s, true_s in pairs if true_s is not None]


def errors_by_packet(measured: Sequence[Moment], truth: Sequence[Moment]) -> list[tuple[float, float]]:
    """As `errors`, for figures that carry the arrival of the packet that made them: packets may come in a bunch."""
    pairs = ((value_s, nearest(truth, arrived_mono_s, SLACK_S)) for arrived_mono_s, value_s in measured)
    return [(value_s, true_s) for value_s, true_s in pairs if true_s is not None]


def summary(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Median, p99 and largest error without sign, in seconds, beside the medians of both readings."""
    if not pairs:
        return {"samples": 0, "median": None, "p99": None, "max": None, "measured": None, "true": None}
    wrong = [abs(value_s - true_s) for value_s, true_s in pairs]
    return {
        "samples": len(pairs),
        "median": quantile(wrong, 0.5),
        "p99": quantile(wrong, 0.99),
        "max": max(wrong),
        "measured": quantile([value_s for value_s, _ in pairs], 0.5),
        "true": quantile([true_s for _, true_s in pairs], 0.5),
    }


def media_errors(flows: Sequence[dict[str, Any]], truths: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The errors of all calls through the line together, by measure."""
    told: dict[str, Any] = {}
    for measure in ("stun", "rtcp", "jitter"):
        pairs: list[tuple[float, float]] = []
        for flow, truth in zip(flows, truths, strict=True):
            judged = errors_by_packet if measure == "jitter" else errors
            pairs += judged(flow[measure], truth[measure])
        told[measure] = summary(pairs)
    told["arrival_clock"] = sorted({flow["arrival_clock"] for flow in flows})
    told["line"] = {way: _line(truths, way) for way in ("forth", "back")}
    return told


def ping_errors(pings: Sequence[Sequence[float | None]], truth: dict[str, Any]) -> dict[str, Any]:
    """The errors of WebSocket pings: all of them, and those that the monitor itself would not call suspect.

    Each ping is when it began, when it was over, its round trip, the kernel's, and the loop's lag meanwhile. A pong in
    the same bytes as another frame is not recognised by the line: that ping has no truth of its own, and no error.
    """
    answered = (ping for ping in pings if ping[2] is not None)
    measured = [(begun or 0.0, seen or 0.0, rtt_s or 0.0, lag_s or 0.0) for begun, seen, rtt_s, _, lag_s in answered]
    trusted = [ping for ping in measured if ping[3] <= ping[2] / 10]
    tcp_s = [float(tcp_rtt_s) for _, _, _, tcp_rtt_s, _ in pings if tcp_rtt_s is not None]
    return {
        "websocket": summary(_ping_pairs(measured, truth["ping"])),
        "websocket_trusted": summary(_ping_pairs(trusted, truth["ping"])),
        "suspect_share": 1 - len(trusted) / len(measured) if measured else None,
        "failed": len(pings) - len(measured),
        # the kernel's round trip ends at the proxy, as it ends at a TLS terminator: it is to stay near 0
        "tcp_info_median": quantile(tcp_s, 0.5) if tcp_s else None,
    }


def _ping_pairs(
    pings: Sequence[tuple[float, float, float, float]], truth: Sequence[Moment]
) -> list[tuple[float, float]]:
    pairs: list[tuple[float, float]] = []
    for begun_mono_s, seen_mono_s, rtt_s, _ in pings:
        own = [moment for moment in truth if moment[0] >= begun_mono_s]
        pairs += errors([(seen_mono_s, rtt_s)], own)
    return pairs


def _line(truths: Sequence[dict[str, Any]], way: str) -> dict[str, Any]:
    means = [truth[way]["mean_s"] for truth in truths if truth[way]["mean_s"] is not None]
    worst = [truth[way]["p99_s"] for truth in truths if truth[way]["p99_s"] is not None]
    return {"mean": sum(means) / len(means) if means else None, "p99": max(worst, default=None)}
