"""The command line as a user meets it: help, exit statuses, one clear line for what is wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from product import HANG_S, call, line_with, started


def test_help_lists_only_what_works() -> None:
    result = call("--help")
    assert result.returncode == 0
    commands = {line.split()[1] for line in result.stdout.splitlines() if line.startswith("│ ") and line[2] != " "}
    assert commands >= {
        "demo",
        "run",
        "config",
        "simulate",
        "mark",
        "publish",
        "experiment",
        "check",
        "probe",
        "analyze",
        "import",
        "report",
        "bench",
    }
    assert "doctor" not in commands


def test_the_example_configuration_is_good_once_its_credentials_are_there(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(call("config", "example").stdout)
    bare = call("config", "check", str(file))
    assert bare.returncode == 2
    assert "GENESYS_CLIENT_ID" in bare.stderr
    names = {word.strip("`',.") for word in bare.stderr.split() if word.strip("`',.").isupper()}
    assert call("config", "check", str(file), env=dict.fromkeys(names, "x")).returncode == 0


def test_a_bad_configuration_names_every_problem_and_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("site: chicago\nprobes:\n  - {kind: api, interval: 15}\n  - {kind: nonsense}\nunknown: 1\n")
    for words in (("config", "check", str(file)), ("run", "-c", str(file))):
        result = call(*words)
        assert result.returncode == 2
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) >= 3
        assert [line for line in lines if "probes[0].interval" in line]
        assert [line for line in lines if "probes[1].kind" in line]
        assert [line for line in lines if "unknown" in line]


def test_a_missing_configuration_is_one_line() -> None:
    result = call("run", "-c", "/nonexistent.yaml")
    assert result.returncode == 2
    assert result.stderr.strip() == "/nonexistent.yaml: cannot be read: No such file or directory"


def test_an_unknown_scenario_is_a_usage_error_that_names_the_known_ones() -> None:
    for words in (("demo", "--scenario", "nonsense"), ("simulate", "--scenario", "nonsense")):
        result = call(*words)
        assert result.returncode == 2
        assert "publish_saturates_signalling" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_result_that_could_not_be_written_is_said_before_the_experiment(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing" / "result.json"):
        result = call("demo", "--seconds", "40", "--port", "0", "--json", str(file))
        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr.startswith(f"demo: {file}: cannot be written")
        assert len(result.stderr.splitlines()) == 1


def test_ctrl_c_in_the_demo_leaves_no_report_and_markers_alone_that_wait_for_a_real_monitor(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {"MONITOR_SPOOL": str(tmp_path), "MONITOR_URL": f"http://127.0.0.1:{port}"}
    assert "kept on disk" in call("mark", "start", "--job", "weekly", env=env).stderr
    waiting = list(tmp_path.rglob("*.json"))
    folder = tmp_path / "works here"
    folder.mkdir()
    words = ("demo", "--seconds", "40", "--seed", "7", "--port", str(port))
    with started(*words, env=env, folder=folder) as process:
        line_with(process.stderr, "block 2")  # seed 7 publishes in block 1
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=HANG_S)
    assert (process.returncode, stdout) == (0, "")
    assert stderr.splitlines()[-1] == "Stopped before the verdict."
    assert "Traceback" not in stderr
    assert list(folder.iterdir()) == []
    assert list(tmp_path.rglob("*.json")) == waiting


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)])
def test_mark_run_passes_the_exit_status_through_without_a_monitor(tmp_path: Path, script: str, status: int) -> None:
    env = {"MONITOR_SPOOL": str(tmp_path), "MONITOR_URL": "http://127.0.0.1:9"}
    result = call("mark", "run", "--job", "weekly", "--", "sh", "-c", script, env=env)
    assert result.returncode == status
    assert "kept on disk" in result.stderr
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_mark_run_hands_a_signal_on_and_still_writes_the_end_marker(tmp_path: Path) -> None:
    env = {"MONITOR_SPOOL": str(tmp_path), "MONITOR_URL": "http://127.0.0.1:9"}
    script = "trap 'echo told; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    with started("mark", "run", "--job", "weekly", "--", "sh", "-c", script, env=env) as process:
        line_with(process.stdout, "up")
        process.send_signal(signal.SIGTERM)
        line_with(process.stdout, "told")
        assert process.wait(HANG_S) == 5
    ends = [file.read_text() for file in tmp_path.rglob("*.json") if '"end"' in file.read_text()]
    assert len(ends) == 1
    assert '"aborted"' in ends[0]


def test_mark_refuses_a_time_that_says_nothing() -> None:
    result = call("mark", "start", "--job", "weekly", "--at", "2026-11-24T10:00:00")
    assert result.returncode == 2
    assert "no UTC offset" in result.stderr


@pytest.mark.parametrize("words", [("demo", "--seconds", "40", "--port", "0"), ("simulate", "--rest-port", "0")])
def test_ctrl_c_ends_cleanly(words: tuple[str, ...]) -> None:
    """While it starts, and while it serves. In the middle of the demo: see the test of waiting markers."""
    with started(*words) as process:
        if words[0] == "simulate":
            line_with(process.stdout, "{")
        else:
            line_with(process.stderr, "Starting")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=HANG_S)
        assert process.returncode == 0
        assert "Traceback" not in stderr


def test_importing_the_words_leaves_the_signals_alone() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import monitor.cli; "
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler; import monitor.__main__; "
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
