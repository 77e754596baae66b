"""Causes on the signalling connection as a service: saturation, a herd coming back, a restart; pure."""

from __future__ import annotations

from typing import Final

from monitor.analysis.diagnosis import drops as lost
from monitor.analysis.diagnosis.episodes import Stretches
from monitor.analysis.diagnosis.rules.rest import kept_waiting, limited
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, everywhere, flat, grade
from monitor.analysis.diagnosis.signs import HERD_S, Signs
from monitor.analysis.diagnosis.together import CommonDrop
from monitor.facts import signals
from monitor.facts.evidence import Flags, Floats
from monitor.facts.stretches import within
from monitor.facts.words import seconds_text

HINT: Final = 0.45  # a pattern that fits, and too little beside it to tell it from others
AROUND_S: Final = 45.0  # a fetch and a ping are not asked at the same moment


def _saturated(signs: Signs) -> Judged:
    found = signs.ping_trouble
    if not len(found):
        return NOTHING_FOUND
    here = signs.pings.during(found)
    fetch_here = _fetched_meanwhile(signs, found)
    fetch = signs.fetch.share(signs.fetch.bad, fetch_here)
    stun = signs.stun.share(signs.stun.bad, signs.stun.during(found))
    edge = signs.edge.share(signs.edge.bad, signs.edge.during(found))
    bad = signs.pings.count(signs.pings.bad, here) + signs.fetch.count(signs.fetch.bad, fetch_here)
    tcp_here = signs.tcp.during(found)
    tcp = flat(signs.tcp.share(signs.tcp.bad, tcp_here), 1.0)
    path = tcp * flat(edge, 0.9) * max(flat(stun), 0.0 if edge is None else 0.7)  # STUN may have a trouble of its own
    score = grade(bad, 1.0, 3.0) * grade(fetch, 0.05, 0.3, 0.7) * path * everywhere(signs.pings, found)
    timeouts = lost.of_reasons(signs.evidence, lost.OWN_NOTICE)
    ours = int((timeouts & within(signs.evidence.drops.noticed_s, found.at(None, 10.0, 120.0))).sum())
    evidence = [
        f"{signs.pings.told(here)}, {signs.at_sites(found.sites(), signs.pings)}",
        signs.fetch.told(fetch_here) if fetch is not None else "no ICE-server fetch was measured meanwhile",
        f"STUN meanwhile: {stun:.0%} late or lost" if stun is not None else "STUN was not measured meanwhile",
        *([f"{signs.tcp.told(tcp_here)}: the path itself"] if tcp_here.any() else []),
        f"{ours} softphones gave up for missed pings then",
    ]
    return Judged(score, tuple(evidence))


def _fetched_meanwhile(signs: Signs, found: Stretches) -> Flags:
    """The fetches of that time, and bad ones shortly before and after it: they began or ended in it."""
    return signs.fetch.during(found) | signs.fetch.bad & signs.fetch.during(found, AROUND_S, AROUND_S)


def _herd(signs: Signs) -> Judged:
    troubled = [one for one in signs.common if _trouble_after(signs, one) is not None]
    if not troubled:
        return NOTHING_FOUND
    here = signs.pings.during(signs.herd_trouble)
    score = 0.95 * grade(len(troubled) / len(signs.common), 0.0, 0.5) * grade(signs.pings.count(here), 1.0, 3.0)
    evidence = [
        *(_told(signs, one) for one in troubled[:3]),
        f"with no other trigger, {signs.pings.told(here)} within {HERD_S:.0f} s after it",
    ]
    return Judged(score, tuple(evidence))


def _restart(signs: Signs) -> Judged:
    waited = kept_waiting(signs)
    clean = [one for one in signs.common if one.everywhere and _trouble_after(signs, one) is None and one not in waited]
    if not clean:
        return NOTHING_FOUND
    told_to_wait = signs.rest.rows.at_s[limited(signs)]
    alone = [one for one in clean if not _any_between(told_to_wait, one.at_s, one.end_s + HERD_S)]
    quick = [one for one in alone if one.late < 0.03]
    score = 0.9 * len(quick) / len(signs.common)
    if not len(signs.pings) or all(one.of is None for one in quick):
        score = min(score, HINT)  # how the service was before and after, and how many stayed, is not known
    planned = sum("moved" in one.reasons for one in quick)
    evidence = [
        *(_told(signs, one) for one in quick[:3]),
        f"{planned} of {len(quick)} times the platform had asked them to move; nobody had missed a ping before",
    ]
    return Judged(score, tuple(evidence) if quick else ())


def _trouble_after(signs: Signs, one: CommonDrop) -> float | None:
    """Seconds until pongs were late again, or None: all was well after this common drop."""
    starts = signs.herd_trouble.start_s
    after = starts[(starts >= one.at_s - 5.0) & (starts <= one.end_s + HERD_S)]
    return float(after[0] - one.at_s) if len(after) else None


def _told(signs: Signs, one: CommonDrop) -> str:
    of = f" of {one.of:.0f}" if one.of else ""
    words = f"{one.count}{of} connections at {len(one.shares)} sites ended within {seconds_text(one.end_s - one.at_s)}"
    if len(one.away_s):
        first, last = seconds_text(float(one.away_s[0])), seconds_text(float(one.away_s[-1]))
        words += f"; they were back after {first} to {last}"
    return f"{words} ({', '.join(one.reasons)})"


def _any_between(at_s: Floats, start_s: float, end_s: float) -> bool:
    return bool(((at_s >= start_s) & (at_s <= end_s)).any())


RULES: Final = (
    Rule(
        "signalling_saturated",
        "WFSCN",
        (signals.WS_RTT, signals.ICE_SERVERS, signals.STUN_RTT),
        "a fresh ICE-server fetch and STUN round trips every few seconds while pings are late",
        _saturated,
    ),
    Rule(
        "reconnect_herd",
        "CWR",
        (signals.WS_RTT, signals.RECONNECT),
        "each softphone's attempts with their times: a herd comes at +2, +6, +14 s in step",
        _herd,
    ),
    Rule(
        "edge_restart",
        "CN",
        (signals.RECONNECT,),
        "close codes of several sites to the second, and the platform's status page for that moment",
        _restart,
    ),
)
