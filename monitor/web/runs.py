"""The publish runs of all markers that the journal knows, read again only when a run has changed."""

from __future__ import annotations

import asyncio
from typing import Any

from monitor.facts.clock import Clock
from monitor.facts.runs import Run, runs_of
from monitor.outputs.journal import Journal
from monitor.web.live.data import LiveData
from monitor.web.live.published import MOST_MARKERS, run_json


class KnownRuns:
    """What the page lists: more than its windows hold. Every page asks at once, and one reading serves them all."""

    def __init__(self, data: LiveData, journal: Journal, clock: Clock) -> None:
        self._data = data
        self._journal = journal
        self._clock = clock
        self._reading = asyncio.Lock()
        self._runs: tuple[Run, ...] = ()
        self._change: tuple[int, float] | None = None

    async def newest(self, limit: int) -> list[dict[str, Any]]:
        """The last runs, newest first, at most `limit`. Raises JournalError."""
        async with self._reading:
            change = (await asyncio.to_thread(self._data.runs_change), self._data.options.limit_s)
            if change != self._change:
                self._runs, self._change = await asyncio.to_thread(self._read), change
        return [run_json(run) for run in reversed(self._runs[-limit:])]

    def _read(self) -> tuple[Run, ...]:
        """From the newest MOST_MARKERS markers: a run may have thousands of batches."""
        markers = self._journal.markers(limit=MOST_MARKERS)
        return runs_of(markers, now_wall_s=self._clock.wall_s(), limit_s=self._data.options.limit_s)
