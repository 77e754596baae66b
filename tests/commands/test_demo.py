"""What the demo makes of the journal, where it leaves its report, and when it opens a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.analysis.experiment.blocks import Block
from monitor.commands import demo_browser
from monitor.commands.demo import GIVE_UP_S, ICE_SERVERS, explain
from monitor.commands.demo_browser import has_display, open_page
from monitor.commands.demo_report import leave_report
from monitor.commands.demo_text import say_verdict
from monitor.facts.failures import Reason, failure
from monitor.facts.observations import PhaseObserved
from monitor.outputs.journal import Journal


def fetch(at_wall_s: float, reason: Reason | None) -> PhaseObserved:
    """An ICE-server fetch that took 0.1 s, or failed for a reason."""
    failed = None if reason is None else failure("ice_servers", reason)
    seconds = 0.1 if reason is None else None
    return PhaseObserved(
        site="demo", probe="signalling-1", at_wall_s=at_wall_s, phase="ice_servers", seconds=seconds, failure=failed
    )


@pytest.mark.parametrize(("reason", "timeouts"), [(Reason.TIMEOUT, (1, 0)), (Reason.NOT_CONNECTED, (0, 0))])
def test_a_fetch_that_found_no_connection_is_no_timeout(reason: Reason, timeouts: tuple[int, int]) -> None:
    """A timeout began GIVE_UP_S before it was noticed; what failed at once must not be put so far back."""
    blocks = [Block(1, "none", 1000.0, 1005.0), Block(2, "publish", 1010.0, 1015.0)]
    facts = [fetch(1001.0, None), fetch(1011.0, None), fetch(1012.0, reason)]
    assert GIVE_UP_S[ICE_SERVERS] == 10
    rows = explain(facts, blocks, seed=1).blocks
    assert tuple(row.cells[ICE_SERVERS].timeouts for row in rows) == timeouts
    assert [row.cells[ICE_SERVERS].samples for row in rows] == [1, 1]


@pytest.mark.parametrize(
    ("platform", "env", "terminal", "expected"),
    [
        ("linux", {"DISPLAY": ":0"}, True, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ("linux", {"DISPLAY": ":0"}, False, False),
        ("linux", {"DISPLAY": ""}, True, False),
        ("linux", {}, True, False),
        ("darwin", {}, True, True),
        ("darwin", {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}, True, False),
    ],
)
def test_a_browser_opens_only_where_somebody_sees_it(
    platform: str, env: Mapping[str, str], terminal: bool, expected: bool
) -> None:
    assert has_display(platform, env, terminal=terminal) is expected


def test_the_browser_gets_no_terminal_and_a_failure_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(demo_browser, "has_display", lambda *_, **__: True)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: started.append((command, how)))
    assert open_page("http://127.0.0.1:9464/") is True
    ((command, how),) = started
    assert command == [sys.executable, "-m", "webbrowser", "http://127.0.0.1:9464/"]
    assert {how[name] for name in ("stdin", "stdout", "stderr")} == {subprocess.DEVNULL}

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no process")

    monkeypatch.setattr(subprocess, "Popen", fail)
    assert open_page("http://127.0.0.1:9464/") is False
    monkeypatch.setattr(demo_browser, "has_display", lambda *_, **__: False)
    assert open_page("http://127.0.0.1:9464/") is False


async def test_the_report_is_left_and_named_just_before_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = [Block(1, "none", 1000.0, 1005.0), Block(2, "publish", 1010.0, 1015.0)]
    facts = [fetch(1001.0, None), fetch(1011.0, None)]
    kept = Journal(tmp_path / "demo.db")
    for fact in facts:
        kept.append(fact)
    await kept.close()
    result = explain(facts, blocks, seed=1)

    def leave(file: Path) -> Path | None:
        return leave_report(result, {}, tmp_path / "demo.db", scenario="quiet", seed=1, made_s=1020.0, file=file)

    file = tmp_path / "report.html"
    assert leave(file) == file
    assert "SIMULATED" in file.read_text()
    say_verdict(result, "quiet", file)
    before, last = capsys.readouterr().out.splitlines()[-2:]
    assert before == f"report to hand on (SIMULATED): {file}"
    assert "verdict" in last
    assert leave(tmp_path) is None
    told = capsys.readouterr()
    assert told.err == f"No report: {tmp_path} cannot be written: Is a directory.\n"
    say_verdict(result, "quiet", None)
    assert "report to hand on" not in capsys.readouterr().out
