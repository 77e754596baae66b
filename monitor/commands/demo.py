"""`demo`: simulator, monitor and a live randomised experiment in two minutes, then the verdict; nothing is canned."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from monitor.analysis.experiment.blocks import Block, Drop, Sample, Timeout
from monitor.analysis.experiment.randomised import LAG_SIGNAL, PRIMARY_SIGNALS, ExperimentResult, Rules, judge
from monitor.app import App
from monitor.commands.demo_browser import open_page
from monitor.commands.demo_report import leave_report
from monitor.commands.demo_text import Progress, outcome_json, say, say_blocks, say_verdict
from monitor.commands.embedded import SimulatorError, start_simulator
from monitor.config.model import Settings
from monitor.facts.clock import SystemClock
from monitor.facts.failures import Failure, Reason
from monitor.facts.observations import Disconnected, HeartbeatObserved, Observation, OwnLagObserved, PhaseObserved
from monitor.genesys.auth import ClientCredentials, StaticToken
from monitor.genesys.exchange import make_http
from monitor.genesys.regions import Endpoints, for_urls
from monitor.genesys.rest import Rest
from monitor.publish.client import MarkerClient
from monitor.publish.load import LoadResult, apply_load
from monitor.publish.plan.blocks import PUBLISH, PlannedBlock, plan
from monitor.simulator.world.scenario import ScenarioError, load_scenario

OK, FAILED, USAGE = 0, 1, 2
JOB = "demo-publish"
JOURNAL = "demo.db"
SECONDS_PER_BLOCK = 10
MOST_BLOCKS, FEWEST_BLOCKS = 16, 8
LOAD_SHARE = 0.55  # of a block; the rest is wash-out
CALLS_PER_S = 7.0  # more than the shared backend of publish_saturates_signalling bears, and drained in the wash-out
WS_RTT, ICE_SERVERS = PRIMARY_SIGNALS
GIVE_UP_S = {WS_RTT: 5, ICE_SERVERS: 10}


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line said. port 0 picks a free one; json_file gets the result as well.

    browser: open the live page where somebody would see it.
    """

    scenario: str
    seconds: int
    seed: int
    port: int
    json_file: Path | None
    browser: bool = True


class DemoError(Exception):
    """The demo cannot go on; the message is one line for the user."""


def run_demo(options: DemoOptions) -> int:
    """Run it all. 0 also when Ctrl-C ended it early; 1 when it could not run; 2 for an unknown scenario."""
    try:
        load_scenario(options.scenario)
    except ScenarioError as error:
        print(f"demo: {error}", file=sys.stderr)
        return USAGE
    if options.json_file is not None and not _can_write(options.json_file):
        print(f"demo: {options.json_file}: cannot be written", file=sys.stderr)
        return USAGE
    try:
        asyncio.run(_demo(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("Stopped before the verdict.")
    except (DemoError, SimulatorError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return FAILED
    return OK


def _can_write(file: Path) -> bool:
    """Whether a file may be written: asked before the experiment, as nobody wants to hear it after two minutes."""
    return not file.is_dir() and os.access(file if file.exists() else file.parent, os.W_OK)


async def _demo(options: DemoOptions) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="softphone-demo-")))
        say(f"Starting the simulator (scenario {options.scenario}); everything measured here is SIMULATED.")
        simulator = await start_simulator(options.scenario, options.seed, stack)
        app = App(settings_for(simulator, options, folder))
        stack.push_async_callback(app.stop)
        await app.start()
        say(f"Watch it live: {app.url}/ (metrics: {app.url}/metrics)")
        if options.browser:
            open_page(f"{app.url}/")
        await _first_measurements(app)
        await _place_call(simulator)
        markers = MarkerClient(app.url, spool=folder)  # the user's own spool holds markers of a real monitor
        blocks, loads = await _experiment(options, simulator, markers)
        await asyncio.sleep(0.5)  # the journal commits at the latest after a quarter of a second
        assert app.journal is not None
        result = explain(app.journal.facts(since_wall_s=blocks[0].start_wall_s), blocks, options.seed)
        report = await asyncio.to_thread(
            leave_report,
            result,
            loads,
            folder / JOURNAL,
            scenario=options.scenario,
            seed=options.seed,
            made_s=SystemClock().wall_s(),
        )
        say_blocks(result, loads)
        say_verdict(result, options.scenario, report)
        if options.json_file is not None:
            options.json_file.write_text(
                json.dumps(outcome_json(result, options.scenario, options.seed), indent=2) + "\n"
            )


def settings_for(simulator: dict[str, Any], options: DemoOptions, folder: Path) -> Settings:
    """A monitor that measures the simulator often enough for blocks of some seconds."""
    os.environ.update(
        DEMO_CLIENT_ID=simulator["client_id"],
        DEMO_CLIENT_SECRET=simulator["client_secret"],
        DEMO_USER_TOKEN=simulator["user_token"],
    )
    agent = "synthetic-1"
    often = {"interval": "250ms", "timeout": f"{GIVE_UP_S[WS_RTT]}s"}
    return Settings.model_validate(
        {
            "site": "demo",
            "genesys": {
                "rest": simulator["rest"],
                "login": simulator["rest"],
                "streaming": simulator["ws"],
                "client": {"id_env": "DEMO_CLIENT_ID", "secret_env": "DEMO_CLIENT_SECRET"},
                "agents": [{"name": agent, "token_env": "DEMO_USER_TOKEN"}],
            },
            "probes": [
                {"kind": "heartbeat", "channel": "xmpp", "agent": agent, **often},
                {"kind": "heartbeat", "channel": "notification", **often},
                {"kind": "heartbeat", "channel": "websocket", "agent": agent, **often},
                {"kind": "signalling", "agent": agent, "interval": "500ms", "timeout": f"{GIVE_UP_S[ICE_SERVERS]}s"},
                {"kind": "gathering", "agent": agent, "interval": "5s", "timeout": "5s"},
                {"kind": "call", "agent": agent, "answer": "any"},
                {"kind": "api", "interval": "5s", "timeout": "10s"},
            ],
            "publish": [{"name": JOB}],
            "exporter": {"listen": f"127.0.0.1:{options.port}"},
            "journal": {"path": str(folder / JOURNAL)},
        }
    )


async def _first_measurements(app: App) -> None:
    """Wait until every signal has been measured once, so that the first block is like the others."""
    assert app.journal is not None
    for _ in range(60):
        await asyncio.sleep(0.5)
        seen = {signal for fact in app.journal.facts() if (signal := signal_of(fact))}
        if seen == set(PRIMARY_SIGNALS):
            return
    raise DemoError("the monitor measured nothing on the simulator within 30 s")


async def _place_call(simulator: dict[str, Any]) -> None:
    """Have the platform call the synthetic softphone, so that media is measured while the platform is loaded."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        reply = await http.post(f"{simulator['control']}/propose", params={"sdp": "true", "autoanswer": "true"})
        reply.raise_for_status()


async def _experiment(
    options: DemoOptions, simulator: dict[str, Any], markers: MarkerClient
) -> tuple[list[Block], dict[int, LoadResult]]:
    """Run every block at its time: load or nothing, as drawn; what was done when."""
    count = min(MOST_BLOCKS, max(FEWEST_BLOCKS, options.seconds // SECONDS_PER_BLOCK // 2 * 2))
    length_s = options.seconds / count
    table = plan(options.seed, count, length_s * LOAD_SHARE, length_s * (1 - LOAD_SHARE))
    say(
        f"Experiment: {count} blocks of {length_s:.0f} s ({table[0].load_s:.1f} s measured, the rest wash-out); "
        f"seed {options.seed} drew which half gets {CALLS_PER_S:.0f} API calls a second."
    )
    clock = SystemClock()
    endpoints = for_urls(simulator["rest"], simulator["rest"], simulator["ws"])
    agents = await agents_of(simulator, endpoints)
    start_mono_s = clock.mono_s()
    blocks: list[Block] = []
    loads: dict[int, LoadResult] = {}
    with Progress(len(table)) as progress:
        for planned in table:
            await asyncio.sleep(start_mono_s + planned.start_s - clock.mono_s())
            progress.block(planned)
            started_wall_s = clock.wall_s()
            if planned.arm == PUBLISH:
                loads[planned.index + 1] = await _publish_block(planned, options, markers, simulator, endpoints, agents)
            else:
                await asyncio.sleep(planned.load_s)
            blocks.append(Block(planned.index + 1, planned.arm, started_wall_s, started_wall_s + planned.load_s))
            progress.done()
        await asyncio.sleep(start_mono_s + options.seconds - clock.mono_s())
    return blocks, loads


async def _publish_block(
    planned: PlannedBlock,
    options: DemoOptions,
    markers: MarkerClient,
    simulator: dict[str, Any],
    endpoints: Endpoints,
    agents: list[str],
) -> LoadResult:
    run_id = f"seed{options.seed}-block{planned.index + 1}"
    token = await new_token(simulator, endpoints)
    await asyncio.to_thread(markers.start, JOB, run_id, strategy="burst", agents=len(agents))
    try:
        return await apply_load(
            lambda where: Rest(where, token, clock=SystemClock()),
            endpoints,
            agents,
            rate_per_s=CALLS_PER_S,
            seconds=planned.load_s,
            clock=SystemClock(),
            grace_s=2.0,
        )
    finally:
        await asyncio.to_thread(markers.end, JOB, run_id, outcome="ok")


async def new_token(simulator: dict[str, Any], endpoints: Endpoints) -> StaticToken:
    """A new token of the service credentials: the platform counts its rate limit per token, not per client."""
    async with make_http(endpoints.login) as http:
        credentials = ClientCredentials(
            endpoints, simulator["client_id"], simulator["client_secret"], SystemClock(), http, name="load"
        )
        token = await credentials.token()
    if isinstance(token, Failure):
        raise DemoError(f"no token for the load: {token.reason} {token.detail}")
    return StaticToken("load", token.value)


async def agents_of(simulator: dict[str, Any], endpoints: Endpoints) -> list[str]:
    """User ids of everybody on the schedule, as a publish job would read them."""
    rest = Rest(endpoints, await new_token(simulator, endpoints), clock=SystemClock())
    try:
        path = "/workforcemanagement/businessunits/{business_unit}/weeks/{week}/schedules/{schedule}"
        reply = await rest.call("schedules", "GET", f"/api/v2{path.format(**simulator)}")
    finally:
        await rest.aclose()
    if not reply.ok:
        raise DemoError("the schedule could not be read")
    return [agent["id"] for unit in reply.body["managementUnits"] for agent in unit["agents"]]


def signal_of(fact: Observation) -> str | None:
    """Which primary signal a fact is an attempt of that was answered or timed out, None for none.

    What failed otherwise, such as for want of a connection, is no latency however long; drops are shown by themselves.
    """
    if isinstance(fact, HeartbeatObserved) and fact.channel == "xmpp":
        return WS_RTT if fact.outcome in ("ok", "timeout") else None
    if isinstance(fact, PhaseObserved) and fact.phase == ICE_SERVERS.removesuffix("_seconds"):
        return ICE_SERVERS if fact.failure is None or fact.failure.reason is Reason.TIMEOUT else None
    return None


def explain(facts: Iterable[Observation], blocks: list[Block], seed: int) -> ExperimentResult:
    """What the journal remembers of the blocks, judged."""
    samples: dict[str, list[Sample]] = {name: [] for name in (*PRIMARY_SIGNALS, LAG_SIGNAL)}
    timeouts: dict[str, list[Timeout]] = {name: [] for name in PRIMARY_SIGNALS}
    drops: list[Drop] = []
    for fact in facts:
        if isinstance(fact, Disconnected):
            drops.append(Drop(fact.last_good_wall_s, fact.noticed_wall_s))
        elif isinstance(fact, OwnLagObserved) and fact.process == "prober":
            samples[LAG_SIGNAL].append(Sample(fact.at_wall_s, max(fact.lag_samples_s, default=0.0)))
        elif (name := signal_of(fact)) is not None:
            value_s = fact.measured_s()
            if value_s is not None:
                samples[name].append(Sample(fact.at_wall_s, value_s, fact.suspect))
            else:
                timeouts[name].append(Timeout(fact.at_wall_s, GIVE_UP_S[name]))
    return judge(blocks, samples, timeouts, drops, rules=Rules(seed=seed))
