"""publish_run around a script: its markers, its outcome, and that the script does not notice."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ports
import pytest
from marker_monitor import NOBODY, Monitor, waiting

from monitor.facts.markers import Marker
from monitor.publish import client as client_module
from monitor.publish.client import MOST_ATTRIBUTES, MarkerClient, outcome_of, publish_run
from monitor.web.markers import ATTRIBUTES_LIMIT, parse_marker

SOURCE = Path(client_module.__file__)


class Broken:
    """An object that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONITOR_URL", "MONITOR_TOKEN", "MONITOR_SPOOL", "MONITOR_JOB", "MONITOR_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """A monitor that takes every marker."""
    one = Monitor()
    yield one
    one.stop()


def told(spool: Path) -> list[Marker]:
    """The markers in the spool as the monitor reads them: it must not refuse one."""
    return [parse_marker(json.dumps(one).encode(), 0.0)[0] for one in waiting(spool)]


def test_start_batches_and_end_reach_the_monitor_in_order(monitor: Monitor, tmp_path: Path) -> None:
    with publish_run("weekly", url=monitor.url, token="s3cret", spool=tmp_path, strategy="batch", pause=2.5) as run:
        run.batch(50)
        run.batch(["a", "b", "c"], outcome="failed", ticket="CHG-1")
    start, first, second, end = monitor.taken
    assert [one["phase"] for one in monitor.taken] == ["start", "batch", "batch", "end"]
    assert {one["run_id"] for one in monitor.taken} == {run.run_id}
    assert (start["strategy"], start["attributes"]) == ("batch", {"pause": "2.5"})
    assert (first["batch_size"], first["outcome"]) == (50, "ok")
    assert (second["batch_size"], second["outcome"], second["attributes"]["ticket"]) == (3, "failed", "CHG-1")
    assert float(first["attributes"]["seconds"]) >= 0
    assert (end["outcome"], end.get("attributes")) == ("ok", None)
    assert monitor.headers[0]["Authorization"] == "Bearer s3cret"
    assert waiting(tmp_path) == []


def test_an_exception_passes_through_as_it_is(tmp_path: Path) -> None:
    mine = ValueError("password=hunter2")
    with pytest.raises(ValueError, match="hunter2") as raised, publish_run("weekly", url=NOBODY, spool=tmp_path):
        raise mine
    assert raised.value is mine
    end = told(tmp_path)[-1]
    assert (end.outcome, end.attributes) == ("failed", {"error": "ValueError"})


def test_ctrl_c_while_the_block_is_entered_still_tells_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instrumenting imports httpx, which takes long enough for somebody to press the key."""

    def interrupted(calls: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client_module._TAP, "listen", interrupted)
    handler = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(KeyboardInterrupt),
        publish_run("weekly", instrument=True, url=NOBODY, spool=tmp_path),
    ):
        raise AssertionError("the block is not entered")
    assert [(one.phase, one.outcome) for one in told(tmp_path)] == [("start", None), ("end", "aborted")]
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (SystemExit(), "ok"),
        (SystemExit(0), "ok"),
        (SystemExit(1), "failed"),
        (SystemExit("no such schedule"), "failed"),
        (SystemExit(128 + 15), "aborted"),
        (RuntimeError(), "failed"),
        (KeyboardInterrupt(), "aborted"),
        (asyncio.CancelledError(), "aborted"),
        (GeneratorExit(), "aborted"),
    ],
)
def test_outcomes(error: BaseException | None, outcome: str) -> None:
    assert outcome_of(error) == outcome


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_script_ends_it_still(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), publish_run("weekly", url=NOBODY, spool=tmp_path):
        raise error
    assert [one.phase for one in told(tmp_path)] == ["start", "end"]


def test_a_monitor_started_later_gets_the_markers_with_their_own_times(tmp_path: Path) -> None:
    port = ports.free_port()
    with publish_run("weekly", url=f"http://127.0.0.1:{port}", spool=tmp_path) as run:
        run.batch(50)
    kept = waiting(tmp_path)
    assert [one["phase"] for one in kept] == ["start", "batch", "end"]
    monitor = Monitor(port)
    try:
        with publish_run("weekly", url=monitor.url, spool=tmp_path) as later:
            pass
    finally:
        monitor.stop()
    assert monitor.taken[:3] == kept
    assert [one["run_id"] for one in monitor.taken[3:]] == [later.run_id] * 2
    assert waiting(tmp_path) == []


def test_the_script_does_not_wait_for_a_monitor_that_does_not_answer(
    monitor: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, post = threading.Event(), MarkerClient.post

    def held_up(self: MarkerClient, body: bytes) -> tuple[int | None, str]:
        assert answered.wait(60)
        return post(self, body)

    monkeypatch.setattr(MarkerClient, "post", held_up)
    with publish_run("weekly", url=monitor.url, spool=tmp_path) as run:
        run.batch(1)
        assert (monitor.taken, len(waiting(tmp_path))) == ([], 2)
        answered.set()
    assert monitor.phases == ["start", "batch", "end"]


def test_the_end_leaves_a_silent_monitor_alone_after_a_while(
    monitor: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(MarkerClient, "post", lambda self, body: (answered.wait(60) and None, "timed out"))
    monkeypatch.setattr(client_module, "LEAVE_S", 0.01)
    with publish_run("weekly", url=monitor.url, spool=tmp_path):
        pass
    assert len(waiting(tmp_path)) == 2
    assert [record.message for record in caplog.records] == [
        "markers of weekly are kept on disk and sent later: no answer yet"
    ]
    answered.set()


def test_one_line_says_what_has_not_arrived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with publish_run("weekly", url=NOBODY, spool=tmp_path) as run:
        run.batch(1)
    (line,) = caplog.messages
    assert "kept on disk" in line
    assert "refused" in line


def test_one_line_says_that_markers_are_refused(
    monitor: Monitor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.status = 422
    with publish_run("weekly", url=monitor.url, spool=tmp_path) as run:
        run.batch(1)
    (line,) = caplog.messages
    assert "words of the monitor" in line


def test_a_spool_that_cannot_be_written_still_sends(monitor: Monitor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with publish_run("weekly", url=monitor.url, spool=tmp_path / "file") as run:
        run.batch(1)
    assert sorted(monitor.phases) == ["batch", "end", "start"]


def test_a_marker_that_can_neither_be_kept_nor_sent_is_lost_in_silence_but_for_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with publish_run("weekly", url=NOBODY, spool=tmp_path / "file"):
        pass
    assert any("lost" in line for line in caplog.messages)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "nonsense"},
        {"url": "http://["},
        {"token": "line\nbreak"},
        {"spool": "\0"},
        {"run_id": "\ud800" * 300},
        {"strategy": "x" * 300, "batch_size": -1, "agents": "many", "pause": Broken()},
        {"attributes": "none"},
        {"attributes": {"": 1, "a\nb": "c\nd", "long": "x" * 2000, "broken": Broken(), "list": [1, 2]}},
        {"attributes": {str(i): i for i in range(500)}},
        {"outcome": "great", "time_min": None, "surrogate": "\udcff"},
    ],
)
def test_nonsense_never_raises_and_is_never_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with publish_run("weekly", **{"url": NOBODY, "spool": tmp_path, **options}) as run:
        run.batch(Broken(), "perhaps", seconds="mine", time=Broken())
    if "spool" not in options:
        assert [one.phase for one in told(tmp_path)] == ["start", "batch", "end"]


@pytest.mark.parametrize("job", ["", None, 7, "tab\there", "x" * 300, "\ud800"])
def test_any_job_has_a_name(job: Any, tmp_path: Path) -> None:
    with publish_run(job, url=NOBODY, spool=tmp_path) as run:
        pass
    assert {one.job for one in told(tmp_path)} == {run.job}


def test_the_limits_are_the_monitors_own() -> None:
    assert MOST_ATTRIBUTES == ATTRIBUTES_LIMIT


def test_a_figure_is_never_pushed_out_or_overwritten_by_an_attribute(tmp_path: Path) -> None:
    mine = {"seconds": "mine", **{f"a{i}": i for i in range(500)}}
    with publish_run("weekly", url=NOBODY, spool=tmp_path) as run:
        run.batch(1, attributes=mine)
    batch = told(tmp_path)[1]
    assert float(batch.attributes["seconds"]) >= 0
    assert len(batch.attributes) == MOST_ATTRIBUTES


def test_inside_mark_run_it_is_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_JOB", "weekly")
    monkeypatch.setenv("MONITOR_RUN_ID", "r7")
    assert publish_run("weekly", url=NOBODY, spool=tmp_path).run_id == "r7"
    assert publish_run("weekly", url=NOBODY, spool=tmp_path, run_id="r8").run_id == "r8"
    assert publish_run("daily", url=NOBODY, spool=tmp_path).run_id != "r7"


def test_who_marks_a_batch_from_outside_finds_the_run(tmp_path: Path) -> None:
    other = MarkerClient(NOBODY, spool=tmp_path)
    with publish_run("weekly", url=NOBODY, spool=tmp_path) as run:
        assert other.batch("weekly").run_id == run.run_id
    assert other.batch("weekly").run_id != run.run_id


def test_runs_nest_and_overlap(tmp_path: Path) -> None:
    outer = publish_run("weekly", url=NOBODY, spool=tmp_path)
    inner = publish_run("daily", url=NOBODY, spool=tmp_path)
    with outer:
        inner.__enter__()
    inner.__exit__(None, None, None)
    assert [(one.job, one.phase.value) for one in told(tmp_path)] == [
        ("weekly", "start"),
        ("daily", "start"),
        ("weekly", "end"),
        ("daily", "end"),
    ]


# Signals


@pytest.fixture
def sigterm() -> Iterator[None]:
    """SIGTERM as it is by default, whatever the test does."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm")
def test_signals_are_as_they_were_after_the_last_run(tmp_path: Path) -> None:
    first = publish_run("weekly", url=NOBODY, spool=tmp_path)
    second = publish_run("daily", url=NOBODY, spool=tmp_path)
    with second:
        with first:
            assert callable(signal.getsignal(signal.SIGTERM))
        assert callable(signal.getsignal(signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("sigterm")
@pytest.mark.parametrize("theirs", [signal.SIG_IGN, lambda number, frame: None])
def test_what_the_script_does_about_signals_itself_stays(theirs: Any, tmp_path: Path) -> None:
    signal.signal(signal.SIGTERM, theirs)
    with publish_run("weekly", url=NOBODY, spool=tmp_path):
        assert signal.getsignal(signal.SIGTERM) is theirs
    assert signal.getsignal(signal.SIGTERM) is theirs


def test_a_run_in_another_thread_leaves_signals_alone(tmp_path: Path) -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with publish_run("weekly", url=NOBODY, spool=tmp_path):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
    assert [one.outcome for one in told(tmp_path)] == [None, "ok"]


# One file for anybody's Python, in a process of its own


def old_python() -> str:
    """The oldest Python from 3.8 on that this machine has, else the one that runs the tests."""
    named = [shutil.which(f"python3.{minor}") for minor in range(8, 11)]
    installed = [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))]
    return next((path for path in [*installed, *named] if path and "shims" not in path), sys.executable)


def script(folder: Path, body: str, *options: str) -> subprocess.Popen[str]:
    """A script beside a copy of the client, started with an old Python and no monitor."""
    shutil.copy(SOURCE, folder / "softphone_markers.py")
    (folder / "publish.py").write_text("from softphone_markers import publish_run\n" + body)
    environment = {"MONITOR_URL": NOBODY, "MONITOR_SPOOL": str(folder / "spool"), "PATH": os.environ["PATH"]}
    command = [old_python(), *options, str(folder / "publish.py")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, -2)])
def test_a_script_that_a_signal_ends_has_an_end_marker(number: signal.Signals, status: int, tmp_path: Path) -> None:
    body = (
        "import time\nwith publish_run('weekly', instrument=True):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    process = script(tmp_path, body, "-W", "error")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    assert [one.outcome for one in told(tmp_path / "spool")] == [None, "aborted"]


def test_a_fork_that_leaves_the_block_ends_nothing(tmp_path: Path) -> None:
    body = (
        "import os, sys\n"
        "with publish_run('weekly') as run:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        sys.exit(3)\n"
        "    print(os.waitpid(child, 0)[1] >> 8)\n"
        "    run.batch(2)\n"
    )
    process = script(tmp_path, body)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "3\n")
    assert [one.phase for one in told(tmp_path / "spool")] == ["start", "batch", "end"]
