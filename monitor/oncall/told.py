"""What a check finds at one site, and the words it uses for counts, outcomes and times; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.facts.evidence import Drops, Flags, Series
from monitor.facts.words import seconds_text
from monitor.oncall.figures import View, percent, quantile

MOST_TARGETS = 8  # servers, operations or processes that get a line of their own


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a site. value None: could not be had. grave: False for one that is a WARNING at most."""

    label: str
    value: float | None
    unit: str = ""
    maximum: float | None = None
    grave: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a check finds at one site. attempts: how many measurements it rests on, None where it counts events."""

    summary: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    attempts: float | None = None


def reasons(view: View, drops: Drops) -> str:
    """`6 signalling/ping_timeout, 2 ice/checks_failed`, the most frequent first."""
    pairs = zip(view.words(drops.layer), view.words(drops.reason), strict=True)
    names = ["/".join(part for part in pair if part) or "no reason told" for pair in pairs]
    counts = sorted(((names.count(name), name) for name in set(names)), key=lambda pair: (-pair[0], pair[1]))
    return ", ".join(f"{count} {name}" for count, name in counts)


def each_target(view: View, rows: Series) -> tuple[str, ...]:
    """A line for each server, operation or process: its outcomes and the 95th percentile of its times."""
    targets = view.counted(rows.target, rows.weight)
    return tuple(
        f"{target or 'all'}: {outcomes(view, group)}, p95 {time_text(quantile(group, 0.95))}"
        for target, _ in targets[:MOST_TARGETS]
        for group in [rows.where(view.is_one_of(rows.target, (target,)))]
    )


def outcomes(view: View, rows: Series) -> str:
    """`58 ok, 2 timeout`, of REST calls `19 answered 200`; the most frequent first."""
    return ", ".join(
        f"{count_text(count)} {'answered ' if outcome.isdigit() else ''}{outcome}"
        for outcome, count in view.counted(rows.outcome, rows.weight)
    )


def commonest(view: View, rows: Series) -> str:
    """The most frequent outcome of rows that there are."""
    return view.counted(rows.outcome, rows.weight)[0][0]


def largest(rows: Series) -> float | None:
    """The largest value measured."""
    known = rows.value[~np.isnan(rows.value)]
    return float(known.max()) if len(known) else None


def weight_of(rows: Series, chosen: Flags) -> float:
    """How many attempts the chosen rows stand for."""
    return float(rows.weight[chosen].sum())


def share(label: str, part: float, whole: float) -> Figure:
    """A part of the whole as a figure in percent."""
    return Figure(label, percent(part, whole), "%", 100.0)


def count_text(count: float) -> str:
    """A count without decimals."""
    return f"{count:.0f}"


def time_text(seconds: float | None) -> str:
    """Seconds as people say them, or that there are none."""
    return "unmeasured" if seconds is None else seconds_text(seconds)
