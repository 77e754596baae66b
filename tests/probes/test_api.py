"""Service credentials and the API probe against the real simulator: one fact a request, whatever came back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from measured import Facts, context_of, control, environment, settings_for, simulator

from monitor.facts.failures import Reason, failure
from monitor.facts.observations import ApiObserved, ConnectionChanged, HeartbeatObserved, PhaseObserved, TokenObserved
from monitor.probes.link import Link
from monitor.probes.service import SERVICE, ServicePlan, ServiceSession
from monitor.probes.table import Needs, make_probe, session_plans
from monitor.simulator.server import RunningSimulator

API: dict[str, Any] = {"kind": "api", "timeout": "5s"}
BEAT: dict[str, Any] = {"kind": "heartbeat", "channel": "notification", "timeout": "5s"}


@pytest.fixture
async def platform() -> AsyncIterator[RunningSimulator]:
    async with simulator() as running:
        yield running


@pytest.fixture
def facts() -> Facts:
    return Facts()


def session_for(platform: RunningSimulator, facts: Facts, *probes: dict[str, Any]) -> ServiceSession:
    plan = session_plans(settings_for(platform, *probes), environment(platform))[SERVICE]
    assert isinstance(plan, ServicePlan)
    return ServiceSession(plan, context_of(facts))


def probe_for(platform: RunningSimulator, facts: Facts, session: ServiceSession, settings: dict[str, Any]) -> Any:
    needs = Needs(context_of(facts), [Link("shard0")], service=session)
    return make_probe(settings_for(platform, settings).probes[0], needs)


async def test_one_request_is_one_fact_under_the_probes_name(platform: RunningSimulator, facts: Facts) -> None:
    session = session_for(platform, facts, API)
    probe = probe_for(platform, facts, session, API)
    [fact] = await probe.run()
    assert (fact.probe, fact.operation, fact.status, fact.failure) == ("api-1", "organizations_me", "200", None)
    assert fact.seconds > 0
    assert fact.correlation_id
    token = facts.of(ApiObserved)  # what the session tells beside it
    assert [(told.probe, told.operation, told.status) for told in token] == [(SERVICE, "token", "200")]
    await probe.close()
    await session.close()
    await session.close()


async def test_too_many_requests_are_a_value(platform: RunningSimulator, facts: Facts) -> None:
    session = session_for(platform, facts, API)
    probe = probe_for(platform, facts, session, API)
    await control(platform, "fail?match=organizations/me&status=429&times=1&retry_after=42")
    [limited] = await probe.run()
    assert (limited.status, limited.retry_after_s, limited.failure.reason) == ("429", 42.0, Reason.RATE_LIMITED)
    [again] = await probe.run()
    assert again.status == "200"
    await probe.close()
    await session.close()


async def test_a_platform_that_is_away_is_a_value(platform: RunningSimulator, facts: Facts) -> None:
    session = session_for(platform, facts, API)
    probe = probe_for(platform, facts, session, API)
    await platform.close()
    [fact] = await probe.run()
    assert (fact.status, fact.seconds) == ("refused", None)
    [cancelled] = probe.failed(failure("api", Reason.TIMEOUT))
    assert (cancelled.operation, cancelled.status, cancelled.seconds) == ("organizations_me", "timeout", None)
    await probe.close()
    await session.close()


async def test_the_notification_channel_is_pinged_and_counts_as_no_softphone(
    platform: RunningSimulator, facts: Facts
) -> None:
    session = session_for(platform, facts, BEAT)
    probe = probe_for(platform, facts, session, BEAT)
    [down] = await probe.run()
    assert (down.outcome, down.rtt_s) == ("not_connected", None)
    up = asyncio.Event()
    session.subscribe(lambda event: up.set())
    task = asyncio.create_task(session.run())
    await facts.until(lambda: any(fact.phase == "upgrade" for fact in facts.of(PhaseObserved)))
    fact: HeartbeatObserved = down
    while fact.outcome == "not_connected":
        [fact] = await probe.run()
        await asyncio.sleep(0)
    assert (fact.channel, fact.outcome, fact.agent) == ("notification", "ok", "")
    assert fact.rtt_s is not None
    assert up.is_set()
    assert facts.of(ConnectionChanged) == []
    tokens = facts.of(TokenObserved)
    assert {fact.token for fact in tokens} == {SERVICE}
    assert all(told.expires_wall_s is not None and told.expires_wall_s > told.issued_wall_s for told in tokens)
    await probe.close()
    await session.close()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_refused_credentials_are_told_once_and_without_the_secret(
    platform: RunningSimulator, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    plans = session_plans(settings_for(platform, BEAT), environment(platform) | {"CLIENT_SECRET": "wr0ng-secret"})
    plan = plans[SERVICE]
    assert isinstance(plan, ServicePlan)
    session = ServiceSession(plan, context_of(facts))
    given_up = asyncio.Event()
    session.subscribe(lambda event: given_up.set() if session.gave_up else None)
    task = asyncio.create_task(session.run())
    await given_up.wait()
    await session.close()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert "service: gave up: auth" in caplog.text
    assert "wr0ng-secret" not in caplog.text + repr(facts.seen)
