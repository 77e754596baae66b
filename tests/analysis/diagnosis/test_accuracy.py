"""How often the cause is named, over 20 draws of severity a scenario; writes the table of docs/causes.md."""

from __future__ import annotations

from collections import Counter

import pytest

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.diagnosis.result import NONE, UNKNOWN
from monitor.analysis.verdict.rules import Rules
from monitor.simulator.world.scenario import load_scenario
from tests.analysis.diagnosis.histories import MONDAY, TUESDAY, evidence_of
from tests.analysis.diagnosis.severities import DRAWS, drawn

SEEDS = 20
MOST_WRONG = 1  # of 20: 95 %


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(DRAWS))
def test_the_cause_is_named_whatever_its_severity(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cause = load_scenario(name).expected.cause
    named, without = Counter[str](), Counter[str]()
    for seed in range(SEEDS):
        scenario = drawn(name, seed, days=("mon", "tue"), hours=(8, 18))
        evidence = evidence_of(scenario, seed, first=MONDAY, last=TUESDAY, hours=(8, 18))
        named[diagnose(evidence, Rules()).cause] += 1
        if cause != NONE:
            without[diagnose(evidence, Rules(), without={cause}).cause] += 1
    with capsys.disabled():
        print(f"\n| `{name}` | `{cause}` | {_told(named)} | {_told(without)} |")
    assert named[cause] >= SEEDS - MOST_WRONG
    assert without[UNKNOWN] >= sum(without.values()) - MOST_WRONG


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.most_common()) or "-"
