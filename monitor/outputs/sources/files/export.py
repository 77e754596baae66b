"""Evidence to files: EVENTS and WINDOWS as CSV, from which `files` reads the same evidence again."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from monitor.facts.evidence import Evidence, Series, Stretch, Window
from monitor.facts.signals import OK
from monitor.outputs.sources.files.events import SIMULATED

_EVENTS = (
    *("time", "last_good", "until", "kind", "signal", "value", "outcome", "site", "probe", "target", "detail"),
    *("agent", "layer", "reason", "code", "suspect", "weight"),
)
_WINDOWS = (
    *("start", "end", "job", "run_id", "strategy", "arm", "block", "randomised", "found_by"),
    *("start_min", "start_max", "end_min", "end_max", "calls"),
)
_ROWS_AT_ONCE = 10_000

_Row = dict[str, str]
_Rows = Callable[[], Iterator[_Row]]


def write_events(evidence: Evidence, file: Path) -> None:
    """As `events_to`, into a file. Raises OSError."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        events_to(evidence, stream)


def write_windows(windows: Iterable[Window], file: Path) -> None:
    """As `windows_to`, into a file. Raises OSError."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        windows_to(windows, stream)


def events_to(evidence: Evidence, stream: TextIO) -> int:
    """Everything but the windows, kind by kind, with the observed period as a row of its own; how many rows.

    Times are in UTC with microseconds; columns that would be blank throughout are left out.
    """
    return _write(stream, _EVENTS, ("time",), lambda: _rows(evidence))


def windows_to(windows: Iterable[Window], stream: TextIO) -> int:
    """The windows, one a row; how many."""
    rows = [_window(window) for window in windows]
    return _write(stream, _WINDOWS, ("start", "end"), lambda: iter(rows))


def _write(stream: TextIO, columns: tuple[str, ...], required: tuple[str, ...], rows: _Rows) -> int:
    """required: the columns that a reader wants to see even where there is no row."""
    used, count = set(required), 0
    for row in rows():
        used.update(column for column, text in row.items() if text)
        count += 1
    names = [column for column in columns if column in used]
    writer = csv.DictWriter(stream, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows())
    return count


def _rows(evidence: Evidence) -> Iterator[_Row]:
    if evidence.span is not None:
        detail = SIMULATED if evidence.simulated else ""
        yield {**_stretch("span", Stretch(*evidence.span)), "detail": detail}
    yield from (_stretch("gap", gap) for gap in evidence.gaps)
    yield from (_stretch("suspect", suspect) for suspect in evidence.suspects)
    yield from _heads(evidence)
    yield from _drops(evidence)
    for signal, series in evidence.series.items():
        for begin in range(0, len(series), _ROWS_AT_ONCE):
            part = series.where(np.arange(begin, min(begin + _ROWS_AT_ONCE, len(series))))
            yield from _samples(signal, part, evidence.names)


def _stretch(kind: str, stretch: Stretch) -> _Row:
    return {"time": _time(stretch.start_s), "until": _time(stretch.end_s), "kind": kind, "site": stretch.site}


def _heads(evidence: Evidence) -> Iterator[_Row]:
    heads, names = evidence.heads, evidence.names
    for at_s, site, count in zip(heads.at_s.tolist(), heads.site.tolist(), heads.count.tolist(), strict=True):
        yield {"time": _time(at_s), "kind": "connected", "value": _number(count), "site": names[site]}


def _drops(evidence: Evidence) -> Iterator[_Row]:
    drops, names = evidence.drops, evidence.names
    columns = (drops.last_good_s, drops.noticed_s, drops.site, drops.agent, drops.layer, drops.reason, drops.code)
    for last_good_s, noticed_s, site, agent, layer, reason, code in zip(*(c.tolist() for c in columns), strict=True):
        yield {
            "time": _time(noticed_s),
            "last_good": "" if last_good_s == noticed_s else _time(last_good_s),
            "kind": "disconnect",
            "site": names[site],
            "agent": names[agent],
            "layer": names[layer],
            "reason": names[reason],
            "code": "" if code < 0 else str(code),
        }


def _samples(signal: str, part: Series, names: tuple[str, ...]) -> Iterator[_Row]:
    columns = (getattr(part, name).tolist() for name in Series.__dataclass_fields__)
    for at_s, value, outcome, site, probe, target, detail, suspect, weight in zip(*columns, strict=True):
        measured = value == value  # not nan
        yield {
            "time": _time(at_s),
            "kind": "sample",
            "signal": signal,
            "value": _number(value) if measured else "",
            "outcome": "" if measured and names[outcome] == OK else names[outcome],
            "site": names[site],
            "probe": names[probe],
            "target": names[target],
            "detail": names[detail],
            "suspect": "true" if suspect else "",
            "weight": "" if weight == 1.0 else _number(weight),
        }


def _window(window: Window) -> _Row:
    return {
        "start": _time(window.start_s),
        "end": _time(window.end_s),
        **{name: getattr(window, name) for name in ("job", "run_id", "strategy", "arm", "block", "found_by")},
        "randomised": "true" if window.randomised else "",
        **{
            name: "" if (at_s := getattr(window, f"{name}_s")) is None else _time(at_s)
            for name in ("start_min", "start_max", "end_min", "end_max")
        },
        "calls": "" if window.calls is None else _number(window.calls),
    }


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(value: float) -> str:
    """As short as it can be and still be read as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
