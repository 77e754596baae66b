"""The composition root: what the metrics are told of the settings, and publish detection from settings to markers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from measured import environment, settings_for, simulator
from publishing import Script

from monitor.app import App, journal_begin_s
from monitor.app_settings import metrics_options, page_options
from monitor.config.model import Settings
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import MonitorStarted, SlotSkipped
from monitor.outputs.journal import Journal, JournalReader
from monitor.simulator.server import RunningSimulator


def test_only_agents_that_a_probe_names_are_expected_to_be_connected() -> None:
    agents = [{"name": name, "token_env": name.upper()} for name in ("used", "unused")]
    probes = [{"kind": "signalling", "agent": "used"}]
    settings = Settings.model_validate({"genesys": {"region": "us-east-1", "agents": agents}, "probes": probes})
    assert metrics_options(settings).agents == ("used",)


async def test_the_memory_begins_with_the_oldest_fact_or_marker(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "facts.db")
    assert journal_begin_s(journal, []) is None
    for at_s in (20.0, 10.0):
        journal.append(SlotSkipped(site="s", probe="p", at_wall_s=at_s))
    marker = Marker(job="weekly", run_id="r", phase=MarkerPhase.START, at_wall_s=15.0)
    await journal.add_marker(marker)
    await journal.close()
    assert journal_begin_s(journal, [marker]) == 10.0


@asynccontextmanager
async def running_app(settings: Settings, read_again: Callable[[], Settings] | None = None) -> AsyncIterator[App]:
    """A whole monitor, started and stopped."""
    app = App(settings, read_again=read_again)
    try:
        await app.start()
        yield app
    finally:
        await app.stop()


def watching(running: RunningSimulator, folder: Path, *ways: str) -> Settings:
    """Settings of a monitor that only detects."""
    job = {"name": "weekly", "business_unit": running.info["business_unit"], "detect": ways, "gap_s": 0.0}
    intervals = {f"{way}_interval_s": 1.0 for way in ways if way != "notification"}
    listen = {"listen": "127.0.0.1:0"}
    journal = {"path": str(folder / "facts.db")}
    return settings_for(running, publish=[{**job, **intervals}], exporter=listen, journal=journal)


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    """What `holds` returns once it is true; the test's own timeout ends it otherwise."""
    while True:
        found = await holds()
        if found:
            return found
        await asyncio.sleep(0.02)


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(url)).raise_for_status()


async def asked(url: str, operation: str) -> bool:
    """Whether such a REST call of the monitor's own has been answered and counted."""
    lines = (await get(f"{url}/metrics")).text.splitlines()
    series = f'softphone_api_requests_total{{operation="{operation}",site="here",status="200"}}'
    return any(line.startswith(series) for line in lines)


async def ends(url: str, count: int, found_by: str = "") -> list[dict[str, Any]]:
    """The end markers, newest first, when there are so many (that were found so)."""
    markers = (await get(f"{url}/markers")).json()["markers"]
    found = [m for m in markers if m["phase"] == "end" and found_by in ("", m["found_by"])]
    return found if len(found) >= count else []


async def test_a_publish_is_detected_stored_shown_and_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulator() as running, Script(running.info) as script:
        for name, value in environment(running).items():
            monkeypatch.setenv(name, value)
        settings = watching(running, tmp_path, "poll")
        reread = watching(running, tmp_path, "audit", "poll")
        async with running_app(settings, lambda: reread) as app:
            await until(lambda: asked(app.url, "schedules"))
            first = await script.publish()
            (end,) = await until(lambda: ends(app.url, 1))
            assert (end["found_by"], end["attributes"]["version"]) == ("poll", str(first["metadata"]["version"]))
            metrics = (await get(f"{app.url}/metrics")).text
            assert f'softphone_publish_end_timestamp_seconds{{publish="weekly",run_id="{end["run_id"]}"}}' in metrics
            assert await app.reload() == []
            await until(lambda: asked(app.url, "audits"))
            await script.publish()
            newer, older = await until(lambda: ends(app.url, 2, "poll+audit"))
            assert newer["time"] > older["time"]
        away = await script.publish()
        async with running_app(settings) as app:
            newest, *others = await until(lambda: ends(app.url, 3))
            assert newest["attributes"]["edge"] == "absence"
            assert newest["attributes"]["version"] == str(away["metadata"]["version"])
            assert len(others) == 2
    stored = JournalReader(tmp_path / "facts.db").markers()
    assert len(stored) == 6
    assert all(marker.at_wall_s <= time.time() for marker in stored)


async def test_settings_without_the_credentials_of_detection_are_refused_on_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulator() as running:
        for name, value in environment(running).items():
            monkeypatch.setenv(name, value)
        quiet = watching(running, tmp_path)
        async with running_app(quiet, lambda: watching(running, tmp_path, "poll")) as app:
            monkeypatch.delenv("CLIENT_ID")
            (problem,) = await app.reload()
            assert "CLIENT_ID" in problem
            assert app.settings is quiet


async def test_the_journal_knows_of_each_start_and_whether_a_simulator_was_measured(tmp_path: Path) -> None:
    told = {
        "site": "here",
        "exporter": {"listen": "127.0.0.1:0"},
        "journal": {"path": str(tmp_path / "facts.db")},
    }
    nowhere = {"rest": "http://127.0.0.1:1", "login": "http://127.0.0.1:1", "streaming": "ws://127.0.0.1:1"}
    plain, simulated = (Settings.model_validate(one) for one in (told, {**told, "genesys": nowhere}))
    async with running_app(plain, lambda: simulated) as app:
        assert await app.reload() == []
        assert await app.reload() == []  # measures the same: nothing new to tell
    async with running_app(simulated):
        pass
    starts = [fact for fact in JournalReader(tmp_path / "facts.db").facts() if isinstance(fact, MonitorStarted)]
    assert [(start.site, start.simulated) for start in starts] == [("here", False), ("here", True), ("here", True)]


async def test_the_page_outlives_a_restart_and_its_streams_and_children_do_not(tmp_path: Path) -> None:
    told = {"site": "here", "exporter": {"listen": "127.0.0.1:0"}, "journal": {"path": str(tmp_path / "facts.db")}}
    settings = Settings.model_validate(told)
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as http:
        async with AsyncExitStack() as stack:
            async with running_app(settings) as app:
                marker = {"job": "weekly", "run_id": "r1", "phase": "start", "strategy": "batch"}
                assert (await http.post(f"{app.url}/markers", json=marker)).status_code == 201
                reply = await stack.enter_async_context(http.stream("GET", f"{app.url}/api/live"))
                lines = reply.aiter_lines()
                async for line in lines:
                    if '"checks":{' in line:  # a child has explained
                        break
            async for _ in lines:  # the stream has been ended, as this does
                pass
        async with running_app(settings) as app:

            async def timeline() -> Any:
                told = (await get(f"{app.url}/api/timeline")).json()
                return told if len(told["starts"]) == 2 else None

            again = await until(timeline)
            assert [(run["job"], run["strategy"]) for run in again["runs"]] == [("weekly", "batch")]


def test_a_signalling_session_has_a_log_of_its_own() -> None:
    agents = [{"name": "used", "token_env": "USED"}, {"name": "unused", "token_env": "UNUSED"}]
    client = {"id_env": "ID", "secret_env": "SECRET"}
    settings = Settings.model_validate(
        {
            "site": "here",
            "timezone": "America/Chicago",
            "genesys": {"region": "us-east-1", "client": client, "agents": agents},
            "probes": [{"kind": "signalling", "agent": "used"}, {"kind": "api"}],
            "publish": [{"name": "weekly"}],
        }
    )
    options = page_options(settings)
    assert (options.site, options.zone, options.jobs, options.agents) == (
        "here",
        "America/Chicago",
        ("weekly",),
        ("used",),
    )
    assert [(one.name, one.kind, one.agent) for one in options.probes] == [
        ("signalling-1", "signalling", "used"),
        ("api-1", "api", ""),
        ("used", "session", "used"),
        ("service", "session", ""),
    ]
