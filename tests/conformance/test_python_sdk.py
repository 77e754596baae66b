"""The real PureCloudPlatformClientV2 against the simulator: login, publish, 429, presence and routing writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated_rest import INSTANT

SESSION = Path(__file__).parent / "python_sdk_session.py"
SIMULATE = "import sys; from monitor.simulator.server import simulate; sys.exit(simulate(scenario=sys.argv[1]))"


STEPS = ("refused_login", "publish", "too_many", "writes", "not_there")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A simulator in a process of its own, with a window of 10 calls in 5 s instead of 300 in 60 s."""
    scenario = tmp_path_factory.mktemp("simulator") / "scenario.yaml"
    scenario.write_text(INSTANT + "rate_limit: {per_minute: 10, window_s: 5.0}\n")
    process = subprocess.Popen([sys.executable, "-c", SIMULATE, str(scenario)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def seen(simulator: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the SDK saw in each step, each with a token of its own.

    HOME is empty because importing the SDK watches it for a configuration file, for ever.
    """
    done = subprocess.run(
        [sys.executable, str(SESSION), json.dumps(simulator), *STEPS],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return told


def test_it_logs_in_and_understands_both_refusals(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["refused_login"] == {"unknown": [400, "invalid_client"], "wrong": [401, "invalid_client"]}


def test_it_walks_the_publish_flow_to_its_complete_event(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["publish"] == {
        "before": [False, 1],
        "agents": 3,
        "time_zone": "America/Chicago",
        "topic": [True, "Permitted"],
        "stored": 200,
        "accepted": "Processing",
        "same_operation": True,
        "event": [True, "Complete", "Update"],
        "after": [True, 2, "published by the real SDK"],
    }


def test_it_waits_out_a_429_by_its_retry_after(seen: dict[str, dict[str, Any]]) -> None:
    told = seen["too_many"]
    assert told["counts"] == [*range(1, 11), 1, 2]  # the eleventh call was served by the next window
    assert told["eleventh_s"] >= 0.9  # a whole second was asked for at least, and nothing may answer sooner


def test_it_writes_presence_and_routing_and_reads_what_the_softphone_reads(
    seen: dict[str, dict[str, Any]],
) -> None:
    told = seen["writes"]
    assert (told["presence"], told["read_back"], told["bulk"]) == ("Busy", "Busy", ["Busy"] * 3)
    assert told["routing"] == "IDLE"
    assert told["limits"]["client.credentials.token.rate.per.minute"] == 10
    assert told["me"] == [True, True]
    assert told["station"] == ["inin_webrtc_softphone", True]


def test_it_reads_refusals_as_error_bodies(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["not_there"] == {
        "unknown_user": [404, "not.found"],
        "no_user_context": [400, "bad.request"],
        "bad_week": [400, "invalid.date"],
    }
