"""Every query parses, and names only metrics and labels that exist; every metric is on a dashboard or excused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.grafana.generator.exceptions import ON_NO_DASHBOARD
from monitor.outputs.catalogue import CATALOGUE, Metric, Type, label_names
from tests.dashboards.grafana.promql import grouped, selected
from tests.dashboards.grafana.reading import FILES, FOLDER, Asked, asked, dashboard, panels, put_in

ROOT = FOLDER.parents[1]
RUNBOOK = ROOT / "docs" / "runbook.md"
RECORDING = ROOT / "dashboards" / "prometheus" / "recording.rules.yaml"

SERIES: dict[str, Metric] = {
    name: metric
    for metric in CATALOGUE
    for name in (
        [f"{metric.name}_{part}" for part in ("bucket", "count", "sum")]
        if metric.type is Type.HISTOGRAM
        else [metric.name]
    )
}
OF_PROMETHEUS = {
    "ALERTS": {"alertname", "alertstate", "severity", "site"},
    "ALERTS_FOR_STATE": {"alertname", "severity", "site"},
}
EVERY = [pytest.param(one, id=one.where) for path in FILES for one in asked(dashboard(path))]


@cache
def recorded() -> dict[str, str]:
    """The names of recorded series, each with its expression."""
    groups = yaml.safe_load(RECORDING.read_text())["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}


def labels_of(name: str) -> set[str]:
    """The labels that a series may have; AssertionError for one that nobody makes."""
    if name in OF_PROMETHEUS:
        return OF_PROMETHEUS[name]
    if name in recorded():
        return {"site", "publish"}
    assert name in SERIES, f"{name} is neither in the catalogue nor recorded"
    labels = label_names(SERIES[name], per_agent=True)
    return {*labels, "le"} if name.endswith("_bucket") else set(labels)


@pytest.mark.parametrize("one", EVERY)
def test_a_query_names_only_series_and_labels_that_exist(one: Asked) -> None:
    expr = put_in(one.expr)
    found = selected(expr)
    assert found
    known = {label for series in found for label in labels_of(series.metric)}
    for series in found:
        assert series.labels <= labels_of(series.metric), f"{series.metric} has no such label"
    assert grouped(expr) <= known | {"figure"}, "figure is what `worst` tells several states apart by"


@pytest.mark.parametrize("one", EVERY)
def test_publish_gauges_are_never_read_without_an_aggregation(one: Asked) -> None:
    """Several monitors may export the same run."""
    if ": variable" in one.where:
        return
    for series in selected(put_in(one.expr)):
        if series.metric.startswith("softphone_publish_") and SERIES[series.metric].type is Type.GAUGE:
            assert "max" in series.inside, series.metric


def test_every_metric_is_on_a_dashboard_or_excused() -> None:
    shown = {
        SERIES[s.metric].name
        for path in FILES
        for one in asked(dashboard(path))
        for s in selected(put_in(one.expr))
        if s.metric in SERIES
    }
    assert {metric.name for metric in CATALOGUE} - shown == set(ON_NO_DASHBOARD)
    assert all(ON_NO_DASHBOARD.values())


def test_legends_name_labels_that_their_series_have() -> None:
    for path in FILES:
        for panel in panels(dashboard(path)):
            for target in panel["targets"]:
                named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
                expr = put_in(target["expr"])
                have = grouped(expr) or {label for s in selected(expr) for label in labels_of(s.metric)}
                assert named <= have, f"{panel['title']}: {named - have}"


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made of them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(whole: dict[str, Any]) -> Iterator[str]:
    """Every address that a dashboard leads to."""
    yield from (link["url"] for link in whole["links"])
    yield from (link["url"] for panel in panels(whole) for link in panel.get("links", []))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    dashboards = {f"/d/{dashboard(other)['uid']}" for other in FILES}
    sections = {f"docs/runbook.md#{anchor}" for anchor in anchors(RUNBOOK.read_text())} | {"docs/runbook.md"}
    assert set(links(dashboard(path))) - dashboards - sections == set()
    assert len(dashboards & set(links(dashboard(path)))) == len(FILES) - 1
