"""The table of rules: the whole closed list, each cause once."""

from __future__ import annotations

from monitor.analysis.diagnosis.result import CAUSES, NONE, UNKNOWN
from monitor.analysis.diagnosis.rules.rule import SURE, flat, grade
from monitor.analysis.diagnosis.rules.table import RULES


def test_every_cause_of_the_list_has_one_rule() -> None:
    causes = [rule.cause for rule in RULES]
    assert len(causes) == len(set(causes))
    assert set(causes) == set(CAUSES) - {NONE, UNKNOWN}


def test_every_rule_says_what_it_goes_by_and_what_would_settle_it() -> None:
    for rule in RULES:
        assert set(rule.letters) <= set("STFGWCRLNMP")
        assert rule.to_be_sure


def test_grades_rise_or_fall_in_proportion() -> None:
    assert [grade(value, 0.0, 4.0) for value in (-1.0, 1.0, 9.0)] == [0.0, 0.25, 1.0]
    assert [grade(value, 0.5, 0.1) for value in (0.6, 0.3, 0.0)] == [0.0, 0.5, 1.0]
    assert grade(None, 0.0, 1.0, 0.7) == 0.7
    assert flat(0.0) == 1.0 > flat(0.25) > flat(0.5) == 0.0
    assert 0 < SURE < 1
