"""Strands: one kind of measurement each, with what is bad of it by its own usual level, and when; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.analysis.diagnosis.episodes import Stretches, inside, stretches_of
from monitor.facts import signals
from monitor.facts.evidence import Codes, Evidence, Flags, Floats, Series
from monitor.facts.stretches import within
from monitor.facts.words import seconds_text

NOBODY_ASKED: Final = ("not_connected", "cancelled", "unsupported", "error")  # these attempts measured nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a strand is made. times, slow_s: an attempt that takes so many times the usual, and so much more, is slow.

    too_slow_s: slow whatever is usual.

    by: the columns whose values have a usual level each; apart: the columns whose rows have stretches each.
    """

    letter: str
    name: str
    signals: tuple[str, ...]
    slow_s: float
    too_slow_s: float
    times: float = 4.0
    by: tuple[str, ...] = ("site",)
    apart: tuple[str, ...] = ("site",)


PINGS: Final = Kind(
    letter="W",
    name="application ping",
    signals=(signals.WS_RTT, signals.NOTIFICATION_RTT),
    slow_s=0.3,
    too_slow_s=2.0,
)
EDGE: Final = Kind(letter="W", name="ping of the edge", signals=(signals.EDGE_RTT,), slow_s=0.3, too_slow_s=2.0)
TCP: Final = Kind(letter="W", name="TCP round trip", signals=(signals.TCP_RTT,), slow_s=0.1, too_slow_s=2.0)
FETCH: Final = Kind(letter="F", name="ICE-server fetch", signals=(signals.ICE_SERVERS,), slow_s=0.4, too_slow_s=5.0)
STUN: Final = Kind(
    letter="S",
    name="STUN",
    signals=(signals.STUN_RTT,),
    slow_s=0.12,
    too_slow_s=0.5,
    by=("site", "target"),
    apart=("site", "probe"),
)
TURN: Final = Kind(
    letter="T",
    name="TURN allocation",
    signals=(signals.TURN_ALLOCATE,),
    slow_s=0.3,
    too_slow_s=1.0,
    by=("site", "target"),
    apart=("site", "probe"),
)
REST: Final = Kind(
    letter="R",
    name="REST call",
    signals=(signals.API,),
    slow_s=0.3,
    too_slow_s=3.0,
    times=3.0,
    by=("site", "target"),
)
LAG: Final = Kind(letter="L", name="own loop lag", signals=(signals.LOOP_LAG,), slow_s=0.05, too_slow_s=0.25)
LOOPBACK: Final = Kind(letter="L", name="loopback probe", signals=(signals.LOOPBACK_RTT,), slow_s=0.05, too_slow_s=0.25)
CHECKS: Final = Kind(
    letter="M", name="ICE checks", signals=(signals.call_signal("ice_checks"),), slow_s=0.5, too_slow_s=5.0
)
GATHERING: Final = Kind(  # judged by its signature alone: how long it takes is its servers' business
    letter="G",
    name="ICE gathering",
    signals=(signals.ICE_GATHERING,),
    slow_s=1e9,
    too_slow_s=1e9,
    apart=("site", "probe"),
)
DTLS: Final = Kind(
    letter="M", name="DTLS handshake", signals=(signals.call_signal("dtls"),), slow_s=0.5, too_slow_s=3.0
)


@dataclass(frozen=True, slots=True)
class Strand:
    """The usable attempts of one kind, in order of time, columns of one length.

    failed: no answer, or a wrong one. slow: answered, but late for what is usual. bad: one of both. usual_s: the median
    of all answers; nan where there is none.
    """

    kind: Kind
    rows: Series
    failed: Flags
    slow: Flags
    usual_s: float
    stretches: Stretches

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def bad(self) -> Flags:
        """Failed or slow."""
        return self.failed | self.slow

    def count(self, what: Flags, where: Flags | None = None) -> float:
        """How many attempts; a row may stand for several."""
        return float(self.rows.weight[what if where is None else what & where].sum())

    def share(self, what: Flags, where: Flags) -> float | None:
        """The share of the attempts of `where` that are `what`; None where there are none."""
        total = self.count(where)
        return self.count(what, where) / total if total else None

    def during(self, of: Stretches, before_s: float = 0.0, after_s: float = 0.0) -> Flags:
        """The rows in stretches of their own site."""
        return inside(self.rows.at_s, self.rows.site, of, before_s, after_s)

    def elsewhere(self, of: Stretches) -> Flags:
        """The rows of sites that were not in trouble while another one was."""
        return within(self.rows.at_s, of.at(None)) & ~self.during(of)

    def untouched(self, of: Stretches) -> float:
        """Of the attempts at all sites in those times, the share of good ones from sites without trouble."""
        return self.share(~self.bad & self.elsewhere(of), within(self.rows.at_s, of.at(None))) or 0.0

    @property
    def sites(self) -> int:
        """At how many sites it was measured."""
        return len(np.unique(self.rows.site))

    def p95_s(self, where: Flags) -> float | None:
        """The 95th percentile of the measured ones."""
        values = self.rows.value[where]
        values = values[~np.isnan(values)]
        return float(np.quantile(values, 0.95)) if len(values) else None

    def told(self, where: Flags) -> str:
        """A sentence with the figures of these rows beside the rest."""
        tried = self.count(where)
        if not tried:
            return f"{self.kind.name}: not measured then"
        before_s, now_s = self.p95_s(~where & ~self.failed), self.p95_s(where & ~self.failed)
        words = [f"{self.kind.name}:"]
        if now_s is not None and before_s is not None:
            words.append(f"{_moved(before_s, now_s)} (p95),")
        words.append(f"{self.count(self.failed, where):.0f} of {tried:.0f} attempts failed")
        return " ".join(words)


def strand(evidence: Evidence, kind: Kind, distrusted: Stretches, fine: Iterable[str] = (signals.OK,)) -> Strand:
    """The attempts of a kind outside of distrusted times. fine: the outcomes of an attempt that went well."""
    rows = _rows(evidence, kind, distrusted)
    good = np.isin(rows.outcome, evidence.codes(fine))
    measured = good & ~np.isnan(rows.value)
    level = _levels(rows, kind.by, measured)
    limit = np.minimum(np.maximum(kind.times * level, level + kind.slow_s), kind.too_slow_s)
    slow = measured & (rows.value > limit) & ~rows.suspect  # what own lag may have slowed proves nothing
    usual_s = float(np.median(rows.value[measured])) if measured.any() else float("nan")
    bad = ~good | slow
    stretches = stretches_of(rows.at_s, bad, rows.weight, rows.site, grouped(rows, kind.apart))
    return Strand(kind, rows, ~good, slow, usual_s, stretches)


def grouped(rows: Series, columns: tuple[str, ...]) -> NDArray[np.int64]:
    """A number for every combination of values of these columns."""
    group = np.zeros(len(rows), dtype=np.int64)
    for name in columns:
        column: Codes = getattr(rows, name)
        group = group * (int(column.max(initial=0)) + 1) + column
    return group


def _rows(evidence: Evidence, kind: Kind, distrusted: Stretches) -> Series:
    present = [evidence.series[name] for name in kind.signals if name in evidence.series]
    if not present:
        return evidence.no_series
    rows = present[0]
    if len(present) > 1:
        rows = Series(*(np.concatenate([getattr(one, name) for one in present]) for name in Series.__slots__))
        rows = rows.where(np.argsort(rows.at_s, kind="stable"))
    unusable = np.isin(rows.outcome, evidence.codes(NOBODY_ASKED))
    unusable |= inside(rows.at_s, rows.site, distrusted)
    return rows.where(~unusable) if unusable.any() else rows


def _levels(rows: Series, by: tuple[str, ...], measured: Flags) -> Floats:
    """The usual value of each row's group: its median; a group without any answer has the level 0."""
    groups = grouped(rows, by)
    levels = np.zeros(len(rows))
    for one in np.unique(groups):
        here = groups == one
        values = rows.value[here & measured]
        levels[here] = np.median(values) if len(values) else 0.0
    return levels


def _moved(before_s: float, now_s: float) -> str:
    if now_s < 1.5 * before_s:
        return f"flat at {seconds_text(now_s)}"
    return f"{seconds_text(before_s)} before, {seconds_text(now_s)} then"
