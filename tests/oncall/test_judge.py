"""From figures to a state: no, old and doubtful data are UNKNOWN; the worst site counts; options replace limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.oncall.judge import Limits, every, judge, measured_sites, unknown
from monitor.oncall.limits import CHECKS
from monitor.oncall.nagios import State, read_range, render
from tests.nagios_grammar import perf_of
from tests.oncall_evidence import NOW_S, adding, attempts, dropping, evidence, question, well

CHECK = {check.name: check for check in CHECKS}
HEARTBEAT = CHECK["heartbeat"]


@pytest.mark.parametrize("name", CHECK)
def test_no_data_is_never_ok(name: str) -> None:
    assert judge(CHECK[name], question(evidence(base=None))).state is State.UNKNOWN
    status = judge(CHECK[name], question(evidence(base=None), sites=("chicago",)))
    assert (status.state, status.summary[:8]) == (State.UNKNOWN, "no data:")


@pytest.mark.parametrize("name", CHECK)
def test_old_data_are_never_ok(name: str) -> None:
    known = evidence(lambda builder: well(builder, until_s=NOW_S - 301.0), base=None)
    status = judge(CHECK[name], question(known))
    assert (status.state, status.summary[:6]) == (State.UNKNOWN, "stale:")


@pytest.mark.parametrize("name", sorted(set(CHECK) - {"monitor-health"}))
def test_doubtful_data_are_never_ok_nor_bad(name: str) -> None:
    stretch = Stretch(NOW_S - 300.0, NOW_S, "chicago")
    known = evidence(lambda builder: builder.suspects.append(stretch), dropping(50))
    status = judge(CHECK[name], question(known))
    assert (status.state, status.summary[:8]) == (State.UNKNOWN, "suspect:")
    assert "33 % of the time" in status.summary
    doubted = evidence(adding(signals.WS_RTT, 2.0, count=200, every_s=1.0, suspect=True))
    assert judge(CHECK[name], question(doubted)).summary.startswith("suspect: own lag may have falsified 200 of ")


@pytest.mark.parametrize("name", CHECK)
def test_a_period_mostly_without_measurements_is_never_ok(name: str) -> None:
    known = evidence(lambda builder: builder.gaps.append(Stretch(NOW_S - 900.0, NOW_S - 400.0)))
    assert judge(CHECK[name], question(known)).summary == "no data: nothing was measured in 56 % of the time"


def test_a_monitor_that_has_just_begun_says_how_little_it_knows() -> None:
    def base(builder: EvidenceBuilder) -> None:
        attempts(builder, signals.WS_RTT, 0.03, count=9, every_s=10.0)
        builder.drop(NOW_S - 20.0, NOW_S - 20.0, site="chicago")

    known = question(evidence(base, base=None))
    assert judge(HEARTBEAT, known).summary.endswith("in 85s of 15m")
    assert "over 0.02 agent-hours" in judge(CHECK["disconnects"], known).summary


def test_too_few_attempts_make_no_share() -> None:
    known = evidence(adding(signals.WS_RTT, None, "timeout", count=2), base=None)
    status = judge(HEARTBEAT, question(known))
    assert (status.state, status.summary) == (State.UNKNOWN, "only 2 attempts: too few to judge")


def test_one_channel_that_went_silent_is_unknown_though_the_other_goes_on() -> None:
    def base(builder: EvidenceBuilder) -> None:
        attempts(builder, signals.WS_RTT, 0.03, count=10, until_s=NOW_S - 400.0)
        attempts(builder, signals.NOTIFICATION_RTT, 0.03)

    status = judge(HEARTBEAT, question(evidence(base, base=None)))
    assert status.summary == "stale: the last ws_rtt_seconds is 400 s old, the limit is 300 s"
    assert judge(CHECK["disconnects"], question(evidence(base, base=None))).state is State.OK


def test_a_slow_probe_is_stale_after_three_of_its_intervals() -> None:
    def base(builder: EvidenceBuilder) -> None:
        attempts(builder, signals.ICE_GATHERING, 0.05, count=3, every_s=200.0, until_s=NOW_S - 450.0)

    known, gathering = evidence(base, base=None), CHECK["ice-gathering"]
    assert judge(gathering, question(known)).state is State.OK
    assert judge(gathering, question(known, intervals={signals.ICE_GATHERING: 100.0})).state is State.UNKNOWN


def test_a_signal_that_the_settings_ask_for_must_come() -> None:
    known = evidence(adding(signals.WS_RTT, 0.03), base=None)
    asked = {signals.WS_RTT: 15.0, signals.NOTIFICATION_RTT: 15.0}
    status = judge(HEARTBEAT, question(known, intervals=asked))
    assert status.summary == "no data: no measurement of notification_rtt_seconds in the last 15m"


def test_of_several_sites_the_worst_counts_and_each_has_its_line_and_figures() -> None:
    known = evidence(
        lambda builder: well(builder, site="dallas"),
        adding(signals.WS_RTT, 2.0, count=9, site="dallas"),
        lambda builder: well(builder, site="austin", until_s=NOW_S - 400.0),
    )
    status = judge(HEARTBEAT, question(known))
    assert status.state is State.CRITICAL
    assert status.summary.startswith("dallas: xmpp p95 2.0 s, 0 of 39 missed; ")
    assert status.summary.endswith("in 15m (1 of 3 sites CRITICAL)")
    assert [note.split(":")[0] for note in status.notes if note.startswith("site ")] == [
        *("site austin UNKNOWN", "site chicago OK", "site dallas CRITICAL"),
    ]
    assert "dallas: CRITICAL: rtt_p95 2.0 s is outside 0.3" in status.notes
    perf = perf_of(render(status))
    assert (perf["rtt_p95"], perf["dallas_rtt_p95"], perf["chicago_rtt_p95"]) == ("2s", "2s", "0.03s")


def test_a_site_of_imported_drops_alone_is_no_site_to_watch() -> None:
    known = evidence(lambda builder: builder.drop(NOW_S - 9.0, NOW_S - 9.0, site="boston"))
    assert (known.sites, measured_sites(known)) == (("boston", "chicago"), ("chicago",))
    assert judge(HEARTBEAT, question(known)).state is State.OK


def test_a_journal_without_facts_does_not_vanish_from_the_answer() -> None:
    status = judge(HEARTBEAT, question(evidence(), silent=("dallas.db",)))
    assert (status.state, status.summary) == (
        State.UNKNOWN,
        "dallas.db: no facts in the last 15m (1 of 2 sites UNKNOWN)",
    )


def test_options_replace_the_limits_by_label() -> None:
    limits = Limits({"rtt_p95": read_range("0.02")}, {"missed": read_range("@0:1")})
    assert judge(HEARTBEAT, question(evidence(), limits)).state is State.CRITICAL
    assert judge(HEARTBEAT, question(evidence(), replace(limits, critical={}))).state is State.WARNING
    perf = next(perf for perf in judge(HEARTBEAT, question(evidence(), limits)).perf if perf.label == "rtt_p95")
    assert str(perf) == "rtt_p95=0.03s;0.02;0.3;0"


def test_a_simulator_is_called_one_and_the_source_has_its_say() -> None:
    def change(builder: EvidenceBuilder) -> None:
        builder.simulated = True
        builder.warnings.append("retention is 15 days")

    status = judge(HEARTBEAT, question(evidence(change)))
    assert status.summary.startswith("SIMULATED: xmpp")
    assert status.notes[-2:] == ("note: retention is 15 days", "read docs/runbook.md#heartbeat")
    assert "SIMULATED" in every([status]).summary


def test_all_of_them_are_as_bad_as_the_worst_with_a_line_each() -> None:
    known = evidence(adding(signals.API, 0.01, "429", count=1))
    told = [judge(check, question(known)) for check in CHECKS]
    status = every([*told, unknown("publish-impact", "no facts")])
    assert (status.state, status.summary) == (State.WARNING, "api-limits WARNING, publish-impact UNKNOWN")
    assert len(status.notes) == len(CHECKS) + 1
    assert status.notes[-1] == "PUBLISH-IMPACT UNKNOWN - no facts (docs/runbook.md#publish-impact)"
    assert perf_of(render(status)) == {"ok": "6", "warning": "1", "critical": "0", "unknown": "1"}
    assert every(told[:1]).summary == "1 check well"
    assert every([]).state is State.UNKNOWN


@pytest.mark.parametrize("name", CHECK)
def test_performance_data_follow_the_grammar(name: str) -> None:
    known = evidence(lambda builder: well(builder, site="a site's name"), dropping(4))
    assert perf_of(render(judge(CHECK[name], question(known))))
