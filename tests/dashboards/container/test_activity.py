"""The simulated working day of the profile `demo`, beside a real simulator and a real monitor: a call and a publish."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from product import monitor, simulator
from system.compose import FOLDER

DEADLINE_S = 60.0
OFTEN = {"CALL_EVERY_S": "1", "CALL_FOR_S": "2", "FIRST_PUBLISH_S": "0", "PUBLISH_EVERY_S": "3600", "PACING": "batch"}
CALLED = re.compile(r'softphone_call_phase_seconds_count\{phase="first_media",site="chicago"\} (?!0\.0)\d')


def test_a_call_is_made_and_a_publish_is_marked_from_start_to_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("not asked for on loopback\n")
    kept = tmp_path / "kept"
    kept.mkdir()
    with simulator("--credentials", str(kept)) as info, monitor(tmp_path, info) as (_, url):
        env = {
            **os.environ,
            **OFTEN,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SIMULATOR_CREDENTIALS": str(kept),
            "MONITOR_TOKEN_FILE": str(tmp_path / "token"),
            "MONITOR_URL": url,
            "ALIVE_FILE": str(tmp_path / "alive"),
            "HOME": str(tmp_path),
        }
        activity = subprocess.Popen([sys.executable, str(FOLDER / "activity.py")], env=env)
        try:
            until_done(url)
            assert activity.poll() is None
            assert (tmp_path / "alive").exists()
        finally:
            activity.terminate()
            activity.wait()


def until_done(url: str) -> None:
    """Wait until the monitor has seen the call's media, and start and end of the publish; fail after DEADLINE_S."""
    give_up_s = time.monotonic() + DEADLINE_S
    phases: set[str] = set()
    called = False
    while not (called and phases >= {"start", "end"}):
        if time.monotonic() > give_up_s:
            pytest.fail(f"call with media: {called}; markers: {sorted(phases)}")
        markers = httpx.get(f"{url}/markers", trust_env=False).json()["markers"]
        phases = {marker["phase"] for marker in markers if marker["job"] == "weekly"}
        called = CALLED.search(httpx.get(f"{url}/metrics", trust_env=False).text) is not None
        time.sleep(0.2)
