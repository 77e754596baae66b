"""Figures of the path that several rules use: calls lost with it, interfaces that are dead, mappings of a NAT; pure."""

from __future__ import annotations

import numpy as np

from monitor.analysis.diagnosis import drops as lost
from monitor.analysis.diagnosis.episodes import Stretches, inside
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.diagnosis.strands import grouped
from monitor.facts.evidence import NOTHING, Evidence, Flags

NOTICED_S = 60.0  # a call whose path is gone is told as lost so much later at most
BETWEEN_PROBES_S = 120.0  # and a path may have been dead so long before a probe found it


def media_lost(evidence: Evidence) -> Flags:
    """Calls in progress whose media was lost."""
    consent = lost.of_layers(evidence, "ice") & lost.of_reasons(evidence, ("consent_expired",))
    return consent | (lost.of_layers(evidence, "media") & lost.of_reasons(evidence, ("silence",)))


def calls_lost(signs: Signs, during: Stretches) -> int:
    """How many calls in progress lost their media in stretches of their own site."""
    drops = signs.evidence.drops
    here = inside(drops.noticed_s, drops.site, during, BETWEEN_PROBES_S, NOTICED_S)
    return int((media_lost(signs.evidence) & here).sum())


def dead_interfaces(signs: Signs) -> list[str]:
    """Probes that got no STUN answer while another probe of the same site got all of them from the same server."""
    stun, rows = signs.stun, signs.stun.rows
    here = stun.during(stun.stretches) & (rows.probe != NOTHING)
    pairs = grouped(rows, ("site", "target"))
    found = set()
    for pair in np.unique(pairs[here]):
        mine = here & (pairs == pair)
        probes = np.unique(rows.probe[mine])
        shares = {probe: stun.share(stun.failed, mine & (rows.probe == probe)) or 0.0 for probe in probes}
        if min(shares.values()) < 0.1:
            found |= {signs.evidence.names[probe] for probe, share in shares.items() if share > 0.9}
    return sorted(found)


def gathered_at_a_timeout(signs: Signs) -> int:
    """Gatherings without a length, which a server kept waiting, although they had a reflexive candidate.

    Only those whose TURN servers answered: else it may be these that were waited for.
    """
    rows = signs.gathering.rows
    names = signs.evidence.names
    reflexive = [code for code, name in enumerate(names) if {"srflx", "relay"} <= set(name.split("+"))]
    waited = np.isnan(rows.value) & np.isin(rows.detail, reflexive)
    return int((waited & signs.gathering.during(signs.stun.stretches)).sum())


def mapped_apart(signs: Signs) -> dict[int, tuple[int, int]]:
    """By site: how many pairs of STUN servers, asked by one probe at one moment, saw different addresses; how many did.

    A probe asks its servers from one socket.
    """
    rows = signs.stun.rows.where((signs.stun.rows.detail != NOTHING) & ~signs.stun.failed)
    if len(rows) < 2:
        return {}
    order = np.lexsort((rows.target, rows.probe, rows.site, rows.at_s))
    rows = rows.where(order)
    together = (np.diff(rows.at_s) == 0) & (np.diff(rows.site) == 0) & (np.diff(rows.probe) == 0)
    together &= np.diff(rows.target) != 0
    apart = together & (np.diff(rows.detail) != 0)
    site = rows.site[1:]
    return {int(one): (int(apart[site == one].sum()), int(together[site == one].sum())) for one in np.unique(site)}
