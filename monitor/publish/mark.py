"""`mark`: markers around the user's own publish job, without ever standing in its way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, TextIO

from monitor.publish.client import LOST, REJECTED, SENT, SPOOLED, MarkerClient, Told, new_run_id

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as a shell says it
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CONSEQUENCE = {SPOOLED: "kept on disk and sent later", REJECTED: "refused by the monitor", LOST: "lost"}


def mark_start(client: MarkerClient, job: str, run_id: str = "", *, at: float | str | None = None, **told: Any) -> str:
    """Tell that a run starts; the run's id, made up where none is given. One line on stderr when it is not delivered.

    told: strategy, batch_size, agents, attributes, time_min, time_max, found_by; None counts as not told.
    """
    return _report("start", job, client.start(job, run_id, at, **told)).run_id


def mark_batch(client: MarkerClient, job: str, run_id: str = "", *, at: float | str | None = None, **told: Any) -> str:
    """Tell that a batch is done. Without a run_id it belongs to the job's last started run. told: also outcome."""
    return _report("batch", job, client.batch(job, run_id, at, **told)).run_id


def mark_end(
    client: MarkerClient,
    job: str,
    run_id: str = "",
    *,
    at: float | str | None = None,
    outcome: str | None = None,
    **told: Any,
) -> str:
    """Tell that a run has ended: `ok` (the default), `failed` or `aborted`."""
    return _report("end", job, client.end(job, run_id, at, outcome or "ok", **told)).run_id


def run_marked(
    client: MarkerClient,
    job: str,
    run_id: str,
    command: Sequence[str],
    *,
    stderr: TextIO | None = None,
    **told: Any,
) -> int:
    """Run `command` between a start and an end marker; its exit status, 128 + n when signal n ended it.

    SIGINT, SIGTERM and SIGHUP are handed on to the command, and the end marker is written when it has ended. The
    command finds its job, run and monitor in MONITOR_JOB, MONITOR_RUN_ID and MONITOR_URL, so that `mark batch` or
    `publish_run` inside need none of them. The markers carry the true times although the start is delivered while the
    command already runs. `aborted` stands for a run that a signal ended or that we were told to end, `failed` for any
    other status but 0.
    """
    run_id = run_id or new_run_id()
    child = _Child()
    with _forwarding(child.signal):
        started_wall_s = time.time()
        problem = child.start(command, {"MONITOR_JOB": job, "MONITOR_RUN_ID": run_id, "MONITOR_URL": client.url})
        if problem:
            print(problem, file=stderr or sys.stderr, flush=True)
        try:
            started = _report("start", job, client.start(job, run_id, started_wall_s, **told), stderr)
            child.wait()
        finally:
            ended = client.end(job, run_id, time.time(), child.outcome)
        if ended.state != started.state:  # the user has been told once already
            _report("end", job, ended, stderr)
    return child.status


class _Child:
    """The command: started, signalled, waited for. status: as a shell gives it."""

    def __init__(self) -> None:
        self.status = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._signalled = False
        self._early: list[int] = []

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Start it. Why that cannot be done, or nothing."""
        try:
            self._process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603 - the user's own
        except FileNotFoundError:
            self.status = NOT_FOUND
            return f"softphone-monitor: {command[0]}: command not found"
        except OSError as error:
            self.status = NOT_EXECUTABLE
            return f"softphone-monitor: {command[0]}: {error.strerror}"
        while self._early:
            self._process.send_signal(self._early.pop(0))
        return ""

    def signal(self, number: int) -> None:
        """Hand a signal on; one that comes before the command has started is handed on when it has."""
        self._signalled = True
        if self._process is None:
            self._early.append(number)
        elif number != signal.SIGINT or not _sent_by_terminal():
            self._process.send_signal(number)

    def wait(self) -> None:
        """Wait for its end, if it has started."""
        if self._process is not None:
            returned = self._process.wait()
            self.status = returned if returned >= 0 else 128 - returned

    @property
    def outcome(self) -> str:
        """How the run ended, for its end marker."""
        if self._signalled or (self._process is not None and (self._process.returncode or 0) < 0):
            return "aborted"
        return "failed" if self.status else "ok"


@contextlib.contextmanager
def _forwarding(handle: Callable[[int], None]) -> Iterator[None]:
    """Have signals handled by `handle` meanwhile, except those that we were started to ignore (nohup)."""

    def handler(number: int, frame: FrameType | None) -> None:
        handle(number)

    before = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere Python lets nobody handle signals
        taken = [number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in taken}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _sent_by_terminal() -> bool:
    """Whether a Ctrl-C reaches the command anyway: it is in the same foreground group.

    Twice would break its clean-up.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _report(phase: str, job: str, told: Told, stderr: TextIO | None = None) -> Told:
    """One line where the marker has not arrived."""
    if told.state != SENT:
        why = " ".join(told.why.split())
        line = f"softphone-monitor: {phase} marker of {job} (run {told.run_id}) {_CONSEQUENCE[told.state]}: {why}"
        print(line, file=stderr or sys.stderr, flush=True)
    return told
