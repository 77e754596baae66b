"""The demo, whole: the same load must be blamed where it does harm and acquitted where it does none."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from product import line_with, started

REPORT, RESULT = "softphone-demo.html", "result.json"
GUILTY, INNOCENT = "publish_saturates_signalling", "publish_innocent"


@pytest.mark.system
@pytest.mark.timeout(240)
def test_it_blames_the_guilty_and_not_the_innocent(tmp_path: Path) -> None:
    folders = {scenario: tmp_path / scenario for scenario in (GUILTY, INNOCENT)}
    for folder in folders.values():
        folder.mkdir()
    with ExitStack() as both:  # at once: each measures its own simulator
        words = ("--seconds", "40", "--port", "0", "--seed", "7", "--json", RESULT)
        processes = [
            both.enter_context(started("demo", "--scenario", scenario, *words, covered=False, folder=folder))
            for scenario, folder in folders.items()
        ]
        for process, folder in zip(processes, folders.values(), strict=True):
            line_with(process.stderr, "Watch it live: http://127.0.0.1:")
            assert str(folder / REPORT) in line_with(process.stdout, "report")
            assert "SIMULATED" in line_with(process.stdout, "verdict")
            assert process.stdout is not None
            assert process.stdout.read() == ""
            assert process.wait(60) == 0
            assert "SIMULATED" in (folder / REPORT).read_text()
    results = {scenario: json.loads((folder / RESULT).read_text()) for scenario, folder in folders.items()}
    for result in results.values():
        assert result["simulated"] is True
        assert len(result["blocks"]) == 8
    assert results[GUILTY]["verdict"] == "caused"
    assert results[INNOCENT]["verdict"] in ("not_associated", "inconclusive")  # never blame
