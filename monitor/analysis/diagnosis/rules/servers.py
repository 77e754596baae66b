"""Causes between a softphone and its STUN and TURN servers, told by how servers and gatherings end; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.analysis.diagnosis.episodes import inside
from monitor.analysis.diagnosis.rules.paths import calls_lost, dead_interfaces, gathered_at_a_timeout, mapped_apart
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, everywhere, flat, grade, one_site_alone
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.diagnosis.strands import Strand
from monitor.facts import signals
from monitor.facts.evidence import Flags
from monitor.facts.words import seconds_text

UNANSWERED: Final = ("timeout", "refused", "unreachable", "tls")
AT_ONCE_S: Final = 0.1  # an empty gathering this quick never asked a server
STEP_S: Final = 0.12  # answers this much later than usual wait in a server's full buffer


def _rows(signs: Signs, strand: Strand, outcomes: tuple[str, ...]) -> Flags:
    return np.isin(strand.rows.outcome, signs.evidence.codes(outcomes))


def _dead(signs: Signs, strand: Strand) -> tuple[Flags, float]:
    """The rows in a strand's stretches of trouble, and the share of them that brought no answer at all."""
    here = strand.during(strand.stretches)
    return here, strand.share(_rows(signs, strand, UNANSWERED), here) or 0.0


def _one_answered(signs: Signs, strand: Strand) -> float:
    """The best share of answers that one probe got while another was in trouble: 0 when all were dead alike."""
    rows, best = strand.rows, 0.0
    here = strand.during(strand.stretches)
    for site in strand.stretches.sites():
        for probe in np.unique(rows.probe[here & (rows.site == site)]):
            mine = here & (rows.site == site) & (rows.probe == probe)
            best = max(best, strand.share(~strand.failed, mine) or 0.0)
    return best


def _stun_unreachable(signs: Signs) -> Judged:
    stun = signs.stun
    if not len(stun.stretches):
        return NOTHING_FOUND
    here, dead = _dead(signs, stun)
    sites = stun.stretches.sites()
    turn_here = signs.turn.during(stun.stretches)
    turn = signs.turn.share(signs.turn.failed, turn_here)
    pings = signs.pings.share(signs.pings.bad, signs.pings.during(stun.stretches))
    score = grade(dead, 0.6, 0.9) * grade(_one_answered(signs, stun), 0.6, 0.3)
    score *= max(flat(pings, 0.9), _path_is_well(signs, turn))  # signalling may have a trouble of its own
    score *= 1.0 - 0.6 * grade(turn, 0.2, 0.8, 0.2)
    if calls_lost(signs, stun.stretches):
        score *= 0.5
    where = "everywhere, so the service itself" if len(sites) > 1 else "one site alone points to its firewall"
    evidence = (
        f"{stun.told(here)}, {signs.at_sites(sites, stun)}: {where}",
        _share_told("TURN allocations", turn),
        _share_told("application pings", pings),
    )
    return Judged(score, evidence)


def _path_is_well(signs: Signs, turn: float | None) -> float:
    """How far something else got through while STUN was dead: TURN, or frames that the platform's edge answers."""
    edge = signs.edge.share(signs.edge.bad, signs.edge.during(signs.stun.stretches))
    return max(0.8 if turn is not None and turn < 0.2 else 0.0, 0.7 * flat(edge, 0.0))


def _stun_overloaded(signs: Signs) -> Judged:
    stun = signs.stun
    if not len(stun.stretches):
        return NOTHING_FOUND
    here = stun.during(stun.stretches)
    answers = stun.rows.value[here & ~stun.failed]
    if not len(answers):
        return NOTHING_FOUND
    soonest_s = float(np.quantile(answers, 0.05))
    slow = stun.share(stun.slow, here & ~stun.failed)
    silent = stun.share(stun.failed, here)
    score = (
        grade(silent, 0.85, 0.6)
        * grade(slow, 0.4, 0.8)
        * grade(soonest_s - stun.usual_s, STEP_S / 2, STEP_S)
        * everywhere(stun, stun.stretches)
    )
    stepped = float((answers > soonest_s + 0.4).mean())
    evidence = (
        f"{stun.told(here)}, {signs.at_sites(stun.stretches.sites(), stun)}",
        f"even the quickest answers took {seconds_text(soonest_s)}, "
        f"and {stepped:.0%} one or more steps of 0.5 s longer",
    )
    return Judged(0.95 * score, evidence)


def _turn_expired(signs: Signs) -> Judged:
    turn = signs.turn
    refused = _rows(signs, turn, ("auth",))
    count = turn.count(refused)
    if not count:
        return NOTHING_FOUND
    share = turn.share(refused, turn.failed)
    stun = signs.stun.share(signs.stun.bad, signs.stun.during(turn.stretches))
    evidence = (
        f"{count:.0f} TURN allocations were refused for their credentials, {share or 0.0:.0%} of all that failed",
        _share_told("STUN", stun),
    )
    return Judged(0.95 * grade(count, 0.0, 3.0) * grade(share, 0.1, 0.4), evidence)


def _turn_unreachable(signs: Signs) -> Judged:
    turn = signs.turn
    if not len(turn.stretches):
        return NOTHING_FOUND
    here, dead = _dead(signs, turn)
    stun = signs.stun.share(signs.stun.failed, signs.stun.during(turn.stretches))
    score = 0.95 * grade(dead, 0.8, 0.97) * flat(stun, 0.7)
    evidence = (f"{turn.told(here)}, {signs.at_sites(turn.stretches.sites(), turn)}", _share_told("STUN", stun))
    return Judged(score, evidence)


def _turn_rate_limited(signs: Signs) -> Judged:
    turn = signs.turn
    if not len(turn.stretches):
        return NOTHING_FOUND
    here, dead = _dead(signs, turn)
    sites = turn.stretches.sites()
    elsewhere = turn.share(turn.bad, turn.elsewhere(turn.stretches))
    stun = signs.stun.share(signs.stun.bad, signs.stun.during(turn.stretches))
    late = turn.share(turn.bad & ~turn.failed, here & ~turn.failed)
    partly = grade(dead, 0.1, 0.25) * grade(dead, 0.99, 0.92) * grade(late, 0.1, 0.4, 0.8)
    evidence = (
        f"{turn.told(here)}, {signs.at_sites(sites, turn)}: some are answered, and late, as asking again finds a place",
        _share_told("TURN from other sites' addresses", elsewhere),
        _share_told("STUN", stun),
    )
    return Judged(0.95 * partly * flat(stun, 0.7) * one_site_alone(turn, turn.stretches), evidence)


def empty_at_once(signs: Signs) -> Flags:
    """Gatherings without a candidate that never asked a server."""
    rows = signs.gathering.rows
    quick = np.isnan(rows.value) | (rows.value < AT_ONCE_S)
    return _rows(signs, signs.gathering, ("empty",)) & quick


def _servers_empty(signs: Signs) -> Judged:
    found = signs.gathering.stretches
    empty = empty_at_once(signs) & signs.gathering.during(found)
    count = signs.gathering.count(empty)
    if not count:
        return NOTHING_FOUND
    asked = signs.evidence.series.get(signals.ICE_SERVERS, signs.evidence.no_series)
    here = inside(asked.at_s, asked.site, found, 60.0, 60.0)
    weight = asked.weight[here]
    fine = float(weight[asked.outcome[here] == signs.evidence.code("ok")].sum() / weight.sum()) if len(weight) else None
    slow = signs.fetch.share(signs.fetch.bad, signs.fetch.during(found, 60.0, 60.0))
    score = 0.95 * grade(count, 1.0, 4.0) * grade(fine, 0.5, 0.9, 0.6) * flat(slow, 0.8)
    fetched = "not measured" if fine is None else f"{fine:.0%} of its fetches were answered meanwhile"
    evidence = (
        f"{count:.0f} gatherings ended without a candidate within {seconds_text(AT_ONCE_S)}, having no server to ask",
        f"the ICE-server list: {fetched}",
    )
    return Judged(score, evidence)


def _dns(signs: Signs) -> Judged:
    unnamed = sum(one.count(_rows(signs, one, ("dns",))) for one in (signs.stun, signs.turn))
    if not unnamed:
        return NOTHING_FOUND
    failed = sum(one.count(one.failed) for one in (signs.stun, signs.turn))
    evidence = (f"{unnamed:.0f} of {failed:.0f} failed STUN and TURN transactions ended at the server's name (dns)",)
    return Judged(0.95 * grade(unnamed, 0.0, 3.0) * grade(unnamed / failed, 0.1, 0.5), evidence)


def _vpn(signs: Signs) -> Judged:
    dead = dead_interfaces(signs)
    mixed = gathered_at_a_timeout(signs)
    if not dead and not mixed:
        return NOTHING_FOUND
    score = 0.95 * max(0.8 * grade(mixed, 0.0, 3.0), 1.0 if dead else 0.0)
    evidence = [f"over {one} STUN was dead while another way to the same server was well" for one in dead]
    evidence.append(f"{mixed} gatherings ended at a timeout although they had a reflexive candidate")
    return Judged(score, tuple(evidence))


def _symmetric(signs: Signs) -> Judged:
    found = mapped_apart(signs)
    sites = [site for site, (apart, pairs) in found.items() if apart >= 3 and apart >= 0.5 * pairs]
    if not sites:
        return NOTHING_FOUND
    evidence = tuple(
        f"at {signs.site_names([site])} {found[site][0]} of {found[site][1]} pairs of STUN servers saw different "
        "mapped ports of one socket"
        for site in sites
    )
    return Judged(0.9, evidence)


def _share_told(name: str, share: float | None) -> str:
    return f"{name} meanwhile: not measured" if share is None else f"{name} meanwhile: {share:.0%} late or lost"


RULES: Final = (
    Rule(
        "stun_unreachable",
        "SGWN",
        (signals.STUN_RTT, signals.TURN_ALLOCATE),
        "TURN over TCP and TLS on port 443 from the same site: if that works, it is the firewall",
        _stun_unreachable,
    ),
    Rule(
        "stun_overloaded",
        "SGN",
        (signals.STUN_RTT, signals.MEDIA_JITTER),
        "the jitter of calls on the same path: calm with an overloaded server, high on a bad path",
        _stun_overloaded,
    ),
    Rule(
        "turn_credentials_expired",
        "GTF",
        (signals.TURN_ALLOCATE,),
        "the age of the credentials since the ICE-server fetch, and one retry with a fresh nonce",
        _turn_expired,
    ),
    Rule(
        "turn_unreachable",
        "GTS",
        (signals.TURN_ALLOCATE, signals.STUN_RTT),
        "a TURN allocation from another source address at the same moment",
        _turn_unreachable,
    ),
    Rule(
        "turn_rate_limited",
        "GTSN",
        (signals.TURN_ALLOCATE, signals.STUN_RTT),
        "a TURN allocation from another source address at the same moment",
        _turn_rate_limited,
    ),
    Rule(
        "ice_servers_empty",
        "GF",
        (signals.ICE_GATHERING, signals.ICE_SERVERS),
        "the length of the fetched ICE-server list",
        _servers_empty,
    ),
    Rule("dns_failure", "G", (signals.STUN_RTT,), "a look-up of the servers' names with another resolver", _dns),
    Rule(
        "vpn_split_tunnel",
        "GS",
        (signals.STUN_RTT, signals.ICE_GATHERING),
        "a gathering probe bound to each network interface",
        _vpn,
    ),
    Rule(
        "symmetric_nat",
        "S",
        (signals.STUN_RTT,),
        "the mapped address that two STUN servers see of one socket",
        _symmetric,
    ),
)
