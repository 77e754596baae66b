"""The dashboards as they are committed: their panels, and every query that they ask, made ready for Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "dashboards" / "grafana"
FILES = tuple(sorted(FOLDER.glob("*.json")))
LABEL_VALUES = re.compile(r"label_values\((.+), *([a-z_]+)\)")

# What Grafana puts in for its variables, as for a range of three hours of which a step is 15 s.
VALUES = {
    "site": ".*",
    "publish": ".*",
    "__interval_ms": "15000",
    "__rate_interval": "1m",
    "__range": "3h",
    "__range_s": "10800",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query with the words that name its place. over_time: it is asked for a range, not for one moment."""

    where: str
    expr: str
    over_time: bool
    exemplar: bool = False


def dashboard(path: Path) -> dict[str, Any]:
    """One dashboard."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def panels(whole: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its panels, the rows left out."""
    return [panel for panel in whole["panels"] if panel["type"] != "row"]


def asked_by_panels(whole: Mapping[str, Any]) -> Iterator[Asked]:
    """Every query of a panel."""
    for panel in panels(whole):
        for target in panel["targets"]:
            where = f"{whole['title']}: {panel['title']} {target['refId']}"
            yield Asked(where, target["expr"], bool(target["range"]), bool(target.get("exemplar")))


def asked_by_annotations(whole: Mapping[str, Any]) -> Iterator[Asked]:
    """Every query of an annotation."""
    for one in whole["annotations"]["list"]:
        assert (one["target"]["expr"], one["target"]["interval"]) == (one["expr"], one["step"])
        yield Asked(f"{whole['title']}: annotation {one['name']}", one["expr"], True)


def asked_by_variables(whole: Mapping[str, Any]) -> Iterator[Asked]:
    """The series that a variable takes a label's values from."""
    for variable in whole["templating"]["list"]:
        if variable["type"] == "query":
            found = LABEL_VALUES.fullmatch(variable["query"])
            assert found is not None, variable["query"]
            yield Asked(f"{whole['title']}: variable {variable['name']}", found[1], False)


def asked(whole: Mapping[str, Any]) -> list[Asked]:
    """Every query of a dashboard."""
    return [*asked_by_panels(whole), *asked_by_annotations(whole), *asked_by_variables(whole)]


def put_in(expr: str, values: Mapping[str, str] = VALUES) -> str:
    """The expression with the variables' values; KeyError for a variable that Grafana would not know."""
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expr)
