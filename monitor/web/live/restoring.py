"""The last day from the journal into the page's memory: gently, newest first, on a thread of its own."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator

from monitor.facts.observations import Observation
from monitor.outputs.journal import Journal, JournalError
from monitor.web.live.attempts import Attempts
from monitor.web.live.data import LiveData
from monitor.web.live.rings import WINDOWS

log = logging.getLogger(__name__)

SLICE_S = 300.0  # read in one go: a reader that stays long keeps the journal's log from being folded in
BATCH = 500  # facts taken in under one hold of the lock
PAUSE_S = 0.01  # after each batch, for whatever else wants this process


def restore(data: LiveData, journal: Journal, until_wall_s: float, stop: threading.Event) -> None:
    """Take in what the journal knows of the day before `until_wall_s`, newest first, until `stop` is set. Blocks."""
    first_s = until_wall_s - WINDOWS[-1].length_s
    try:
        for start_s, end_s in _slices(first_s, until_wall_s):
            _slice(data, journal, start_s, end_s, stop)
            if stop.is_set():
                return
    except JournalError as error:
        log.warning("the page starts without what was measured before: %s", error)
    except Exception:  # nobody waits for this thread, so nobody else would tell
        log.exception("the page starts without all that was measured before: our own mistake")


def _slice(data: LiveData, journal: Journal, start_s: float, end_s: float, stop: threading.Event) -> None:
    told: Attempts | None = None  # most slices of a young journal are empty, and a fleet has hundreds of logs
    for batch in _batches(journal.facts(start_s, end_s)):
        data.restore(batch)
        told = told or Attempts(data.options.probes)
        for fact in batch:
            told.add(fact)
        if stop.wait(PAUSE_S):
            break
    if told is not None:
        data.merge(told)


def _slices(first_s: float, until_s: float) -> Iterator[tuple[float, float]]:
    """From the newest to the oldest."""
    while until_s > first_s:
        start_s = max(first_s, until_s - SLICE_S)
        yield start_s, until_s
        until_s = start_s


def _batches(facts: Iterator[Observation]) -> Iterator[list[Observation]]:
    while batch := list(itertools.islice(facts, BATCH)):
        yield batch
