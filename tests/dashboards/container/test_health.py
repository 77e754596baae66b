"""The containers' health check: 0 when every target is well, else the reason and 1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from ports import free_port
from system.compose import FOLDER
from system.replay import answering


def check(*targets: str) -> tuple[int, str]:
    """Exit status and complaint."""
    command = [sys.executable, str(FOLDER / "health.py"), *targets]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def test_no_target_and_a_port_that_accepts_are_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert check() == (0, "")
        assert check(f"tcp://127.0.0.1:{server.getsockname()[1]}") == (0, "")


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_one_target_that_does_not_answer_is_told_beside_one_that_does(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        away = f"{kind}://127.0.0.1:{free_port()}"
        status, why = check(f"tcp://127.0.0.1:{server.getsockname()[1]}", away)
    assert status == 1
    assert why.startswith(f"{away}: ")
    assert len(why.splitlines()) == 1


def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    with answering(SimpleHTTPRequestHandler) as address:
        assert check(f"http://{address}/") == (0, "")


def test_a_file_must_have_been_written_to_lately(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    assert check(f"touched:{file}:60")[0] == 1
    file.touch()
    assert check(f"touched:{file}:60") == (0, "")
    os.utime(file, (time.time() - 120,) * 2)
    status, why = check(f"touched:{file}:60")
    assert status == 1
    assert why.startswith(f"touched:{file}:60: 1")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "tcp://127.0.0.1", "touched:nothing", ""])
def test_a_target_that_makes_no_sense_is_not_well(target: str) -> None:
    status, why = check(target)
    assert status == 1
    assert why.startswith(f"{target}: ")
