"""Errors of measured figures against what was true when they were seen."""

from __future__ import annotations

import pytest

from monitor.commands.bench.accuracy_judging import errors, errors_by_packet, media_errors, ping_errors, summary

TRUTH = [(1.0, 0.020), (2.0, 0.030)]


def test_a_figure_is_held_against_the_last_truth_before_it() -> None:
    assert errors([(0.5, 0.1), (1.01, 0.021), (2.01, 0.030)], TRUTH) == [(0.021, 0.020), (0.030, 0.030)]


def test_of_packets_in_a_bunch_each_is_held_against_its_own_truth() -> None:
    bunch = [(1.0, 0.001), (1.0003, 0.002), (1.0004, 0.003)]
    measured = [(1.00028, 0.0021), (1.00041, 0.0031), (0.9999, 0.0011), (1.5, 0.5)]
    assert errors_by_packet(measured, bunch) == [(0.0021, 0.002), (0.0031, 0.003), (0.0011, 0.001)]


def test_a_summary_has_errors_without_sign() -> None:
    told = summary([(0.019, 0.020), (0.023, 0.020), (0.020, 0.020)])
    assert told["samples"] == 3
    assert (told["median"], told["max"]) == (pytest.approx(0.001), pytest.approx(0.003))
    assert (told["measured"], told["true"]) == (0.020, 0.020)
    assert summary([])["median"] is None


def test_all_calls_are_judged_together() -> None:
    way = {"mean_s": 0.01, "p99_s": 0.011}
    truth = {"stun": TRUTH, "rtcp": TRUTH, "jitter": [], "forth": way, "back": way}
    flow = {"stun": [(1.01, 0.021)], "rtcp": [], "jitter": [(1.0, 0.1)], "arrival_clock": "kernel"}
    told = media_errors([flow, flow], [truth, truth])
    assert told["stun"]["samples"] == 2
    assert told["rtcp"]["samples"] == told["jitter"]["samples"] == 0
    assert told["arrival_clock"] == ["kernel"]
    assert told["line"]["back"] == {"mean": 0.01, "p99": 0.011}


def test_pings_that_the_monitor_would_distrust_are_told_apart() -> None:
    calm = (0.98, 1.01, 0.020, 0.001, 0.0005)
    stalled = (1.95, 2.01, 0.060, None, 0.030)
    told = ping_errors([calm, stalled, (2.4, 2.5, None, None, 0.0)], {"ping": TRUTH})
    assert told["websocket"]["max"] == pytest.approx(0.030)
    assert told["websocket_trusted"]["max"] == pytest.approx(0.0)
    assert (told["suspect_share"], told["failed"]) == (0.5, 1)
    assert told["tcp_info_median"] == 0.001


def test_a_ping_whose_pong_the_line_did_not_recognise_is_held_against_nobody_elses() -> None:
    told = ping_errors([(0.98, 1.01, 0.020, None, 0.0), (1.10, 1.15, 0.045, None, 0.0)], {"ping": TRUTH})
    assert told["websocket"]["samples"] == 1
    assert told["failed"] == 0
