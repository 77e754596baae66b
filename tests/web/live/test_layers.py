"""The quick state: which figure makes which word, by the same limits as the on-call checks."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.runs import runs_of
from monitor.oncall.limits import CHECKS
from monitor.web.live import layers
from monitor.web.live.layers import View
from monitor.web.live.rings import Sample, Total


def total(*values: float | None, word: str = "timeout") -> Total:
    """Attempts with these values; None is one that failed."""
    told = Total()
    for value in values:
        told.add(Sample("x", value, value is None, "" if value is not None else word))
    return told


def state(layer: str, **known: Any) -> tuple[str, str]:
    """A layer's state and words."""
    view = View(**{"ready": True, "totals": {}, **known})
    (found,) = (one for one in layers.layers(view) if one.layer == layer)
    return found.state, found.words


@pytest.mark.parametrize(
    ("layer", "known", "expected"),
    [
        ("signalling", {}, "unknown"),
        ("signalling", {"connected": 1, "expected": 1}, "ok"),
        ("signalling", {"connected": 9, "expected": 10}, "warning"),
        ("signalling", {"connected": 0, "expected": 1}, "critical"),
        ("signalling", {"connected": 0, "expected": 1, "ready": False}, "unknown"),
        ("signalling", {"totals": {"ws_rtt": total(*[0.02] * 10)}}, "ok"),
        ("signalling", {"totals": {"ws_rtt": total(*[0.2] * 10)}}, "warning"),
        ("signalling", {"totals": {"ws_rtt": total(*[0.5] * 10)}}, "critical"),
        ("signalling", {"totals": {"notification_rtt": total(*[0.5] * 10)}}, "critical"),
        ("signalling", {"totals": {"ws_rtt": total(*[0.02] * 20, None)}}, "warning"),
        ("signalling", {"totals": {"ice_servers": total(*[0.02] * 8, None, None)}}, "critical"),
        ("signalling", {"totals": {"ice_servers": total(None)}}, "unknown"),
        ("signalling", {"totals": {"ws_rtt": total(*[0.02] * 5, None, word="not_connected")}}, "ok"),
        ("signalling", {"totals": {"ice_servers": total(*[0.02] * 5, None, word="not_connected")}}, "ok"),
        ("signalling", {"connected": 1, "expected": 1, "drops": {"signalling": 1}}, "warning"),
        ("signalling", {"connected": 1, "expected": 1, "silent": 1}, "warning"),
        ("ice", {}, "unknown"),
        ("ice", {"totals": {"ice_gathering": total(0.1, 0.1, 0.1)}}, "ok"),
        ("ice", {"totals": {"ice_gathering": total(0.1, 0.1, None, word="host_only")}}, "critical"),
        ("ice", {"drops": {"ice": 2}}, "warning"),
        ("media", {}, "unknown"),
        ("media", {"totals": {"media_jitter": total(0.004), "media_loss": total(0.0)}}, "ok"),
        ("media", {"totals": {"media_jitter": total(0.05)}}, "warning"),
        ("media", {"totals": {"media_loss": total(0.2)}}, "critical"),
        ("api", {}, "unknown"),
        ("api", {"totals": {"api": total(0.1, 0.1, 0.1)}}, "ok"),
        ("api", {"totals": {"api": total(*[0.1] * 99, None, word="429")}}, "warning"),
        ("api", {"totals": {"api": total(*[0.1] * 9, None, word="503")}}, "warning"),
        ("api", {"totals": {"api": total(*[0.1] * 5, *[None] * 5, word="503")}}, "critical"),
        ("publish", {}, "ok"),
        ("monitor", {}, "ok"),
        ("monitor", {"ready": False}, "unknown"),
        ("monitor", {"suspect": True}, "warning"),
        ("monitor", {"dropped": 3}, "warning"),
    ],
)
def test_a_figure_makes_its_word(layer: str, known: dict[str, Any], expected: str) -> None:
    assert state(layer, **known)[0] == expected


def test_the_words_carry_figures() -> None:
    known = {"totals": {"ws_rtt": total(0.02, 0.02, 0.02, None)}, "connected": 1, "expected": 1}
    # a percentile is within 3 %
    assert state("signalling", **known)[1] == "1 of 1 connected, ping p95 of those answered 19.7 ms, 1 of 4 missed"
    away = total(0.02, 0.02, 0.02)
    away.merge(total(None, word="not_connected"))
    assert (
        state("signalling", totals={"ws_rtt": away})[1] == "ping p95 19.7 ms, 0 of 3 missed, 1 not tried: not connected"
    )
    assert state("api", totals={"api": total(1.5, 1.5, None, word="429")})[1] == (
        "3 calls, 1 told to wait (429), 0 failed otherwise, p95 1.50 s"
    )


def test_a_publish_is_told_while_it_runs_and_when_it_has_ended() -> None:
    start = Marker(job="weekly", run_id="r", phase=MarkerPhase.START, at_wall_s=100.0, strategy="batch")
    end = Marker(job="weekly", run_id="r", phase=MarkerPhase.END, at_wall_s=200.0, outcome="failed")
    (running,) = runs_of([start], now_wall_s=150.0)
    (ended,) = runs_of([start, end], now_wall_s=800.0)
    assert state("publish", running=(running,), last=running) == ("ok", "weekly is running: batch")
    told = state("publish", last=ended, now_s=800.0)
    assert told == ("warning", "weekly ended 10 min ago: failed, batch")


@pytest.mark.parametrize(
    ("mine", "check", "figure", "scale"),
    [
        (layers.PING_S, "heartbeat", "rtt_p95", 1),
        (layers.MISSED, "heartbeat", "missed", 100),
        (layers.FETCH_S, "signalling", "ice_fetch_p95", 1),
        (layers.FETCH_FAILED, "signalling", "ice_fetch_failed", 100),
        (layers.OFFLINE, "signalling", "offline", 100),
        (layers.GATHERING_S, "ice-gathering", "gathering_p95", 1),
        (layers.GATHERING_FAILED, "ice-gathering", "failed", 100),
        (layers.API_S, "api-limits", "api_p95", 1),
        (layers.API_LIMITED, "api-limits", "limited", 100),
        (layers.API_FAILED, "api-limits", "server_errors", 100),
    ],
)
def test_the_limits_are_those_of_the_checks(mine: tuple[float, float], check: str, figure: str, scale: int) -> None:
    (theirs,) = (one.limits[figure] for one in CHECKS if one.name == check)
    assert tuple(f"{limit * scale:g}" for limit in mine) == theirs
