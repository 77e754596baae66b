"""The fleet with its real processes: they start, outlive each other as promised, and never outlive us."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest
from measured import AGENT, Facts, environment, settings_for, simulator

from monitor.config.model import Settings
from monitor.facts.clock import SystemClock
from monitor.facts.ice import Signature
from monitor.facts.observations import (
    ConnectionChanged,
    FactsDropped,
    GatheringObserved,
    HeartbeatObserved,
    OwnLagObserved,
    ProcessEnded,
)
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.probes import restarts as module
from monitor.probes.fleet import PROBER, Fleet, FleetError

SHARD = "shard0"
PARENT = """
import asyncio
from monitor.config.model import Settings
from monitor.facts.clock import SystemClock
from monitor.probes.fleet import Fleet

async def main():
    fleet = Fleet(Settings(), lambda fact: None, SystemClock())
    await fleet.start()
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
async def fleet(facts: Facts) -> AsyncIterator[Fleet]:
    fleet = Fleet(Settings(site="here"), facts.take, SystemClock())
    await fleet.start()
    yield fleet
    await fleet.stop()


def gone(pid: int | None) -> bool:
    """True when there is no such process."""
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def told_by(facts: Facts, process: str) -> list[OwnLagObserved]:
    return [fact for fact in facts.of(OwnLagObserved) if fact.process == process]


def ended(facts: Facts) -> list[tuple[str, int]]:
    return [(fact.process, fact.exit_status) for fact in facts.of(ProcessEnded)]


async def test_both_run_and_stop_when_told(fleet: Fleet, facts: Facts) -> None:
    assert fleet.ready
    pids = fleet.pid(PROBER), fleet.pid(SHARD)
    await facts.until(lambda: told_by(facts, PROBER))
    assert {fact.site for fact in facts.seen} == {"here"}
    await asyncio.gather(fleet.stop(), fleet.stop())
    await fleet.stop()
    assert not fleet.ready
    assert all(gone(pid) for pid in pids)
    assert ended(facts) == []  # a wish is no unexpected end


async def test_the_prober_outlives_a_shard(fleet: Fleet, facts: Facts) -> None:
    prober, shard = fleet.pid(PROBER), fleet.pid(SHARD)
    assert shard is not None
    os.kill(shard, signal.SIGKILL)
    await facts.until(lambda: ended(facts) and fleet.pid(SHARD) not in (None, shard))
    assert ended(facts) == [(SHARD, -signal.SIGKILL)]
    facts.seen.clear()
    await facts.until(lambda: told_by(facts, PROBER))
    assert fleet.pid(PROBER) == prober
    assert fleet.ready


async def test_a_shard_that_dies_leaves_the_others_alone_and_counts_on(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(Settings.model_validate({"site": "here", "fleet": {"shards": 3}}), facts.take, SystemClock())
    metrics = Metrics("here", MetricsOptions(), SystemClock())
    await fleet.start()
    try:
        for _ in range(2):
            others, victim = [fleet.pid(name) for name in (PROBER, SHARD, "shard2")], fleet.pid("shard1")
            assert victim is not None
            before = len(ended(facts))
            os.kill(victim, signal.SIGKILL)
            await facts.until(lambda before=before: len(ended(facts)) > before)  # type: ignore[misc]
            while fleet.pid("shard1") is None:  # noqa: ASYNC110 - its start is no fact
                await asyncio.sleep(0.01)
            assert fleet.pid("shard1") != victim
            assert [fleet.pid(name) for name in (PROBER, SHARD, "shard2")] == others
    finally:
        await fleet.stop()
    assert ended(facts) == [("shard1", -signal.SIGKILL)] * 2
    for fact in facts.seen:
        metrics.observe(fact)
    shown = metrics.render("text/plain")[0].decode()
    assert 'softphone_monitor_processes_ended_total{process="shard1"} 2.0' in shown.splitlines()


async def test_a_prober_that_lives_and_does_nothing_is_killed_and_replaced(
    fleet: Fleet, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.probes.fleet.STUCK_S", 3.0)
    await facts.until(lambda: told_by(facts, PROBER))
    prober = fleet.pid(PROBER)
    assert prober is not None
    os.kill(prober, signal.SIGSTOP)
    await facts.until(lambda: ended(facts))
    assert ended(facts) == [(PROBER, -signal.SIGKILL)]
    facts.seen.clear()
    await facts.until(lambda: told_by(facts, PROBER) and fleet.ready)
    assert gone(prober)


async def test_a_dead_prober_is_replaced_together_with_its_shard(fleet: Fleet, facts: Facts) -> None:
    prober, shard = fleet.pid(PROBER), fleet.pid(SHARD)
    assert prober is not None
    os.kill(prober, signal.SIGKILL)
    await facts.until(lambda: ended(facts))
    assert ended(facts) == [(PROBER, -signal.SIGKILL)]  # that the shard goes with it is our wish
    assert not fleet.ready
    facts.seen.clear()
    await facts.until(lambda: told_by(facts, PROBER) and fleet.ready)
    assert None not in (fleet.pid(PROBER), fleet.pid(SHARD))
    assert gone(prober)
    assert gone(shard)


async def test_who_ends_while_another_is_being_replaced_is_told_at_once(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 1000.0)
    fleet = Fleet(Settings(site="here"), facts.take, SystemClock())
    await fleet.start()
    try:
        for process in (SHARD, PROBER):
            pid = fleet.pid(process)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await facts.until(lambda told=process: told in [name for name, _ in ended(facts)])  # type: ignore[misc]
        assert not fleet.ready
    finally:
        await fleet.stop()


async def test_unknown_probes_and_bad_reloads_are_refused_in_plain_words(fleet: Fleet) -> None:
    with pytest.raises(FleetError) as caught:
        await fleet.probe_now("nobody", "api")
    assert caught.value.problems == ["no probe 'nobody' of kind 'api' is configured"]
    with pytest.raises(FleetError, match="MONITOR_TEST_NOT_SET"):
        await fleet.reload(without_credentials())
    await fleet.reload(Settings(site="there"))
    assert fleet.ready


async def test_missing_credentials_are_told_and_nothing_is_left_running(facts: Facts) -> None:
    fleet = Fleet(without_credentials(), facts.take, SystemClock())
    with pytest.raises(FleetError) as caught:
        await fleet.start()
    assert len(caught.value.problems) == 2
    assert not fleet.ready
    assert (fleet.pid(PROBER), fleet.pid(SHARD)) == (None, None)


@pytest.mark.parametrize("turns", [1, 3, 10, 30])
async def test_a_start_that_is_cancelled_leaves_nothing_running(facts: Facts, turns: int) -> None:
    fleet = Fleet(Settings(), facts.take, SystemClock())
    starting = asyncio.create_task(fleet.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (fleet.pid(PROBER), fleet.pid(SHARD)) == (None, None)


async def test_a_fact_that_cannot_be_read_is_counted(facts: Facts) -> None:
    fleet = Fleet(Settings(site="here"), facts.take, SystemClock())
    await fleet._fact({"kind": "heartbeat", "rtt_s": "soon"})
    [fact] = facts.seen
    assert isinstance(fact, FactsDropped)
    assert fact.count == 1


async def test_children_end_when_we_are_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    assert await parent.stdout.readline() == b"started\n"
    parent.kill()
    assert await parent.stderr.read() == b""  # ends when the last of the three has, none of them with a complaint
    await parent.wait()


async def test_a_heartbeat_goes_on_while_the_shard_is_replaced(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = {"kind": "heartbeat", "channel": "websocket", "agent": AGENT, "interval": "200ms", "timeout": "150ms"}
    gathering = {"kind": "gathering", "agent": AGENT, "interval": "1s", "timeout": "900ms"}
    async with simulator() as platform:
        for name, value in environment(platform).items():
            monkeypatch.setenv(name, value)
        fleet = Fleet(settings_for(platform, beat, gathering), facts.take, SystemClock())
        await fleet.start()
        try:
            await facts.until(lambda: answered(facts) > 2 and gathered(facts))
            result = await fleet.probe_now("gathering-1", "gathering")
            assert result.success, result.log
            shard = fleet.pid(SHARD)
            assert shard is not None
            os.kill(shard, signal.SIGKILL)
            await facts.until(lambda: ended(facts))
            before = answered(facts)
            facts.seen = facts.of(HeartbeatObserved) + facts.of(ConnectionChanged)
            await facts.until(lambda: answered(facts) > before + 2 and gathered(facts))  # by the new shard
            assert [fact.connected for fact in facts.of(ConnectionChanged)] == [False, True]
        finally:
            await fleet.stop()


def answered(facts: Facts) -> int:
    return sum(fact.outcome == "ok" for fact in facts.of(HeartbeatObserved))


def gathered(facts: Facts) -> bool:
    return any(fact.signature is not Signature.ERROR for fact in facts.of(GatheringObserved))


def without_credentials() -> Settings:
    return Settings.model_validate(
        {
            "genesys": {
                "region": "us-east-1",
                "client": {"id_env": "MONITOR_TEST_NOT_SET", "secret_env": "MONITOR_TEST_NOT_SET_EITHER"},
            },
            "probes": [{"kind": "api"}],
        }
    )
