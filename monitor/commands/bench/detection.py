"""Bench section: how soon each fault is noticed, beside when a real softphone would have noticed it."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor.commands.bench.accuracy import connect
from monitor.commands.bench.detection_phones import Phones, phones
from monitor.commands.bench.workers import Worker, worker
from monitor.facts.clock import SystemClock
from monitor.facts.failures import Layer
from monitor.facts.softphone_limits import SOFTPHONE_LIMITS, SoftphoneLimit

RUNS: Final = 5  # sessions, or calls, that meet a fault at once, each at another moment of its own
SETTLE_S: Final = 2.0
MEDIA_LIMIT_S: Final = 45.0  # longer than consent lives
MEDIA_LOOK_S: Final = 0.25

PINGS = SOFTPHONE_LIMITS[Layer.SIGNALLING, "ping_timeout"]
SILENCE = SOFTPHONE_LIMITS[Layer.SIGNALLING, "silence"]
PINGED = {"client pings": PINGS, "server pings": SILENCE}
CHROMIUM = {
    "Chromium, disconnected": SOFTPHONE_LIMITS[Layer.MEDIA, "silence"],
    "Chromium, failed": SOFTPHONE_LIMITS[Layer.ICE, "consent_expired"],
}


def same_to(clients: Mapping[str, SoftphoneLimit], why: str) -> dict[str, SoftphoneLimit]:
    """The figures of another fault that is the same to the client; `why` joins the source, as nobody measured it."""
    return {who: SoftphoneLimit(one.seconds, f"{one.source}; {why}") for who, one in clients.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of breaking. real: what the real clients do then, by name; empty where that was not measured."""

    name: str
    what: str
    real: Mapping[str, SoftphoneLimit]


SIGNALLING_FAULTS: Final = (
    Fault("tcp_black_hole", "no segment arrives any more", PINGED),
    Fault(
        "frozen_server",
        "SIGSTOP of the server's process",
        same_to(PINGED, "a frozen server is the same to its pings: nothing comes"),
    ),
    Fault("abort", "TCP reset", {"any": SOFTPHONE_LIMITS[Layer.SIGNALLING, "reset"]}),
    Fault("close", "WebSocket close 1001", {"any": SOFTPHONE_LIMITS[Layer.SIGNALLING, "closed"]}),
)
MEDIA_FAULTS: Final = (
    Fault("udp_cut_both_ways", "no datagram arrives at either end", CHROMIUM),
    Fault(
        "udp_cut_towards_us",
        "none arrives here; ours arrive there",
        same_to(CHROMIUM, "this cut is the same to it: nothing comes"),
    ),
    Fault("udp_cut_from_us", "none of ours arrives there; theirs arrive here", {}),
)


async def signalling_delays(there: Phones, progress: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds until each session noticed each fault."""
    steps: dict[str, Callable[[], Awaitable[list[float]]]] = {
        "tcp_black_hole": there.black_hole,
        "frozen_server": there.frozen_server,
        "abort": lambda: there.ended_by("abort"),
        "close": lambda: there.ended_by("drop", code="1001"),
    }
    delays = {}
    for fault in SIGNALLING_FAULTS:
        progress(f"detection: {fault.what}")
        delays[fault.name] = await steps[fault.name]()
    return delays


async def media_delays(near: Worker, far: Worker, calls: int) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """Seconds until each call's near end noticed each fault, and what it then told; all faults at the same time."""
    for fault in MEDIA_FAULTS:
        await connect(near, far, fault.name, calls)
    await asyncio.sleep(SETTLE_S)
    cuts = {
        "udp_cut_both_ways": (await _cut("udp_cut_both_ways", near, far)),
        "udp_cut_towards_us": (await _cut("udp_cut_towards_us", far)),
        "udp_cut_from_us": (await _cut("udp_cut_from_us", near)),
    }
    delays, words = {}, {}
    for name, cut_s in cuts.items():
        noticed = await _noticed(near, name)
        delays[name] = [one["at_mono_s"] - cut_s for one in noticed]
        words[name] = sorted({f"{one['layer']} {one['reason']}".strip() for one in noticed})
    return delays, words


async def _cut(group: str, *ends: Worker) -> float:
    """Let these ends' datagrams be lost; since when, monotonic seconds."""
    return float(min([(await end.ask("cut", group=group))["at_mono_s"] for end in ends]))


async def _noticed(near: Worker, group: str) -> list[dict[str, Any]]:
    """What each call of a group noticed first; those that noticed nothing within MEDIA_LIMIT_S are not in it."""
    until_s = asyncio.get_running_loop().time() + MEDIA_LIMIT_S
    while True:
        told = (await near.ask("noticed", group=group))["noticed"]
        if all(told) or asyncio.get_running_loop().time() >= until_s:
            return [one for one in told if one is not None]
        await asyncio.sleep(MEDIA_LOOK_S)


def row(fault: Fault, delays_s: Sequence[float], told_as: Sequence[str] = ()) -> dict[str, Any]:
    """One fault's figures, ready for JSON. median: None where nobody noticed."""
    return {
        "fault": fault.what,
        "median": statistics.median(delays_s) if delays_s else None,
        "all": [round(one, 4) for one in sorted(delays_s)],
        "told_as": list(told_as),
        "real_softphone": {who: {"seconds": one.seconds, "source": one.source} for who, one in fault.real.items()},
    }


async def measured(progress: Callable[[str], None], runs: int) -> dict[str, object]:
    """Both halves at the same time: they share no process."""
    async with worker("detection_ends") as near, worker("detection_ends") as far, phones(runs, SystemClock()) as there:
        progress(f"detection: UDP cuts in {runs} calls each, beside it:")
        media = asyncio.create_task(media_delays(near, far, runs))
        try:
            signalling = await signalling_delays(there, progress)
            delays, words = await media
        finally:
            media.cancel()
    rows = {one.name: row(one, signalling[one.name]) for one in SIGNALLING_FAULTS}
    rows |= {one.name: row(one, delays[one.name], words[one.name]) for one in MEDIA_FAULTS}
    return {"unit": "s", "runs": runs, "faults": rows}


def measure(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, object]:
    """Seconds from a fault until the product noticed it, by real sessions and real calls; Linux only.

    A silence is noticed when it is told as one: the session is then kept until the real softphone's own limit.
    """
    return {"drop_detection_seconds": asyncio.run(measured(progress, 1 if quick else RUNS))}
