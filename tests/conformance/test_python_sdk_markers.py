"""The real PureCloudPlatformClientV2, wrapped in two lines: its markers in a real monitor, its calls counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import product
import pytest
from simulated_rest import INSTANT

from monitor.publish import client

SESSION = Path(__file__).parent / "python_sdk_session.py"
LIMITED = "rate_limit: {per_minute: 10, window_s: 3.0}\n"
# The two lines that a user writes, around a script that knows nothing of them.
WRAPPED = """
import runpy, sys
from softphone_markers import publish_run
with publish_run(sys.argv[2], instrument=True, strategy="sdk_default", pause="2s") as run:
    runpy.run_path({session!r}, run_name="__main__")
"""
CONFIG = """
site: chicago
probes: []
publish: []
exporter: {{listen: "127.0.0.1:0"}}
journal: {{path: {journal}}}
"""

Markers = dict[str, dict[str, Any]]  # phase -> marker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the user's script lies, with a copy of the one file beside it; HOME of the SDK, which watches it."""
    folder = tmp_path_factory.mktemp("publish")
    shutil.copy(client.__file__, folder / "softphone_markers.py")
    (folder / "wrapped.py").write_text(WRAPPED.format(session=str(SESSION)))
    return folder


@pytest.fixture(scope="module")
def markers(folder: Path) -> dict[str, Markers]:
    """What the monitor has of each session that was run: job -> phase -> marker."""
    scenario, config = folder / "scenario.yaml", folder / "monitor.yaml"
    scenario.write_text(INSTANT + LIMITED)
    config.write_text(CONFIG.format(journal=folder / "facts.db"))
    with (
        product.simulator("--scenario", str(scenario)) as info,
        product.started("run", "-c", str(config)) as process,
    ):
        ready = product.line_with(process.stderr, "ready:")
        monitor = "http://" + ready.partition("http://")[2].partition("/metrics")[0]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda step: session(folder, info, step, monitor), ("too_many", "publish")))
        told = httpx.get(f"{monitor}/markers", params={"limit": 100}, trust_env=False).json()["markers"]
    jobs: dict[str, Markers] = {}
    for one in told:
        jobs.setdefault(one["job"], {})[one["phase"]] = one
    return jobs


def session(folder: Path, info: dict[str, Any], step: str, monitor: str) -> None:
    """One session of the SDK in a process of its own, whose job is called like the step."""
    environment = {**os.environ, "HOME": str(folder), "MONITOR_URL": monitor, "MONITOR_SPOOL": str(folder / "spool")}
    done = subprocess.run(
        [sys.executable, str(folder / "wrapped.py"), json.dumps(info), step],
        capture_output=True,
        text=True,
        timeout=90,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def calls(marker: dict[str, Any]) -> dict[str, int]:
    """Operation -> calls of an end marker."""
    of_calls = (name for name in marker["attributes"] if name.startswith("operation_") and name.endswith("_calls"))
    return {name[len("operation_") : -len("_calls")]: int(marker["attributes"][name]) for name in of_calls}


def test_start_and_end_are_there_with_what_the_two_lines_said(markers: dict[str, Markers]) -> None:
    start, end = markers["publish"]["start"], markers["publish"]["end"]
    assert (start["run_id"], start["strategy"]) == (end["run_id"], "sdk_default")
    assert start["attributes"] == {"pause": "2s"}
    assert start["time"] < end["time"]
    assert end["outcome"] == "ok"


def test_the_publish_flow_is_counted_by_operation(markers: dict[str, Markers]) -> None:
    end = markers["publish"]["end"]
    assert calls(end) == {
        "token": 1,
        "schedules": 3,  # list, read before, read after
        "agent_schedules": 1,
        "channel_create": 1,
        "subscriptions": 1,
        "schedule_upload_url": 1,
        "schedule_update": 1,
    }  # the PUT to storage goes by urllib.request, which is not instrumented
    assert {name: end["attributes"][name] for name in ("calls", "status_200", "status_202")} == {
        "calls": "9",
        "status_200": "8",
        "status_202": "1",
    }
    assert sum(float(end["attributes"][f"operation_{name}_seconds"]) for name in calls(end)) > 0


def test_a_429_that_the_sdk_waits_out_inside_one_call_is_counted_with_its_seconds(
    markers: dict[str, Markers],
) -> None:
    told = markers["too_many"]["end"]["attributes"]
    assert calls(markers["too_many"]["end"]) == {"token": 1, "organizations_me": 12 + int(told["status_429"])}
    assert (told["status_200"], int(told["status_429"]) >= 1) == ("13", True)
    assert 1.0 <= float(told["retry_after_seconds"]) <= 4.0
    assert float(told["operation_organizations_me_seconds"]) < float(told["retry_after_seconds"])
