"""One live block: a simulator of its own as a process, the real monitor measuring it, the real driver publishing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from monitor.analysis.experiment.arm_report import Outcome
from monitor.app import App
from monitor.commands.block_values import of_facts
from monitor.commands.embedded import start_simulator
from monitor.commands.experiment_publish import BlockPublish, Published
from monitor.commands.publish_target import target_of_simulator
from monitor.commands.rehearsal import PROBE_EVERY_S
from monitor.config.model import Settings
from monitor.facts.clock import Clock, SystemClock
from monitor.outputs.journal import Journal
from monitor.publish.client import MarkerClient
from monitor.publish.plan.model import Plan, Step

AGENT = "synthetic-1"
POLL_S = 0.5
READY_S = 30.0
COMMIT_S = 0.5  # the journal commits at the latest after a quarter of a second


class LiveError(Exception):
    """A live block cannot be run; the message is one line for the user."""


@dataclass(slots=True)
class AgentsWatch:
    """Asks the simulator how its own agents fare, as their softphones are no process to ask.

    drops: connections that they lost since the watch began. offline_s: seconds without one, summed over agents.
    backlog_s: the largest signalling backlog seen.
    """

    control: str
    transport: httpx.AsyncBaseTransport | None = None
    poll_s: float = POLL_S
    drops: int = 0
    offline_s: float = 0.0
    backlog_s: float = 0.0

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        clock = SystemClock()
        before: int | None = None
        looked_mono_s = clock.mono_s()
        async with httpx.AsyncClient(trust_env=False, timeout=10.0, transport=self.transport) as http:
            while True:
                state = await self._state(http)
                now_mono_s = clock.mono_s()
                count = sum(state["agent_drops"].values())
                before = count if before is None else before
                self.drops = count - before
                self.offline_s += state["agents"]["reconnecting"] * (now_mono_s - looked_mono_s)
                self.backlog_s = max(self.backlog_s, state["backlog"]["signalling_seconds"])
                looked_mono_s = now_mono_s
                await asyncio.sleep(self.poll_s)

    async def _state(self, http: httpx.AsyncClient) -> dict[str, Any]:
        reply = await http.post(f"{self.control}/state")
        reply.raise_for_status()
        state: dict[str, Any] = reply.json()
        return state


async def live_block(plan: Plan, step: Step, ledger: Path, run_id: str) -> Outcome:
    """Run one live block. Raises LiveError, SimulatorError, DriverError, and what starting a monitor raises."""
    assert plan.scenario is not None
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="softphone-experiment-")))
        simulator = await start_simulator(plan.scenario, step.seed or 0, stack)
        app = App(settings_for(simulator, folder, plan.publish.job))
        stack.push_async_callback(app.stop)
        await app.start()
        assert app.journal is not None
        await _first_measurements(app.journal)
        async with watched_agents(simulator["control"]) as watch:
            markers = MarkerClient(app.url, spool=folder)  # the user's own spool holds markers of a real monitor
            published = await _publish(plan, step, simulator, markers, ledger, run_id, clock)
            await asyncio.sleep(plan.tail_s)
        await asyncio.sleep(COMMIT_S)
        window_wall_s = published.end_wall_s + plan.tail_s
        facts = app.journal.facts(since_wall_s=published.start_wall_s)
        seen = of_facts(facts, published.start_wall_s, window_wall_s)
    seen.drops += watch.drops
    seen.offline_s += watch.offline_s
    values = {**published.values, **seen.values(), "backlog_s": watch.backlog_s}
    return Outcome(step.block, step.replicate, step.mode, step.arm, published.outcome, values, published.note)


async def _publish(
    plan: Plan, step: Step, simulator: dict[str, Any], markers: MarkerClient, ledger: Path, run_id: str, clock: Clock
) -> Published:
    """What the block's arm does: publish, or let time pass."""
    arm = plan.arm(step.arm)
    start_wall_s = clock.wall_s()
    if not arm.publishes:
        await asyncio.sleep(plan.none_s)
        return Published("ok", {}, start_wall_s, clock.wall_s())
    spec = arm.job(simulator["business_unit"], simulator["week"], simulator["schedule"], plan.publish.writes)
    account = target_of_simulator(simulator).account
    seed, job = step.seed or 0, plan.publish.job
    return await BlockPublish(spec, arm.strategy(), seed, job, run_id, account, markers, ledger, clock).run()


@asynccontextmanager
async def watched_agents(control: str) -> AsyncIterator[AgentsWatch]:
    """An AgentsWatch that runs inside the block. Raises LiveError when the simulator does not answer it."""
    watch = AgentsWatch(control)
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()
        (ended,) = await asyncio.gather(running, return_exceptions=True)
    if not isinstance(ended, asyncio.CancelledError):
        raise LiveError(f"the simulator could not be asked how its agents fare: {ended!r}")


def settings_for(simulator: dict[str, Any], folder: Path, job: str) -> Settings:
    """A monitor that measures the simulator as often as a block of a minute or two needs, and no more.

    It loads the platform as well: an `api` probe every 5 s alone, on a platform where each REST call leaves seven times
    its work in signalling, was seen to make a burst drop a tenth more agents.
    """
    os.environ.update(
        EXPERIMENT_CLIENT_ID=simulator["client_id"],
        EXPERIMENT_CLIENT_SECRET=simulator["client_secret"],
        EXPERIMENT_USER_TOKEN=simulator["user_token"],
    )
    return Settings.model_validate(
        {
            "site": "experiment",
            "genesys": {
                "rest": simulator["rest"],
                "login": simulator["rest"],
                "streaming": simulator["ws"],
                "client": {"id_env": "EXPERIMENT_CLIENT_ID", "secret_env": "EXPERIMENT_CLIENT_SECRET"},
                "agents": [{"name": AGENT, "token_env": "EXPERIMENT_USER_TOKEN"}],
            },
            "probes": [
                {"kind": "heartbeat", "channel": "xmpp", "agent": AGENT, "interval": "1s", "timeout": "15s"},
                {"kind": "signalling", "agent": AGENT, "interval": f"{PROBE_EVERY_S:g}s", "timeout": "15s"},
                {"kind": "gathering", "agent": AGENT, "interval": "5s", "timeout": "5s"},
            ],
            "publish": [{"name": job}],
            "exporter": {"listen": "127.0.0.1:0"},
            "journal": {"path": str(folder / "experiment.db")},
        }
    )


async def _first_measurements(journal: Journal) -> None:
    """Wait until pings and ICE-server fetches have been measured once, so that every block starts alike."""
    wanted = {"heartbeat", "phase"}
    try:
        async with asyncio.timeout(READY_S):
            while not wanted <= {fact.kind for fact in journal.facts(kinds=wanted)}:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise LiveError(f"the monitor measured nothing on the simulator within {READY_S:.0f} s") from None
