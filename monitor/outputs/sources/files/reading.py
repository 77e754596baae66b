"""Evidence from files alone: EVENTS and WINDOWS, CSV or JSON Lines, with everything that is wrong with them told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from monitor.facts import signals
from monitor.facts.clock import rfc3339
from monitor.facts.evidence import Drops, Evidence, EvidenceBuilder, Stretch, merged
from monitor.outputs.sources.collector import no_collection
from monitor.outputs.sources.files.events import EVENTS, EventRows
from monitor.outputs.sources.files.header import listed
from monitor.outputs.sources.files.problems import BadColumn, Problems, UnusableFiles
from monitor.outputs.sources.files.tables import Chunk, Layout, chunks
from monitor.outputs.sources.files.times import TimeReader
from monitor.outputs.sources.files.windows import WINDOWS, WindowRows, without_overlaps

COLUMNS = tuple(dict.fromkeys((*EVENTS.known, *WINDOWS.known)))
_PHASES = ("token", "channel_create", "tcp", "tls", "upgrade", "sasl", "bind", "ice_servers")
_CALL_PHASES = ("propose", "offer", "ice_checks", "dtls", "first_media")
_READ = frozenset(
    (
        *(value for name, value in vars(signals).items() if name.isupper() and isinstance(value, str)),
        *map(signals.phase_signal, _PHASES),
        *map(signals.call_signal, _CALL_PHASES),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How to read. zone: of times without offset. columns: our name -> theirs, out of COLUMNS. span: Unix seconds.

    time_format: `epoch`, `epoch_ms` or a strptime format. skip_bad: leave unreadable rows out, and count them.
    """

    zone: tzinfo | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    skip_bad: bool = False
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class FilesRead:
    """evidence: what the files tell. skipped: one line for each of the first bad rows that were left out."""

    evidence: Evidence
    skipped: tuple[str, ...]
    skipped_count: int


class _Taker(Protocol):
    doubled: int
    missing: int

    def take(self, chunk: Chunk) -> None: ...


def read_files(events: Sequence[Path], windows: Sequence[Path], options: FileOptions) -> FilesRead:
    """The evidence of these files together. Raises UnusableFiles with every problem that was found."""
    builder = EvidenceBuilder()
    problems = Problems(options.skip_bad)
    times = TimeReader(options.zone, options.time_format)
    event_rows, window_rows = EventRows(builder, times), WindowRows(times)
    _check_given(options.columns, problems)
    with no_collection():
        _read_all(events, EVENTS, event_rows, options, problems, builder.warnings)
        _read_all(windows, WINDOWS, window_rows, options, problems, builder.warnings)
    problems.check()
    builder.windows, overlaps = without_overlaps(window_rows.windows)
    told = _told(event_rows, window_rows, problems.count, overlaps)
    builder.warnings += [f"{count} {what}" for count, what in told if count]
    unknown = [name for name in event_rows.signals if name not in _READ]
    if unknown:
        builder.warnings.append(f"signals that no rule reads: {listed(unknown)}")
    evidence = _spanned(builder, event_rows.spans, options.span)
    _check_usable(evidence, events, windows, problems)
    return FilesRead(_without_copies(evidence), problems.lines, problems.count)


def _read_all(
    paths: Sequence[Path],
    layout: Layout,
    taker: _Taker,
    options: FileOptions,
    problems: Problems,
    warnings: list[str],
) -> None:
    for path in dict.fromkeys(path.absolute() for path in paths):
        shown = next(one for one in paths if one.absolute() == path)
        for chunk in chunks(shown, layout, options.columns, problems, warnings):
            _take(chunk, taker.take, shown, problems)


def _take(chunk: Chunk, take: Callable[[Chunk], None], path: Path, problems: Problems) -> None:
    """Take a chunk as a whole, without the rows that cannot be taken: these are told, one column after the other."""
    while chunk.lines:
        try:
            take(chunk)
            return
        except BadColumn as bad:
            column = chunk.header.told_as(bad.column)
            for cell in bad.cells:
                problems.add(path, chunk.lines[cell.place], column, cell.what, cell.value, fatal=cell.fatal)
            chunk = chunk.without(cell.place for cell in bad.cells)


def _told(events: EventRows, windows: WindowRows, skipped: int, overlaps: int) -> list[tuple[int, str]]:
    """What was repaired, how often."""
    return [
        (skipped, "unreadable rows were skipped"),
        (
            events.doubled + windows.doubled,
            "local times come twice, as clocks go back: the earlier one is taken, and the later one as a bound",
        ),
        (
            events.missing + windows.missing,
            "local times do not exist, as clocks go forward: they are taken as later by the gap",
        ),
        (overlaps, "windows overlap or repeat another one of their job: merged"),
    ]


def _spanned(
    builder: EvidenceBuilder, told: Sequence[tuple[float, float]], wanted: tuple[float, float] | None
) -> Evidence:
    """The evidence with its observed period: the one asked for, else what the files tell of it, or else cover."""
    stretches = merged(told)
    if wanted is None and stretches:
        builder.gaps += [Stretch(before[1], after[0]) for before, after in pairwise(stretches)]
        return builder.build((stretches[0][0], stretches[-1][1]))
    evidence = builder.build(wanted)
    if wanted is None and evidence.span is not None:
        first, last = (rfc3339(edge) for edge in evidence.span)
        warning = (
            f"the observed period is taken from the first to the last record, {first} to {last}: tell it by --span"
        )
        evidence = replace(evidence, warnings=(*evidence.warnings, warning))
    return evidence


def _check_given(columns: Mapping[str, str], problems: Problems) -> None:
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise UnusableFiles((f"--column: unknown {listed(unknown)}; one of {', '.join(COLUMNS)} is needed",))


def _check_usable(evidence: Evidence, events: Sequence[Path], windows: Sequence[Path], problems: Problems) -> None:
    rows = len(evidence.drops) + len(evidence.heads.at_s) + sum(map(len, evidence.series.values()))
    missing = [] if rows else list(events)
    missing += [] if evidence.windows else list(windows)
    if missing:
        lines = (f"{path}:1:-: no usable row; at least one is needed" for path in dict.fromkeys(missing))
        raise UnusableFiles((*problems.lines, *lines))


def _without_copies(evidence: Evidence) -> Evidence:
    """Each drop of a named agent once. Where no agent is named, two at one time may be two agents, and both stay."""
    drops = evidence.drops
    columns = (drops.reason, drops.layer, drops.agent, drops.site, drops.noticed_s)
    order = np.lexsort(columns)
    same = np.ones(max(0, len(drops) - 1), dtype=np.bool_)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    copies = order[1:][same]
    named = drops.agent[copies] != 0
    keep = np.ones(len(drops), dtype=np.bool_)
    keep[copies[named]] = False
    removed, kept = int(named.sum()), int((~named).sum())
    warnings = list(evidence.warnings)
    if removed:
        warnings.append(f"{removed} drops repeat another one of the same time, site, agent and reason: counted once")
    if kept:
        warnings.append(f"{kept} drops are like another one but name no agent: all are counted")
    found: Drops = drops.where(keep) if removed else drops
    return replace(evidence, drops=found, warnings=tuple(warnings))
