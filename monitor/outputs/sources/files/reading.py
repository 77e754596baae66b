"""Evidence from files alone: EVENTS and WINDOWS, CSV or JSON Lines, with everything that is wrong with them told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from itertools import pairwise
from pathlib import Path

import numpy as np

from monitor.facts import signals
from monitor.facts.clock import rfc3339
from monitor.facts.evidence import Drops, Evidence, Stretch
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.stretches import merged
from monitor.facts.words import counted
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


Progress = Callable[[Path, int], None]


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


def read_files(
    events: Sequence[Path], windows: Sequence[Path], options: FileOptions, progress: Progress | None = None
) -> FilesRead:
    """The evidence of these files together. progress: is told how many rows of a file were read, again and again.

    Raises UnusableFiles with every problem that was found.
    """
    builder = EvidenceBuilder()
    problems = Problems(options.skip_bad)
    times = TimeReader(options.zone, options.time_format)
    event_rows, window_rows = EventRows(builder, times), WindowRows(times)
    _check_given(options.columns, problems)
    _warn_repeated((events, windows), builder.warnings)
    tables = _Tables(options, problems, builder.warnings, progress)
    with no_collection():
        tables.read(events, EVENTS, event_rows)
        tables.read(windows, WINDOWS, window_rows)
    problems.check()
    builder.windows, overlaps = without_overlaps(window_rows.windows)
    builder.warnings += _told(event_rows, window_rows, problems.count, overlaps, listed(tables.repaired))
    unknown = [name for name in event_rows.signals if name not in _READ]
    if unknown:
        builder.warnings.append(f"signals that no rule reads: {listed(unknown)}")
    evidence = _spanned(builder, event_rows.spans, options.span)
    _check_usable(evidence, events, windows, problems)
    return FilesRead(_without_copies(evidence), problems.lines, problems.count)


class _Tables:
    """Reads files one after the other. repaired: the names of those with times at a change of the clocks."""

    def __init__(
        self, options: FileOptions, problems: Problems, warnings: list[str], progress: Progress | None
    ) -> None:
        self._options = options
        self._problems = problems
        self._warnings = warnings
        self._progress = progress
        self.repaired: dict[str, None] = {}

    def read(self, paths: Sequence[Path], layout: Layout, taker: EventRows | WindowRows) -> None:
        """Every row of these files, each file once."""
        for path in _once(paths):
            rows, odd = 0, taker.doubled + taker.missing
            for chunk in chunks(path, layout, self._options.columns, self._problems, self._warnings):
                rows += len(chunk.lines)
                _take(chunk, taker.take, path, self._problems)
                if self._progress is not None:
                    self._progress(path, rows)
            if taker.doubled + taker.missing > odd:
                self.repaired[path.name] = None


def _once(paths: Sequence[Path]) -> Iterator[Path]:
    """Each file once, as it was last called."""
    return iter({path.absolute(): path for path in paths}.values())


def _warn_repeated(given: Iterable[Sequence[Path]], warnings: list[str]) -> None:
    for paths in given:
        times = Counter(path.absolute() for path in paths)
        repeated = [path for path in _once(paths) if times[path.absolute()] > 1]
        warnings += [f"{path}: given {times[path.absolute()]} times, read once" for path in repeated]


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


def _told(events: EventRows, windows: WindowRows, skipped: int, overlaps: int, odd: str) -> Iterator[str]:
    """What was repaired, how often. odd: the files with times that come twice or never."""
    doubled, missing = events.doubled + windows.doubled, events.missing + windows.missing
    if skipped:
        yield counted(skipped, "unreadable row was skipped", "unreadable rows were skipped")
    if doubled:
        times = counted(doubled, "local time comes twice", "local times come twice")
        yield f"{times}, as clocks go back, in {odd}: the earlier one is taken, and the later one as a bound"
    if missing:
        times = counted(missing, "local time does not exist", "local times do not exist")
        yield f"{times}, as clocks go forward, in {odd}: taken as later by the gap"
    if overlaps:
        runs = counted(overlaps, "window overlaps or repeats", "windows overlap or repeat")
        yield f"{runs} another one of the same job: merged"


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
        drops_told = counted(removed, "drop repeats", "drops repeat")
        warnings.append(f"{drops_told} another one of the same time, site, agent and reason: counted once")
    if kept:
        drops_told = counted(kept, "drop is like another one but names", "drops are like another one but name")
        warnings.append(f"{drops_told} no agent: all are counted")
    found: Drops = drops.where(keep) if removed else drops
    return replace(evidence, drops=found, warnings=tuple(warnings))
