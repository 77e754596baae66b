"""`experiment plan|run|report` from one end to the other, what is refused, and what survives a crash."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.analysis.experiment.arm_report import MEASURES, Outcome
from monitor.commands import experiment_run
from monitor.commands.experiment import (
    PlanOptions,
    ReportOptions,
    RunOptions,
    load_plan,
    run_plan,
    run_report,
    run_run,
)
from monitor.commands.experiment_results import ResultsFile, ledger_path, results_path
from monitor.commands.rehearsal import rehearse
from monitor.publish.plan.model import Plan, Step
from monitor.simulator.world.scenario import Scenario

ARMS = ("none", "burst+sdk_default", "batch")


def options(folder: Path, **changes: object) -> PlanOptions:
    """A small virtual experiment."""
    plan = PlanOptions(
        folder / "small.yaml", ARMS, scenario="publish_saturates_signalling", virtual=2, live=0, tail="20s", seed=3
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    """A plan that has been written."""
    assert run_plan(options(tmp_path)) == 0
    return tmp_path / "small.yaml"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan and all of its results; not to be changed."""
    folder = tmp_path_factory.mktemp("done")
    assert run_plan(options(folder)) == 0
    assert run_run(RunOptions(folder / "small.yaml")) == 0
    return folder


@pytest.fixture
def finished(done: Path, tmp_path: Path) -> Path:
    """The plan of an experiment that is over, in a folder of the test's own."""
    for file in done.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "small.yaml"


def records(plan_file: Path) -> list[dict[str, object]]:
    """Every line of the results."""
    return [json.loads(line) for line in results_path(plan_file).read_text().splitlines()]


def test_from_plan_to_table(plan_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_run(RunOptions(plan_file)) == 0
    assert [record.get("block") for record in records(plan_file)] == [None, 1, 2, 3, 4, 5, 6]
    err = capsys.readouterr().err
    assert "virtual replicate 1 of 2 is done" in err
    assert run_report(ReportOptions(plan_file)) == 0
    out = capsys.readouterr().out
    assert "SIMULATED, scenario publish_saturates_signalling" in out
    assert "burst+sdk_default" in out
    assert "recommendation: SIMULATED" in out
    assert "2 complete replicates" in out


def test_the_report_as_json_is_one_object_with_every_row(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run_report(ReportOptions(finished, as_json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["simulated"] is True
    assert [row["arm"] for row in found["rows"]] == list(ARMS)
    assert set(found["rows"][1]["estimates"]) <= {measure.name for measure in MEASURES}
    assert found["rows"][1]["estimates"]["drops"]["mean"] > 10
    assert {d["other"] for d in found["differences"]} == {"none"}
    assert found["recommendation"]["least"] == "batch"


def test_the_report_as_markdown_is_tables_for_a_document(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run_report(ReportOptions(finished, as_markdown=True)) == 0
    out = capsys.readouterr().out
    assert "|  | none | burst+sdk_default | batch |" in out
    assert "| drops | 0.0 [0.0, 0.0] |" in out
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_results_are_not_begun_anew_by_accident(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = results_path(finished).read_bytes()
    assert run_run(RunOptions(finished)) == 2
    assert "holds 6 of 6 blocks; go on with --resume" in capsys.readouterr().err
    assert run_run(RunOptions(finished, resume=True)) == 0
    assert results_path(finished).read_bytes() == before


@pytest.fixture
def crash_in_block_4(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Ctrl-C in the fourth block."""

    def interrupted(plan: Plan, step: Step, scenario: Scenario) -> Outcome:
        if step.block == 4:
            raise KeyboardInterrupt
        return rehearse(plan, step, scenario)

    monkeypatch.setattr(experiment_run, "rehearse", interrupted)
    return monkeypatch


def test_a_run_that_was_interrupted_goes_on_where_it_was(
    plan_file: Path, crash_in_block_4: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_run(RunOptions(plan_file)) == 130
    assert "finished blocks are kept" in capsys.readouterr().err
    assert run_report(ReportOptions(plan_file)) == 0
    assert "3 of 6 blocks have not been run yet" in capsys.readouterr().err
    kept = records(plan_file)
    crash_in_block_4.undo()
    assert run_run(RunOptions(plan_file, resume=True)) == 0
    assert records(plan_file)[:4] == kept
    assert [record.get("block") for record in records(plan_file)] == [None, 1, 2, 3, 4, 5, 6]
    whole = plan_file.with_name("whole.yaml")
    whole.write_bytes(plan_file.read_bytes())
    assert run_run(RunOptions(whole)) == 0
    assert records(whole) == records(plan_file)


def test_two_runs_of_one_plan_at_once_are_refused(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each would publish the same blocks."""
    with ResultsFile(results_path(finished), load_plan(finished)):
        assert run_run(RunOptions(finished, resume=True)) == 2
    assert "another `experiment run` is using it" in capsys.readouterr().err
    assert run_run(RunOptions(finished, resume=True)) == 0


def test_a_record_that_a_crash_cut_short_is_done_again(finished: Path) -> None:
    whole = results_path(finished).read_bytes()
    for length in (len(whole) - 1, len(whole) - 200, 5, 0):
        os.truncate(results_path(finished), length)
        assert run_run(RunOptions(finished, resume=True)) == 0
        assert results_path(finished).read_bytes() == whole


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": ("none", "bursts")}, "unknown pacing 'bursts'"),
        ({"arms": ("none", "batch:batch_size=0")}, "batch size of 0"),
        ({"arms": ("none", "batch:batch_size=-1")}, "batch size of -1"),
        ({"arms": ("none",)}, "1 arms: at least 2 are needed"),
        ({"arms": ()}, "0 arms"),
        ({"arms": ("batch", "batch")}, "batch is named twice"),
        ({"virtual": 0}, "no replicates"),
        ({"virtual": -3}, "-3 virtual replicates"),
        ({"live": -1}, "-1 live replicates"),
        ({"seed": -1}, "seed -1"),
        ({"scenario": "no_such"}, "no_such"),
        ({"reference": "paced"}, "'paced': one of none"),
        ({"tail": "soon"}, "tail 'soon': a duration"),
        ({"tail": "0s"}, "tail"),
        ({"writes": ("station",)}, "station"),
        ({"writes": ()}, "at least one kind of write"),
        ({"slots": ("tue 10:00",)}, "slots, start and weeks are for a real platform"),
        ({"timezone": "America/Chicago"}, "time zone and business unit are for a real platform"),
        ({"business_unit": "bu-1"}, "time zone and business unit are for a real platform"),
        ({"name": "no name at all"}, "name"),
        ({"scenario": None, "timezone": "Nowhere", "start": "2026-03-03"}, "time zone 'Nowhere'"),
        ({"scenario": None, "start": "2026-03-03"}, "needs a time zone"),
    ],
)
def test_a_plan_that_makes_no_sense_is_one_line_and_no_file(
    tmp_path: Path, changes: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_plan(options(tmp_path, **changes)) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


REAL = {
    "scenario": None,
    "timezone": "America/Chicago",
    "start": "2027-03-08",
    "slots": ("tue 10:00",),
    "weeks": 3,
    "business_unit": "bu-1",
}


def test_a_plan_for_weeks(tmp_path: Path) -> None:
    assert run_plan(options(tmp_path, **REAL)) == 0
    plan = load_plan(tmp_path / "small.yaml")
    assert [step.when for step in plan.blocks] == [f"tue 2027-03-{day:02d} 10:00" for day in (9, 16, 23)]
    assert sorted(step.arm for step in plan.blocks) == sorted(ARMS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weeks": 4}, "4 weeks: a multiple of the 3 arms"),
        ({"weeks": 0}, "0 weeks"),
        ({"slots": ("sun 02:30",)}, "slot sun 02:30: 2027-03-14 02:30 does not exist"),
        ({"slots": ("tue",)}, "slot 'tue'"),
        ({"slots": ()}, "no slot"),
        ({"start": "next week"}, "start 'next week': a date"),
        ({"business_unit": None}, "business_unit: the driver needs to know"),
        ({"start": "9999-12-20"}, "first day 9999-12-20: one before 2100"),
        ({"ahead_weeks": -1}, "-1 weeks ahead: a number from 0 to 52"),
    ],
)
def test_weeks_that_make_no_sense_are_refused(
    tmp_path: Path, changes: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_plan(options(tmp_path, **{**REAL, **changes})) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_plan_is_not_overwritten(plan_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = plan_file.read_text()
    assert run_plan(options(plan_file.parent, seed=99)) == 2
    assert "is there already" in capsys.readouterr().err
    assert plan_file.read_text() == before


def test_where_a_plan_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_plan(options(tmp_path, file=tmp_path / "nowhere" / "small.yaml")) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_a_plan_edited_into_nonsense_is_refused_with_its_place(
    plan_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plan_file.read_text()
    plan_file.write_text(text.replace("seed: 3\n", "seed: 3\nsede: 4\n").replace("pacing: burst", "pacing: brust"))
    assert run_run(RunOptions(plan_file)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"experiment run: {plan_file}: line ")
    assert "sede: there is no such setting" in line
    assert run_report(ReportOptions(plan_file)) == 2


def test_no_plan_and_no_results_are_one_line_each(
    plan_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_run(RunOptions(tmp_path / "none.yaml")) == 2
    assert run_run(RunOptions(tmp_path)) == 2
    assert run_report(ReportOptions(plan_file)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "No such file" in lines[0]
    assert "there are no results yet" in lines[2]


def test_results_of_another_plan_are_refused(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = finished.with_name("other.yaml")
    assert run_plan(options(finished.parent, file=other, seed=4)) == 0
    results_path(finished).rename(results_path(other))
    capsys.readouterr()
    for run in (lambda: run_run(RunOptions(other, resume=True)), lambda: run_report(ReportOptions(other))):
        assert run() == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "these are results of another plan ('small'" in line


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"record": "done"', '"record": "undone"', "unknown record 'undone'"),
        ('"arm": "', '"arm": "no', "is not such a block of the plan"),
        ('"block": 1,', '"block": 99,', "block 99 is not such a block"),
        ('"drops": 0.0', '"drops": "many"', "drops: 'many' is no number"),
        ('"drops": 0.0', '"drop": 0.0', "unknown measure 'drop'"),
        ('"state": "ok"', '"state": "fine"', "state 'fine': one of ok, failed, aborted, missed"),
        ('{"record"', '{record"', "not a record of an experiment"),
        ('"format": 1', '"format": 2', "format 2: 1 is needed"),
        ('"format": 1', '"fromat": 1', "these are no results of an experiment"),
    ],
)
def test_results_that_somebody_has_changed_are_refused_with_their_line(
    finished: Path, old: str, new: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = results_path(finished).read_text()
    assert old in text
    results_path(finished).write_text(text.replace(old, new, 1))
    capsys.readouterr()
    assert run_report(ReportOptions(finished)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert f"{results_path(finished)}:" in line


def test_ledgers_lie_beside_the_plan() -> None:
    assert ledger_path(Path("/x/weekly.yaml"), 7) == Path("/x/weekly.ledgers/block-7.jsonl")
