"""What the checks say in the midst of simulated faults: the one at fault is CRITICAL, its neighbours are well."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from monitor.oncall.judge import Question, judge
from monitor.oncall.limits import CHECKS
from monitor.oncall.nagios import State
from monitor.outputs.sources.observed import facts_evidence
from monitor.simulator.history.history import HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

OK, WARNING, CRITICAL, UNKNOWN = State
NAMES = [check.name for check in CHECKS]


@cache
def states(scenario: str, when: str) -> dict[str, State]:
    """Each check's state at a local time of the history's first days."""
    world = load_scenario(scenario)
    now_s = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(world.timezone)).timestamp()
    told = facts(world, HistoryPlan(start=date(2026, 9, 14), weeks=1), 1)
    until_now = itertools.takewhile(lambda fact: fact.at_wall_s <= now_s, told)
    known = facts_evidence(fact for fact in until_now if fact.at_wall_s >= now_s - 900.0)
    question = Question(known, now_s - 900.0, now_s)
    return {check.name: judge(check, question).state for check in CHECKS}


def but(**others: State) -> dict[str, State]:
    """Every check OK but these; underscores stand for hyphens."""
    return dict.fromkeys(NAMES, OK) | {name.replace("_", "-"): state for name, state in others.items()}


@pytest.mark.parametrize(
    ("scenario", "when", "expected"),
    [
        ("quiet", "2026-09-14T09:30", but()),
        ("stun_outage", "2026-09-14T09:29", but(ice_gathering=CRITICAL)),
        ("turn_expired", "2026-09-14T09:34", but(ice_gathering=CRITICAL, turn=CRITICAL)),
        ("edge_restart", "2026-09-14T09:25", but(disconnects=CRITICAL, signalling=WARNING)),
        ("planned_move", "2026-09-14T09:25", but()),
        ("persistent_connection_idle", "2026-09-14T09:25", but()),
        (
            "token_expired",
            "2026-09-14T09:25",
            but(heartbeat=CRITICAL, disconnects=CRITICAL, signalling=CRITICAL, ice_gathering=WARNING),
        ),
        (
            "publish_saturates_signalling",
            "2026-09-15T10:05",
            but(heartbeat=WARNING, disconnects=CRITICAL, signalling=WARNING),
        ),
        (
            "monitor_overloaded",
            "2026-09-14T09:30",
            dict.fromkeys(NAMES, UNKNOWN) | {"monitor-health": CRITICAL},
        ),
    ],
)
def test_states_in_the_midst_of_a_fault(scenario: str, when: str, expected: dict[str, State]) -> None:
    assert states(scenario, when) == expected
