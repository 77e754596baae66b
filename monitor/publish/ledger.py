"""A publish run on disk, line by line and synced, so that another process can finish it or at least tell its end."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from monitor.publish.flow.calls import Change
from monitor.publish.flow.job import Batch, update_key
from monitor.publish.flow.progress import InFlight, Progress

__all__ = ["InFlight", "Ledger", "LedgerError", "Progress", "Unfinished"]

RUN, STARTED, PLANNED, SENT, DONE = "run", "started", "planned", "sent", "done"
PUBLISHED, OVERTAKEN, END = "published", "overtaken", "end"


class LedgerError(Exception):
    """The ledger cannot be used; the message is one line for the user."""


@dataclass(slots=True)
class Unfinished:
    """A run that has not ended well. outcome: how it ended, None where its process was killed or has died.

    terms: what it was to do, as `begin` was told. started_wall_s: when its agents were known, which was the time of
    its start marker; last_wall_s: of its last line. progress: None when it had not got so far.
    """

    run_id: str
    terms: Mapping[str, Any]
    outcome: str | None
    started_wall_s: float | None
    last_wall_s: float
    progress: Progress | None


class Ledger:
    """One file, used by one process at a time. Raises LedgerError when it is in use, damaged or cannot be written.

    unfinished: the last run, when it has not ended well; finished: its id and terms, when it has.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise LedgerError(f"ledger {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise LedgerError(f"ledger {path}: another publish is using it") from None
        try:
            last = _last_run(self._read())
        except LedgerError:
            self._file.close()
            raise
        ended_well = last is not None and last.outcome == "ok"
        self.unfinished = None if ended_well else last
        self.finished = (last.run_id, last.terms) if last is not None and ended_well else None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def begin(self, run_id: str, wall_s: float, terms: Mapping[str, Any], *, goes_on: bool = False) -> None:
        """A run begins; what the ledger held before is gone. terms: what it is to do, JSON-ready.

        goes_on: it takes up the unfinished run where that was left, under its own id or another one.
        """
        self.run_id = run_id
        if not goes_on:
            self._file.truncate(0)
        self._append(wall_s, [{"what": RUN, "terms": dict(terms), "goes_on": goes_on}])

    def started(self, wall_s: float, agents: Sequence[str], batches: Iterable[Batch]) -> None:
        """The agents are known: every change that is planned, one line each."""
        lines: list[dict[str, Any]] = [{"what": STARTED, "agents": list(agents)}]
        for batch in batches:
            lines += [{"what": PLANNED, "key": batch.update_key}] if batch.publish else []
            lines += [{"what": PLANNED, "key": write.key} for unit in batch.units for write in unit]
        self._append(wall_s, lines)

    def sent(self, wall_s: float, changes: Iterable[Change]) -> None:
        """These requests go out next: on disk before the first of them does."""
        lines = [{"what": SENT, "key": c.key, "batch": c.batch, "version": c.version} for c in changes]
        self._append(wall_s, lines)

    def done(self, wall_s: float, change: Change, status: str, *, ok: bool) -> None:
        """A request has been answered, or failed. Synced with the next line that matters more."""
        self._append(wall_s, [{"what": DONE, "key": change.key, "status": status, "ok": ok}], sync=False)

    def published(self, wall_s: float, batch: int, version: int, editor: str) -> None:
        """A batch's update has been applied."""
        self._append(wall_s, [{"what": PUBLISHED, "batch": batch, "version": version, "editor": editor}])

    def overtaken(self, wall_s: float, batch: int) -> None:
        """A batch's update will certainly not be applied."""
        self._append(wall_s, [{"what": OVERTAKEN, "batch": batch}])

    def end(self, wall_s: float, outcome: str) -> None:
        """The run has ended: ok, failed or aborted."""
        self._append(wall_s, [{"what": END, "outcome": outcome}])

    def _append(self, wall_s: float, lines: Iterable[Mapping[str, Any]], *, sync: bool = True) -> None:
        text = "".join(json.dumps({"at": wall_s, "run": self.run_id, **line}) + "\n" for line in lines)
        if not text:
            return
        try:
            self._file.write(text.encode())
            self._file.flush()
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise LedgerError(f"ledger {self.path}: {error.strerror}") from None

    def _read(self) -> list[dict[str, Any]]:
        """Every line. A last one cut short was never acted upon: it is taken off."""
        self._file.seek(0)
        lines: list[dict[str, Any]] = []
        good = 0
        for number, text in enumerate(self._file, 1):
            try:
                line = json.loads(text)
                if not isinstance(line, dict) or not text.endswith(b"\n"):
                    raise ValueError
            except ValueError:
                if self._file.read(1):
                    raise LedgerError(f"ledger {self.path}:{number}: not a line of a publish ledger") from None
                self._file.truncate(good)
                break
            good += len(text)
            lines.append(line)
        return lines


@dataclass(slots=True)
class _Reading:
    """A run as its lines tell it."""

    run_id: str
    terms: Mapping[str, Any]
    last_wall_s: float
    outcome: str | None = None
    started_wall_s: float | None = None
    agents: tuple[str, ...] = ()
    published: set[int] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    in_flight: InFlight | None = None
    editor: str = ""


def _last_run(lines: Iterable[dict[str, Any]]) -> Unfinished | None:
    run: _Reading | None = None
    try:
        for line in lines:
            if line["what"] == RUN:
                run = _begun(run, line)
            elif run is not None:
                _take(run, line)
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"the ledger has a line that no publish has written: {error!r}") from None
    if run is None:
        return None
    progress = None
    if run.agents:
        progress = Progress(run.agents, frozenset(run.published), frozenset(run.written), run.in_flight, run.editor)
    return Unfinished(run.run_id, run.terms, run.outcome, run.started_wall_s, run.last_wall_s, progress)


def _begun(before: _Reading | None, line: Mapping[str, Any]) -> _Reading:
    """A run's first line. One that goes on under another id has a start of its own, but what was done stays done."""
    if before is None or not line["goes_on"]:
        return _Reading(line["run"], line["terms"], line["at"])
    if before.run_id != line["run"]:
        before.run_id, before.started_wall_s = line["run"], None
    before.outcome, before.last_wall_s = None, line["at"]
    return before


def _take(run: _Reading, line: dict[str, Any]) -> None:
    run.last_wall_s = line["at"]
    what = line["what"]
    if what == END:
        run.outcome = line["outcome"]
    elif what == STARTED:
        run.started_wall_s = line["at"] if run.started_wall_s is None else run.started_wall_s
        run.agents = tuple(line["agents"])
    elif what == SENT and line["version"] is not None:
        run.in_flight = InFlight(line["batch"], line["version"])
    elif what == DONE:
        _take_done(run, line["key"], line["status"], line["ok"])
    elif what in (PUBLISHED, OVERTAKEN):
        run.in_flight = None
        if what == PUBLISHED:
            run.published.add(line["batch"])
            run.editor = line["editor"] or run.editor


def _take_done(run: _Reading, key: str, status: str, ok: bool) -> None:
    """A write that went well need not be repeated; an update that was turned away is not at work."""
    is_update = run.in_flight is not None and key == update_key(run.in_flight.batch)
    if is_update and status.startswith("4") and status not in ("408", "409"):
        run.in_flight = None
    elif not is_update and ok:
        run.written.add(key)
