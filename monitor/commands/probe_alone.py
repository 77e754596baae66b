"""A probe without a monitor: the measuring processes with that probe alone, one run, and an end in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from monitor.app import measures_a_simulator
from monitor.commands.probe_text import NotProbed, Told
from monitor.config.model import ProbeSettings, Settings, SignallingProbe
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.failures import Reason, failure
from monitor.facts.observations import ApiObserved, Observation, PhaseObserved
from monitor.facts.probe_result import ProbePhase, ProbeResult
from monitor.probes.fleet import Fleet, FleetError
from monitor.probes.once import phases_of
from monitor.probes.table import agent_of, session_of

CONNECTED_WITHIN_S: Final = 60.0  # token, channel, TCP, TLS, upgrade, sign-in and the first ICE servers
LOOK_AGAIN_S: Final = 0.1
NEVER_BY_ITSELF_S: Final = 86400.0  # an interval: the first slot comes when we are long gone


async def probe_alone(settings: Settings, target: str, module: str) -> Told:
    """One run, with a session of its own where the probe needs one. Raises NotProbed."""
    wanted = next(probe for probe in settings.probes if probe.name == target)
    if wanted.kind == "call":
        raise NotProbed(f"{target} measures the calls that come to its agent, so it needs a monitor that runs")
    run = _Run(session_of(wanted), SystemClock())
    fleet = Fleet(alone(settings, wanted), run.take, run.clock)
    try:
        await fleet.start()
        result = await run.result(fleet, target, module)
    except FleetError as error:
        raise NotProbed("\n".join(error.problems)) from None
    finally:
        await fleet.stop()
    return Told(
        result=result,
        by="without a monitor",
        simulated=measures_a_simulator(settings),
        connecting=tuple(run.connecting()),
    )


def alone(settings: Settings, wanted: ProbeSettings) -> Settings:
    """The settings with that probe, and with what decides about its session: keepalive and network interface."""
    kept = [wanted]
    kept += [
        probe
        for probe in settings.probes
        if isinstance(probe, SignallingProbe) and probe.agent == agent_of(wanted) and probe != wanted
    ]
    quiet = tuple(probe.model_copy(update={"interval_s": NEVER_BY_ITSELF_S}) for probe in kept)
    return settings.model_copy(update={"probes": quiet})


class _Run:
    """One run: waits for the session, and notes how it came about. session: its name, empty for none."""

    def __init__(self, session: str, clock: Clock) -> None:
        self.clock = clock
        self._session = session
        self._seen: list[PhaseObserved | ApiObserved] = []
        self._news = asyncio.Event()

    def take(self, fact: Observation) -> None:
        """A fact of the measuring processes."""
        if isinstance(fact, PhaseObserved | ApiObserved) and fact.probe == self._session:
            self._seen.append(fact)
            self._news.set()

    def connecting(self) -> Iterator[ProbePhase]:
        """The phases of connecting, as they came; of REST calls only a failed one that no phase tells."""
        told = {fact.phase for fact in self._seen if isinstance(fact, PhaseObserved)}
        for fact in self._seen:
            if isinstance(fact, PhaseObserved) or (fact.failure and fact.operation not in told):
                yield from phases_of(fact)

    async def result(self, fleet: Fleet, target: str, module: str) -> ProbeResult:
        """The first result of a session that is up, or why it did not come up at its first attempt."""
        began_s = self.clock.mono_s()
        while True:
            self._news.clear()
            result = await fleet.probe_now(target, module)
            waited_s = self.clock.mono_s() - began_s
            if result.failure is None or result.failure.reason is not Reason.NOT_CONNECTED:
                return result
            failed = next((fact.failure for fact in self._seen if fact.failure), None)
            if failed is None and waited_s > CONNECTED_WITHIN_S:
                failed = failure("connect", Reason.TIMEOUT, f"not connected within {CONNECTED_WITHIN_S:g} s")
            if failed is not None:
                return ProbeResult(
                    target=target, module=module, success=False, duration_s=waited_s, failure=failed, log=result.log
                )
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._news.wait()
        except TimeoutError:
            return
