"""The table of checks and the runbook: in step with each other, and with the commands there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.commands.check import NAMES
from monitor.oncall.limits import CHECKS
from monitor.oncall.nagios import read_range
from tests.product import call

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
SECTIONS = dict(re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
CHECKED = [name for name in NAMES if name != "all"]


def test_every_check_has_its_section_and_every_section_its_check() -> None:
    assert sorted(SECTIONS) == sorted(NAMES)


@pytest.mark.parametrize("name", CHECKED)
def test_a_section_says_what_is_needed_at_night(name: str) -> None:
    section = SECTIONS[name]
    for part in ("**For agents.**", "**Look.**", "```promql", "**Tell apart.**", "**Do.**", "**Escalate**"):
        assert part in section
    assert len(re.findall(r"^softphone-monitor ", section, re.MULTILINE)) >= 3


def test_only_commands_and_checks_that_exist_are_named() -> None:
    words = set(re.findall(r"softphone-monitor (\w+)", RUNBOOK))
    help_text = call("--help").stdout
    assert {word for word in words if f"│ {word} " not in help_text} == set()
    assert set(re.findall(r"softphone-monitor check ([a-z-]+)", RUNBOOK)) <= set(NAMES)


def test_the_table_of_limits_is_true() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| `(\w+)` \| ?(\S*) \| ?(\S*) \|", RUNBOOK, re.MULTILINE)
    told = {(check, label): (warning, critical) for check, label, warning, critical in rows}
    assert told == {(check.name, label): limits for check in CHECKS for label, limits in check.limits.items()}


def test_default_limits_are_ranges_of_which_the_critical_one_is_no_stricter() -> None:
    for check in CHECKS:
        for warning, critical in check.limits.values():
            ranges = [read_range(text) for text in (warning, critical) if text]
            if len(ranges) == 2:
                assert ranges[1].low <= ranges[0].low
                assert ranges[1].high >= ranges[0].high
