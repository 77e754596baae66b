"""The rules of Grafana's dashboard-linter, as checks of our own, with the exceptions and their reasons."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dashboards.grafana.promql import selected
from tests.dashboards.grafana.reading import FILES, LABEL_VALUES, VALUES, asked_by_panels, dashboard, panels, put_in

# Rules that do not hold, with the reason.
EXCEPTIONS = {
    "template-job-rule": "no label is named job, by contract: site and publish are what one chooses by",
    "template-instance-rule": "no label is named instance, by contract",
    "target-job-rule": "as template-job-rule",
    "target-instance-rule": "as template-instance-rule",
    "target-logql-rule": "no logs are shown",
    "target-logql-auto-rule": "no logs are shown",
}
# Of target-counter-agg-rule: what a run of a publish counted is the difference of a counter, which adds up to what was
# counted, as extrapolated increases of minute after minute do not.
PLAIN_COUNTERS = {("Runs", "softphone_disconnects_total"), ("Runs", "softphone_api_requests_total")}
UNITS = {"none", "short", "s", "percentunit", "reqps", "dateTimeAsIso"}  # those of Grafana's list that are used
GROWTH = {"rate", "irate", "increase"}

WHOLE = [pytest.param(dashboard(path), id=path.stem) for path in FILES]
PANELS = [
    pytest.param(panel, id=f"{param.values[0]['title']}: {panel['title']}")
    for param in WHOLE
    for panel in panels(param.values[0])
]


@pytest.mark.parametrize("whole", WHOLE)
def test_template_datasource_rule(whole: dict[str, Any]) -> None:
    sources = [one for one in whole["templating"]["list"] if one["type"] == "datasource"]
    assert [(one["name"], one["label"], one["query"]) for one in sources] == [
        ("datasource", "Data source", "prometheus")
    ]


@pytest.mark.parametrize("whole", WHOLE)
def test_template_label_promql_rule_and_template_on_time_change_reload_rule(whole: dict[str, Any]) -> None:
    queries = [one for one in whole["templating"]["list"] if one["type"] == "query"]
    assert [one["name"] for one in queries] == ["site", "publish"]
    for one in queries:
        found = LABEL_VALUES.fullmatch(one["query"])
        assert found is not None
        assert selected(found[1])
        assert one["refresh"] == 2
        assert one["multi"]
        assert one["includeAll"]


@pytest.mark.parametrize("whole", WHOLE)
def test_uneditable_dashboard(whole: dict[str, Any]) -> None:
    assert whole["editable"] is False


@pytest.mark.parametrize("panel", PANELS)
def test_panel_datasource_rule(panel: dict[str, Any]) -> None:
    ours = {"type": "prometheus", "uid": "${datasource}"}
    assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])] == [ours] * (
        1 + len(panel["targets"])
    )


@pytest.mark.parametrize("panel", PANELS)
def test_panel_title_description_rule_and_panel_no_targets_rule(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["targets"]
    assert "?" in panel["description"], "a panel answers a question"


@pytest.mark.parametrize("panel", PANELS)
def test_panel_units_rule(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if "mappings" in defaults:  # words instead of numbers, which the linter excuses too
        return
    assert defaults["unit"] in UNITS
    overridden = [p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "unit"]
    assert set(overridden) <= UNITS


@pytest.mark.parametrize("panel", PANELS)
def test_target_promql_rule_and_target_rate_interval_rule(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        selected(put_in(target["expr"]))  # raises for what is no PromQL
        told_apart = put_in(target["expr"], VALUES_TOLD_APART)
        for series in selected(told_apart):
            if series.over is not None and {"rate", "irate"} & set(series.inside):
                assert series.over == RATE_INTERVAL_S, target["expr"]
            if series.over == RATE_INTERVAL_S:
                assert "increase" not in series.inside, "it is longer than a step: bars would share what is counted"


RATE_INTERVAL_S = 61.0  # a stretch that nothing else uses
VALUES_TOLD_APART = {**VALUES, "__rate_interval": "61s"}


@pytest.mark.parametrize("panel", PANELS)
def test_target_counter_agg_rule(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for series in selected(put_in(target["expr"])):
            plain = (panel["title"], series.metric) in PLAIN_COUNTERS
            if series.metric.endswith(("_total", "_bucket", "_count")) and not plain:
                assert GROWTH & set(series.inside), series.metric
                assert series.over is not None


@pytest.mark.parametrize("whole", WHOLE)
def test_histograms_show_exemplars_and_never_one_series_a_query(whole: dict[str, Any]) -> None:
    """Not of the linter: a graph of a histogram offers its exemplars; buckets are summed before anything else."""
    for one in asked_by_panels(whole):
        buckets = [series for series in selected(put_in(one.expr)) if series.metric.endswith("_bucket")]
        assert all("sum" in series.inside for series in buckets)
        assert one.exemplar == (one.over_time and bool(buckets)), one.where


@pytest.mark.parametrize("whole", WHOLE)
def test_every_dashboard_says_when_it_is_simulated(whole: dict[str, Any]) -> None:
    """Not of the linter."""
    told = [panel for panel in whole["panels"] if panel["title"] == "Platform"]
    assert len(told) == 1
    assert told[0]["gridPos"]["y"] == 0
    words = {text["text"] for one in told[0]["fieldConfig"]["defaults"]["mappings"] for text in one["options"].values()}
    assert words == {"real", "SIMULATED"}


@pytest.mark.parametrize("whole", WHOLE)
def test_panels_do_not_overlap_and_have_numbers_of_their_own(whole: dict[str, Any]) -> None:
    """Not of the linter."""
    cells: dict[tuple[int, int], str] = {}
    for panel in whole["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cells.setdefault(cell, panel["title"]) == panel["title"]
    numbers = [panel["id"] for panel in whole["panels"]]
    assert len(set(numbers)) == len(numbers)
