"""The prober's bookkeeping against the real simulator: a reload changes what it changes and leaves the rest alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from measured import AGENT, Facts, control, environment, settings_for, simulator

from monitor.facts.clock import SystemClock
from monitor.facts.codec import fact_from_dict
from monitor.facts.observations import ConnectionChanged, Disconnected, HeartbeatObserved, OwnLagObserved
from monitor.probes.channel import Channel
from monitor.probes.link import Link
from monitor.probes.prober import Prober
from monitor.probes.table import Unready
from monitor.simulator.server import RunningSimulator

SIGNALLING: dict[str, Any] = {"kind": "signalling", "agent": AGENT}
BEAT: dict[str, Any] = {"kind": "heartbeat", "channel": "xmpp", "agent": AGENT, "interval": "100ms", "timeout": "90ms"}


@pytest.fixture
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningSimulator]:
    async with simulator() as running:
        for name, value in environment(running).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def facts() -> Facts:
    return Facts()


@asynccontextmanager
async def prober_telling(facts: Facts) -> AsyncIterator[Prober]:
    """A prober whose channel ends in `facts`."""
    ours, theirs = socket.socketpair()
    near, far = await Channel.from_socket(ours, "main"), await Channel.from_socket(theirs, "prober")

    async def take(data: dict[str, Any]) -> None:
        facts.take(fact_from_dict(data))

    near.on("fact", take)
    talking = [asyncio.create_task(near.run()), asyncio.create_task(far.run())]
    prober = Prober(far, [Link("shard0")], SystemClock())
    try:
        yield prober
    finally:
        await prober.close()
        await prober.close()
        await far.close()
        await asyncio.gather(*talking)


def ups(facts: Facts) -> list[bool]:
    return [fact.connected for fact in facts.of(ConnectionChanged)]


def beats(facts: Facts) -> int:
    return sum(fact.outcome == "ok" for fact in facts.of(HeartbeatObserved))


async def test_a_reload_that_leaves_the_agent_alone_keeps_its_session(platform: RunningSimulator, facts: Facts) -> None:
    async with prober_telling(facts) as prober:
        await prober.apply(settings_for(platform, SIGNALLING))
        await facts.until(lambda: True in ups(facts))
        await prober.apply(settings_for(platform, SIGNALLING, BEAT))
        await facts.until(lambda: beats(facts) > 1)
        await prober.apply(settings_for(platform, SIGNALLING | {"interval": "10s"}))
        assert len((await control(platform, "state"))["sessions"]) == 1
        assert ups(facts) == [False, True]
    assert ups(facts) == [False, True, False]
    assert facts.of(Disconnected) == []


async def test_a_reload_that_changes_the_agent_makes_a_new_session(platform: RunningSimulator, facts: Facts) -> None:
    async with prober_telling(facts) as prober:
        await prober.apply(settings_for(platform, SIGNALLING, BEAT))
        await facts.until(lambda: beats(facts))
        await prober.apply(settings_for(platform, SIGNALLING | {"keepalive": "server"}, BEAT))
        facts.seen.clear()
        await facts.until(lambda: beats(facts))  # the unchanged heartbeat pings the new session
        await prober.apply(settings_for(platform))
        assert (await control(platform, "state"))["sessions"] == []


async def test_a_bad_reload_changes_nothing(
    platform: RunningSimulator, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with prober_telling(facts) as prober:
        await prober.apply(settings_for(platform, SIGNALLING, BEAT))
        await facts.until(lambda: beats(facts))
        monkeypatch.delenv("TOKEN")
        with pytest.raises(Unready, match="TOKEN"):
            await prober.apply(settings_for(platform, SIGNALLING))
        facts.seen.clear()
        await facts.until(lambda: beats(facts) > 1)
        assert ups(facts) == []


async def test_a_new_site_is_on_every_fact(platform: RunningSimulator, facts: Facts) -> None:
    async with prober_telling(facts) as prober:
        await prober.apply(settings_for(platform, BEAT))
        await facts.until(lambda: beats(facts))
        await prober.apply(settings_for(platform, BEAT, site="there"))
        await facts.until(lambda: {fact.site for fact in facts.seen[-3:]} == {"there"} and facts.of(OwnLagObserved))
        facts.seen.clear()
        await facts.until(lambda: beats(facts) and facts.of(OwnLagObserved))
        assert {fact.site for fact in facts.seen} == {"there"}


async def test_one_run_on_demand(platform: RunningSimulator, facts: Facts) -> None:
    async with prober_telling(facts) as prober:
        await prober.apply(settings_for(platform, SIGNALLING, BEAT))
        await facts.until(lambda: beats(facts))
        result = await prober.probe_now("heartbeat-1", "heartbeat")
        assert result.success
        assert result.phases[0].name == "ping"
        for target, module in (("heartbeat-1", "api"), ("nobody", "heartbeat")):
            with pytest.raises(Unready, match=f"no probe '{target}' of kind '{module}'"):
                await prober.probe_now(target, module)


async def test_without_a_platform_every_slot_is_still_told(platform: RunningSimulator, facts: Facts) -> None:
    settings = settings_for(platform, BEAT)
    await platform.close()
    async with prober_telling(facts) as prober:
        await prober.apply(settings)
        await facts.until(lambda: len(facts.of(HeartbeatObserved)) > 2)
    assert {fact.outcome for fact in facts.of(HeartbeatObserved)} == {"not_connected"}
    assert all(fact.rtt_s is None for fact in facts.of(HeartbeatObserved))
