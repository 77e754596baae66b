"""What an experiment has shown so far: a JSON Lines file beside its plan, one record a block, safe against a crash."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from monitor.analysis.experiment.arm_report import MEASURES, Outcome
from monitor.publish.plan.model import Plan

FORMAT = 1
STATES = ("ok", "failed", "aborted", "missed")
STARTED, DONE, ATTEMPT = "started", "done", "attempt"


class ResultsError(Exception):
    """The results cannot be used; the message is one line for the user."""


@dataclass(slots=True)
class Results:
    """Everything read back. outcomes: block -> its outcome; started: blocks begun without an outcome -> their record.

    attempts: outcomes of blocks that were begun, given up and done again.
    """

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    started: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    attempts: list[Outcome] = field(default_factory=list)


def results_path(plan_file: Path) -> Path:
    """The results of a plan: `weekly.yaml` -> `weekly.results.jsonl`."""
    return plan_file.with_name(f"{plan_file.stem}.results.jsonl")


def ledger_path(plan_file: Path, block: int) -> Path:
    """The publish driver's ledger of one block."""
    return plan_file.with_name(f"{plan_file.stem}.ledgers") / f"block-{block}.jsonl"


def fingerprint(plan: Plan) -> str:
    """What makes results belong to a plan: all of it but the words about it and the ids filled in before a publish."""
    told = plan.model_dump(mode="json", exclude={"about": True, "blocks": {"__all__": {"schedule", "when", "week"}}})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


class ResultsFile:
    """Appends records; each is on disk when the call returns. One process at a time: two would publish twice."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Open the file for appending, made where it is not there yet. Raises ResultsError."""
        self._path = path
        try:
            self._file = path.open("a", encoding="utf-8")
            self._lock()
            self._mend()
            new = path.stat().st_size == 0
        except OSError as error:
            raise ResultsError(f"{path}: cannot be written: {error.strerror}") from None
        if new:
            self._append({"experiment": plan.name, "format": FORMAT, "plan": fingerprint(plan)})

    def started(self, block: int, **told: Any) -> None:
        """A block begins; told: what finishing or closing it after a crash needs."""
        self._append({"record": STARTED, "block": block, **told})

    def done(self, outcome: Outcome) -> None:
        """A block is over for good."""
        self._append({"record": DONE, **asdict(outcome)})

    def gave_up(self, outcome: Outcome) -> None:
        """A block was begun and will be done again from its beginning."""
        self._append({"record": ATTEMPT, **asdict(outcome)})

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ResultsError(f"{self._path}: another `experiment run` is using it") from None

    def _mend(self) -> None:
        """Cut off a last line that a crash left unfinished, else the next record would be spoiled by it."""
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._path, whole)


def has_header(path: Path) -> bool:
    """Whether a run has got as far as to write anything that counts."""
    try:
        return b"\n" in path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None


def read_results(path: Path, plan: Plan) -> Results:
    """The results of this plan. Raises ResultsError: unreadable, of another plan, or not results at all."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise ResultsError(f"{path}: there are no results yet; `experiment run` makes them") from None
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
    results = Results()
    _check_header(path, lines[0], plan)
    for number, line in enumerate(lines[1:-1], start=2):  # what follows the last newline was cut off by a crash
        try:
            _take(results, json.loads(line), plan)
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{path}:{number}: not a record of an experiment: {error}") from None
    return results


def _check_header(path: Path, line: bytes, plan: Plan) -> None:
    try:
        header = json.loads(line)
        known = header["format"], header["plan"], header["experiment"]
    except (ValueError, KeyError, TypeError):
        raise ResultsError(f"{path}:1: these are no results of an experiment") from None
    if known[0] != FORMAT:
        raise ResultsError(f"{path}:1: format {known[0]!r}: {FORMAT} is needed; another version has written it")
    if known[1] != fingerprint(plan):
        raise ResultsError(
            f"{path}:1: these are results of another plan ({known[2]!r}, or this one before it was changed); "
            "move the file away to begin anew"
        )


def _take(results: Results, record: dict[str, Any], plan: Plan) -> None:
    kind = record.pop("record")
    block = record["block"]
    if kind == STARTED:
        results.started[block] = record
        return
    outcome = _outcome(record, plan)
    results.started.pop(block, None)
    if kind == DONE:
        results.outcomes[block] = outcome
    elif kind == ATTEMPT:
        results.attempts.append(outcome)
    else:
        raise ValueError(f"unknown record {kind!r}")


def _outcome(record: dict[str, Any], plan: Plan) -> Outcome:
    step = plan.blocks[record["block"] - 1] if 1 <= record["block"] <= len(plan.blocks) else None
    if step is None or (step.arm, step.mode, step.replicate) != (record["arm"], record["mode"], record["replicate"]):
        raise ValueError(f"block {record['block']} is not such a block of the plan")
    if record["state"] not in STATES:
        raise ValueError(f"state {record['state']!r}: one of {', '.join(STATES)} is needed")
    values = dict(_values(record["values"]))
    return Outcome(step.block, step.replicate, step.mode, step.arm, record["state"], values, str(record["note"]))


def _values(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    known = {measure.name for measure in MEASURES}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"unknown measure {name!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name}: {value!r} is no number")
        yield name, float(value)
