"""Attempts and drops as they are drawn: failures never become latencies, and what is not trusted is left out."""

from __future__ import annotations

import math

import numpy as np

from monitor.analysis.timeline.measures import attempts, harm, measures, quantile
from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.evidence_builder import EvidenceBuilder

T0 = 1_790_000_000.0


def test_a_timeout_is_infinity_and_our_own_failure_is_nothing() -> None:
    builder = EvidenceBuilder()
    builder.sample(signals.WS_RTT, T0, 0.02)
    builder.sample(signals.WS_RTT, T0 + 1, None, "timeout")
    builder.sample(signals.WS_RTT, T0 + 2, None, "not_connected")
    builder.sample(signals.WS_RTT, T0 + 3, 0.05, suspect=True)
    (found,) = measures(builder.build())
    assert found.value.round(6).tolist() == [0.02, math.inf]
    assert found.failed.tolist() == [0.0, 1.0]


def test_of_gatherings_the_share_that_failed_counts() -> None:
    builder = EvidenceBuilder()
    for place, outcome in enumerate(("ok", "host_only", "error", "slow")):
        builder.sample(signals.ICE_GATHERING, T0 + place, 1.0, outcome)
    (found,) = measures(builder.build())
    assert found.value.tolist() == [0.0, 1.0, 0.0]  # the probe's own error is left out


def test_a_row_that_stands_for_several_attempts_is_that_many() -> None:
    builder = EvidenceBuilder()
    builder.sample(signals.WS_RTT, T0, 0.02, weight=3.0)
    found = builder.build()
    assert len(attempts(signals.WS_RTT, found.series[signals.WS_RTT], found).value) == 3


def test_documented_ends_and_suspect_time_are_no_harm() -> None:
    builder = EvidenceBuilder()
    for place, reason in enumerate(("missed_pings", "terminated", "missed_pings")):
        builder.drop(T0 + 100 * place, T0 + 100 * place, site="north", reason=reason)
    builder.suspects.append(Stretch(T0 + 190, T0 + 210, "north"))
    assert harm(builder.build()).noticed_s.tolist() == [T0]


def test_a_quantile_among_the_failed_is_infinity_and_of_nothing_none() -> None:
    assert quantile(np.array([0.1, math.inf, math.inf]), 0.5) == math.inf
    assert quantile(np.array([0.3, 0.1, 0.2]), 0.5) == 0.2
    assert quantile(np.zeros(0), 0.5) is None
