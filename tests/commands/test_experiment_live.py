"""One live block with everything real: simulator process, monitor, driver, journal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from monitor.commands.experiment_live import AgentsWatch, LiveError, live_block, watched_agents
from monitor.publish.plan.draw import simulated_steps
from monitor.publish.plan.model import Plan, read_arm

SCENARIO = """
name: small
description: a platform with room to spare
expected: {publish_harms_softphones: false, cause: none}
agents: 6
rest: {capacity: 2000.0, base_s: 0.002, jitter_s: 0.0}
signalling: {capacity: 2000.0, base_s: 0.002, jitter_s: 0.0}
publish_s: 0.1
"""


async def test_a_live_block_is_measured_by_the_real_monitor(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SCENARIO)
    arms = ("none", "batch")
    plan = Plan(
        plan=1,
        name="live",
        platform="simulated",
        scenario=str(tmp_path / "small.yaml"),
        seed=1,
        reference="none",
        tail_s=1.0,
        arms=tuple(read_arm(text) for text in arms),
        blocks=simulated_steps(1, arms, 0, 1),
    )
    step = next(step for step in plan.blocks if step.arm == "batch")
    found = await live_block(plan, step, tmp_path / "ledger.jsonl", "live-block-1")
    assert (found.state, found.mode, found.arm) == ("ok", "live", "batch")
    assert found.values["failed_writes"] == 0
    assert found.values["calls"] >= 5
    assert found.values["ping_p95_s"] > 0
    assert found.values["drops"] == 0
    assert {"ice_timeouts", "offline_s", "backlog_s", "stalled_s"} <= set(found.values)
    assert '"outcome": "ok"' in (tmp_path / "ledger.jsonl").read_text()


class StateOnly(httpx.AsyncBaseTransport):
    """A control API whose agents lose a connection with every look."""

    def __init__(self) -> None:
        self.looks = 0
        self.enough = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The state."""
        self.looks += 1
        if self.looks == 4:
            self.enough.set()
        state = {
            "agents": {"connected": 4, "reconnecting": 2},
            "agent_drops": {"ping_timeout": 10 + self.looks, "closed": 5},
            "backlog": {"rest_seconds": 0.0, "signalling_seconds": 7.0 / self.looks},
        }
        return httpx.Response(200, json=state)


async def test_drops_are_counted_from_the_first_look_on() -> None:
    transport = StateOnly()
    watch = AgentsWatch("http://simulator/control", transport, poll_s=0.0)
    running = asyncio.create_task(watch.run())
    await transport.enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert watch.drops in (2, 3)  # whether the fourth look is over by now
    assert watch.backlog_s == 7.0
    assert watch.offline_s >= 0


async def test_a_simulator_that_cannot_be_asked_ends_the_block() -> None:
    with pytest.raises(LiveError, match="could not be asked how its agents fare"):
        async with watched_agents("http://127.0.0.1:9/control"):
            await asyncio.sleep(0.3)
