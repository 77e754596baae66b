"""Main's side of the measuring processes: spawns prober and shards, takes their facts, replaces what dies."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from pydantic import TypeAdapter

from monitor.config.fleet import media_processes
from monitor.config.model import Settings
from monitor.facts.clock import Clock
from monitor.facts.codec import fact_from_dict
from monitor.facts.observations import FactsDropped, Observation, OwnLagObserved, ProcessEnded
from monitor.facts.probe_result import ProbeResult
from monitor.probes.channel import ChannelError, Params
from monitor.probes.child import Child
from monitor.probes.handover import send_socket
from monitor.probes.restarts import Restarts

PROBER = "prober"
START_S = 30.0
RELOAD_S = 15.0
PROBE_NOW_S = 120.0
PROBER_STOP_S = 4.5  # what it gives itself, and a margin; together with the shards' well within a container's 10 s
SHARD_STOP_S = 1.5  # all of them at once
LOOK_S = 5.0
STUCK_S = 30.0  # a process that has told of itself each second and then, for so long, does not

_RESULT: TypeAdapter[ProbeResult] = TypeAdapter(ProbeResult)

log = logging.getLogger(__name__)


class FleetError(Exception):
    """What was asked of the fleet cannot be done. `problems`: one clear line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Fleet:
    """The measuring processes behind one object: the prober, and as many media processes as the settings ask for.

    on_fact is called in the event loop with every fact. A shard may die alone: the prober is handed a socket to its
    successor and goes on, and so do the other shards. When the prober dies the shards are replaced too, as their calls
    have lost their signalling. How many shards there are stays as it was at the start, whatever is reloaded.
    """

    def __init__(self, settings: Settings, on_fact: Callable[[Observation], None], clock: Clock) -> None:
        self._settings = settings
        self._on_fact = on_fact
        self._clock = clock
        processes = media_processes(settings, processors())
        self._shards = {name: index for index, name in enumerate(processes)}
        self._children: dict[str, Child] = {}
        self._restarts = Restarts()
        self._heard_mono_s: dict[str, float] = {}  # when each process told of itself last
        self._looked_mono_s = clock.mono_s()
        self._handover: socket.socket | None = None
        self._started = False
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False
        self._changing = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """True while the prober runs and every probe has started."""
        return self._started and not self._stopping

    def pid(self, process: str) -> int | None:
        """Process id of `prober`, `shard0` and so on, None while there is none."""
        child = self._children.get(process)
        return child.pid if child is not None and child.alive else None

    async def start(self) -> None:
        """Spawn all and wait until every probe has started. Raises FleetError, having stopped what it started."""
        try:
            await self._start_all()
        except BaseException:
            await self.stop()
            raise
        self._keeping = asyncio.create_task(self._keep(), name="fleet")

    async def probe_now(self, target: str, module: str) -> ProbeResult:
        """One run of the configured probe `target` of kind `module`. Raises FleetError: unknown, or no prober now."""
        reply = await self._ask("probe_now", {"target": target, "module": module}, PROBE_NOW_S)
        return _RESULT.validate_python(reply["result"])

    async def reload(self, settings: Settings) -> None:
        """Change to `settings`; what they leave alone keeps running. Raises FleetError, the old ones going on."""
        async with self._changing:
            await self._ask("reload", {"settings": settings.to_json()}, RELOAD_S)
            self._settings = settings

    async def stop(self) -> None:
        """End prober, then shards, by force after 6 s at the latest. Idempotent."""
        self._stopping = True
        self._started = False
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._stop_all()

    async def _start_all(self) -> None:
        await self._spawn_prober()
        for name in self._shards:
            await self._spawn_shard(name)
        await self._ask("start", {"settings": self._settings.to_json()}, START_S)
        self._started = True

    async def _stop_all(self) -> None:
        self._started = False
        prober = self._children.pop(PROBER, None)
        if prober is not None:
            await prober.stop(PROBER_STOP_S)
        shards, self._children = self._children, {}
        await asyncio.gather(*(shard.stop(SHARD_STOP_S) for shard in shards.values()))
        if self._handover is not None:
            self._handover.close()
            self._handover = None

    async def _spawn_prober(self) -> None:
        ours, theirs = socket.socketpair()
        self._handover = ours
        await self._spawn(PROBER, theirs, ",".join(self._shards))

    async def _spawn_shard(self, name: str) -> None:
        """A new shard, with a new socket between it and the prober."""
        probers, shards = socket.socketpair()
        with probers:
            if self._handover is not None:
                send_socket(self._handover, self._shards[name], probers)
        await self._spawn(name, shards, name, self._settings.site)

    async def _spawn(self, name: str, inherited: socket.socket, *arguments: str) -> None:
        self._heard_mono_s.pop(name, None)
        module = f"monitor.probes.{'prober' if name == PROBER else 'shard'}"
        self._children[name] = await Child.spawn(name, module, inherited, {"fact": self._fact}, *arguments)
        self._restarts.started(name, self._clock.mono_s())

    async def _keep(self) -> None:
        """Replace what dies, until cancelled."""
        while True:
            wait_s = self._restarts.wait_s(self._clock.mono_s())
            await self._news(LOOK_S if wait_s is None else min(LOOK_S, wait_s))
            self._end_stuck()
            await self._bury()
            for process in self._restarts.due(self._clock.mono_s()):
                await self._replace(process)

    def _end_stuck(self) -> None:
        """Kill what lives and does nothing, so that it is replaced. Who came late here was stuck as well: not now."""
        before_mono_s, self._looked_mono_s = self._looked_mono_s, self._clock.mono_s()
        if self._looked_mono_s - before_mono_s > 2 * LOOK_S:
            self._heard_mono_s = dict.fromkeys(self._heard_mono_s, self._looked_mono_s)
        for name, heard_mono_s in tuple(self._heard_mono_s.items()):
            child = self._children.get(name)
            if child is not None and child.alive and self._looked_mono_s - heard_mono_s > STUCK_S:
                log.error("%s is stuck: killed", name)
                child.kill()

    async def _news(self, limit_s: float) -> None:
        """Returns once a child has ended, or after `limit_s`."""
        never = asyncio.create_task(asyncio.Event().wait())
        waits = [never, *(asyncio.create_task(child.wait()) for child in self._children.values())]
        try:
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _bury(self) -> None:
        """Take leave of every child that has ended, and tell it; without the prober the shards have no work left."""
        for name in [name for name, child in self._children.items() if not child.alive]:
            child = self._children.pop(name)
            self._heard_mono_s.pop(name, None)
            await child.stop(SHARD_STOP_S)
            status = await child.wait()
            if name != PROBER and status == 0 and PROBER not in self._children:
                continue  # it followed the prober in good order
            log.error("%s ended unexpectedly with status %s", name, status)
            self._on_fact(ProcessEnded(**self._stamp(name), process=name, exit_status=status))
            self._restarts.ended(name, self._clock.mono_s())
        if PROBER not in self._children:
            await self._stop_all()
            for name in self._shards:
                self._restarts.cancel(name)

    async def _replace(self, process: str) -> None:
        async with self._changing:
            try:
                if process == PROBER:
                    await self._stop_all()
                    await self._start_all()
                else:
                    await self._spawn_shard(process)
            except (FleetError, OSError) as error:
                log.error("%s could not be replaced: %s", process, error)
                self._restarts.failed(process, self._clock.mono_s())

    async def _ask(self, method: str, params: Params, timeout_s: float) -> Params:
        child = self._children.get(PROBER)
        if child is None:
            raise FleetError([f"{method}: the prober is not running"])
        try:
            reply = await child.channel.ask(method, params, timeout_s)
        except ChannelError as error:
            raise FleetError([str(error)]) from None
        if reply.get("problems"):
            raise FleetError([str(problem) for problem in reply["problems"]])
        return reply

    async def _fact(self, data: Params) -> None:
        try:
            fact = fact_from_dict(data)
        except ValueError as error:
            log.error("a fact that cannot be read: %s", " ".join(str(error).split())[:200])
            fact = FactsDropped(**self._stamp("main"), sink=PROBER, count=1)
        if isinstance(fact, OwnLagObserved):
            self._heard_mono_s[fact.process] = self._clock.mono_s()
        self._on_fact(fact)

    def _stamp(self, process: str) -> Params:
        return {"site": self._settings.site, "probe": process, "at_wall_s": self._clock.wall_s()}
