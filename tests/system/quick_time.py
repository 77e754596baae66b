"""The project's own rules, scrape settings and Alertmanager settings with every duration divided; pure.

With a factor of 60 a minute takes a second: ranges, `for`, intervals, waits, and the seconds that expressions compare
with. Counts, shares and measured times stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION = re.compile(r"\b(\d+)(ms|[smhdw])\b")
# Seconds as bare numbers: what the expressions compare ages with. How often each stands in both rule files together.
BARE_SECONDS: Mapping[str, int] = {
    "> time() - 7200": 2,
    "<= time() + 60": 2,
    "runs:end > time() - 600": 1,
    "runs:end > time() - 2400": 1,
    "runs:start <= 7200": 2,
    ") > 3600": 1,
    "[1d]) > 180": 1,
}
WHOLE_WEEK = [{"weekdays": ["sunday:saturday"]}]  # a test runs at any hour of any day


def quicker(text: str, factor: float) -> str:
    """Every duration in a text, divided: `5m` is `5000ms` at a factor of 60."""
    return DURATION.sub(lambda match: _milliseconds(int(match[1]) * SECONDS[match[2]] / factor), text)


def quicker_rules(rules: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A rule file's content on a quicker clock. What is told to people stays."""
    return {"groups": [_quicker_group(group, factor) for group in rules["groups"]]}


def quicker_settings(settings: Any, factor: float) -> Any:
    """Prometheus' or Alertmanager's settings on a quicker clock: every value that is a duration as a whole."""
    if isinstance(settings, dict):
        return {name: quicker_settings(value, factor) for name, value in settings.items()}
    if isinstance(settings, list):
        return [quicker_settings(value, factor) for value in settings]
    return quicker(settings, factor) if isinstance(settings, str) and DURATION.fullmatch(settings) else settings


def always_open(alertmanager: Mapping[str, Any]) -> dict[str, Any]:
    """Alertmanager's settings with every time interval stretched over the whole week, those that mute as well."""
    intervals = [{**one, "time_intervals": WHOLE_WEEK} for one in alertmanager["time_intervals"]]
    return {**alertmanager, "time_intervals": intervals}


def _quicker_group(group: Mapping[str, Any], factor: float) -> dict[str, Any]:
    rules = [{name: _quicker_field(name, value, factor) for name, value in rule.items()} for rule in group["rules"]]
    return {**group, "interval": quicker(group["interval"], factor), "rules": rules}


def _quicker_field(name: str, value: Any, factor: float) -> Any:
    if name == "for":
        return quicker(value, factor)
    return _quicker_expression(value, factor) if name == "expr" else value


def _quicker_expression(expr: str, factor: float) -> str:
    for bare in BARE_SECONDS:
        head, _, number = bare.rpartition(" ")
        expr = re.sub(rf"{re.escape(bare)}\b", f"{head} {float(number) / factor:g}", expr)
    return quicker(expr, factor)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
