"""The snippets for hosts without Python: bash and curl are run, PowerShell is run where there is one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from marker_monitor import NOBODY, Monitor
from system_programs import require_program

from monitor.facts.markers import MarkerPhase
from monitor.facts.runs import OUTCOMES
from monitor.web.markers import MarkerBody, parse_marker

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "markers"
POWERSHELL = EXAMPLES / "Send-Marker.ps1"
HOSTILE = 'quote " back \\ slash \\" dollar $(touch /nowhere) `id` ünïcode 電話 {"a": 1} \t tab'


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """A monitor that takes every marker."""
    one = Monitor()
    yield one
    one.stop()


def bash(script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script of the examples, run as a user would."""
    path = require_program("bash", "apt-get install bash")
    require_program("curl", "apt-get install curl")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}
    return subprocess.run(
        [path, str(EXAMPLES / script), *words],
        env={**kept, "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def bodies(monitor: Monitor) -> list[dict[str, Any]]:
    """What arrived, without times; the stand-in has read each as the monitor does."""
    return [{name: value for name, value in one.items() if name != "time"} for one in monitor.taken]


def test_start_batch_and_end_by_curl(monitor: Monitor) -> None:
    environment = {"MONITOR_URL": monitor.url, "MONITOR_TOKEN": "s3cret"}
    for words in (
        ("start", "weekly", "r1", "strategy=batch", "agents=150", "pause=2s"),
        ("batch", "weekly", "r1", "batch_size=50", "seconds=1.5"),
        ("end", "weekly", "r1", "outcome=ok"),
    ):
        done = bash("markers.sh", *words, **environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    common = {"job": "weekly", "run_id": "r1"}
    assert bodies(monitor) == [
        {**common, "phase": "start", "strategy": "batch", "agents": 150, "attributes": {"pause": "2s"}},
        {**common, "phase": "batch", "batch_size": 50, "attributes": {"seconds": "1.5"}},
        {**common, "phase": "end", "outcome": "ok", "attributes": {}},
    ]
    assert [one["Authorization"] for one in monitor.headers] == ["Bearer s3cret"] * 3


def test_any_text_is_quoted_for_json(monitor: Monitor) -> None:
    done = bash("markers.sh", "start", HOSTILE[:90], "r 1", f"note={HOSTILE}=x", MONITOR_URL=monitor.url)
    assert (done.returncode, done.stderr) == (0, "")
    (body,) = bodies(monitor)
    assert (body["job"], body["run_id"]) == (HOSTILE[:90].replace("\t", " "), "r 1")
    assert body["attributes"] == {"note": f"{HOSTILE}=x".replace("\t", " ")}


@pytest.mark.parametrize("url", [NOBODY, "nonsense", "http://["])
def test_a_monitor_that_is_away_costs_a_line_and_never_the_script(url: str) -> None:
    done = bash("markers.sh", "end", "weekly", "r1", MONITOR_URL=url)
    assert done.returncode == 0
    assert "the end marker of weekly (run r1) has not arrived" in done.stderr


def test_a_refusal_costs_a_line_too(monitor: Monitor) -> None:
    monitor.status = 422
    done = bash("markers.sh", "end", "weekly", "r1", MONITOR_URL=monitor.url)
    assert (done.returncode, "has not arrived" in done.stderr) == (0, True)


def test_too_few_words_are_a_usage_error() -> None:
    done = bash("markers.sh", "start", "weekly")
    assert (done.returncode, "usage" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("command", "status", "outcome", "batches"),
    [("true", 0, "ok", 3), ("false", 1, "failed", 0), ("./stopped", 143, "aborted", 0)],
)
def test_a_whole_script_tells_its_end_however_it_ends(
    command: str, status: int, outcome: str, batches: int, monitor: Monitor, tmp_path: Path
) -> None:
    stopped = tmp_path / "stopped"
    stopped.write_text("#!/bin/sh\nkill -TERM $PPID\n")
    stopped.chmod(0o755)
    own = command.replace("./stopped", str(stopped))
    done = bash("publish.sh", MONITOR_URL=monitor.url, PUBLISH_BATCH=own)
    assert (done.returncode, done.stderr) == (status, "")
    assert monitor.phases == ["start", *["batch"] * batches, "end"]
    assert monitor.taken[-1]["outcome"] == outcome
    assert len({one["run_id"] for one in monitor.taken}) == 1


# PowerShell


def test_the_json_that_powershell_is_said_to_send_is_a_marker() -> None:
    (shown,) = re.findall(r"^#\s+(\{.*\})$", POWERSHELL.read_text(), re.M)
    marker, told = parse_marker(shown.encode(), 0.0)
    assert (marker.job, marker.strategy, marker.batch_size, marker.pause_s, told) == ("weekly", "batch", 50, 2.0, True)


def test_powershell_names_fields_phases_and_outcomes_as_the_monitor_does() -> None:
    text = POWERSHELL.read_text()
    (always,) = re.findall(r"\$marker = \[ordered\]@\{(.*?)\}", text, re.S)
    named = set(re.findall(r"^\s+(\w+)\s+=", always, re.M)) | set(re.findall(r"\$marker\['(\w+)'\]", text))
    assert (
        {"job", "run_id", "phase", "time", "outcome", "batch_size", "attributes"}
        <= named
        <= set(MarkerBody.model_fields)
    )
    sets = [re.findall(r"'(\w+)'", one) for one in re.findall(r"ValidateSet\((.*?)\)", text)]
    assert [set(one) for one in sets] == [set(MarkerPhase), set(OUTCOMES)]


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="pwsh is not installed, and Debian has no package of it")
def test_powershell_sends_it(monitor: Monitor) -> None:
    script = f". '{POWERSHELL}'; Send-Marker batch weekly r1 -BatchSize 50 -Attributes @{{ note = 'a \"quote\"' }}"
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", script],
        env={**os.environ, "MONITOR_URL": monitor.url, "MONITOR_TOKEN": "s3cret"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(json.dumps(bodies(monitor)[0]["attributes"])) == {"note": 'a "quote"'}
    assert monitor.headers[0]["Authorization"] == "Bearer s3cret"
