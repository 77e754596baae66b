"""`bench` itself: its sections and what tells of them, its JSON alone on stdout, a section that fails, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_type_hints

import pytest

from monitor import cli
from monitor.commands.bench import command
from monitor.commands.bench.command import LONG, SECTIONS, BenchOptions, run_bench
from monitor.commands.bench.tables import TABLES

CTRL_C_LIMIT_S = 60.0
PAGE = Path(__file__).parents[3] / "docs" / "performance.md"


def _sections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    ran: list[tuple[str, bool]] = []

    def good(progress: command.Progress, *, quick: bool) -> command.Found:
        progress("good is under way")
        ran.append(("good", quick))
        return {"figure": 1.5}

    def bad(progress: command.Progress, *, quick: bool) -> command.Found:
        ran.append(("bad", quick))
        raise RuntimeError("it broke")

    monkeypatch.setattr(command, "SECTIONS", {"bad": bad, "good": good})
    return ran


def test_json_is_alone_on_stdout_and_names_machine_and_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = _sections(monkeypatch)
    assert run_bench(BenchOptions(("good",), quick=True, json_out=True)) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert ran == [("good", True)]
    assert told["figure"] == 1.5
    assert told["command"] == "softphone-monitor bench --only good --quick --json"
    assert told["simulated"] is True
    assert told["machine"]["cores"] >= 1
    assert told["versions"]["aiortc"]
    assert "good is under way" in err


def test_a_section_that_fails_stops_no_other_and_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = _sections(monkeypatch)
    assert run_bench(BenchOptions(json_out=True)) == 1
    told = json.loads(capsys.readouterr().out)
    assert [name for name, _ in ran] == ["bad", "good"]
    assert told["failed"] == {"bad": "RuntimeError: it broke"}
    assert told["figure"] == 1.5


def test_a_section_of_an_hour_runs_only_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _sections(monkeypatch)
    monkeypatch.setattr(command, "LONG", {"bad"})
    assert run_bench(BenchOptions(json_out=True)) == 0
    assert [name for name, _ in ran] == ["good"]
    assert run_bench(BenchOptions(("bad",), json_out=True)) == 1
    assert [name for name, _ in ran] == ["good", "bad"]


def test_the_page_names_every_section_and_every_key_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"--only ([a-z]+)", page)) == set(SECTIONS)
    assert set(re.findall(r"(?:\bkey |^\| )`([a-z_]+)`", page, re.MULTILINE)) == set(TABLES)


def test_the_help_names_every_section() -> None:
    (only,) = get_type_hints(cli.bench, include_extras=True)["only"].__metadata__
    assert set(SECTIONS) <= set(re.findall(r"\w+", only.help))


def test_every_table_says_which_section_it_is_of() -> None:
    assert {re.findall(r"\(`(\w+)`\)$", title)[0] for title, _ in TABLES.values()} == set(SECTIONS)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="some sections need Linux")
@pytest.mark.parametrize("words", [(), tuple(word for name in sorted(LONG) for word in ("--only", name))])
def test_every_section_comes_to_its_end(words: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "monitor", "bench", "--quick", "--json", *words], stdout=subprocess.PIPE, check=False
    )
    told = json.loads(ended.stdout)
    assert told["failed"] == {}
    assert ended.returncode == 0
    soaked = {"memory_growth"}
    assert told.keys() & TABLES.keys() == (soaked if words else TABLES.keys() - soaked)


def test_a_section_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_bench(BenchOptions(("sideways",))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "sideways" in err
    assert "simulator" in err


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are looked up in /proc")
def test_ctrl_c_ends_every_process() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "monitor", "bench", "--quick", "--only", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        children = _children(program.pid)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=CTRL_C_LIMIT_S)
    finally:
        program.kill()
        program.wait()
    assert program.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert not [pid for pid in children if _alive(pid)]


def _children(pid: int) -> list[int]:
    """Both ends, once they are there."""
    until_s = time.monotonic() + CTRL_C_LIMIT_S
    while time.monotonic() < until_s:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        if len(found) >= 2:
            return found
        time.sleep(0.05)
    raise AssertionError("no child process came up")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
