"""The diagnosis of simulated histories: the cause named, `unknown` without its rule, two faults, quiet times."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.diagnosis.result import CAUSES, NONE, UNKNOWN, Diagnosis
from monitor.analysis.diagnosis.rules.rule import SURE
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.simulator.history.history import BackgroundDrops, Cadence
from monitor.simulator.world.scenario import load_scenario, shipped_scenarios
from tests.analysis.diagnosis.histories import evidence_of
from tests.analysis.diagnosis.poorer import drops_alone, scraped
from tests.analysis.diagnosis.severities import DRAWS, both, drawn

DAYS, HOURS = ("tue",), (9, 12)  # what `evidence_of` measures, unless it is told otherwise
SPARSE = Cadence(heartbeat_s=60.0, websocket_s=300.0, signalling_s=120.0, gathering_s=300.0, api_s=120.0, call_s=1800.0)
COSTLY = ("proxy_idle_60s",)  # somebody is always about to be cut: there are no quiet stretches to skip
PAIRS = (
    ("stun_outage", "api_overloaded_only"),
    ("turn_unreachable", "dtls_failure"),
    ("site_path_loss", "session_takeover"),
    ("nat_binding", "dns_failure"),
    ("token_expired", "stun_overload"),
    ("edge_restart", "turn_expired"),
    ("symmetric_nat", "monitor_overloaded"),
    ("publish_innocent_daily_peak", "turn_unreachable"),
)

pytestmark = pytest.mark.no_cover  # hundreds of histories: counting their lines takes three times as long
# What counters read at scrapes do not hold: single slots, mapped addresses, how long a connection had been silent,
# which interface was asked, how many agents there are.
UNSEEN_BY_COUNTERS = {
    "clock_step": NONE,
    "symmetric_nat": NONE,
    "vpn_split_tunnel": UNKNOWN,
    "nat_binding": UNKNOWN,
    "proxy_idle_60s": UNKNOWN,
    "edge_restart": UNKNOWN,
    "planned_move": UNKNOWN,
}


@cache
def history(name: str, seed: int) -> Evidence:
    """One short day of a scenario of drawn severity."""
    return evidence_of(drawn(name, seed, days=DAYS, hours=HOURS), seed)


def cause_of(name: str) -> str:
    """What is true; the diagnosis is never told."""
    return load_scenario(name).expected.cause


def scores(diagnosis: Diagnosis) -> dict[str, float]:
    return {found.cause: found.score for found in diagnosis.causes}


def test_every_scenario_has_its_severities() -> None:
    assert set(DRAWS) == set(shipped_scenarios())


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_a_scenario_is_named_and_unknown_without_its_rule(name: str) -> None:
    for seed in (0,) if name in COSTLY else (0, 1):
        told = diagnose(history(name, seed), Rules())
        assert told.cause == cause_of(name), told
        assert told.causes[0].evidence
        if told.cause == NONE:
            continue
        without = diagnose(history(name, seed), Rules(), without={told.cause})
        assert without.cause == UNKNOWN, without
        assert told.cause not in scores(without)
        assert without.causes[0].evidence  # what is out of order is said all the same
    poorer = diagnose(scraped(history(name, 0)), Rules())
    assert poorer.cause == UNSEEN_BY_COUNTERS.get(name, cause_of(name)), poorer  # unseen, yet never another cause
    assert poorer.missing or poorer.cause == NONE


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_of_two_faults_one_is_named_and_the_other_is_the_runner_up(pair: tuple[str, str]) -> None:
    scenario = both(*pair, seed=3, days=DAYS, hours=HOURS)
    told = diagnose(evidence_of(scenario, 3), Rules())
    assert {told.cause, told.runner_up} == {cause_of(name) for name in pair}, told
    assert told.missing


def test_clustered_drops_of_every_day_are_no_cause() -> None:
    named, drops = [], 0
    for seed in range(40):
        chance = BackgroundDrops(per_agent_hour=(0.01, 0.03)[seed % 2], clustered=(0.15, 0.4)[seed // 2 % 2])
        evidence = evidence_of(load_scenario("quiet"), seed, hours=(8, 13), cadence=SPARSE, background=chance)
        drops += len(evidence.drops)
        told = diagnose(evidence, Rules())
        named += [told] if told.cause != NONE else []
    assert len(named) <= 1, named
    assert drops > 200


def test_publishing_that_slows_rest_alone_is_no_fault_and_is_said() -> None:
    often = Cadence(api_s=5.0)
    evidence = evidence_of(load_scenario("publish_innocent"), 1, hours=(9, 11), cadence=often)
    told = diagnose(evidence, Rules())
    assert told.cause == NONE
    assert any("the publish's own doing" in sentence for sentence in told.causes[0].evidence)
    unmarked = diagnose(replace(evidence, windows=()), Rules())
    assert unmarked.cause == "api_overloaded"  # the same slow calls, and nobody said that they are our own doing


@pytest.mark.parametrize("name", ["publish_saturates_signalling", "stun_outage"])
def test_drops_alone_leave_the_cause_unknown(name: str) -> None:
    told = diagnose(drops_alone(history(name, 0)), Rules())
    assert told.cause == UNKNOWN
    assert "ws_rtt_seconds was not measured" in told.missing


def test_drops_alone_that_come_together_are_a_hint() -> None:
    told = diagnose(drops_alone(history("edge_restart", 0)), Rules())
    assert told.cause == UNKNOWN
    assert told.runner_up == "edge_restart"
    assert 0 < scores(told)["edge_restart"] < SURE


def test_nothing_known_is_unknown() -> None:
    told = diagnose(EvidenceBuilder().build(), Rules())
    assert told.cause == UNKNOWN
    assert told.runner_up is None


def test_what_is_said_comes_from_the_closed_list_in_order_of_score() -> None:
    told = diagnose(history("site_path_loss", 0), Rules())
    assert {found.cause for found in told.causes} <= set(CAUSES)
    values = [found.score for found in told.causes]
    assert values == sorted(values, reverse=True)
    assert all(0 <= value <= 1 for value in values)
