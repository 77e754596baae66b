"""The Locust file in a process of its own, as importing Locust patches sockets: whom it refuses, what it does."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import product
import pytest
from simulated_rest import INSTANT

from monitor.facts.clock import SystemClock
from monitor.genesys.auth import StaticToken
from monitor.genesys.connection import ConnectionOptions, SoftphoneConnection
from monitor.genesys.events import Connected, Event, PingResult
from monitor.genesys.regions import for_urls
from monitor.genesys.rest import Rest
from monitor.publish.flow.requests import OPERATIONS

ROOT = Path(__file__).parents[2]
LOCUSTFILE = ROOT / "monitor" / "publish" / "locustfile.py"
PING_S = 4.0
ELSEWHERE = "https://api.mypurecloud.com"

pytestmark = pytest.mark.system


def command(host: str, *words: str) -> list[str]:
    """Locust without its web page."""
    shared = ("--headless", "--only-summary", "--exit-code-on-error", "0", "--host", host)
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *shared, *words]


def environment(info: dict[str, Any]) -> dict[str, str]:
    """Credentials and schedule as a user would put them."""
    names = ("client_id", "client_secret", "business_unit", "week", "schedule")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GENESYS_", "LOCUST_"))}
    return {**kept, **{f"GENESYS_{name.upper()}": info[name] for name in names if name in info}}


def locust(info: dict[str, Any], host: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Locust from start to end."""
    done = subprocess.run(
        command(host, *words), env=environment(info), capture_output=True, text=True, timeout=90, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A simulator that answers at once and allows 20 calls in a minute and token."""
    scenario = tmp_path_factory.mktemp("locust") / "scenario.yaml"
    scenario.write_text(INSTANT + "rate_limit: {per_minute: 20, window_s: 60.0}\n")
    with product.simulator("--scenario", str(scenario)) as info:
        yield info


STRANGER = {"client_id": "x", "client_secret": "x", "business_unit": "unit-1", "week": "2026-11-23", "schedule": "s-1"}


@pytest.mark.parametrize(
    ("info", "words", "line"),
    [
        (STRANGER, (), "api.mypurecloud.com is not loopback; --yes-publish unit-1"),
        (STRANGER, ("--yes-publish", "unit-2"), "names business unit unit-2, and the target's is unit-1"),
        ({**STRANGER, "business_unit": ""}, ("--yes-publish", ""), "'' is not an id"),
        ({**STRANGER, "schedule": "a/../b"}, ("--yes-publish", "unit-1"), "'a/../b' is not an id"),
        ({**STRANGER, "week": ""}, ("--yes-publish", "unit-1"), "all needed"),
        ({**STRANGER, "client_secret": ""}, ("--yes-publish", "unit-1"), "the environment lacks GENESYS_CLIENT_SECRET"),
        (STRANGER, ("--yes-publish", "unit-1", "--batch-size", "0"), "--batch-size is at least 1"),
    ],
)
def test_it_sends_nothing_and_says_why(info: dict[str, Any], words: tuple[str, ...], line: str) -> None:
    done = locust(info, ELSEWHERE, *words, "-u", "1", "-t", "5s")
    assert done.returncode == 2
    assert [line in one for one in done.stderr.splitlines() if "ERROR" in one] == [True]
    assert "token" not in done.stdout


def test_a_login_off_loopback_is_off_loopback(quick: dict[str, Any]) -> None:
    done = locust(quick, quick["rest"], "--login", "https://login.mypurecloud.com", "-u", "1", "-t", "5s")
    assert done.returncode == 2
    assert "login.mypurecloud.com is not loopback" in done.stderr


@pytest.mark.parametrize(
    ("change", "line"),
    [({"client_secret": "wrong"}, "the login service answered 401"), ({"schedule": "nobody"}, "cannot be read")],
)
def test_what_the_platform_refuses_ends_it_with_one_line(
    change: dict[str, str], line: str, quick: dict[str, Any]
) -> None:
    done = locust({**quick, **change}, quick["rest"], "-u", "3", "-r", "3", "-t", "20s")
    assert done.returncode == 1
    assert [line in one for one in done.stderr.splitlines() if "ERROR" in one] == [True]


def test_it_sends_the_requests_of_a_publish_job_with_one_token_a_class(quick: dict[str, Any]) -> None:
    done = locust(quick, quick["rest"], "-u", "4", "-r", "4", "-t", "3s", "--batch-size", "2", "--json")
    entries = {one["name"]: one for one in json.loads(done.stdout)}
    assert set(entries) == {
        *("token", "publish_cycle", "schedules", "agent_schedules", "schedule_upload_url", "schedule_upload"),
        *("schedule_update", "presence", "routing_status"),
    }
    assert set(entries) - {"token", "publish_cycle"} < set(OPERATIONS)
    assert entries["token"]["num_requests"] == 2
    assert entries["publish_cycle"]["num_requests"] >= 1
    writes = [entries[name]["num_requests"] - entries[name]["num_failures"] for name in ("presence", "routing_status")]
    assert sum(writes) == 19  # with the reading of the schedule the token's whole minute
    assert entries["presence"]["num_failures"] + entries["routing_status"]["num_failures"] == 3  # then everyone waits


def test_the_monitor_itself_never_needs_locust() -> None:
    def imports(path: Path) -> set[str]:
        tree = ast.walk(ast.parse(path.read_text()))
        named = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
        return {
            name
            for node in named
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        }

    who = {
        path.name
        for path in (ROOT / "monitor").rglob("*.py")
        if any(name.split(".")[0] in ("locust", "gevent") or name.endswith("locustfile") for name in imports(path))
    }
    assert who == {"locustfile.py"}


# The symptoms


@asynccontextmanager
async def session(info: dict[str, Any]) -> AsyncIterator[SoftphoneConnection]:
    """One softphone that is connected."""
    clock, ends = SystemClock(), for_urls(info["rest"], info["rest"], info["ws"])
    tokens = StaticToken("synthetic-1", info["user_token"])
    rest = Rest(ends, tokens, clock=clock)
    connected = asyncio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, Connected):
            connected.set()

    connection = SoftphoneConnection(ends, rest, tokens, ConnectionOptions(), hear, clock)
    running = asyncio.create_task(connection.run())
    try:
        async with asyncio.timeout(30):
            await connected.wait()
        yield connection
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await connection.close()
        await rest.aclose()


def seconds(ping: PingResult) -> float:
    """Its round trip; without a pong it took at least as long as was waited for."""
    return PING_S if ping.rtt_s is None else ping.rtt_s


async def test_load_by_locust_makes_a_softphones_pings_slow() -> None:
    """As the publish driver does: signalling queues behind the REST calls that share its backend."""
    with product.simulator("--scenario", "publish_saturates_signalling") as info:
        async with session(info) as softphone:
            before = [seconds(await softphone.ping("xmpp", PING_S)) for _ in range(10)]
            process = await asyncio.create_subprocess_exec(
                *command(info["rest"], "AgentWrites", "-u", "12", "-r", "12", "-t", "8s"),
                env=environment(info),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            ended = asyncio.create_task(process.communicate())
            during = []
            while not ended.done():
                during.append(seconds(await softphone.ping("xmpp", PING_S)))
            _, errors = await ended
    assert process.returncode == 0, errors.decode()
    assert max(during) > 20 * statistics.median(before), (before, during)
