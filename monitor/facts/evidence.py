"""Facts as columns: what everything that explains reads, whatever their source. Wall times are Unix seconds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]  # places in Evidence.names; NOTHING is the empty string
Flags = NDArray[np.bool_]

NOTHING = 0
ALL_SITES = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Every attempt at one signal, in order of time; columns of one length.

    at_s: when the attempt was complete. value: nan where not measured. outcome: `ok` for a measured attempt, else
    why not, or the signal's own words (the signature of a gathering, the HTTP status of a REST call). target: what was
    asked (server, agent, operation, process). detail: the mapped address of a STUN answer, the reason of a refusal.
    suspect: own lag may have falsified it. weight: how many attempts a row stands for, 1 unless the source only counts.
    """

    at_s: Floats
    value: Floats
    outcome: Codes
    site: Codes
    probe: Codes
    target: Codes
    detail: Codes
    suspect: Flags
    weight: Floats

    def __len__(self) -> int:
        return len(self.at_s)

    def where(self, chosen: Flags | NDArray[np.intp]) -> Series:
        """The rows of a mask or of indices."""
        return Series(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Drops:
    """Every lost connection or call, in order of `noticed_s`: each happened after last_good_s and by noticed_s.

    layer is empty where the source does not say (a file of real drops). code: WebSocket close code, -1 for none.
    """

    last_good_s: Floats
    noticed_s: Floats
    site: Codes
    agent: Codes
    layer: Codes
    reason: Codes
    code: Codes

    def __len__(self) -> int:
        return len(self.noticed_s)

    def where(self, chosen: Flags | NDArray[np.intp]) -> Drops:
        """The rows of a mask or of indices."""
        return Drops(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Heads:
    """How many agents were connected at a site from each moment on, in order of time."""

    at_s: Floats
    site: Codes
    count: Floats


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time at one site, or at all where `site` is empty."""

    start_s: float
    end_s: float
    site: str = ALL_SITES


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One run of a publish job, or a block of an experiment. Bounds hold the interval an edge lies in.

    arm: `none` for a block where nothing was done. randomised: chance decided the arm among the rows of one `block`.
    calls: API calls it made, where known.
    """

    start_s: float
    end_s: float
    job: str = ""
    run_id: str = ""
    strategy: str = ""
    arm: str = "publish"
    block: str = ""
    randomised: bool = False
    found_by: str = "told"
    start_min_s: float | None = None
    start_max_s: float | None = None
    end_min_s: float | None = None
    end_max_s: float | None = None
    calls: float | None = None

    @property
    def first_s(self) -> float:
        """The earliest it can have begun."""
        return self.start_s if self.start_min_s is None else min(self.start_s, self.start_min_s)

    @property
    def last_s(self) -> float:
        """The latest it can have ended."""
        return self.end_s if self.end_max_s is None else max(self.end_s, self.end_max_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything known. span: the observed period. gaps: nothing was measured; suspects: not to be trusted.

    warnings: what the source has to say about itself, one line each. simulated: the platform was a simulator.
    """

    names: tuple[str, ...]
    series: Mapping[str, Series]
    drops: Drops
    heads: Heads
    windows: tuple[Window, ...]
    span: tuple[float, float] | None
    gaps: tuple[Stretch, ...] = ()
    suspects: tuple[Stretch, ...] = ()
    warnings: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def sites(self) -> tuple[str, ...]:
        """Every site that anything was told of, in alphabetical order; one nameless site where none is named."""
        columns = [self.drops.site, self.heads.site, *(series.site for series in self.series.values())]
        codes = np.unique(np.concatenate([np.unique(column) for column in columns]))
        return tuple(sorted(self.names[code] for code in codes))

    @property
    def no_series(self) -> Series:
        """A series without a row."""
        numbers, codes = np.zeros(0), np.zeros(0, dtype=np.int32)
        return Series(numbers, numbers, codes, codes, codes, codes, codes, np.zeros(0, dtype=np.bool_), numbers)

    def code(self, name: str) -> int:
        """The place of a name; -1, which no row has, for one that does not occur."""
        try:
            return self.names.index(name)
        except ValueError:
            return -1

    def codes(self, names: Iterable[str]) -> list[int]:
        """The places of several names."""
        return [self.code(name) for name in names]


@dataclass(slots=True)
class _Rows:
    """Growing columns: the numbers as arrays of eight bytes, the names as arrays of four."""

    numbers: tuple[array[float], ...]
    codes: tuple[array[int], ...]
    flags: array[int] = field(default_factory=lambda: array("b"))


class EvidenceBuilder:
    """Takes facts in any order, one at a time, in a few dozen bytes each; `build` sorts them."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {"": NOTHING}
        self._series: dict[str, _Rows] = {}
        self._drops = _Rows(_arrays("d", 2), _arrays("i", 5))
        self._heads = _Rows(_arrays("d", 2), _arrays("i", 1))
        self.gaps: list[Stretch] = []
        self.suspects: list[Stretch] = []
        self.windows: list[Window] = []
        self.warnings: list[str] = []
        self.simulated = False

    def sample(
        self,
        signal: str,
        at_s: float,
        value: float | None,
        outcome: str = "ok",
        *,
        site: str = "",
        probe: str = "",
        target: str = "",
        detail: str = "",
        suspect: bool = False,
        weight: float = 1.0,
    ) -> None:
        """One attempt at a signal; value None where it was not measured."""
        rows = self._rows_of(signal)
        at, values, weights = rows.numbers
        at.append(at_s)
        values.append(float("nan") if value is None else value)
        weights.append(weight)
        code = self.code
        for column, name in zip(rows.codes, (outcome, site, probe, target, detail), strict=True):
            column.append(code(name))
        rows.flags.append(suspect)

    def drop(
        self,
        last_good_s: float,
        noticed_s: float,
        *,
        site: str = "",
        agent: str = "",
        layer: str = "",
        reason: str = "",
        code: int | None = None,
    ) -> None:
        """One drop."""
        self._drops.numbers[0].append(last_good_s)
        self._drops.numbers[1].append(noticed_s)
        for column, name in zip(self._drops.codes, (site, agent, layer, reason), strict=False):
            column.append(self.code(name))
        self._drops.codes[4].append(-1 if code is None else code)

    def heads(self, at_s: float, count: float, *, site: str = "") -> None:
        """So many agents are connected at the site from then on."""
        self._heads.numbers[0].append(at_s)
        self._heads.numbers[1].append(count)
        self._heads.codes[0].append(self.code(site))

    def samples(self, signal: str, numbers: Sequence[Floats], codes: Sequence[Codes], suspect: Flags) -> None:
        """Many attempts at a signal. numbers: at_s, value, weight; codes: outcome, site, probe, target, detail."""
        rows = self._rows_of(signal)
        _extend(rows, numbers, codes)
        rows.flags.frombytes(suspect.tobytes())

    def drops(self, numbers: Sequence[Floats], codes: Sequence[Codes]) -> None:
        """Many drops. numbers: last_good_s, noticed_s; codes: site, agent, layer, reason, and the close code."""
        _extend(self._drops, numbers, codes)

    def code(self, name: str) -> int:
        """The place of a name in Evidence.names, a new one if need be."""
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self._codes)
        return code

    def build(self, span: tuple[float, float] | None = None) -> Evidence:
        """Everything in order of time. span: the observed period; by default from the first row to the last."""
        series = {name: _series(rows) for name, rows in sorted(self._series.items())}
        drops, heads = _drops(self._drops), _heads(self._heads)
        return Evidence(
            names=tuple(self._codes),
            series=series,
            drops=drops,
            heads=heads,
            windows=tuple(sorted(self.windows, key=lambda window: (window.start_s, window.job, window.run_id))),
            span=span or self._span([drops.noticed_s, heads.at_s, *(one.at_s for one in series.values())]),
            gaps=tuple(sorted(self.gaps, key=lambda gap: gap.start_s)),
            suspects=tuple(sorted(self.suspects, key=lambda suspect: suspect.start_s)),
            warnings=tuple(self.warnings),
            simulated=self.simulated,
        )

    def _span(self, moments: Iterable[Floats]) -> tuple[float, float] | None:
        edges = [edge for column in moments if len(column) for edge in (float(column[0]), float(column[-1]))]
        edges += [edge for one in (*self.gaps, *self.suspects) for edge in (one.start_s, one.end_s)]
        return (min(edges), max(edges)) if edges else None

    def _rows_of(self, signal: str) -> _Rows:
        rows = self._series.get(signal)
        if rows is None:
            rows = self._series[signal] = _Rows(_arrays("d", 3), _arrays("i", 5))
        return rows


def merged(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches of time in order, those that touch or overlap made one."""
    ordered = sorted(stretches)
    ends = list(np.maximum.accumulate([end for _, end in ordered])) if ordered else []
    begins = [0, *(n + 1 for n, (end, after) in enumerate(zip(ends, ordered[1:], strict=False)) if after[0] > end)]
    return [(ordered[a][0], float(ends[b - 1])) for a, b in pairwise([*begins, len(ordered)])] if ordered else []


def _extend(rows: _Rows, numbers: Sequence[Floats], codes: Sequence[Codes]) -> None:
    for column, values in zip(rows.numbers, numbers, strict=True):
        column.frombytes(values.tobytes())
    for column_of_names, places in zip(rows.codes, codes, strict=True):
        column_of_names.frombytes(places.tobytes())


def _arrays(kind: str, count: int) -> tuple[array, ...]:  # type: ignore[type-arg]  # of floats or of ints
    return tuple(array(kind) for _ in range(count))


def _series(rows: _Rows) -> Series:
    at, value, weight = (np.frombuffer(column, dtype=np.float64) for column in rows.numbers)
    order = np.argsort(at, kind="stable")
    outcome, site, probe, target, detail = (np.frombuffer(column, dtype=np.int32)[order] for column in rows.codes)
    suspect = np.frombuffer(rows.flags, dtype=np.bool_)[order]
    return Series(at[order], value[order], outcome, site, probe, target, detail, suspect, weight[order])


def _drops(rows: _Rows) -> Drops:
    last_good, noticed = (np.array(column, dtype=np.float64) for column in rows.numbers)
    order = np.argsort(noticed, kind="stable")
    codes = [np.array(column, dtype=np.int32)[order] for column in rows.codes]
    return Drops(last_good[order], noticed[order], *codes)


def _heads(rows: _Rows) -> Heads:
    at, count = (np.array(column, dtype=np.float64) for column in rows.numbers)
    order = np.argsort(at, kind="stable")
    return Heads(at[order], np.array(rows.codes[0], dtype=np.int32)[order], count[order])
