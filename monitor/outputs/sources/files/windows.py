"""WINDOWS tables to windows: one a row, then overlapping and repeated runs of one job made one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from monitor.facts.evidence import Window
from monitor.facts.runs import joined_ways
from monitor.outputs.sources.files.cells import Names, Rows
from monitor.outputs.sources.files.problems import BadCell, BadColumn
from monitor.outputs.sources.files.tables import Chunk, Layout
from monitor.outputs.sources.files.times import Moments, TimeReader

MOST_WINDOWS = 100_000
NAMED: Final = ("job", "run_id", "strategy", "arm", "block", "found_by")
BOUNDS: Final = ("start_min", "start_max", "end_min", "end_max")
WINDOWS: Final = Layout(("start", "end", *NAMED, "randomised", *BOUNDS, "calls"), ("start", "end"))
PUBLISH, NO_PUBLISH = "publish", "none"
_ENDS_EARLY = "an end before its start; one at or after `start` is needed"
_NO_BLOCK = "no block; a randomised row needs the one in which chance decided"


class WindowRows:
    """Reads chunks of WINDOWS; jobs whose names differ by capitals alone are one, called as it was first.

    doubled, missing: times at a change of the clocks, as in Moments.
    """

    def __init__(self, times: TimeReader) -> None:
        self._times = times
        self._told: list[str] = []
        self._names = Names(self._place)
        self._jobs: dict[str, str] = {}
        self.windows: list[Window] = []
        self.doubled = 0
        self.missing = 0

    def take(self, chunk: Chunk) -> None:
        """Take every row. Raises BadColumn, and then none is taken."""
        rows = Rows(chunk.columns, len(chunk.lines))
        starts, ends = (self._times.column(rows.texts(edge), edge) for edge in ("start", "end"))
        rows.check(ends.last_s >= starts.at_s, "end", _ENDS_EARLY, fatal=True)
        ends = replace(ends, at_s=np.where(ends.at_s < starts.at_s, ends.last_s, ends.at_s))  # seen in its second hour
        names = {name: rows.places(name, self._names) for name in NAMED}
        randomised = rows.flags("randomised")
        blocks = np.array([bool(self._told[code]) for code in names["block"]], dtype=np.bool_)
        rows.check(~randomised | blocks, "block", _NO_BLOCK)
        calls = rows.numbers("calls")
        rows.check(~(calls < 0), "calls", "below 0; a number from 0 is needed")
        bounds = self._bounds(rows, starts, ends)
        if len(self.windows) + rows.length > MOST_WINDOWS:
            too_many = f"too many windows; at most {MOST_WINDOWS} are allowed"
            raise BadColumn("start", [BadCell(n, too_many, text, True) for n, text in enumerate(rows.texts("start"))])
        for place in range(rows.length):
            told = {name: self._told[codes[place]] for name, codes in names.items()}
            window = Window(
                start_s=float(starts.at_s[place]),
                end_s=float(ends.at_s[place]),
                job=self._jobs.setdefault(told["job"].casefold(), told["job"]),
                run_id=told["run_id"],
                strategy=told["strategy"],
                arm=_arm(told["arm"]),
                block=told["block"],
                randomised=bool(randomised[place]),
                found_by=told["found_by"] or "told",
                start_min_s=bounds["start_min"][place],
                start_max_s=bounds["start_max"][place],
                end_min_s=bounds["end_min"][place],
                end_max_s=bounds["end_max"][place],
                calls=None if np.isnan(calls[place]) else float(calls[place]),
            )
            self.windows.append(window)
        self.doubled += starts.doubled + ends.doubled
        self.missing += starts.missing + ends.missing

    def _bounds(self, rows: Rows, starts: Moments, ends: Moments) -> dict[str, list[float | None]]:
        """What is told of where an edge lies; without a word None, or both of the times that a local one may be."""
        found: dict[str, list[float | None]] = {}
        for name in BOUNDS:
            edge, low = starts if name.startswith("start") else ends, name.endswith("min")
            either = edge.at_s if low else edge.last_s
            values: list[float | None] = [
                float(one) if twice else None for one, twice in zip(either, edge.last_s > edge.at_s, strict=True)
            ]
            texts = rows.texts(name)
            told = [place for place, text in enumerate(texts) if text.strip()]
            moments = self._times.column([texts[place] for place in told], name, told)
            for place, at_s in zip(told, moments.at_s if low else moments.last_s, strict=True):
                values[place] = float(at_s)
            found[name] = values
        return found

    def _place(self, name: str) -> int:
        self._told.append(name)
        return len(self._told) - 1


def _arm(name: str) -> str:
    return NO_PUBLISH if name.casefold() == NO_PUBLISH else name or PUBLISH


def without_overlaps(windows: Iterable[Window]) -> tuple[list[Window], int]:
    """The windows in order, and how many of them went into another one of the same job that they overlap or repeat.

    Windows of different arms stay apart, and so do randomised ones of different blocks.
    """
    every = sorted(windows, key=lambda one: (one.start_s, one.end_s))
    once: dict[tuple[tuple[str, ...], str, float, float], Window] = {}
    for window in every:
        key = _unit(window), window.run_id, window.start_s, window.end_s
        once[key] = _together(once[key], window, repeated=True) if key in once else window
    of_unit: dict[tuple[str, ...], list[Window]] = {}
    for window in once.values():
        kept = of_unit.setdefault(_unit(window), [])
        if kept and (window.start_s < kept[-1].end_s or window.start_s == kept[-1].start_s):
            kept[-1] = _together(kept[-1], window, repeated=False)
        else:
            kept.append(window)
    found = sorted((one for kept in of_unit.values() for one in kept), key=lambda one: (one.start_s, one.job))
    return found, len(every) - len(found)


def _unit(window: Window) -> tuple[str, ...]:
    """What windows have in common that may be one."""
    return window.job, window.arm, *(("randomised", window.block) if window.randomised else ())


def _together(first: Window, second: Window, *, repeated: bool) -> Window:
    """Two runs as one, from the earlier start to the later end; a run told twice made its calls once."""
    last = first if first.end_s >= second.end_s else second
    calls = [one.calls for one in (first, second) if one.calls is not None]
    return replace(
        first,
        end_s=last.end_s,
        end_min_s=last.end_min_s,
        end_max_s=last.end_max_s,
        strategy=first.strategy if first.strategy == second.strategy else "",
        found_by=joined_ways((first.found_by, second.found_by)),
        calls=(max(calls) if repeated else sum(calls)) if calls else None,
    )
