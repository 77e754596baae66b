"""The catalogue keeps the rules of the house, and docs/metrics.md is what it generates."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.outputs.catalogue import CATALOGUE, SETTINGS_LABELS, Metric, Type, label_names, markdown

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def ids(metric: Metric) -> str:
    """The metric's name as the test's."""
    return metric.name


def test_the_page_is_what_the_catalogue_generates() -> None:
    assert PAGE.read_text() == markdown(), "run: make docs"


def test_the_module_prints_the_page() -> None:
    command = [sys.executable, "-m", "monitor.outputs.catalogue"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == markdown()


def test_every_name_is_there_once() -> None:
    names = [metric.name for metric in CATALOGUE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", CATALOGUE, ids=ids)
def test_names_and_labels_keep_the_rules(metric: Metric) -> None:
    labels = label_names(metric, per_agent=True)
    assert re.fullmatch(r"softphone_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.type is Type.COUNTER)
    assert not {"job", "instance", "le"} & set(labels)
    assert len(labels) == len(set(labels))
    assert "agent" not in label_names(metric, per_agent=False)
    assert metric.help.endswith(".")


@pytest.mark.parametrize("metric", CATALOGUE, ids=ids)
def test_every_label_is_closed_or_named_by_the_settings_or_stated_as_open(metric: Metric) -> None:
    open_by_nature = {"server", "transport", "status", "run_id", "strategy", "batch_size", "pause", "version"}
    open_by_nature |= {"python", "simulated"}
    for label in label_names(metric, per_agent=True):
        assert label in metric.closed or label in metric.combined or label in SETTINGS_LABELS or label in open_by_nature


@pytest.mark.parametrize("metric", [m for m in CATALOGUE if m.type is Type.HISTOGRAM], ids=ids)
def test_buckets_rise(metric: Metric) -> None:
    assert len(metric.buckets) >= 5
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert not metric.per_agent


def test_the_gathering_edges_are_the_agreed_ones() -> None:
    (metric,) = [m for m in CATALOGUE if m.name == "softphone_ice_gathering_seconds"]
    assert metric.buckets == (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 40)


def test_only_histograms_have_buckets() -> None:
    assert all((metric.type is Type.HISTOGRAM) == bool(metric.buckets) for metric in CATALOGUE)
