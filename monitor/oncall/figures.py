"""One site's facts over one period, and the figures that checks take from them; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.facts import signals
from monitor.facts.evidence import ALL_SITES, Codes, Drops, Evidence, Flags, Floats, Series, Stretch, begins_incident
from monitor.facts.stretches import merged

HARMLESS_S = 0.05  # own lag only ever adds: a flagged sample that is still this fast hides nothing a check looks for
# Facts of these come at their own steady pace, so that silence means that nobody measures any more.
STEADY = (
    signals.WS_RTT,
    signals.NOTIFICATION_RTT,
    signals.EDGE_RTT,
    signals.ICE_SERVERS,
    signals.ICE_GATHERING,
    signals.API,
)


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one site from since_s to now_s (Unix seconds), both included.

    imported: drops that were imported, which are not in the evidence: of how many agents they tell nobody knows.
    """

    evidence: Evidence
    site: str
    since_s: float
    now_s: float
    imported: int = 0

    @property
    def began_s(self) -> float:
        """When what is known of the period begins: later than the period, where the source tells of nothing before."""
        span = self.evidence.span
        return self.since_s if span is None else min(max(self.since_s, span[0]), self.now_s)

    @property
    def observed_s(self) -> float:
        """For how many seconds of the period somebody measured."""
        return max(self.now_s - self.began_s - self.seconds_of(self.evidence.gaps), 0.0)

    def series(self, signal: str) -> Series:
        """Every attempt at a signal here, empty where there is none."""
        whole = self.evidence.series.get(signal)
        if whole is None:
            return self.evidence.no_series
        within = whole.where(self._within(whole.at_s))
        return within.where(within.site == self.evidence.code(self.site))

    @property
    def drops(self) -> Drops:
        """Every drop that was noticed here."""
        within = self.evidence.drops.where(self._within(self.evidence.drops.noticed_s))
        return within.where(within.site == self.evidence.code(self.site))

    def words(self, codes: Codes) -> list[str]:
        """The names behind codes."""
        return [self.evidence.names[code] for code in codes.tolist()]

    def counted(self, codes: Codes, weight: Floats) -> list[tuple[str, float]]:
        """Each name that occurs with its weight, the heaviest first."""
        sums: dict[int, float] = defaultdict(float)
        for code, count in zip(codes.tolist(), weight.tolist(), strict=True):
            sums[code] += count
        return sorted(
            ((self.evidence.names[code], count) for code, count in sums.items()), key=lambda pair: (-pair[1], pair[0])
        )

    def distinct(self, codes: Codes) -> list[str]:
        """Each name that occurs, in alphabetical order."""
        return sorted(self.evidence.names[code] for code in set(codes.tolist()))

    def is_one_of(self, codes: Codes, names: Iterable[str]) -> Flags:
        """Which of the codes stand for one of these names."""
        chosen: Flags = np.zeros(len(codes), dtype=np.bool_)
        for code in self.evidence.codes(names):
            chosen |= codes == code
        return chosen

    def seconds_of(self, stretches: Iterable[Stretch]) -> float:
        """How much of the period these stretches cover at this site."""
        here = [s for s in stretches if s.site in (ALL_SITES, self.site)]
        cut = [(max(s.start_s, self.since_s), min(s.end_s, self.now_s)) for s in here]
        return sum(end - start for start, end in merged((a, b) for a, b in cut if b > a))

    def latest_s(self, names: Iterable[str]) -> float | None:
        """When the last attempt at any of these signals was complete."""
        ends = [series.at_s[-1] for series in map(self.series, names) if len(series)]
        return float(max(ends)) if ends else None

    def agents(self) -> set[str]:
        """Every softphone that was heard of, the synthetic and the real ones."""
        columns = [self.series(name).target for name in (signals.WS_RTT, signals.ICE_SERVERS, signals.RECONNECT)]
        return {name for column in (*columns, self.drops.agent) for name in self.distinct(column)} - {""}

    def head_count(self) -> float | None:
        """How many softphones were connected on average, None where nobody told."""
        heads, here = self.evidence.heads, self.evidence.code(self.site)
        mine = (heads.site == here) & (heads.at_s <= self.now_s)
        if not mine.any():
            return None
        at_s, count = heads.at_s[mine], heads.count[mine]
        starts = np.clip(at_s, self.since_s, self.now_s)
        held_s = np.diff(np.append(starts, self.now_s))
        known_s = float(held_s.sum())
        return float((held_s * count).sum() / known_s) if known_s > 0 else float(count[-1])

    def _within(self, at_s: Floats) -> NDArray[np.intp]:
        first = np.searchsorted(at_s, self.since_s, side="left")
        return np.arange(first, np.searchsorted(at_s, self.now_s, side="right"))


def measured(series: Series) -> Series:
    """The rows that carry a figure which own lag cannot have made up."""
    falsified = series.suspect & (series.value > HARMLESS_S)
    return series.where(~np.isnan(series.value) & ~falsified)


def quantile(series: Series, share: float) -> float | None:
    """The smallest measured value that this share of the weight does not exceed; None where nothing was measured."""
    rows = measured(series)
    if not len(rows):
        return None
    order = np.argsort(rows.value, kind="stable")
    reached = np.cumsum(rows.weight[order])
    place = min(int(np.searchsorted(reached, share * reached[-1] - 1e-9)), len(order) - 1)
    return float(rows.value[order][place])


def percent(part: float, whole: float) -> float | None:
    """Part of the whole in percent, None of nothing."""
    return 100.0 * part / whole if whole > 0 else None


def interval_s(series: Series) -> float | None:
    """The usual time between two moments at which the signal was tried; None with fewer than two."""
    steps = sorted(step for step in np.diff(series.at_s).tolist() if step > 0)  # several softphones tell at once
    return float(steps[len(steps) // 2]) if steps else None


def incidents(noticed_s: Floats) -> int:
    """Drops in order of time, those within a minute of the one before counted once."""
    return int(begins_incident(noticed_s).sum())


def doubts(view: View) -> tuple[float, float]:
    """Measurements that own lag may have made up, and all of them."""
    rows = [view.series(name) for name in STEADY]
    timed = [one.where(~np.isnan(one.value)) for one in rows]
    return (
        sum(float(one.weight.sum() - measured(one).weight.sum()) for one in timed),
        sum(float(one.weight.sum()) for one in timed),
    )
