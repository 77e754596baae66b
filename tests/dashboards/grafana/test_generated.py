"""What is committed is what the generator writes, and Grafana cannot change it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.dashboards.grafana.reading import FILES, FOLDER, dashboard

ROOT = FOLDER.parents[1]
UIDS = {
    "overview.json": "softphone-overview",
    "publish-impact.json": "softphone-publish-impact",
    "ice-media.json": "softphone-ice-media",
    "monitor-itself.json": "softphone-monitor",
}


def generate(into: Path, *words: str) -> dict[str, bytes]:
    """Run the generator as one does by hand; what it wrote."""
    command = [sys.executable, "-W", "error", "-m", "dashboards.grafana.generator", "--into", str(into), *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return {path.name: path.read_bytes() for path in into.iterdir()}


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    assert generate(tmp_path) == {path.name: path.read_bytes() for path in FILES}


def test_every_dashboard_is_there_under_its_own_uid() -> None:
    assert {path.name: dashboard(path)["uid"] for path in FILES} == UIDS


def test_links_lead_to_where_the_runbook_is_said_to_be(tmp_path: Path) -> None:
    written = generate(tmp_path, "--runbook", "https://wiki.example/runbook")
    for text in written.values():
        assert b'"https://wiki.example/runbook#' in text
        assert b'"docs/runbook.md' not in text


@pytest.mark.parametrize("name", ["overview", "publish-impact"])
def test_a_picture_says_that_it_is_drawn_from_simulated_data(name: str) -> None:
    text = (ROOT / "docs" / "images" / f"dashboard-{name}.svg").read_text()
    assert "Rendered by the project's script from simulated data, not a Grafana screenshot" in text
    assert len(text) < 200_000


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_what_is_provisioned_cannot_be_edited_in_grafana(kind: str) -> None:
    provisioned = yaml.safe_load((FOLDER / "provisioning" / kind / "softphone.yaml").read_text())
    entries = provisioned["datasources" if kind == "datasources" else "providers"]
    assert [entry["editable"] for entry in entries] == [False]
    if kind == "dashboards":
        assert [entry["allowUiUpdates"] for entry in entries] == [False]
