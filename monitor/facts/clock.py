"""Two clocks: monotonic seconds for durations, aware wall time for alignment. The only place that reads any clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What logic is given instead of the time module, so that tests need no sleep."""

    def mono_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""
        ...

    def wall_s(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        ...


class WorkClock(Clock, Protocol):
    """A clock that also knows how long this process has kept a processor busy."""

    def cpu_s(self) -> float:
        """Processor seconds of all its threads; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clocks."""

    def mono_s(self) -> float:
        """Monotonic seconds (the clock that asyncio loops use)."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def cpu_s(self) -> float:
        """Processor seconds of this process, all its threads together."""
        return time.process_time()


class ManualClock:
    """A clock that only moves when told; both hands move together unless the wall is stepped."""

    def __init__(self, mono_s: float = 1000.0, wall_s: float = 1_790_000_000.0) -> None:
        self._mono_s = mono_s
        self._wall_s = wall_s
        self._cpu_s = 0.0

    def mono_s(self) -> float:
        """Monotonic seconds."""
        return self._mono_s

    def wall_s(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._wall_s

    def cpu_s(self) -> float:
        """Processor seconds."""
        return self._cpu_s

    def work(self, seconds: float) -> None:
        """Let `seconds` pass in which a processor is kept busy."""
        self._cpu_s += seconds
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both hands, waiting."""
        self._mono_s += seconds
        self._wall_s += seconds

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP may."""
        self._wall_s += seconds


def as_utc(wall_s: float) -> datetime:
    """Unix seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(wall_s, tz=UTC)


def rfc3339(wall_s: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds, e.g. `2026-11-24T16:00:00.123Z`."""
    return as_utc(wall_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> float:
    """Unix seconds of an RFC 3339 time. Raises ValueError when it cannot be read or carries no UTC offset."""
    moment = datetime.fromisoformat(text.upper())  # RFC 3339 section 5.6 allows `t` and `z`
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    return moment.timestamp()
