"""The words around the verdict: their options reach the commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.commands import analyze, import_drops, report
from monitor.commands.analyze import AnalyzeOptions, FileWords
from monitor.commands.calendar_words import CalendarWords
from monitor.commands.import_drops import ImportOptions
from monitor.commands.judging import ReportOptions

_FILES = ["--column", "time=When", "--column", "agent=Who", "--time-format", "epoch", "--skip-bad"]
_FILE_WORDS = FileWords(columns=("time=When", "agent=Who"), time_format="epoch", skip_bad=True)


def test_every_option_of_analyze(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[AnalyzeOptions] = []
    monkeypatch.setattr(analyze, "run_analyze", lambda options: seen.append(options) or 2)
    words = ["a.csv", "b.jsonl", "--windows", "w.csv", "--tz", "UTC", "--hours", "08:00-18:00", "--days", "mon-fri"]
    words += ["--holidays", "US", "--exclude", "x/y", "--exclude", "z/z", "--span", "s/t", "--agents", "150"]
    words += ["--tail", "1m", "--margin", "3", "--alpha", "0.01", "--seed", "7", "--json", *_FILES]
    assert CliRunner().invoke(app, ["analyze", *words]).exit_code == 2
    calendar = CalendarWords(
        tz="UTC",
        hours="08:00-18:00",
        days="mon-fri",
        holidays="US",
        exclude=("x/y", "z/z"),
        span="s/t",
        agents=150,
        tail="1m",
        margin=3,
        alpha=0.01,
        seed=7,
    )
    assert seen == [
        AnalyzeOptions(
            events=(Path("a.csv"), Path("b.jsonl")),
            windows=(Path("w.csv"),),
            files=_FILE_WORDS,
            calendar=calendar,
            as_json=True,
        )
    ]


def test_without_options_analyze_goes_by_the_usual_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[AnalyzeOptions] = []
    monkeypatch.setattr(analyze, "run_analyze", lambda options: seen.append(options) or 0)
    assert CliRunner().invoke(app, ["analyze", "a.csv", "--windows", "w.csv"]).exit_code == 0
    assert seen == [AnalyzeOptions(events=(Path("a.csv"),), windows=(Path("w.csv"),))]


def test_a_file_that_may_not_be_read_is_left_to_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which then says so in one line of its own, without the usage."""
    seen: list[object] = []
    for module, name in ((analyze, "run_analyze"), (import_drops, "run_import"), (report, "run_report")):
        monkeypatch.setattr(module, name, lambda options: seen.append(options) or 2)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    file = tmp_path / "locked"
    file.touch()
    one = str(file)
    for words in (
        ["analyze", one, "--windows", one],
        ["import", one, "-c", one, "--journal", one],
        ["report", "-c", one, "--journal", one],
    ):
        assert CliRunner().invoke(app, words).exit_code == 2
    assert len(seen) == 3


def test_every_option_of_import(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ImportOptions] = []
    monkeypatch.setattr(import_drops, "run_import", lambda options: seen.append(options) or 0)
    words = ["f.csv", "--kind", "csv", "-c", "m.yaml", "--journal", "j.db", "--site", "lyon", "--tz", "UTC", *_FILES]
    assert CliRunner().invoke(app, ["import", *words]).exit_code == 0
    assert seen == [
        ImportOptions(
            file=Path("f.csv"),
            kind="csv",
            config=Path("m.yaml"),
            journal=Path("j.db"),
            site="lyon",
            tz="UTC",
            files=_FILE_WORDS,
        )
    ]


def test_every_option_of_report(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ReportOptions] = []
    monkeypatch.setattr(report, "run_report", lambda options: seen.append(options) or 0)
    words = ["--since", "28d", "--until", "2026-03-03", "--journal", "a.db", "--journal", "b.db", "--json"]
    words += ["--prometheus", "http://127.0.0.1:9090", "-c", "m.yaml", "--tz", "UTC", "--hours", "08:00-18:00"]
    words += ["--days", "mon", "--holidays", "US", "--exclude", "x/y", "--agents", "3", "--tail", "1m", "--seed", "7"]
    words += ["--margin", "3", "--alpha", "0.01"]
    assert CliRunner().invoke(app, ["report", *words]).exit_code == 0
    calendar = CalendarWords(
        tz="UTC",
        hours="08:00-18:00",
        days="mon",
        holidays="US",
        exclude=("x/y",),
        agents=3,
        tail="1m",
        margin=3,
        alpha=0.01,
        seed=7,
    )
    assert seen == [
        ReportOptions(
            since="28d",
            until="2026-03-03",
            journals=(Path("a.db"), Path("b.db")),
            prometheus="http://127.0.0.1:9090",
            config=Path("m.yaml"),
            as_json=True,
            calendar=calendar,
        )
    ]
