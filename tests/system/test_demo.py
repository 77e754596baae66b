"""The demo, whole: the same load must be blamed where it does harm and acquitted where it does none."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from product import line_with, started

GUILTY, INNOCENT = "publish_saturates_signalling", "publish_innocent"


@pytest.mark.system
@pytest.mark.timeout(240)
def test_it_blames_the_guilty_and_not_the_innocent(tmp_path: Path) -> None:
    files = {scenario: tmp_path / f"{scenario}.json" for scenario in (GUILTY, INNOCENT)}
    with ExitStack() as both:  # at once: each measures its own simulator
        words = ("--seconds", "40", "--port", "0", "--seed", "7")
        processes = [
            both.enter_context(started("demo", "--scenario", scenario, *words, "--json", str(file), covered=False))
            for scenario, file in files.items()
        ]
        for process in processes:
            assert "SIMULATED" in line_with(process.stdout, "verdict")
            assert process.wait(60) == 0
    results = {scenario: json.loads(file.read_text()) for scenario, file in files.items()}
    for result in results.values():
        assert result["simulated"] is True
        assert len(result["blocks"]) == 8
    assert results[GUILTY]["verdict"] == "caused"
    assert results[INNOCENT]["verdict"] in ("not_associated", "inconclusive")  # never blame
