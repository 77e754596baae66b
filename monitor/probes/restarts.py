"""When processes of ours that ended are started again: each with a backoff of its own; given the time, so pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_BACKOFF_S = 0.5
BACKOFF_CAP_S = 30.0
STEADY_S = 60.0  # a process that lived this long is started again without remembered backoff


@dataclass(slots=True)
class _Process:
    """started_mono_s: its last start. due_mono_s: when it is to be started, None while it runs."""

    started_mono_s: float
    backoff_s: float
    due_mono_s: float | None = None


class Restarts:
    """Who is due when. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._processes: dict[str, _Process] = {}

    def started(self, process: str, now_mono_s: float) -> None:
        """It runs from now on."""
        known = self._processes.setdefault(process, _Process(now_mono_s, FIRST_BACKOFF_S))
        known.started_mono_s, known.due_mono_s = now_mono_s, None

    def ended(self, process: str, now_mono_s: float) -> None:
        """It has ended without being told to."""
        known = self._processes[process]
        if now_mono_s - known.started_mono_s > STEADY_S:
            known.backoff_s = FIRST_BACKOFF_S
        self.failed(process, now_mono_s)

    def failed(self, process: str, now_mono_s: float) -> None:
        """It could not be started: later, and each time later than before."""
        known = self._processes[process]
        known.due_mono_s = now_mono_s + known.backoff_s
        known.backoff_s = min(2 * known.backoff_s, BACKOFF_CAP_S)

    def cancel(self, process: str) -> None:
        """It is not to be started by itself: another one's start brings it along."""
        if process in self._processes:
            self._processes[process].due_mono_s = None

    def due(self, now_mono_s: float) -> list[str]:
        """Those whose time has come, the longest overdue first."""
        waiting = self._waiting()
        return sorted((name for name in waiting if waiting[name] <= now_mono_s), key=lambda name: waiting[name])

    def wait_s(self, now_mono_s: float) -> float | None:
        """Seconds until the next is due; None while none is waited for."""
        waiting = self._waiting()
        return max(0.0, min(waiting.values()) - now_mono_s) if waiting else None

    def _waiting(self) -> dict[str, float]:
        return {name: one.due_mono_s for name, one in self._processes.items() if one.due_mono_s is not None}
