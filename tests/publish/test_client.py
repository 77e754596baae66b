"""The marker client: it never raises, never waits long, and no marker is lost or sent out of order."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ports
import pytest
from marker_monitor import Monitor, waiting

from monitor.publish import client as client_module
from monitor.publish.client import LOST, REJECTED, SENT, SPOOLED, MarkerClient
from monitor.web.markers import parse_marker

SOURCE = Path(client_module.__file__)


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """A monitor that takes every marker."""
    one = Monitor()
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONITOR_URL", "MONITOR_TOKEN", "MONITOR_SPOOL", "MONITOR_JOB", "MONITOR_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    return ports.free_port()


def test_a_run_is_told(monitor: Monitor, tmp_path: Path) -> None:
    client = MarkerClient(monitor.url, "s3cret", tmp_path)
    before = time.time()
    started = client.start("weekly", "r1", strategy="steady", batch_size=50, agents=None, attributes={"pause": "2s"})
    assert (started.run_id, started.state, started.why) == ("r1", SENT, "")
    assert client.batch("weekly", "r1", outcome="failed").state == SENT
    assert client.end("weekly", "r1").state == SENT
    start, batch, end = monitor.taken
    assert set(start) == {"job", "run_id", "phase", "time", "strategy", "batch_size", "attributes"}
    assert (batch["outcome"], end["outcome"]) == ("failed", "ok")
    assert before - 1e-3 <= parse_marker(json.dumps(start).encode(), 0.0)[0].at_wall_s <= time.time()
    assert monitor.headers[0]["Authorization"] == "Bearer s3cret"
    assert waiting(tmp_path) == []


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (1_795_536_000.25, "2026-11-24T16:00:00.250000Z"),
        (1_795_535_999.9999998, "2026-11-24T16:00:00.000000Z"),
        ("2026-11-24T10:00:00-06:00", "2026-11-24T10:00:00-06:00"),
    ],
)
def test_a_time_may_be_told(monitor: Monitor, tmp_path: Path, at: float | str, told: str) -> None:
    MarkerClient(monitor.url, spool=tmp_path).start("weekly", "r1", at)
    assert monitor.taken[0]["time"] == told


def test_address_token_and_spool_come_from_the_environment(
    monitor: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITOR_URL", f"{monitor.url}/")
    monkeypatch.setenv("MONITOR_TOKEN", "t")
    monkeypatch.setenv("MONITOR_SPOOL", str(tmp_path / "spool"))
    assert MarkerClient().start("weekly").state == SENT
    assert monitor.headers[0]["Authorization"] == "Bearer t"
    assert (tmp_path / "spool").is_dir()


def test_an_unreachable_monitor_gets_its_markers_later_in_order(free_port: int, tmp_path: Path) -> None:
    client = MarkerClient(f"http://127.0.0.1:{free_port}", spool=tmp_path)
    told = [client.start("weekly", "r1"), client.batch("weekly", "r1"), client.end("weekly", "r1")]
    assert [one.state for one in told] == [SPOOLED] * 3
    assert "refused" in told[0].why
    kept = waiting(tmp_path)
    assert [one["phase"] for one in kept] == ["start", "batch", "end"]
    monitor = Monitor(free_port)
    try:
        assert client.start("weekly", "r2").state == SENT
    finally:
        monitor.stop()
    assert monitor.taken[:3] == kept
    assert monitor.taken[3]["run_id"] == "r2"
    assert waiting(tmp_path) == []


def test_flush_sends_what_waits(free_port: int, tmp_path: Path) -> None:
    client = MarkerClient(f"http://127.0.0.1:{free_port}", spool=tmp_path)
    client.start("weekly", "r1")
    assert "refused" in client.flush()
    monitor = Monitor(free_port)
    try:
        assert client.flush() == ""
    finally:
        monitor.stop()
    assert monitor.phases == ["start"]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 302, 307])
def test_a_monitor_that_cannot_take_it_now_gets_it_later(monitor: Monitor, tmp_path: Path, status: int) -> None:
    client = MarkerClient(monitor.url, spool=tmp_path)
    monitor.status = status
    told = client.start("weekly", "r1")
    assert told.state == SPOOLED
    assert f"HTTP {status}" in told.why
    monitor.status = 200
    assert client.end("weekly", "r1").state == SENT
    assert monitor.phases == ["start", "end"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_marker_is_set_aside_and_holds_up_nothing(monitor: Monitor, tmp_path: Path, status: int) -> None:
    client = MarkerClient(monitor.url, spool=tmp_path)
    monitor.status = status
    told = client.start("weekly", "r1")
    assert (told.state, "words of the monitor" in told.why) == (REJECTED, True)
    monitor.status = 201
    assert client.end("weekly", "r1").state == SENT
    assert monitor.phases == ["end"]
    assert len(list(tmp_path.glob("*/rejected/*.json"))) == 1


def test_markers_for_one_monitor_never_go_to_another(monitor: Monitor, free_port: int, tmp_path: Path) -> None:
    MarkerClient(f"http://127.0.0.1:{free_port}", spool=tmp_path).start("weekly", "lost")
    MarkerClient(monitor.url, spool=tmp_path).start("weekly", "r1")
    assert [one["run_id"] for one in monitor.taken] == ["r1"]
    assert [one["run_id"] for one in waiting(tmp_path)] == ["lost"]


def test_a_token_is_not_carried_to_where_a_redirect_points(monitor: Monitor, tmp_path: Path) -> None:
    monitor.status = 302
    told = MarkerClient(monitor.url, "s3cret", tmp_path).start("weekly", "r1")
    assert "HTTP 302" in told.why
    assert len(monitor.headers) == 1


def test_a_proxy_is_not_asked_for_this_machine(
    monitor: Monitor, free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")
    assert MarkerClient(monitor.url, spool=tmp_path).start("weekly", "r1").state == SENT


def test_a_spool_that_cannot_be_written_still_sends(monitor: Monitor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    client = MarkerClient(monitor.url, spool=tmp_path / "file")
    assert client.start("weekly", "r1").state == SENT
    monitor.status = 500
    told = client.end("weekly", "r1")
    assert told.state == LOST
    assert "HTTP 500" in told.why


def test_a_full_spool_loses_the_new_one_and_says_so(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SPOOL_LIMIT", 2)
    client = MarkerClient(f"http://127.0.0.1:{free_port}", spool=tmp_path)
    assert [client.batch("weekly", "r1").state for _ in range(3)] == [SPOOLED, SPOOLED, LOST]


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("ftp://127.0.0.1/x", ""),
        ("file:///etc/passwd", ""),
        ("nonsense", ""),
        ("http://[", ""),
        ("http://127.0.0.1:x", ""),
        ("http://127.0.0.1:1", "line\nbreak"),
        ("http://127.0.0.1:1", "\ud800"),
    ],
)
def test_nonsense_in_the_environment_does_not_raise(url: str, token: str, tmp_path: Path) -> None:
    told = MarkerClient(url, token, tmp_path).start("weekly", "r1")
    assert told.state == SPOOLED
    assert told.why


@pytest.mark.parametrize("url", ["http://me:hunter2@127.0.0.1:1", "https://hunter2@[::1]:1", "ftp://me:hunter2@x"])
def test_a_password_in_the_monitors_address_is_refused_and_not_shown(url: str, tmp_path: Path) -> None:
    told = MarkerClient(url, spool=tmp_path).start("weekly", "r1")
    assert told.state == SPOOLED
    assert "MONITOR_TOKEN" in told.why
    assert "hunter2" not in told.why


@pytest.mark.parametrize("told", [{"attributes": {"a": object()}}, {"at": float("nan")}, {"at": "soon"}])
def test_nonsense_from_the_script_does_not_raise(monitor: Monitor, tmp_path: Path, told: dict[str, Any]) -> None:
    monitor.status = 422
    assert MarkerClient(monitor.url, spool=tmp_path).start("weekly", "r1", **told).state in (LOST, REJECTED)
    assert MarkerClient(monitor.url, spool=tmp_path).start(None, "r1").state == REJECTED  # type: ignore[arg-type]


def test_a_monitor_that_never_answers_costs_the_timeout_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = MarkerClient(f"http://127.0.0.1:{silent.getsockname()[1]}", spool=tmp_path, timeout_s=0.05)
        told = [client.start("weekly", "r1"), client.end("weekly", "r1")]
    assert [one.state for one in told] == [SPOOLED, SPOOLED]
    assert "timed out" in told[0].why


def test_a_run_without_an_id_is_known_until_its_end(monitor: Monitor, tmp_path: Path) -> None:
    run_id = MarkerClient(monitor.url, spool=tmp_path).start("weekly").run_id
    other = MarkerClient(monitor.url, spool=tmp_path).start("daily").run_id
    later = MarkerClient(monitor.url, spool=tmp_path)
    assert (later.batch("weekly").run_id, later.end("weekly").run_id) == (run_id, run_id)
    assert later.end("daily").run_id == other != run_id
    assert later.end("weekly").run_id not in (run_id, other)


def test_inside_mark_run_the_run_is_known(monitor: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_JOB", "weekly")
    monkeypatch.setenv("MONITOR_RUN_ID", "r7")
    client = MarkerClient(monitor.url, spool=tmp_path)
    assert client.batch("weekly").run_id == "r7"
    assert client.batch("daily").run_id != "r7"


def test_a_user_without_a_home_still_has_a_spool(
    free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("MONITOR_SPOOL", raising=False)
    monkeypatch.setattr(Path, "expanduser", nowhere)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert MarkerClient(f"http://127.0.0.1:{free_port}").start("weekly").state == SPOOLED
    assert list(tmp_path.rglob("*.json"))


def test_the_spool_is_for_its_owner_only(free_port: int, tmp_path: Path) -> None:
    MarkerClient(f"http://127.0.0.1:{free_port}", spool=tmp_path / "spool").start("weekly", "r1")
    (directory,) = (tmp_path / "spool").iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700


# One file for anybody's Python


def test_it_is_written_for_python_3_8() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def old_python() -> str | None:
    """The oldest Python from 3.8 on that this machine has, else the one that runs the tests."""
    named = [shutil.which(f"python3.{minor}") for minor in range(8, 11)]
    installed = [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))]
    return next((path for path in [*installed, *named] if path and "shims" not in path), sys.executable)


def test_it_runs_alone_copied_beside_a_script(monitor: Monitor, tmp_path: Path) -> None:
    shutil.copy(SOURCE, tmp_path / "softphone_markers.py")
    script = tmp_path / "publish.py"
    script.write_text(
        "from softphone_markers import MarkerClient\n"
        "client = MarkerClient()\n"
        "run = client.start('weekly', batch_size=50).run_id\n"
        "client.batch('weekly', run)\n"
        "print(client.end('weekly', run).state)\n"
    )
    environment = {"MONITOR_URL": monitor.url, "MONITOR_SPOOL": str(tmp_path / "spool"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [old_python() or sys.executable, "-W", "error", str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent\n", "")
    assert monitor.phases == ["start", "batch", "end"]
