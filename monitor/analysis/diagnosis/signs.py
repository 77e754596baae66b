"""The signs that rules look at: every strand of measurements, common drops, our own publish windows; pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from monitor.analysis.diagnosis import strands
from monitor.analysis.diagnosis.episodes import NO_STRETCHES, Stretches, joined
from monitor.analysis.diagnosis.strands import Strand, strand
from monitor.analysis.diagnosis.together import CommonDrop, common_drops
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence, Flags, Stretch
from monitor.facts.stretches import merged, within

HERD_S: Final = 180.0  # trouble that begins so soon after a common drop is that of everybody coming back
AROUND_LAG_S: Final = 90.0  # own lag is sampled now and then: what was measured so close to it is not trusted either
ANSWERED: Final = 500  # an HTTP status below is an answer of a service that is well


@dataclass(frozen=True)
class Signs:
    """Computed from evidence as they are asked for. rules: whose tail lengthens our own publish windows."""

    evidence: Evidence
    rules: Rules

    @cached_property
    def lag(self) -> Strand:
        """L: our own event loops."""
        return strand(self.evidence, strands.LAG, NO_STRETCHES)

    @cached_property
    def loopback(self) -> Strand:
        """L: round trips that never leave our machine."""
        return strand(self.evidence, strands.LOOPBACK, NO_STRETCHES)

    @cached_property
    def distrusted(self) -> Stretches:
        """When our own measurements are not to be trusted."""
        own = joined(self.lag.stretches, self.loopback.stretches)
        wide = Stretches(own.start_s - AROUND_LAG_S, own.end_s + AROUND_LAG_S, own.site, own.bad, own.total)
        return joined(wide, *(self._told(one) for one in self.evidence.suspects))

    @cached_property
    def pings(self) -> Strand:
        """W: application pings of softphone and notification channel."""
        return self._strand(strands.PINGS)

    @cached_property
    def edge(self) -> Strand:
        """Ping frames that the platform's edge answers, before any queue: the path of the signalling connection."""
        return self._strand(strands.EDGE)

    @cached_property
    def tcp(self) -> Strand:
        """W: the kernel's round trips of the signalling socket: the path as far as the first proxy, and no queue."""
        return self._strand(strands.TCP)

    @cached_property
    def fetch(self) -> Strand:
        """F: fetches of the ICE-server list."""
        return self._strand(strands.FETCH)

    @cached_property
    def stun(self) -> Strand:
        """S: STUN transactions."""
        return self._strand(strands.STUN)

    @cached_property
    def turn(self) -> Strand:
        """T: TURN allocations."""
        return self._strand(strands.TURN)

    @cached_property
    def gathering(self) -> Strand:
        """G: whole gatherings, bad where they lack a type of candidate."""
        return strand(self.evidence, strands.GATHERING, self.distrusted, ("ok", "slow"))

    @cached_property
    def rest(self) -> Strand:
        """R: REST calls; a refusal that is the caller's own business counts as an answer."""
        fine = [name for name in self.evidence.names if name.isdecimal() and int(name) < ANSWERED]
        return strand(self.evidence, strands.REST, self.distrusted, ("ok", *fine))

    @cached_property
    def checks(self) -> Strand:
        """ICE checks of our own calls."""
        return self._strand(strands.CHECKS)

    @cached_property
    def dtls(self) -> Strand:
        """DTLS handshakes of our own calls."""
        return self._strand(strands.DTLS)

    @cached_property
    def common(self) -> list[CommonDrop]:
        """Moments at which most agents lost their connection together."""
        return common_drops(self.evidence, self.rules.agents)

    @cached_property
    def own_windows(self) -> list[tuple[float, float]]:
        """Our own publish windows with their tail."""
        runs = [one for one in self.evidence.windows if one.arm != "none"]
        return merged((one.first_s, one.last_s + self.rules.tail_s) for one in runs)

    @cached_property
    def ping_trouble(self) -> Stretches:
        """Stretches of late or missing pongs that no common drop came before."""
        return self.pings.stretches.where(~self._of_herd(self.pings.stretches))

    @cached_property
    def herd_trouble(self) -> Stretches:
        """Stretches of late or missing pongs right after a common drop."""
        return self.pings.stretches.where(self._of_herd(self.pings.stretches))

    @cached_property
    def rest_trouble(self) -> Stretches:
        """Stretches of slow or refused REST calls that are not our own publishing's doing."""
        found = self.rest.stretches
        own = self.foreign_share(found) < 0.5
        return found.where(~own)

    @cached_property
    def agents(self) -> float | None:
        """The most agents that were connected at once, over all sites, or as the rules say; None where nobody tells."""
        heads = self.evidence.heads
        most = [float(heads.count[heads.site == site].max()) for site in np.unique(heads.site)]
        return sum(most) or self.rules.agents

    def site_names(self, codes: list[int]) -> str:
        """Sites for people."""
        names = [self.evidence.names[code] or "the one site" for code in codes]
        return ", ".join(sorted(names)) or "no site"

    def at_sites(self, codes: list[int], of: Strand) -> str:
        """`at 2 of 2 sites`: these among the sites that a strand was measured at."""
        return f"at {len(codes)} of {of.sites} sites"

    def foreign_share(self, of: Stretches) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Which share of each stretch's bad REST calls lies outside our own publish windows."""
        rows = self.rest.rows
        outside = ~within(rows.at_s, self.own_windows) & self.rest.bad
        shares = []
        for start_s, end_s, site in of:
            here = self.rest.bad & (rows.site == site) & (rows.at_s >= start_s) & (rows.at_s <= end_s)
            shares.append(float((here & outside).sum() / max(1, here.sum())))
        return np.array(shares)

    def _strand(self, kind: strands.Kind) -> Strand:
        return strand(self.evidence, kind, self.distrusted)

    def _of_herd(self, stretches: Stretches) -> Flags:
        """Those that begin soon after a common drop, or after a stretch that did: waves come again and again."""
        times = [(one.at_s - 5.0, one.end_s + HERD_S) for one in self.common]
        found = np.zeros(len(stretches), dtype=np.bool_)
        while (new := within(stretches.start_s, merged(times)) & ~found).any():
            found |= new
            times += [(start_s, end_s + HERD_S) for start_s, end_s, _ in stretches.where(new)]
        return found

    def _told(self, told: Stretch) -> Stretches:
        sites = [self.evidence.code(site) for site in ([told.site] if told.site else self.evidence.sites)]
        of_each = [np.full(len(sites), value) for value in (told.start_s, told.end_s)]
        none = np.zeros(len(sites))
        return Stretches(of_each[0], of_each[1], np.array(sites, dtype=np.int32), none, none)
