"""`report`: the verdict of journals or of a server, its calendar, and one clear line for what cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from monitor.commands.calendar_words import NO_ZONE, CalendarWords
from monitor.commands.judging import ReportOptions
from monitor.commands.report import run_report
from monitor.facts.clock import ManualClock
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import HeartbeatObserved, MonitorStarted
from monitor.outputs.journal import Journal
from tests.promql_stub import Stored, serving

T0 = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC, a Monday
NOW = ManualClock(wall_s=T0 + 3600)
PING = HeartbeatObserved(site="here", probe="p", at_wall_s=T0, channel="xmpp", outcome="ok", rtt_s=0.01)
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0 + 600)


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """An hour of pings of the simulator, and a run among them."""
    path = tmp_path / "facts.db"
    one = Journal(path)
    one.append(MonitorStarted(site="here", probe="", at_wall_s=T0, version="1", simulated=True))
    for second in range(0, 3600, 15):
        one.append(replace(PING, at_wall_s=T0 + second))
    for at_s, phase in ((600.0, MarkerPhase.START), (700.0, MarkerPhase.END)):
        await one.add_marker(replace(START, at_wall_s=T0 + at_s, phase=phase))
    await one.close()
    return path


def told(capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    status = run_report(ReportOptions(**options), NOW)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_verdict_comes_first_and_one_week_is_too_little(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, journals=(journal,))
    assert (status, err) == (0, "")
    assert out.startswith("SIMULATED verdict: insufficient_data: ")
    assert "provisional" in out
    assert NO_ZONE in " ".join(out.split())
    assert NO_ZONE not in " ".join(told(capsys, journals=(journal,), calendar=CalendarWords(tz="UTC"))[1].split())


def test_json_is_one_object_alone(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, journals=(journal,), as_json=True)
    result = json.loads(out)
    assert status == 0
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert (result["verdict"], result["windows"], result["simulated"]) == ("insufficient_data", 1, True)
    assert result["provisional"]


@pytest.mark.parametrize(
    ("since", "until", "span"),
    [
        ("30m", None, ["2026-09-21T14:43:20.000Z", "2026-09-21T15:13:05.000Z"]),
        ("2026-09-21", "2026-09-21T14:30:00Z", ["2026-09-21T14:13:20.000Z", "2026-09-21T14:29:50.000Z"]),
        (None, "45m", ["2026-09-21T14:13:20.000Z", "2026-09-21T14:28:05.000Z"]),
    ],
)
def test_a_period_is_told_by_times_dates_or_durations(
    journal: Path, capsys: pytest.CaptureFixture[str], since: str | None, until: str | None, span: list[str]
) -> None:
    _, out, _ = told(capsys, journals=(journal,), since=since, until=until, as_json=True)
    assert json.loads(out)["span"] == span


def test_the_configuration_tells_journal_zone_and_calendar(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "monitor.yaml"
    config.write_text(
        f"site: here\ntimezone: America/Chicago\njournal: {{path: {journal}}}\n"
        "calendar: {hours: '12:00-13:00', days: mon-fri, holidays: US}\n"
    )
    status, out, _ = told(capsys, config=config)
    assert status == 0
    assert "windows outside the working hours, never tested: 1" in out  # it is 09:23 in Chicago
    words = CalendarWords(hours="08:00-18:00")
    assert "never tested" not in told(capsys, config=config, calendar=words)[1]


def test_what_cannot_be_used_is_said_in_clear_lines_and_nothing_else(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("sight: here\n")
    nobody = f"http://127.0.0.1:{free_port()}"
    for options, words in (
        ({"journals": (tmp_path / "none.db",)}, "none.db: there is no such file"),
        ({"journals": (tmp_path,)}, f"{tmp_path}: a directory; the file of a journal is needed"),
        ({"journals": (bad,)}, "bad.yaml: file is not a database"),
        ({"journals": (journal,), "prometheus": nobody}, "--journal, --prometheus: one of the two is needed"),
        ({"prometheus": nobody}, f"{nobody}: cannot be reached"),
        ({"prometheus": "localhost"}, "http://HOST:PORT is needed"),
        ({"config": bad}, "sight"),
        ({"journals": (journal,), "since": "yesterday"}, "--since yesterday: a duration such as 28d"),
        ({"journals": (journal,), "since": "1m", "until": "2m"}, "--since 1m: a time before the end"),
        ({"journals": (journal,), "calendar": CalendarWords(hours="8-18")}, "--hours"),
    ):
        status, out, err = told(capsys, **options)  # type: ignore[arg-type]
        assert (status, out) == (2, "")
        assert words in err
        assert all(line.startswith("report: ") for line in err.splitlines())


def test_a_server_without_data_is_little_data(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Stored().answer) as url:
        status, out, _ = told(capsys, prometheus=url, since="2h")
    assert status == 0
    assert "verdict: insufficient_data" in out
    assert "holds no metric of a monitor in this period" in " ".join(out.split())


def test_the_html_file_is_written_beside_the_words(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "incident.html"
    status, out, err = told(capsys, journals=(journal,), output=file)
    assert (status, err) == (0, f"report: {file} written\n")
    assert out == told(capsys, journals=(journal,))[1]
    assert "SIMULATED DATA" in file.read_text()
    json.loads(told(capsys, journals=(journal,), output=file, as_json=True)[1])


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "no" / "incident.html"
    for file, words in ((tmp_path, "a directory"), (nowhere, "cannot be written")):
        status, out, err = told(capsys, journals=(tmp_path / "none.db",), output=file)
        assert (status, out) == (2, "")
        assert err.startswith(f"report: {file}: ")
        assert words in err
        assert "none.db" not in err
