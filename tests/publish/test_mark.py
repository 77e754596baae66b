"""`mark run` around a command: its exit status, its signals, and always an end marker."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.publish.client import MarkerClient
from monitor.publish.mark import mark_batch, mark_end, mark_start, run_marked

NOBODY = "http://127.0.0.1:1"  # nobody listens there, so that every marker stays in the spool, where it can be read


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONITOR_URL", "MONITOR_TOKEN", "MONITOR_SPOOL", "MONITOR_JOB", "MONITOR_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def spooled(spool: Path) -> list[dict[str, Any]]:
    """The markers that were written, in order."""
    return [json.loads(path.read_bytes()) for path in sorted(spool.glob("*/*.json"))]


def run(spool: Path, *command: str, **told: Any) -> tuple[int, str, list[dict[str, Any]]]:
    """Status, stderr and markers of a marked command."""
    errors = io.StringIO()
    status = run_marked(MarkerClient(NOBODY, spool=spool), "weekly", "", command, stderr=errors, **told)
    return status, errors.getvalue(), spooled(spool)


@pytest.mark.parametrize(
    ("script", "status", "outcome"),
    [
        ("exit 0", 0, "ok"),
        ("exit 1", 1, "failed"),
        ("exit 77", 77, "failed"),
        ("exit 255", 255, "failed"),
        ("kill -KILL $$", 137, "aborted"),
        ("kill -TERM $$", 143, "aborted"),
    ],
)
def test_the_status_is_passed_through_and_the_run_is_told(
    tmp_path: Path, script: str, status: int, outcome: str
) -> None:
    got, errors, markers = run(tmp_path, "sh", "-c", script, strategy="steady", batch_size=50)
    assert got == status
    assert [marker["phase"] for marker in markers] == ["start", "end"]
    start, end = markers
    assert (start["strategy"], start["batch_size"]) == ("steady", 50)
    assert end["outcome"] == outcome
    assert start["run_id"] == end["run_id"]
    assert start["time"] <= end["time"]
    assert errors.count("\n") == 1
    assert "start marker of weekly" in errors
    assert "kept on disk and sent later" in errors


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    status, errors, markers = run(tmp_path, "no-such-command-here", "--now")
    assert status == 127
    assert errors.startswith("softphone-monitor: no-such-command-here: command not found\n")
    assert [(marker["phase"], marker.get("outcome")) for marker in markers] == [("start", None), ("end", "failed")]


def test_a_file_that_is_no_command(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a program")
    status, errors, markers = run(tmp_path / "spool", str(tmp_path / "notes.txt"))
    assert status == 126
    assert "Permission denied" in errors
    assert markers[-1]["outcome"] == "failed"


def test_the_command_knows_its_run_and_its_monitor(tmp_path: Path) -> None:
    script = f'echo "$MONITOR_JOB $MONITOR_RUN_ID $MONITOR_URL" > {tmp_path}/seen'
    _, _, markers = run(tmp_path, "sh", "-c", script)
    assert (tmp_path / "seen").read_text() == f"weekly {markers[0]['run_id']} {NOBODY}\n"


def test_a_script_that_marks_itself_inside_is_one_run_with_its_own_batches(tmp_path: Path) -> None:
    script = "from monitor.publish.client import publish_run\nwith publish_run('weekly') as run:\n    run.batch(50)\n"
    os.environ["MONITOR_SPOOL"] = str(tmp_path)
    try:
        _, _, markers = run(tmp_path, sys.executable, "-c", script)
    finally:
        del os.environ["MONITOR_SPOOL"]
    assert sorted(one["phase"] for one in markers) == ["batch", "end", "end", "start", "start"]
    assert len({one["run_id"] for one in markers}) == 1


def test_the_start_is_told_while_the_command_already_runs(tmp_path: Path) -> None:
    class Slow(MarkerClient):
        """A client whose monitor takes its time: the command is through before it answers."""

        def start(self, *args: Any, **told: Any) -> Any:
            deadline = time.monotonic() + 60
            while not (tmp_path / "ran").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            return super().start(*args, **told)

    status = run_marked(
        Slow(NOBODY, spool=tmp_path), "weekly", "r1", ["touch", str(tmp_path / "ran")], stderr=io.StringIO()
    )
    assert status == 0
    start, end = spooled(tmp_path)
    assert start["time"] <= end["time"]


def test_the_handlers_are_as_before_afterwards(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    run(tmp_path, "true")
    assert [signal.getsignal(number) for number in numbers] == before


WRAPPER = """
import sys
from monitor.publish.client import MarkerClient
from monitor.publish.mark import run_marked
sys.exit(run_marked(MarkerClient(), "weekly", "", sys.argv[1:]))
"""
PATIENT = """
import signal, sys, time
def end(number, frame):
    print("told", number, flush=True)
    sys.exit(int(sys.argv[1]))
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, end)
print("ready", flush=True)
while True:  # not signal.pause(): a signal that comes just before it would leave it waiting for ever
    time.sleep(0.05)
"""


def wrapped(tmp_path: Path, *command: str, **options: Any) -> subprocess.Popen[str]:
    """`mark run` in a process of its own, without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", WRAPPER, *command],
        env={**os.environ, "MONITOR_URL": NOBODY, "MONITOR_SPOOL": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("status", [0, 9])
def test_a_signal_reaches_the_command_and_the_end_is_told(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with wrapped(tmp_path, sys.executable, "-c", PATIENT, str(status)) as mark:
        assert mark.stdout is not None
        assert mark.stdout.readline() == "ready\n"
        mark.send_signal(number)
        output, errors = mark.communicate(timeout=60)
    assert output == f"told {int(number)}\n"
    assert "Traceback" not in errors
    assert mark.returncode == status
    assert [(marker["phase"], marker.get("outcome")) for marker in spooled(tmp_path)] == [
        ("start", None),
        ("end", "aborted"),
    ]


def test_a_command_that_dies_of_the_signal_passes_it_on_as_a_status(tmp_path: Path) -> None:
    with wrapped(tmp_path, "sh", "-c", "echo ready; exec sleep 600") as mark:
        assert mark.stdout is not None
        assert mark.stdout.readline() == "ready\n"
        mark.terminate()
        mark.communicate(timeout=60)
    assert mark.returncode == 128 + signal.SIGTERM
    assert spooled(tmp_path)[-1]["outcome"] == "aborted"


def test_what_we_were_started_to_ignore_stays_ignored(tmp_path: Path) -> None:
    ignore = 'trap "" HUP; exec "$@"'
    command = [sys.executable, "-c", WRAPPER, "sh", "-c", "echo ready; read go; exit 3"]
    with subprocess.Popen(
        ["sh", "-c", ignore, "sh", *command],
        env={**os.environ, "MONITOR_URL": NOBODY, "MONITOR_SPOOL": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as mark:
        assert mark.stdout is not None
        assert mark.stdout.readline() == "ready\n"
        mark.send_signal(signal.SIGHUP)
        mark.communicate("go\n", timeout=60)
    assert mark.returncode == 3
    assert spooled(tmp_path)[-1]["outcome"] == "failed"


NOTING = """
import subprocess
subprocess.Popen.send_signal = lambda self, number: print("handed on", number, flush=True)
"""
COUNTING = """
import signal, sys
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print("ready", flush=True)
sys.stdin.readline()
print("seen", len(seen), flush=True)
"""
AT_A_TERMINAL = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
text = b""
while b"ready" not in text:
    text += os.read(terminal, 1000)
os.write(terminal, b"\\x03")
os.write(terminal, b"go\\n")
try:
    while True:
        text += os.read(terminal, 1000)
except OSError:  # the terminal has gone with its last process
    pass
print(text.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_ctrl_c_at_a_terminal_reaches_the_command_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_A_TERMINAL, "-c", NOTING + WRAPPER, sys.executable, "-c", COUNTING],
        env={**os.environ, "MONITOR_URL": NOBODY, "MONITOR_SPOOL": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "seen 1" in done.stdout
    assert "handed on" not in done.stdout
    assert done.returncode == 0
    assert spooled(tmp_path)[-1]["outcome"] == "aborted"


def test_marks_one_by_one(tmp_path: Path) -> None:
    client = MarkerClient(NOBODY, spool=tmp_path)
    run_id = mark_start(client, "weekly", strategy="steady")
    assert mark_batch(client, "weekly", batch_size=50) == run_id
    assert mark_end(client, "weekly", outcome="failed", at="2026-11-24T16:00:00Z") == run_id
    start, batch, end = spooled(tmp_path)
    assert (start["strategy"], batch["batch_size"], end["outcome"]) == ("steady", 50, "failed")
    assert end["time"] == "2026-11-24T16:00:00Z"


def test_an_undelivered_mark_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark_start(MarkerClient(NOBODY, spool=tmp_path), "weekly", "r1")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("softphone-monitor: start marker of weekly (run r1) kept on disk and sent later: ")
    assert said.err.count("\n") == 1
