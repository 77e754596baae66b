"""The rules on a quicker clock are the rules: every duration is divided, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from system.alertmanager import DASHBOARDS, RULE_FILES
from system.quick_time import BARE_SECONDS, quicker, quicker_rules, quicker_settings

FOLDER = DASHBOARDS / "prometheus"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.mark.parametrize(
    ("slow", "quick"),
    [
        ("rate(a[5m])", "rate(a[5000ms])"),
        ("b offset 7d > 1", "b offset 10080000ms > 1"),
        ("site:x:failure_ratio1h > 14.4 * 0.005", "site:x:failure_ratio1h > 14.4 * 0.005"),
        ("site:x:p95_5m > 0.3 and y{le='2.5'}", "site:x:p95_5m > 0.3 and y{le='2.5'}"),
    ],
)
def test_durations_and_nothing_else(slow: str, quick: str) -> None:
    assert quicker(slow, 60.0) == quick


def test_every_bare_number_of_seconds_is_known() -> None:
    exprs = [rule["expr"] for name in RULE_FILES for group in read(name)["groups"] for rule in group["rules"]]
    text = "\n".join(exprs)
    assert {bare: len(re.findall(rf"{re.escape(bare)}\b", text)) for bare in BARE_SECONDS} == BARE_SECONDS
    for bare in BARE_SECONDS:
        text = re.sub(rf"{re.escape(bare)}\b", "", text)
    text = re.sub('"[^"]*"', "", text)
    others = sorted(map(int, re.findall(r"(?<![\w.:])\d{2,}(?![\w.])", text)))
    # Days of a certificate, seconds of media, drops and pings by the minute, minutes of a window, a day, a week.
    assert others == [14, 30, 60, 60, 60, 130, 160, 86400, 604800]


def test_all_of_a_rule_is_quicker_and_its_words_stay() -> None:
    slow = read("alerts.rules.yaml")
    quick = quicker_rules(slow, 60.0)
    rules = [
        (a, b)
        for g, h in zip(slow["groups"], quick["groups"], strict=True)
        for a, b in zip(g["rules"], h["rules"], strict=True)
    ]
    for before, after in rules:
        assert {**before, "expr": "", "for": ""} == {**after, "expr": "", "for": ""}
        assert after.get("for") in (None, quicker(before.get("for", ""), 60.0))
    assert all(group["interval"] in ("500ms", "1000ms") for group in quick["groups"])
    assert not re.search(r"\[\d+[mhd]\]", "".join(after["expr"] for _, after in rules))


def test_settings_keep_what_is_no_duration() -> None:
    slow = {"route": {"group_wait": "30s", "matchers": ['a="5m later"'], "routes": [{"repeat_interval": "4h"}]}}
    quick = {
        "route": {"group_wait": "500ms", "matchers": ['a="5m later"'], "routes": [{"repeat_interval": "240000ms"}]}
    }
    assert quicker_settings(slow, 60.0) == quick
