"""Main's side of the measuring processes: spawns prober and shard, takes their facts, replaces what dies."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from pydantic import TypeAdapter

from monitor.config.model import Settings
from monitor.facts.clock import Clock
from monitor.facts.codec import fact_from_dict
from monitor.facts.observations import FactsDropped, Observation, ProcessEnded
from monitor.facts.probe_result import ProbeResult
from monitor.probes.channel import ChannelError, Params
from monitor.probes.child import Child
from monitor.probes.handover import send_socket

PROBER, SHARD = "prober", "shard0"
START_S = 30.0
RELOAD_S = 15.0
PROBE_NOW_S = 120.0
PROBER_STOP_S = 1.3  # together with the shard's within 2 s
SHARD_STOP_S = 0.5
FIRST_BACKOFF_S = 0.5
BACKOFF_CAP_S = 30.0
STEADY_S = 60.0  # a child that lived this long is restarted without remembered backoff

_RESULT: TypeAdapter[ProbeResult] = TypeAdapter(ProbeResult)

log = logging.getLogger(__name__)


class FleetError(Exception):
    """What was asked of the fleet cannot be done. `problems`: one clear line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Fleet:
    """The two measuring processes behind one object.

    on_fact is called in the event loop with every fact. The shard may die alone: the prober is handed a socket to its
    successor and goes on. When the prober dies the shard is replaced too, as its calls have lost their signalling.
    """

    def __init__(self, settings: Settings, on_fact: Callable[[Observation], None], clock: Clock) -> None:
        self._settings = settings
        self._on_fact = on_fact
        self._clock = clock
        self._children: dict[str, Child] = {}
        self._handover: socket.socket | None = None
        self._started = False
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False
        self._changing = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """True while both processes run and every probe has started."""
        return self._started and not self._stopping

    def pid(self, process: str) -> int | None:
        """Process id of `prober` or `shard0`, None while there is none."""
        child = self._children.get(process)
        return child.pid if child is not None and child.alive else None

    async def start(self) -> None:
        """Spawn both and wait until every probe has started. Raises FleetError, having stopped what it started."""
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
        """End prober, then shard, by force after 2 s at the latest. Idempotent."""
        self._stopping = True
        self._started = False
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._stop_all()

    async def _start_all(self) -> None:
        await self._spawn_prober()
        await self._spawn_shard()
        await self._ask("start", {"settings": self._settings.to_json()}, START_S)
        self._started = True

    async def _stop_all(self) -> None:
        self._started = False
        for name, deadline_s in ((PROBER, PROBER_STOP_S), (SHARD, SHARD_STOP_S)):
            child = self._children.pop(name, None)
            if child is not None:
                await child.stop(deadline_s)
        if self._handover is not None:
            self._handover.close()
            self._handover = None

    async def _spawn_prober(self) -> None:
        ours, theirs = socket.socketpair()
        self._handover = ours
        self._children[PROBER] = await Child.spawn(PROBER, "monitor.probes.prober", theirs, {"fact": self._fact})

    async def _spawn_shard(self) -> None:
        """A new shard, with a new socket between it and the prober."""
        probers, shards = socket.socketpair()
        with probers:
            if self._handover is not None:
                send_socket(self._handover, probers)
        self._children[SHARD] = await Child.spawn(SHARD, "monitor.probes.shard", shards, {"fact": self._fact})

    async def _keep(self) -> None:
        """Replace what dies, until cancelled."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            since_mono_s = self._clock.mono_s()
            await self._death()
            if self._clock.mono_s() - since_mono_s > STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            replaced = False
            while not replaced:
                await self._pause(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_CAP_S)
                replaced = await self._replace()

    async def _pause(self, seconds: float) -> None:
        """Wait; who ends meanwhile is told at once."""
        until_mono_s = self._clock.mono_s() + seconds
        while (left_s := until_mono_s - self._clock.mono_s()) > 0:
            await self._death(left_s)

    async def _death(self, limit_s: float | None = None) -> None:
        """Returns once a child has ended, or after `limit_s`."""
        never = asyncio.create_task(asyncio.Event().wait())
        waits = [never, *(asyncio.create_task(child.wait()) for child in self._children.values())]
        try:
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        await self._bury()

    async def _bury(self) -> None:
        """Take leave of every child that has ended, and tell it."""
        for name in [name for name, child in self._children.items() if not child.alive]:
            child = self._children.pop(name)
            await child.stop(SHARD_STOP_S)
            status = await child.wait()
            self._started = self._started and name != PROBER
            log.error("%s ended unexpectedly with status %s", name, status)
            self._on_fact(ProcessEnded(**self._stamp(name), process=name, exit_status=status))

    async def _replace(self) -> bool:
        async with self._changing:
            await self._bury()
            try:
                if PROBER in self._children:
                    await self._spawn_shard()
                else:
                    await self._stop_all()
                    await self._start_all()
            except (FleetError, OSError) as error:
                log.error("the measuring processes could not be replaced: %s", error)
                return False
            return True

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
        self._on_fact(fact)

    def _stamp(self, process: str) -> Params:
        return {"site": self._settings.site, "probe": process, "at_wall_s": self._clock.wall_s()}
