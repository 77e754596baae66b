"""What the gathering probes of one site's synthetic softphone observe in a history; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monitor.facts.failures import Failure
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature, signature_of
from monitor.facts.observations import GatheringObserved, Observation
from monitor.simulator.history.clock import Slot
from monitor.simulator.history.probes import Measure, SiteMonitor, fetch, waited_s
from monitor.simulator.world.network import SERVER_TIMEOUT_S, STUN_HOST, Gathered

PLATFORM = "platform"
FETCH_LIMIT_S = 5.0  # half of the probe's own limit, as the live one takes it
STUN_SERVERS = 2  # asked directly, so that what the platform hands out does not decide what is measured
WANTED_OF_STUN = (CandidateType.HOST, CandidateType.SRFLX)


def gathering(interfaces: tuple[str | None, ...] = (None,)) -> Measure:
    """The gathering probe with the servers that the session holds, over these interfaces at once; None: the usual."""

    def measure(monitor: SiteMonitor, probe: str, slot: Slot) -> Iterator[Observation]:
        yield _fact(monitor, probe, slot, gathered_over(monitor, slot, interfaces), PLATFORM)

    return measure


def fresh_gathering(monitor: SiteMonitor, probe: str, slot: Slot) -> Iterator[Observation]:
    """The gathering probe with `fetch: fresh`: what the platform hands out now, whatever the session holds."""
    seconds, trouble = fetch(monitor, slot, FETCH_LIMIT_S)
    if seconds is None:
        failed = Gathered(Signature.ERROR, None, frozenset(), frozenset())
        yield _fact(monitor, probe, slot, failed, PLATFORM, waited_s(trouble, FETCH_LIMIT_S), trouble)
        return
    network = monitor.platform.network
    gathered = network.gather(slot.wall_s, monitor.site, network.hand_out(slot.wall_s))
    yield _fact(monitor, probe, slot, gathered, PLATFORM, seconds)


def stun(monitor: SiteMonitor, probe: str, slot: Slot) -> Iterator[Observation]:
    """A gathering with STUN servers of the monitor's own choice: their round trips, and the mapping each one sees."""
    network, wall_s = monitor.platform.network, slot.wall_s
    results = tuple(
        replace(network.stun_binding(wall_s, monitor.site, server=n), server=STUN_HOST.replace("stun", f"stun-{n + 1}"))
        for n in range(STUN_SERVERS)
    )
    obtained = {CandidateType.HOST}
    if any(result.outcome is ServerOutcome.OK for result in results):
        obtained.add(CandidateType.SRFLX)
    wanted = frozenset(WANTED_OF_STUN)
    signature = signature_of(wanted, frozenset(obtained), results)
    gathered = Gathered(signature, _slowest_s(results), wanted, frozenset(obtained), results)
    yield _fact(monitor, probe, slot, gathered, probe)


def gathered_over(monitor: SiteMonitor, slot: Slot, interfaces: tuple[str | None, ...]) -> Gathered:
    """One gathering; over several interfaces each server is asked from each of them."""
    held = monitor.phone.held
    parts = [monitor.platform.network.gather(slot.wall_s, monitor.site, held, each) for each in interfaces]
    if len(parts) == 1:
        return parts[0]
    results = tuple(result for part in parts for result in part.results)
    obtained = frozenset().union(*(part.obtained for part in parts))
    wanted = parts[0].wanted
    return Gathered(signature_of(wanted, obtained, results), _slowest_s(results), wanted, obtained, results)


def _slowest_s(results: tuple[ServerResult, ...]) -> float | None:
    if any(result.outcome is ServerOutcome.TIMEOUT for result in results):
        return None
    return max((result.seconds or 0.0 for result in results), default=0.0)


def _fact(
    monitor: SiteMonitor,
    probe: str,
    slot: Slot,
    gathered: Gathered,
    servers: str,
    before_s: float = 0.0,
    trouble: Failure | None = None,
) -> GatheringObserved:
    """The fact of a gathering that began `before_s` after its slot, with what our own loop adds to every time in it."""
    if slot.stands_s:
        gathered = _seen_late(gathered, monitor.loop.measured_s(slot, 0.0))
    seconds = gathered.seconds
    return GatheringObserved(
        **monitor.stamp(probe, slot, before_s + (_length_s(gathered) if seconds is None else seconds)),
        servers=servers,
        signature=gathered.signature,
        wanted=tuple(sorted(gathered.wanted)),
        obtained=tuple(sorted(gathered.obtained)),
        results=gathered.results,
        seconds=seconds,
        agent=monitor.agent if servers == PLATFORM else "",
        failure=trouble,
    )


def _length_s(gathered: Gathered) -> float:
    """How long a gathering without a measured length took: until its servers timed out, if it asked any."""
    return SERVER_TIMEOUT_S if gathered.results else 0.0


def _seen_late(gathered: Gathered, late_s: float) -> Gathered:
    """Every answer seen that much later, which alone can make a server look slow."""
    results = tuple(r if r.seconds is None else replace(r, seconds=r.seconds + late_s) for r in gathered.results)
    seconds = None if gathered.seconds is None else gathered.seconds + late_s
    signature = signature_of(gathered.wanted, gathered.obtained, results)
    return Gathered(signature, seconds, gathered.wanted, gathered.obtained, results)
