"""Evidence as it is gathered: one fact at a time, or many at once, in a few dozen bytes each; pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.facts.evidence import NOTHING, Codes, Drops, Evidence, Flags, Floats, Heads, Series, Stretch, Window


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
