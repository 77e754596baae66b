"""The dashboards have the shape of Grafana's own types: @grafana/schema from npm, made a JSON schema while we look.

The schema is derived anew instead of kept: that takes three seconds of CPU, and no text of Grafana's is copied here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from jsonschema import Draft7Validator
from npm_packages import node_with_packages

from tests.dashboards.grafana.reading import FILES, dashboard, panels

pytestmark = pytest.mark.system

NODE_FOLDER = Path(__file__).parent / "node"
# Shapes by panel type: those of its options and of its fields; what is missing has no type of its own.
OPTIONS = {"heatmap", "stat", "statetimeline", "table", "timeseries"}
FIELDS = OPTIONS - {"stat"}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """A JSON schema for each shape that node/shapes.ts names."""
    node = node_with_packages(NODE_FOLDER)
    derived = run([node, "derive.mjs"], cwd=NODE_FOLDER, capture_output=True, text=True, timeout=100, check=True)
    return dict(json.loads(derived.stdout))


def parts(whole: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Everything that has a shape of its own: its place, the shape's name, the JSON."""
    yield whole["title"], "dashboard", whole
    for panel in panels(whole):
        kind, place = panel["type"].replace("-", ""), f"{whole['title']}: {panel['title']}"
        assert kind in OPTIONS, f"{place}: a {kind} has no shape here"
        yield place, f"{kind}_options", panel["options"]
        if kind in FIELDS:
            yield place, f"{kind}_fields", panel["fieldConfig"]["defaults"]["custom"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_has_the_shape_that_grafana_knows(path: Path, schemas: dict[str, Any]) -> None:
    problems = [
        f"{place}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for place, shape, part in parts(dashboard(path))
        for error in Draft7Validator(schemas[shape]).iter_errors(part)
    ]
    assert problems == []


def test_the_schema_refuses_what_has_another_shape(schemas: dict[str, Any]) -> None:
    whole = dashboard(FILES[0])
    whole["panels"][0]["gridPos"]["w"] = "wide"
    assert not Draft7Validator(schemas["dashboard"]).is_valid(whole)
    assert not Draft7Validator(schemas["timeseries_options"]).is_valid({"legend": {"displayMode": "cloud"}})
