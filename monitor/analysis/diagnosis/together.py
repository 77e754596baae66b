"""Common drops: moments at which most agents lost their connection together, and how they came back; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.diagnosis.drops import OWN_NOTICE, PERSONAL, of_reasons, signalling, with_agent
from monitor.facts import signals
from monitor.facts.evidence import Drops, Evidence, Floats

TOGETHER_S: Final = 3.0  # drops that one event causes are noticed within this
COMMON_SHARE: Final = 0.4  # of the connected agents lose their connection together in a common drop
COMMON_LEAST: Final = 6
UNCOUNTED_LEAST: Final = 20  # where nobody tells how many agents there are
APART_S: Final = 60.0
LATE_S: Final = 25.0


@dataclass(frozen=True, slots=True)
class CommonDrop:
    """Connections of many agents that ended together. shares: of the agents of each site, by its code.

    away_s: how long those that came back were away, in order. hard: the share of them that needed a new channel.
    """

    at_s: float
    end_s: float
    count: int
    of: float | None
    shares: dict[int, float]
    reasons: tuple[str, ...]
    away_s: Floats
    hard: float

    @property
    def everywhere(self) -> bool:
        """Every site lost most of its agents, as far as head counts tell."""
        return all(share > COMMON_SHARE for share in self.shares.values())

    @property
    def late(self) -> float:
        """The share of those back who came half a minute and more after the first ones."""
        return float((self.away_s > self.away_s[0] + LATE_S).mean()) if len(self.away_s) else 0.0


def common_drops(evidence: Evidence, agents: float | None = None) -> list[CommonDrop]:
    """Every such moment, at which nobody had missed a ping before. agents: how many, where head counts do not tell."""
    chosen = signalling(evidence) & ~of_reasons(evidence, (*OWN_NOTICE, *PERSONAL))
    drops = evidence.drops.where(chosen)
    at_s = drops.noticed_s
    last = np.searchsorted(at_s, at_s + TOGETHER_S + _blur_s(drops), side="right")
    count = last - np.arange(len(at_s))
    many = np.flatnonzero(count >= COMMON_LEAST)
    if not len(many):
        return []
    around = _Around(evidence, agents)
    found: list[CommonDrop] = []
    for n in many:
        if found and at_s[n] < found[-1].end_s + APART_S:
            continue
        if count[n] >= around.least(float(at_s[n]), int(count[n])):
            found.append(around.told(drops.where(np.arange(n, last[n]))))
    return found


class _Around:
    """What else is known at the moment of a common drop: who was connected, and who came back when."""

    def __init__(self, evidence: Evidence, agents: float | None) -> None:
        self._evidence = evidence
        heads = evidence.heads
        of_site = {int(site): heads.site == site for site in np.unique(heads.site)}
        self._heads = {site: (heads.at_s[here], heads.count[here]) for site, here in of_site.items()}
        self._sites = evidence.codes(evidence.sites)
        named = evidence.drops.agent[with_agent(evidence.drops)]
        self._agents = agents or float(len(np.unique(named))) or None
        back = evidence.series.get(signals.RECONNECT, evidence.no_series)
        order = np.argsort(back.at_s - back.value, kind="stable")
        self._back = back.where(order)
        self._left_s = self._back.at_s - self._back.value

    def least(self, at_s: float, count: int) -> float:
        """How many drops together are most of the agents."""
        of = self._of(self._connected(at_s), count)
        return UNCOUNTED_LEAST if of is None else COMMON_SHARE * of

    def told(self, drops: Drops) -> CommonDrop:
        """Everything about one common drop."""
        at_s, end_s = float(drops.noticed_s[0]), float(drops.noticed_s[-1])
        connected = self._connected(at_s)
        lost = {int(site): int((drops.site == site).sum()) for site in np.unique(drops.site)}
        shares = {site: 1.0 if site in lost else 0.0 for site in self._sites}
        if sum(connected.values()) >= len(drops):
            shares = {site: lost.get(site, 0) / count for site, count in connected.items()}
        begin, end = np.searchsorted(self._left_s, (at_s - 1.0, end_s + 1.0))
        hard = self._back.outcome[begin:end] == self._evidence.code("hard")
        return CommonDrop(
            at_s=at_s,
            end_s=end_s,
            count=len(drops),
            of=self._of(connected, len(drops)),
            shares=shares,
            reasons=tuple(sorted(self._evidence.names[code] for code in np.unique(drops.reason))),
            away_s=np.sort(self._back.value[begin:end]),
            hard=float(hard.mean()) if len(hard) else 0.0,
        )

    def _of(self, connected: dict[int, float], count: int) -> float | None:
        """Among how many agents: those connected, unless that is the monitor's own few beside many real agents."""
        total = sum(connected.values())
        return total if total >= count else self._agents

    def _connected(self, at_s: float) -> dict[int, float]:
        """How many agents were connected at each site a second before."""
        found = {}
        for site, (times_s, count) in self._heads.items():
            place = int(np.searchsorted(times_s, at_s - 1.0, side="left")) - 1
            if place >= 0 and count[place] > 0:
                found[site] = float(count[place])
        return found


def _blur_s(drops: Drops) -> float:
    """How exactly a source that only counts drops tells their moment."""
    counted = ~with_agent(drops)
    return float(np.median((drops.noticed_s - drops.last_good_s)[counted])) if counted.any() else 0.0
