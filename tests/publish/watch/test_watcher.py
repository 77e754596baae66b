"""The watcher against the real simulator: each way alone, losses, refusals, and what happened while it was away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from measured import Facts, control
from measured import simulator as running_simulator
from publishing import Script

from monitor.facts.clock import SystemClock, parse_rfc3339
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import ApiObserved
from monitor.genesys.regions import for_urls
from monitor.publish.watch import watcher as watcher_module
from monitor.publish.watch.watch import Change, Watched
from monitor.publish.watch.watcher import NotStoredError, Outlets, Watcher, WatchPlan
from monitor.simulator.server import RunningSimulator, SimulatorOptions, serve
from monitor.simulator.world.scenario import parse_scenario

FAST = b"""
name: fast
description: a quick publish
expected: {publish_harms_softphones: false, cause: none}
agents: 3
rest: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
signalling: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
publish_s: 0.05
"""
JOB = Watched(name="weekly", business_unit="", ways=("poll",), gap_s=0.0, poll_interval_s=0.05, audit_interval_s=0.05)


class Memory:
    """Stored markers, and a way to wait for some."""

    def __init__(self, *markers: Marker) -> None:
        self.markers = list(markers)
        self.broken = 0  # attempts that will fail
        self._news = asyncio.Event()

    async def since(self, wall_s: float) -> list[Marker]:
        if self.broken > 0:
            self.broken -= 1
            raise NotStoredError("disk full")
        return [marker for marker in self.markers if marker.at_wall_s >= wall_s]

    async def take(self, change: Change) -> None:
        if change.old is not None:
            self.markers.remove(change.old)
        self.markers.append(change.new)
        self._news.set()

    def of(self, phase: MarkerPhase) -> list[Marker]:
        return sorted((m for m in self.markers if m.phase is phase), key=lambda m: m.at_wall_s)

    async def until(self, holds: Callable[[], Any]) -> None:
        """Return once `holds()` is true, asked after every change; the test's own timeout ends it otherwise."""
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def ends(self, count: int) -> list[Marker]:
        """The end markers, once there are so many."""
        await self.until(lambda: len(self.of(MarkerPhase.END)) >= count)
        return self.of(MarkerPhase.END)


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    """The real simulator, with a publish that takes 50 ms."""
    running = await serve(SimulatorOptions(parse_scenario(FAST)))
    yield running
    await running.close()


@pytest.fixture
async def script(simulator: RunningSimulator) -> AsyncIterator[Script]:
    """A user's script."""
    async with Script(simulator.info) as one:
        yield one


@asynccontextmanager
async def watching(
    running: RunningSimulator,
    memory: Memory,
    *ways: str,
    facts: Facts | None = None,
    since_s: float | None = None,
    **others: Any,
) -> AsyncIterator[Watcher]:
    """A watcher at work, once it knows what was there before."""
    info, facts = running.info, facts or Facts()
    job = replace(JOB, business_unit=others.pop("business_unit", info["business_unit"]), ways=ways, **others)
    endpoints = for_urls(info["rest"], info["rest"], info["ws"])
    plan = WatchPlan("here", endpoints, (job,), info["client_id"], info["client_secret"])
    outlets = Outlets(memory.since, memory.take, facts.take)
    watcher = Watcher(plan, outlets, SystemClock(), since_s=since_s)
    task = asyncio.create_task(watcher.run())
    try:
        operation = "audits" if ways == ("audit",) else "schedules"
        await facts.until(lambda: any(fact.operation == operation for fact in facts.of(ApiObserved)))
        yield watcher
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await watcher.close()
        await watcher.close()


def live_sockets(running: RunningSimulator) -> list[Any]:
    """The open ends of notification channels."""
    return [channel.socket for channel in running.platform.channels.values() if channel.socket is not None]


def modified_s(schedule: dict[str, Any]) -> float:
    return parse_rfc3339(schedule["metadata"]["dateModified"])


@pytest.mark.parametrize("way", ["notification", "poll", "audit"])
async def test_each_way_alone_finds_a_publish_once(simulator: RunningSimulator, script: Script, way: str) -> None:
    memory = Memory()
    async with watching(simulator, memory, way):
        before_s = time.time()
        published = await script.publish()
        (end,) = await memory.ends(1)
        await script.publish(published=False)  # an edit that leaves a published schedule published
        after_s = time.time()
    (start,) = memory.of(MarkerPhase.START)[:1]
    assert (end.job, end.found_by, end.outcome) == ("weekly", way, "ok")
    assert end.attributes["schedule"] == simulator.info["schedule"]
    assert end.at_min_wall_s is not None
    assert end.at_max_wall_s is not None
    assert end.at_min_wall_s <= modified_s(published) <= end.at_max_wall_s
    assert before_s <= end.at_wall_s <= after_s
    assert start.run_id == end.run_id
    assert start.at_min_wall_s is not None
    assert start.at_min_wall_s <= before_s + 0.05 <= end.at_max_wall_s
    assert (end.agents, start.attributes["edge"]) == ((3, "event") if way == "notification" else (None, "bound"))


async def test_all_ways_together_find_one_run(simulator: RunningSimulator, script: Script) -> None:
    memory = Memory()
    async with watching(simulator, memory, "notification", "poll", "audit"):
        await script.publish()
        await memory.until(lambda: all(m.found_by == "notification+poll+audit" for m in memory.markers or [JOB_MARKER]))
    assert sorted(marker.phase for marker in memory.markers) == ["end", "start"]


async def test_an_edit_of_a_draft_and_a_refused_update_are_no_publish(
    simulator: RunningSimulator, script: Script
) -> None:
    memory = Memory()
    async with watching(simulator, memory, "notification", "poll", "audit"):
        await script.publish(published=False)
        await script.publish(stale=True)
        draft = await script.publish(published=False)
        await script.publish()
        (end,) = await memory.ends(1)
    assert end.attributes["version"] == str(draft["metadata"]["version"] + 1)
    assert len(memory.of(MarkerPhase.END)) == 1


async def test_updates_in_a_row_are_one_run_with_batches(simulator: RunningSimulator, script: Script) -> None:
    memory = Memory()
    async with watching(simulator, memory, "notification", gap_s=60.0):
        for _ in range(3):
            await script.publish()
        await memory.until(lambda: len(memory.of(MarkerPhase.BATCH)) == 3)
        await memory.until(lambda: memory.of(MarkerPhase.END)[0].at_wall_s == memory.of(MarkerPhase.BATCH)[2].at_wall_s)
    assert len(memory.of(MarkerPhase.START)) == len(memory.of(MarkerPhase.END)) == 1


async def test_what_a_lost_socket_missed_is_found_by_one_poll(
    simulator: RunningSimulator, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory()
    async with watching(simulator, memory, "notification"):
        await script.publish()
        await memory.ends(1)
        (socket,) = live_sockets(simulator)
        await socket.close(1001, "gone")
        await script.publish()  # within the two seconds before the reconnect
        first, second = await memory.ends(2)
    assert (first.found_by, second.found_by) == ("notification", "poll")
    assert len(memory.markers) == 4
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "weekly" in r.getMessage()]
    assert told == [
        "publish weekly: notification: cannot see publishes: channel: closed 1001 gone",
        "publish weekly: notification: works again",
    ]


@pytest.mark.parametrize("way", ["notification", "poll", "audit"])
async def test_a_publish_while_the_monitor_was_away_is_found_and_said_so(
    simulator: RunningSimulator, script: Script, way: str
) -> None:
    published = await script.publish()
    memory, since_s = Memory(), time.time() - 86400
    simulated = modified_s(published)
    async with watching(simulator, memory, way, since_s=since_s):
        (end,) = await memory.ends(1)
    assert end.found_by == ("poll" if way == "notification" else way)
    if way != "audit":  # the audit's clock has just been compared
        assert end.attributes["edge"] == "absence"
        assert end.at_min_wall_s == pytest.approx(simulated - 60)
    count = len(memory.markers)
    async with watching(simulator, memory, way, since_s=since_s):
        await script.publish()
        await memory.ends(2)
    assert len(memory.markers) == 2 * count


async def test_what_was_published_before_a_first_start_is_not_told(simulator: RunningSimulator, script: Script) -> None:
    await script.publish()
    memory = Memory()
    async with watching(simulator, memory, "poll", "audit"):
        second = await script.publish()
        await memory.until(lambda: any(m.found_by == "poll+audit" for m in memory.markers))
    assert {m.attributes["version"] for m in memory.of(MarkerPhase.END)} == {str(second["metadata"]["version"])}


async def test_a_told_run_keeps_its_edges_and_stays_one(simulator: RunningSimulator, script: Script) -> None:
    start = Marker(job="weekly", run_id="mine", phase=MarkerPhase.START, at_wall_s=time.time())
    memory = Memory(start)
    async with watching(simulator, memory, "notification"):
        await script.publish()
        await memory.until(lambda: memory.markers[0].found_by == "told+notification")
    assert memory.markers == [replace(start, found_by="told+notification")]


@pytest.mark.parametrize(
    ("way", "match", "words"),
    [
        ("poll", "schedules", "schedules: forbidden"),
        ("audit", "audits", "audits: forbidden"),
        ("notification", "subscriptions", "subscriptions: forbidden"),
    ],
)
async def test_a_missing_permission_is_told_once_and_its_end_too(
    simulator: RunningSimulator,
    script: Script,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    match: str,
    words: str,
) -> None:
    monkeypatch.setattr(watcher_module, "REFUSED_PAUSE_S", 0.05)
    monkeypatch.setattr("monitor.publish.watch.questions.REFUSED_PAUSE_S", 0.05)
    await control(simulator, f"fail?match={match}&status=403&times=3")
    memory, facts = Memory(), Facts()
    operation = {"poll": "schedules", "audit": "audits", "notification": "subscriptions"}[way]
    async with watching(simulator, memory, way, facts=facts):
        await facts.until(lambda: "200" in [f.status for f in facts.of(ApiObserved) if f.operation == operation])
        await script.publish()
        await memory.ends(1)
    told = [record.getMessage() for record in caplog.records if "weekly" in record.getMessage()]
    refused, works = (line for line in told if f": {way}:" in line)
    assert words in refused
    assert "the credentials' role needs" in refused
    assert works == f"publish weekly: {way}: works again"
    assert [f.status for f in facts.of(ApiObserved) if f.operation == operation].count("403") == 3


async def test_refused_credentials_are_told_once_and_tried_again(
    simulator: RunningSimulator, script: Script, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "REFUSED_PAUSE_S", 0.05)
    monkeypatch.setattr("monitor.publish.watch.questions.REFUSED_PAUSE_S", 0.05)
    memory, facts, info = Memory(), Facts(), simulator.info
    monkeypatch.setattr(simulator.platform, "client_secret", "another")
    job = replace(JOB, business_unit=info["business_unit"], ways=("notification", "audit"))
    endpoints = for_urls(info["rest"], info["rest"], info["ws"])
    plan = WatchPlan("here", endpoints, (job,), info["client_id"], info["client_secret"])
    watcher = Watcher(plan, Outlets(memory.since, memory.take, facts.take), SystemClock())
    task = asyncio.create_task(watcher.run())
    await facts.until(lambda: len(facts.of(ApiObserved)) > 6)
    monkeypatch.setattr(simulator.platform, "client_secret", info["client_secret"])
    await facts.until(lambda: {"schedules", "audits"} <= {f.operation for f in facts.of(ApiObserved)})
    await script.publish()
    await memory.until(lambda: [m.found_by for m in memory.of(MarkerPhase.END)] == ["notification+audit"])
    task.cancel()
    await asyncio.wait({task})
    await watcher.close()
    told = [record.getMessage() for record in caplog.records if "weekly" in record.getMessage()]
    refused = [line for line in told if "token: auth" in line]
    assert len(refused) == 2  # once for each way
    assert len([line for line in told if "works again" in line]) == 2
    assert all(info["client_secret"] not in line for line in told)


async def test_a_429_is_waited_out(simulator: RunningSimulator, script: Script) -> None:
    memory, facts = Memory(), Facts()
    async with watching(simulator, memory, "poll", facts=facts):
        await control(simulator, "fail?match=schedules&status=429&times=1&retry_after=1")
        await facts.until(lambda: any(fact.status == "429" for fact in facts.of(ApiObserved)))
        limited = next(i for i, fact in enumerate(facts.of(ApiObserved)) if fact.status == "429")
        await facts.until(lambda: len(facts.of(ApiObserved)) > limited + 1)
    calls = facts.of(ApiObserved)
    assert calls[limited + 1].at_wall_s - calls[limited].at_wall_s >= 0.95


async def test_an_unknown_business_unit_is_one_line(
    simulator: RunningSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    facts = Facts()
    async with watching(simulator, Memory(), "poll", facts=facts, business_unit="nowhere"):
        await facts.until(lambda: len(facts.of(ApiObserved)) > 4)
    told = [record.getMessage() for record in caplog.records if "weekly" in record.getMessage()]
    assert len(told) == 1
    assert "schedules: not_found" in told[0]


async def test_another_business_units_publish_in_the_audit_is_not_ours(
    simulator: RunningSimulator, script: Script
) -> None:
    memory = Memory()
    book = simulator.platform.schedules
    async with watching(simulator, memory, "audit"):
        entry = (await script.publish())["id"]
        await memory.ends(1)
        audits = simulator.platform.audits
        ours = next(audits.find("WorkforceManagement", 0, time.time() + 1, {}))
        audits.add(replace(ours, id="elsewhere", entity_id="of-another-unit", at_wall_s=time.time()))
        await script.publish()
        ends = await memory.ends(2)
    assert {end.attributes["schedule"] for end in ends} == {entry} == set(book.schedules)


async def test_what_cannot_be_stored_is_stored_later(
    simulator: RunningSimulator, script: Script, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "STORE_AGAIN_S", 0.01)
    memory = Memory()
    async with watching(simulator, memory, "poll"):
        memory.broken = 3
        await script.publish()
        await memory.ends(1)
    assert [record.getMessage() for record in caplog.records if "detection" in record.getMessage()] == [
        "publish detection: cannot store what it found: journal: error disk full",
        "publish detection: works again",
    ]


async def test_a_platform_that_is_not_there_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with running_simulator() as running:
        info = running.info
    facts = Facts()
    endpoints = for_urls(info["rest"], info["rest"], info["ws"])
    job = replace(JOB, business_unit="unit", ways=("notification", "poll", "audit"))
    plan = WatchPlan("here", endpoints, (job,), "id", "secret")
    watcher = Watcher(plan, Outlets(Memory().since, Memory().take, facts.take), SystemClock())
    task = asyncio.create_task(watcher.run())
    await facts.until(lambda: len(facts.seen) > 6)
    assert not task.done()
    task.cancel()
    await asyncio.wait({task})
    await watcher.close()
    told = [record.getMessage() for record in caplog.records if "weekly: poll" in record.getMessage()]
    assert len(told) == 1


JOB_MARKER = Marker(job="weekly", run_id="none", phase=MarkerPhase.START, at_wall_s=0.0)
