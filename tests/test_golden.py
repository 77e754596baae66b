"""Golden folders: facts as files, read and judged as a user would, against what is known to have happened.

The truth (expected.yaml, by hand) lies beside the facts and is read by nobody but this test.
"""

from __future__ import annotations

import gzip
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from monitor.analysis.diagnosis.result import CAUSES
from monitor.analysis.verdict.analyse import analyse
from monitor.analysis.verdict.result import Result, Verdict
from monitor.analysis.verdict.rules import Rules
from monitor.outputs.sources.files.reading import FileOptions, read_files
from monitor.simulator.world.scenario import load_scenario, shipped_scenarios
from tests.golden.weeks import SYNTHETIC

HERE = Path(__file__).parent / "golden"
FOLDERS = sorted(path.parent.name for path in HERE.glob("*/expected.yaml"))
LARGEST_KB, LARGEST_OF_ALL_KB = 200, 4500
BLAME = (Verdict.ASSOCIATED, Verdict.CAUSED)
SAID = {
    *("why", "verdict", "cause", "windows", "ratio_above", "outcomes_blamed", "says", "unobserved"),
    *("harmed_sites", "unharmed_sites"),
}


def expected(name: str) -> dict[str, Any]:
    """What is known to have happened in a folder."""
    return dict(yaml.safe_load((HERE / name / "expected.yaml").read_text()))


@cache
def judged(name: str) -> Result:
    """The verdict on a folder's files."""
    options = yaml.safe_load((HERE / name / "options.yaml").read_text())
    rules = Rules(
        zone=ZoneInfo(options["zone"]),
        hours=tuple(options["hours"]),
        days=frozenset(options["days"]),
        days_off=frozenset(day for day in options.get("days_off", ()) if isinstance(day, date)),
    )
    with TemporaryDirectory() as scratch:
        events = Path(scratch, "events.csv")
        events.write_bytes(gzip.decompress((HERE / name / "events.csv.gz").read_bytes()))
        read = read_files([events], [HERE / name / "windows.csv"], FileOptions())
    assert not read.skipped
    return analyse(read.evidence, rules)


def with_field(field: str) -> list[str]:
    """The folders whose truth says something about it."""
    return [name for name in FOLDERS if field in expected(name)]


def test_there_is_a_folder_for_every_scenario_and_every_trap() -> None:
    assert set(FOLDERS) == {*shipped_scenarios(), *SYNTHETIC}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_verdict(name: str) -> None:
    assert judged(name).verdict in expected(name)["verdict"]
    assert judged(name).windows == expected(name)["windows"]


@pytest.mark.parametrize("name", with_field("cause"))
def test_the_cause(name: str) -> None:
    assert judged(name).diagnosis.cause in expected(name)["cause"]


@pytest.mark.parametrize("name", with_field("ratio_above"))
def test_the_ratio_of_drops(name: str) -> None:
    ratio = judged(name).rate_ratio
    assert ratio is not None
    assert ratio > expected(name)["ratio_above"]


@pytest.mark.parametrize("name", with_field("outcomes_blamed"))
def test_what_is_harmed(name: str) -> None:
    harmed = {one.outcome for one in judged(name).outcomes if one.p_value is not None and one.p_value <= 0.05}
    assert set(expected(name)["outcomes_blamed"]) <= harmed


@pytest.mark.parametrize("name", with_field("harmed_sites"))
def test_where(name: str) -> None:
    p_values = {one.site: one.p_value for one in judged(name).sites}
    assert all((p_values[site] or 0.0) <= 0.05 for site in expected(name)["harmed_sites"])
    assert all((p_values[site] or 0.0) > 0.05 for site in expected(name)["unharmed_sites"])


@pytest.mark.parametrize("name", with_field("says"))
def test_what_is_said_beside_it(name: str) -> None:
    result = judged(name)
    said = " ".join((*result.warnings, *result.not_separable, *result.vetoes))
    assert all(words in said for words in expected(name)["says"])


@pytest.mark.parametrize("name", with_field("unobserved"))
def test_what_was_not_observed(name: str) -> None:
    exposure = judged(name).exposure
    assert exposure is not None
    assert exposure.windows_unobserved == expected(name)["unobserved"]
    assert exposure.gap_hours > 0


@pytest.mark.parametrize("name", FOLDERS)
def test_the_truth_is_whole_and_names_what_exists(name: str) -> None:
    said = expected(name)
    assert set(said) <= SAID
    assert said["why"].endswith(".")
    assert set(said["verdict"]) <= set(Verdict)
    assert set(said.get("cause", ())) <= set(CAUSES)
    if name in shipped_scenarios():
        truth = load_scenario(name).expected
        assert said["cause"] == [truth.cause]
        assert any(word in BLAME for word in said["verdict"]) == truth.publish_harms_softphones


@pytest.mark.parametrize("name", FOLDERS)
def test_the_facts_do_not_give_the_truth_away_and_are_small(name: str) -> None:
    told = HERE / name / "events.csv.gz"
    assert told.stat().st_size <= LARGEST_KB * 1000
    content = gzip.decompress(told.read_bytes()).decode() + (HERE / name / "windows.csv").read_text()
    assert name not in content.replace("-", "_") or name == "quiet"


def test_all_of_them_together_are_small() -> None:
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) <= LARGEST_OF_ALL_KB * 1000
