"""The demo, whole: the same load must be blamed where it does harm and acquitted where it does none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from product import line_with, started


@pytest.mark.system
@pytest.mark.timeout(240)
def test_it_blames_the_guilty_and_not_the_innocent(tmp_path: Path) -> None:
    verdicts = {}
    for scenario in ("publish_saturates_signalling", "publish_innocent"):
        file = tmp_path / f"{scenario}.json"
        words = ("--scenario", scenario, "--seconds", "40", "--port", "0", "--seed", "7", "--json", str(file))
        with started("demo", *words, covered=False) as process:
            assert "SIMULATED" in line_with(process.stdout, "verdict")
            assert process.wait(60) == 0
        result = json.loads(file.read_text())
        assert result["simulated"] is True
        assert len(result["blocks"]) == 8
        verdicts[scenario] = result["verdict"]
    assert verdicts["publish_saturates_signalling"] == "caused"
    assert verdicts["publish_innocent"] in ("not_associated", "inconclusive")  # never blame
