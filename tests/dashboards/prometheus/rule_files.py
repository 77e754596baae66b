"""The project's rule files and their tests, read; what PromQL in them names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[3] / "dashboards" / "prometheus"
RULE_FILES = (FOLDER / "recording.rules.yaml", FOLDER / "alerts.rules.yaml")
RULE_TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
METRIC = re.compile(r"\b(?:[a-z_]+:)?softphone_[a-z_]+(?::[a-z0-9_]+)?\b|\bup\b")
MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')
SELECTOR = re.compile(r"\b(softphone_[a-z_]+)\{([^}]*)\}")

Rule = dict[str, Any]


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of both files, in order."""
    groups = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
    return tuple(rule for group in groups for rule in group["rules"])


def alerts() -> list[Rule]:
    """The alerting rules. Several may carry one name."""
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> dict[str, str]:
    """Name and expression of each recording rule."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


@cache
def alert_cases() -> tuple[tuple[str, list[Rule]], ...]:
    """Each alert's name with what a rule test expects of it at one moment: alerts, or none."""
    tests = [test for path in RULE_TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    return tuple((case["alertname"], case["exp_alerts"]) for case in cases)


def plain(expr: str) -> str:
    """An expression in one line, without space inside of brackets."""
    return re.sub(r"\s+", " ", expr).strip().replace("( ", "(").replace(" )", ")")
