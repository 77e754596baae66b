"""The prober process: sessions, heartbeats and every cadence, on a loop that no media and no /metrics shares."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from monitor.config.fleet import process_of_agents
from monitor.config.model import ProbeSettings, Settings
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.codec import fact_to_dict
from monitor.facts.observations import Observation
from monitor.facts.probe_result import ProbeResult
from monitor.probes.agent import OPEN_AT_ONCE, OPEN_TURN_S, AgentSession
from monitor.probes.base import Context, Supervisor
from monitor.probes.cadence import Cadence, spread_phase_s
from monitor.probes.channel import Channel, Handler, Params
from monitor.probes.handover import receive_sockets
from monitor.probes.interpreter import keep_what_start_up_made
from monitor.probes.lag import LagMeter
from monitor.probes.link import Link
from monitor.probes.own_health import OwnHealth
from monitor.probes.service import ServiceSession
from monitor.probes.table import (
    Needs,
    Plan,
    Session,
    Unready,
    make_probe,
    make_session,
    session_of,
    session_plans,
    unheeded_interfaces,
)
from monitor.probes.turnstile import Turnstile

PROCESS = "prober"
CLOSE_PROBES_S = 3.0  # all of them together: calls are hung up in it, hundreds at a time
CLOSE_SESSIONS_S = 1.0  # all of them together
RERUN_S = 10.0

RESULT: TypeAdapter[ProbeResult] = TypeAdapter(ProbeResult)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Supervised:
    """A probe at work."""

    settings: ProbeSettings
    supervisor: Supervisor
    task: asyncio.Task[None]


@dataclass(frozen=True)
class Held:
    """A session that is kept up."""

    session: Session
    task: asyncio.Task[None]


class Prober:
    """Keeps what the settings ask for running, and changes only what a reload changes."""

    def __init__(self, channel: Channel, shards: Sequence[Link], clock: Clock) -> None:
        self._channel = channel
        self._shards = shards
        self._clock = clock
        self._lag = LagMeter(clock)
        self._opening = Turnstile(clock, at_once=OPEN_AT_ONCE, turn_s=OPEN_TURN_S)
        self._site = ""
        self._own: list[asyncio.Task[None]] = []
        self._sessions: dict[str, Held] = {}
        self._probes: dict[str, Supervised] = {}
        self._changing = asyncio.Lock()

    async def apply(self, settings: Settings) -> None:
        """Carry out `settings`; returns once every probe has started. Raises Unready, having changed nothing."""
        async with self._changing:
            plans = session_plans(settings)
            sessions = self._kept_sessions(settings.site, plans)
            probes = self._kept_probes(settings, sessions)
            await self._end_probes(set(self._probes) - probes)
            await self._end_sessions(set(self._sessions) - sessions)
            for line in unheeded_interfaces(settings):
                log.warning("%s", line)
            self._watch_own_health(settings.site)
            self._open(plans)
            self._start(settings)
            for supervised in self._probes.values():
                await supervised.supervisor.started.wait()

    async def probe_now(self, target: str, module: str) -> ProbeResult:
        """One run of a configured probe. Raises Unready when there is none of that name and kind."""
        supervised = self._probes.get(target)
        if supervised is None or supervised.settings.kind != module:
            raise Unready([f"no probe {target!r} of kind {module!r} is configured"])
        return await supervised.supervisor.probe_now()

    async def close(self) -> None:
        """End probes, then sessions, each within its deadline. Idempotent."""
        async with self._changing:
            await self._end_probes(set(self._probes))
            await self._end_sessions(set(self._sessions))
            await _cancel(self._own)
            self._own = []

    @property
    def _context(self) -> Context:
        return Context(self._site, self._emit, self._clock, self._lag)

    def _emit(self, fact: Observation) -> None:
        self._channel.tell("fact", fact_to_dict(fact))

    def _kept_sessions(self, site: str, plans: dict[str, Plan]) -> set[str]:
        if site != self._site:
            return set()
        return {
            name
            for name, held in self._sessions.items()
            if plans.get(name) == held.session.plan and not held.session.gave_up
        }

    def _kept_probes(self, settings: Settings, sessions: set[str]) -> set[str]:
        if settings.site != self._site:
            return set()
        wanted = {probe.name: probe for probe in settings.probes}
        return {
            name
            for name, supervised in self._probes.items()
            if wanted.get(name) == supervised.settings and session_of(supervised.settings) in {"", *sessions}
        }

    def _watch_own_health(self, site: str) -> None:
        if site == self._site and self._own:
            return
        for task in self._own:
            task.cancel()
        self._site = site
        health = OwnHealth(PROCESS, site, self._emit, self._clock, self._lag, self._channel)
        self._own = [asyncio.create_task(self._lag.run()), asyncio.create_task(health.run())]

    def _open(self, plans: dict[str, Plan]) -> None:
        for name in plans.keys() - self._sessions.keys():
            session = make_session(plans[name], self._context, self._opening)
            self._sessions[name] = Held(session, asyncio.create_task(_hold(session), name=name))

    def _start(self, settings: Settings) -> None:
        held = {name: one.session for name, one in self._sessions.items()}
        service = next((session for session in held.values() if isinstance(session, ServiceSession)), None)
        agents = {name: session for name, session in held.items() if isinstance(session, AgentSession)}
        shard_of = process_of_agents(settings, [link.name for link in self._shards])
        needs = Needs(self._context, self._shards, agents, service, shard_of)
        now = self._clock.mono_s()
        for index, wanted in enumerate(settings.probes):
            if wanted.name not in self._probes:
                cadence = Cadence(now, wanted.interval_s, spread_phase_s(index, wanted.interval_s))
                supervisor = Supervisor(make_probe(wanted, needs), cadence, self._context)
                task = asyncio.create_task(supervisor.run(), name=wanted.name)
                self._probes[wanted.name] = Supervised(wanted, supervisor, task)

    async def _end_probes(self, names: Iterable[str]) -> None:
        ended = [self._probes.pop(name) for name in names]
        await _cancel([one.task for one in ended])
        await _close_all({one.settings.name: one.supervisor.probe.close() for one in ended}, CLOSE_PROBES_S)

    async def _end_sessions(self, names: Iterable[str]) -> None:
        ended = [self._sessions.pop(name) for name in names]
        await _close_all({one.session.name: one.session.close() for one in ended}, CLOSE_SESSIONS_S)
        await _cancel([one.task for one in ended])


async def _hold(session: Session) -> None:
    """Run a session until cancelled; a mistake of ours in it costs this session a pause, and nobody else anything."""
    while True:
        try:
            await session.run()
        except Exception as error:
            log.exception("%s: our own mistake: %s", session.name, type(error).__name__)
        await asyncio.sleep(RERUN_S)


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close_all(closing: dict[str, Awaitable[None]], deadline_s: float) -> None:
    async def close(name: str, one: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(deadline_s):
                await one
        except TimeoutError:
            log.info("%s: did not close within %g s", name, deadline_s)
        except Exception as error:
            log.exception("%s: our own mistake while closing: %s", name, type(error).__name__)

    await asyncio.gather(*(close(name, one) for name, one in closing.items()))


def _handlers(prober: Prober) -> dict[str, Handler]:
    """What main may ask. A reply with `problems` says in plain lines why it was not done."""

    async def apply(params: Params) -> Params:
        try:
            await prober.apply(Settings.from_json(params["settings"]))
        except Unready as unready:
            return {"problems": unready.problems}
        return {}

    async def probe_now(params: Params) -> Params:
        try:
            result = await prober.probe_now(params["target"], params["module"])
        except Unready as unready:
            return {"problems": unready.problems}
        return {"result": RESULT.dump_python(result, mode="json")}

    return {"start": apply, "reload": apply, "probe_now": probe_now}


async def serve(main_socket: socket.socket, handover: socket.socket, shards: Sequence[str]) -> None:
    """Be the prober until SIGTERM or the end of the channel to main."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    channel = await Channel.from_socket(main_socket, "main")
    links = [Link(name) for name in shards]
    prober = Prober(channel, links, SystemClock())
    for method, handler in _handlers(prober).items():
        channel.on(method, handler)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(_serve_shards(handover, links))
        running = tasks.create_task(channel.run())
        running.add_done_callback(lambda _: stopping.set())
        await stopping.wait()
        await prober.close()
        await channel.close()
        serving.cancel()


async def _serve_shards(handover: socket.socket, links: Sequence[Link]) -> None:
    """Talk to the newest of each shard that main hands over."""
    async with asyncio.TaskGroup() as tasks:

        async def talk(link: Link, sock: socket.socket) -> None:
            await link.serve(await Channel.from_socket(sock, link.name))

        def use(index: int, sock: socket.socket) -> None:
            tasks.create_task(talk(links[index], sock))

        await receive_sockets(handover, use)


def log_to_stderr(process: str) -> None:
    """One line a message: level, process, words."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=f"%(levelname)s {process}: %(message)s")


def main(arguments: list[str]) -> int:
    """Entry: `python -m monitor.probes.prober FD_MAIN FD_HANDOVER SHARDS`.

    Both are inherited ends of Unix socket pairs. Over FD_MAIN goes the channel to main; over FD_HANDOVER main hands the
    socket to each of the SHARDS (handover.py), and another one whenever a shard had to be replaced. SHARDS are names
    with commas between.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    log_to_stderr(PROCESS)
    keep_what_start_up_made()
    main_socket, handover = (socket.socket(fileno=int(fd)) for fd in arguments[:2])
    with handover:
        asyncio.run(serve(main_socket, handover, arguments[2].split(",")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
