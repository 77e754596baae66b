"""What the system tells of processor time: waits in the run queue, and time the hypervisor stole; pure readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SCHEDSTAT = Path("/proc/self/schedstat")  # of the process's first thread, which is the one that runs the event loop
STAT = Path("/proc/stat")
NANOSECONDS = 1e9
STEAL = 7  # user nice system idle iowait irq softirq steal guest guest_nice; guests are counted in user as well
COUNTED = 8


@dataclass(frozen=True, slots=True)
class Turns:
    """How often a thread got a processor, and how long it waited for them in all; since it began."""

    waited_s: float
    count: int


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Ticks of all processors since boot: all of them, and those that another virtual machine took."""

    total: int
    steal: int


def read_text(path: Path) -> str | None:
    """The file's text; None where the system has no such file."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def turns(text: str | None) -> Turns | None:
    """/proc/PID/schedstat: nanoseconds on a processor, nanoseconds waiting for one, number of turns. None: not known.

    A kernel without CONFIG_SCHED_INFO shows zeros: a thread that reads has had a turn, so they are no measurement.
    """
    numbers = _numbers((text or "").split())
    if len(numbers) < 3 or numbers[2] == 0:
        return None
    return Turns(numbers[1] / NANOSECONDS, numbers[2])


def processor_time(text: str | None) -> ProcessorTime | None:
    """The first line of /proc/stat. None: not known."""
    words = (text or "").partition("\n")[0].split()
    numbers = _numbers(words[1:]) if words[:1] == ["cpu"] else []
    if len(numbers) < COUNTED:
        return None
    return ProcessorTime(sum(numbers[:COUNTED]), numbers[STEAL])


def steal_ratio(before: ProcessorTime | None, now: ProcessorTime | None) -> float | None:
    """Share of the machine's processor time between two readings that was stolen, 0 to 1; None when not known."""
    if before is None or now is None or now.total <= before.total:
        return None
    return min(1.0, max(0, now.steal - before.steal) / (now.total - before.total))


def _numbers(words: list[str]) -> list[int]:
    return [int(word) for word in words] if all(word.isdecimal() for word in words) else []
