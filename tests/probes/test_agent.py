"""An agent's session against the real simulator: what happens to it becomes facts, whoever else is looking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from measured import AGENT, Facts, context_of, control, environment, settings_for, simulator

from monitor.facts.failures import Reason
from monitor.facts.observations import (
    ApiObserved,
    ConnectionChanged,
    Disconnected,
    PhaseObserved,
    TokenObserved,
)
from monitor.genesys.events import Event, GaveUp
from monitor.probes.agent import AgentPlan, AgentSession
from monitor.probes.link import Link
from monitor.probes.table import Needs, make_probe, session_plans
from monitor.probes.turnstile import SET_UP, Turnstile
from monitor.simulator.server import RunningSimulator

SIGNALLING = {"kind": "signalling", "agent": AGENT, "timeout": "5s"}


@pytest.fixture
async def platform() -> AsyncIterator[RunningSimulator]:
    async with simulator() as running:
        yield running


@pytest.fixture
def facts() -> Facts:
    return Facts()


def plan_for(platform: RunningSimulator) -> AgentPlan:
    plan = session_plans(settings_for(platform, SIGNALLING), environment(platform))[AGENT]
    assert isinstance(plan, AgentPlan)
    return plan


@asynccontextmanager
async def running(plan: AgentPlan, facts: Facts) -> AsyncIterator[AgentSession]:
    session = AgentSession(plan, context_of(facts))
    task = asyncio.create_task(session.run())
    try:
        yield session
    finally:
        await session.close()
        await session.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def ups(facts: Facts) -> list[bool]:
    return [fact.connected for fact in facts.of(ConnectionChanged)]


async def test_a_session_waits_for_its_turn_to_open_and_gives_it_back_once_it_is_up(
    platform: RunningSimulator, facts: Facts
) -> None:
    context = context_of(facts)
    opening = Turnstile(context.clock, turn_s=1000.0)
    taken = await opening.turn(SET_UP)
    session = AgentSession(plan_for(platform), context, opening)
    task = asyncio.create_task(session.run())
    await facts.until(lambda: ups(facts) == [False])
    await asyncio.sleep(0.05)
    assert facts.of(PhaseObserved) == []
    waited_from_mono_s = context.clock.mono_s()
    taken.over()
    await facts.until(lambda: True in ups(facts))
    async with asyncio.timeout(5.0):
        await opening.turn(SET_UP)
    connected = next(fact for fact in facts.of(ConnectionChanged) if fact.connected)
    assert connected.seconds is None or connected.seconds <= context.clock.mono_s() - waited_from_mono_s
    await session.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_coming_up_is_told_phase_by_phase(platform: RunningSimulator, facts: Facts) -> None:
    async with running(plan_for(platform), facts) as session:
        await facts.until(lambda: True in ups(facts))
        assert session.connected
        assert session.ice_servers
        assert not session.relay_only
    phases = {fact.phase: fact for fact in facts.of(PhaseObserved)}
    assert {"channel_create", "tcp", "upgrade", "sasl", "bind", "ice_servers"} <= phases.keys()
    assert all(fact.seconds is not None and fact.failure is None for fact in phases.values())
    assert {(fact.site, fact.probe, fact.agent) for fact in phases.values()} == {("here", AGENT, AGENT)}
    assert {(fact.operation, fact.status) for fact in facts.of(ApiObserved)} >= {("channel_create", "200")}
    assert [fact.token for fact in facts.of(TokenObserved)] == [AGENT]
    assert ups(facts) == [False, True, False]  # expected, up, and left by our own wish
    assert facts.of(Disconnected) == []
    assert (await control(platform, "state"))["sessions"] == []


async def test_a_drop_is_an_interval_and_the_session_comes_back(platform: RunningSimulator, facts: Facts) -> None:
    async with running(plan_for(platform), facts):
        await facts.until(lambda: True in ups(facts))
        await control(platform, "drop?code=1001")
        await facts.until(lambda: ups(facts).count(True) == 2)
    [drop] = facts.of(Disconnected)
    assert (drop.reason, drop.code, drop.agent) == ("closed", 1001, AGENT)
    assert drop.last_good_wall_s <= drop.noticed_wall_s
    back = facts.of(ConnectionChanged)[3]
    assert (back.connected, back.reconnect) == (True, "soft")
    assert back.seconds is not None


async def test_a_refused_token_is_given_up_as_the_softphone_does(
    platform: RunningSimulator, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(replace(plan_for(platform), token="not-a-token"), facts) as session:
        given_up = asyncio.Event()
        session.subscribe(lambda event: given_up.set() if isinstance(event, GaveUp) else None)
        await given_up.wait()
        assert session.gave_up
        assert not session.connected
    assert "401" in {fact.status for fact in facts.of(ApiObserved)}
    assert ups(facts) == [False]
    assert "gave up: auth" in caplog.text
    assert "not-a-token" not in caplog.text + repr(facts.seen)


async def test_probes_share_the_one_session(platform: RunningSimulator, facts: Facts) -> None:
    probes = settings_for(
        platform,
        SIGNALLING,
        {"kind": "heartbeat", "channel": "xmpp", "agent": AGENT},
        {"kind": "heartbeat", "channel": "websocket", "agent": AGENT},
    ).probes
    heard: list[Event] = []
    async with running(plan_for(platform), facts) as session:
        needs = Needs(context_of(facts), [Link("shard0")], {AGENT: session})
        signalling, xmpp, websocket = (make_probe(settings, needs) for settings in probes)
        session.subscribe(heard.append)
        [down] = await signalling.run()
        assert isinstance(down, PhaseObserved)
        assert down.failure is not None
        assert down.failure.reason is Reason.NOT_CONNECTED
        await facts.until(lambda: True in ups(facts))
        told = len(facts.of(PhaseObserved))
        for probe in (signalling, xmpp, websocket):
            [fact] = await probe.run()
            assert fact.measured_s() is not None, fact
            await probe.close()
        assert len(facts.of(PhaseObserved)) == told  # the fetch is the probe's fact alone, not the session's as well
        assert len((await control(platform, "state"))["sessions"]) == 1
    assert heard
