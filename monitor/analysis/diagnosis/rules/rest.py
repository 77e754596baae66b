"""Causes on the REST side: a token's rate limit, an overloaded API; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.analysis.diagnosis.episodes import joined
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, flat, grade
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.diagnosis.together import CommonDrop
from monitor.facts import signals
from monitor.facts.evidence import Flags
from monitor.facts.stretches import within
from monitor.facts.words import seconds_text

CONNECTING: Final = ("users_me", "channel_create")  # the calls of a softphone that makes a new channel
WAIT_S: Final = 30.0  # who came back so much later than the first was told to wait, not to try again


def limited(signs: Signs) -> Flags:
    """Calls that were told to wait: all of connecting softphones, others outside our own publish windows."""
    rows = signs.rest.rows
    told: Flags = rows.outcome == signs.evidence.code("429")
    connecting = np.isin(rows.target, signs.evidence.codes(CONNECTING))
    told &= connecting | ~within(rows.at_s, signs.own_windows)
    return told


def kept_waiting(signs: Signs) -> list[CommonDrop]:
    """Common drops after which some came back at once and others a minute later, all by a new channel, all else well.

    A service that is up and well for the first keeps nobody else out: only the REST calls of a new channel can.
    """
    trouble = signs.herd_trouble.at(None)
    return [
        one
        for one in signs.common
        if one.hard > 0.9
        and 0.03 < one.late < 0.97
        and float(one.away_s[-1] - one.away_s[0]) >= WAIT_S
        and not any(start <= one.end_s + 120.0 and end >= one.at_s for start, end in trouble)
    ]


def _rate_limited(signs: Signs) -> Judged:
    told, waited = limited(signs), kept_waiting(signs)
    count = signs.rest.count(told)
    if not count and not waited:
        return NOTHING_FOUND
    score = max(0.95 * grade(count, 0.0, 2.0), 0.7 * grade(len(waited), 0.0, 1.0))
    evidence = [f"{count:.0f} of {signs.rest.count(np.ones_like(told)):.0f} REST calls got status 429"]
    after = signs.evidence.series.get(signals.RETRY_AFTER)
    if after is not None and len(after):
        evidence.append(f"they were told to wait {seconds_text(float(np.median(after.value)))} (median Retry-After)")
    evidence += [
        f"of {len(one.away_s)} softphones that came back with a new channel, {one.late:.0%} took "
        f"{seconds_text(float(one.away_s[-1] - one.away_s[0]))} longer than the first, while pings were flat"
        for one in waited[:3]
    ]
    return Judged(score, tuple(evidence))


def _overloaded(signs: Signs) -> Judged:
    found = signs.rest_trouble
    if not len(found):
        return NOTHING_FOUND
    here = signs.rest.during(found)
    pings = signs.pings.share(signs.pings.bad, signs.pings.during(found))
    fetch = signs.fetch.share(signs.fetch.bad, signs.fetch.during(found))
    bad = signs.rest.count(signs.rest.bad, here)
    score = grade(bad, 1.0, 4.0) * flat(pings, 0.7) * flat(fetch, 0.8)
    evidence = [
        f"{signs.rest.told(here)}, {signs.at_sites(found.sites(), signs.rest)}, outside publish windows",
        *(_beside(name, share) for name, share in (("application pings", pings), ("ICE-server fetches", fetch))),
    ]
    return Judged(score, tuple(evidence))


def own_doing(signs: Signs) -> str | None:
    """A sentence about REST calls that our own publishing slowed down, and nothing else did."""
    own = signs.rest.stretches.where(signs.foreign_share(signs.rest.stretches) < 0.5)
    if not len(own):
        return None
    told = signs.rest.told(signs.rest.during(joined(own)))
    return f"{told}, inside publish windows alone: the publish's own doing, and no fault by itself"


def _beside(name: str, share: float | None) -> str:
    return f"{name} meanwhile: not measured" if share is None else f"{name} meanwhile: {share:.0%} late or lost"


RULES: Final = (
    Rule(
        "api_rate_limited",
        "R",
        (signals.API,),
        "the status and Retry-After of each softphone's users/me and channel calls, by token",
        _rate_limited,
    ),
    Rule(
        "api_overloaded",
        "RWF",
        (signals.API, signals.WS_RTT, signals.ICE_SERVERS),
        "application pings and ICE-server fetches at the same moments",
        _overloaded,
    ),
)
