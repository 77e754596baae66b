"""`analyze`: the verdict alone on stdout, everything else on stderr, nothing on stdout when files cannot be used."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from evidence_files import EVENTS, WINDOWS, file_of
from product import call

from monitor.commands.analyze import TOLD_EVERY_S, AnalyzeOptions, FileWords, run_analyze
from monitor.commands.calendar_words import NO_ZONE, CalendarWords
from monitor.facts.clock import ManualClock

WEEKS = 8


@pytest.fixture
def files(tmp_path: Path) -> AnalyzeOptions:
    """A publish every Tuesday at 10:00 and drops in its twenty minutes, as people's exports have them."""
    tuesdays = [date(2026, 3, 3) + timedelta(weeks=week) for week in range(WEEKS)]
    rows = [f"{day:%d.%m.%Y} 10:{minute:02};agent {minute}\n" for day in tuesdays for minute in range(1, 19, 2)]
    quiet = [f"{day + timedelta(days=2):%d.%m.%Y} 15:00;agent 7\n" for day in tuesdays]
    events = file_of(tmp_path, "drops.csv", "Disconnect Time;Agent\n" + "".join([*rows, *quiet]))
    runs = "".join(f"{day} 10:00,{day} 10:20,weekly\n" for day in tuesdays)
    return AnalyzeOptions(
        events=(events,),
        windows=(file_of(tmp_path, "publishes.csv", "start,end,job\n" + runs),),
        files=FileWords(columns=("time=Disconnect Time",), time_format="%d.%m.%Y %H:%M"),
        calendar=CalendarWords(tz="America/Chicago", hours="08:00-18:00", span="2026-03-02/2026-04-24"),
    )


def test_two_files_give_a_verdict(files: AnalyzeOptions, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_analyze(files) == 0
    out, err = capsys.readouterr()
    assert "verdict: associated" in out
    assert "Tuesdays at 10:00" in out
    assert err == ""


def test_the_installed_command_says_the_same_as_json(files: AnalyzeOptions) -> None:
    words = ["--windows", str(files.windows[0]), "--column", "time=disconnect time", "--time-format", "%d.%m.%Y %H:%M"]
    words += ["--tz", "America/Chicago", "--hours", "08:00-18:00", "--span", "2026-03-02/2026-04-24", "--json"]
    result = call("analyze", str(files.events[0]), *words)
    assert result.returncode == 0
    told = json.loads(result.stdout)
    assert (told["verdict"], told["windows"], told["weeks"]) == ("associated", WEEKS, WEEKS)
    assert told["events_in"] == WEEKS * 9
    assert all(line.startswith("warning: ") for line in result.stderr.splitlines())


def options(folder: Path, events: str, files: FileWords | None = None, **words: str) -> AnalyzeOptions:
    """One EVENTS file with this content."""
    return AnalyzeOptions(
        events=(file_of(folder, "events.csv", events),),
        windows=(file_of(folder, "windows.csv", WINDOWS),),
        files=files or FileWords(),
        calendar=CalendarWords(**words),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("events", "words", "line"),
    [
        ("time\nsoon\n", {}, "events.csv:2:time: not a time"),
        (EVENTS, {"tz": "Mars"}, "--tz: an IANA time zone"),
        (EVENTS, {"holidays": "XX"}, "--holidays: no holidays are known of it"),
    ],
)
def test_what_cannot_be_used_leaves_stdout_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], events: str, words: dict[str, str], line: str
) -> None:
    assert run_analyze(options(tmp_path, events, **words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("columns", [("time",), ("time=",), ("time=a", "time=b"), ("when=a",)])
def test_columns_that_say_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: tuple[str, ...]) -> None:
    assert run_analyze(options(tmp_path, EVENTS, FileWords(columns=columns))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("--column: ")


def test_skipped_rows_and_a_missing_zone_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_analyze(options(tmp_path, EVENTS + "soon\n", FileWords(skip_bad=True))) == 0
    out, err = capsys.readouterr()
    assert "events.csv:3:time: not a time" in err
    told = " ".join(out.split())
    assert "1 unreadable row was skipped" in told
    assert NO_ZONE in told


@pytest.mark.parametrize("form", ["foo", "", "%d.%m.%Y", "%H:%M", "%d.%m.%Y %I:%M", "%Q", "%d%d", "%"])
def test_a_form_of_times_needs_date_and_hour(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert run_analyze(options(tmp_path, EVENTS, FileWords(time_format=form))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("--time-format: epoch, epoch_ms, or a form with date and hour such as '%d.%m.%Y %H:%M' is ")
    assert err.endswith(f"(got {form!r})\n")


class _SlowClock(ManualClock):
    """Time passes whenever somebody looks."""

    def mono_s(self) -> float:
        self.advance(TOLD_EVERY_S)
        return super().mono_s()


def test_long_reading_is_told_off_a_terminal(files: AnalyzeOptions, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_analyze(files, _SlowClock()) == 0
    rows, windows = WEEKS * 10, WEEKS
    assert capsys.readouterr().err.splitlines() == [
        f"analyze: {files.events[0]}: {rows} rows read",
        f"analyze: {files.windows[0]}: {windows} rows read",
    ]
