"""One ICE gathering: host candidates and every server in parallel, timed and classified."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Failure, Reason, failure
from monitor.facts.ice import (
    CandidateType,
    IceServer,
    ServerOutcome,
    ServerResult,
    Signature,
    signature_of,
    wanted_types,
)
from monitor.media.interfaces import HostAddress, host_addresses
from monitor.media.stun import ask_server, asked_of

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Gathering:
    """What a gathering yielded. seconds: None when a server ran into its timeout, or the gathering itself failed."""

    wanted: frozenset[CandidateType]
    obtained: frozenset[CandidateType]
    signature: Signature
    results: tuple[ServerResult, ...]
    seconds: float | None
    failure: Failure | None = None


async def gather(
    servers: Sequence[IceServer], *, relay_only: bool = False, interface: str | None = None, timeout_s: float = 10.0
) -> Gathering:
    """Gather once: one UDP, TCP or TLS transaction with every server, all at the same time. Never raises.

    relay_only: as a browser under iceTransportPolicy `relay`, ask TURN servers alone. interface: use this one only.
    seconds is the time until the slowest server's answer, name resolution included; releasing is not in it.
    """
    asked = asked_of(servers)
    if relay_only:
        asked = tuple(server for server in asked if server.gives is CandidateType.RELAY)
    wanted = wanted_types(asked, relay_only=relay_only)
    try:
        return await _gather(asked, wanted, interface, timeout_s)
    except Exception as error:
        mistake = failure("gathering", Reason.ERROR, f"{type(error).__name__}: {error}")
        return Gathering(wanted, frozenset(), Signature.ERROR, (), None, mistake)


async def _gather(
    servers: tuple[IceServer, ...], wanted: frozenset[CandidateType], interface: str | None, timeout_s: float
) -> Gathering:
    started_mono_s = CLOCK.mono_s()
    obtained: set[CandidateType] = set()
    if CandidateType.HOST in wanted and _has_host_candidate(interface):
        obtained.add(CandidateType.HOST)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ask_server(server, interface=interface, timeout_s=timeout_s)) for server in servers]
    asked = [task.result() for task in asking]
    results = tuple(one.result for one in asked)
    for server, result in zip(servers, results, strict=True):
        if result.outcome is ServerOutcome.OK:
            obtained.add(server.gives)
    ended_mono_s = max((one.known_mono_s for one in asked), default=CLOCK.mono_s())
    timed_out = any(result.outcome is ServerOutcome.TIMEOUT for result in results)
    return Gathering(
        wanted=wanted,
        obtained=frozenset(obtained),
        signature=signature_of(wanted, frozenset(obtained), results),
        results=results,
        seconds=None if timed_out else ended_mono_s - started_mono_s,
    )


def _has_host_candidate(interface: str | None) -> bool:
    """Whether a UDP socket can be bound to at least one address of this machine."""
    return any(_can_bind(address) for address in host_addresses(interface))


def _can_bind(address: HostAddress) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address.host, 0))
        return True
    return False
