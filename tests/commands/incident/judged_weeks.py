"""A verdict on synthetic weeks, as `report` hands it on, for tests of what is made of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from monitor.analysis.verdict.analyse import analyse
from monitor.commands.calendar_words import CalendarWords
from monitor.commands.judging import Judged
from monitor.facts.evidence import Evidence
from tests.golden.weeks import SYNTHETIC
from tests.histories.evidence import evidence_of, rules_of

WORDS = CalendarWords(tz="America/Chicago", hours="08:00-13:00", days="mon-fri")


@cache
def judged_weeks(name: str) -> Judged:
    """One of the golden histories, judged for repeated looks."""
    plan, seed = SYNTHETIC[name]
    return judge(evidence_of(plan, seed), name)


def judge(evidence: Evidence, name: str) -> Judged:
    """Evidence by the calendar of that history."""
    plan, _ = SYNTHETIC[name]
    rules = replace(rules_of(plan), provisional=True)
    assert evidence.span is not None
    return Judged(evidence, rules, analyse(evidence, rules), None, evidence.span[1], WORDS)
