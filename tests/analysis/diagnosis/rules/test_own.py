"""Our own machine: what it slows down is no fault of the platform."""

from __future__ import annotations

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import START_S, between, regular

TROUBLE = (1200.0, 1500.0)


def late_pings(builder: EvidenceBuilder) -> EvidenceBuilder:
    regular(builder, signals.WS_RTT, between(*TROUBLE, (3.0, "ok"), 0.025))
    regular(builder, signals.ICE_SERVERS, between(*TROUBLE, (6.0, "ok"), 0.05), phase_s=9.0)
    return builder


def test_late_pings_beside_own_lag_are_its_doing() -> None:
    builder = late_pings(EvidenceBuilder())
    regular(builder, signals.LOOP_LAG, between(*TROUBLE, (0.4, "ok"), 0.001), phase_s=3.0)
    told = diagnose(builder.build(), Rules())
    assert (told.cause, told.runner_up) == ("monitor_overloaded", None)


def test_a_late_loopback_tells_the_same() -> None:
    builder = late_pings(EvidenceBuilder())
    regular(builder, signals.LOOPBACK_RTT, between(*TROUBLE, (0.4, "ok"), 0.001), phase_s=3.0)
    told = diagnose(builder.build(), Rules())
    assert (told.cause, told.runner_up) == ("monitor_overloaded", None)


def test_stretches_that_the_source_distrusts_are_left_out() -> None:
    builder = late_pings(EvidenceBuilder())
    builder.suspects.append(Stretch(START_S + 1100, START_S + 1600))
    assert diagnose(builder.build(), Rules()).cause == "monitor_overloaded"


def test_without_any_of_it_they_are_the_platforms() -> None:
    assert diagnose(late_pings(EvidenceBuilder()).build(), Rules()).cause == "signalling_saturated"


def test_a_moment_that_is_marked_as_suspect_is_no_overload() -> None:
    builder = EvidenceBuilder()
    regular(builder, signals.WS_RTT, lambda _: (0.025, "ok"))
    builder.suspects.append(Stretch(START_S + 1100, START_S + 1160))
    assert diagnose(builder.build(), Rules()).cause == "none"


def test_only_what_was_measured_is_told() -> None:
    builder = late_pings(EvidenceBuilder())
    builder.suspects.append(Stretch(START_S + 1100, START_S + 1600))
    assert diagnose(builder.build(), Rules()).causes[0].evidence == ("up to 14% of a site's time is marked as suspect",)
