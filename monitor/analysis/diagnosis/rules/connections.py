"""Causes that end single connections: a proxy's idle limit, an expired token, a second sign-in, no calls; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.analysis.diagnosis import drops as lost
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, grade
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.diagnosis.together import TOGETHER_S
from monitor.facts import signals

NORMAL: Final = 0.6  # the score of what is documented to happen: anything that is wrong comes first
SIGN_IN: Final = ("sasl", "upgrade", "channel_create", "token")


def idle_cuts(signs: Signs) -> lost.Constant | None:
    """Connections that somebody else cut, all after the same silence."""
    evidence = signs.evidence
    cut = lost.of_reasons(evidence, lost.CUTS) | np.isin(evidence.drops.code, lost.CUT_CODES)
    cut &= lost.signalling(evidence)
    found = lost.constant_silence(evidence, cut)
    return found if found is not None and found.count >= 3 and found.share >= 0.5 else None


def refusals(signs: Signs) -> int:
    """How often a token was refused: streams ended for it, sign-ins and REST calls that it was not good for."""
    evidence = signs.evidence
    ended = int(lost.of_reasons(evidence, ("auth",)).sum())
    refused = 0.0
    for name in (*map(signals.phase_signal, SIGN_IN), signals.API):
        rows = evidence.series.get(name)
        if rows is not None:
            refused += float(rows.weight[lost.rows_named(rows, evidence, ("auth", "401"))].sum())
    return ended + int(refused)


def taken_over(signs: Signs) -> int:
    """Softphones that were told of another sign-in as the same user."""
    return int(lost.of_reasons(signs.evidence, ("duplicate_id", "no_longer_subscribed")).sum())


def ended_idle(signs: Signs) -> int:
    """Persistent connections that the platform ended for want of calls."""
    return int(lost.of_reasons(signs.evidence, ("persistent_connection",)).sum())


def _proxy(signs: Signs) -> Judged:
    found = idle_cuts(signs)
    if found is None:
        return NOTHING_FOUND
    score = 0.95 * grade(found.count, 1.0, 5.0) * grade(found.share, 0.4, 0.7)
    evidence = (
        f"{found.count} connections were cut after {found.silence_s:.0f} s of silence, {found.share:.0%} of all that "
        f"were cut after more than {lost.IDLE_LEAST_S:.0f} s of it, at {signs.site_names(list(found.sites))}",
    )
    return Judged(score, evidence)


def _token(signs: Signs) -> Judged:
    count = refusals(signs)
    if not count:
        return NOTHING_FOUND
    ended = int(lost.of_reasons(signs.evidence, ("auth",)).sum())
    evidence = (f"{ended} connections were ended for their token; {count - ended} sign-ins or calls were refused it",)
    return Judged(0.95 * grade(count, 0.0, 2.0), evidence)


def _takeover(signs: Signs) -> Judged:
    count = taken_over(signs)
    if not count:
        return NOTHING_FOUND
    told = lost.of_reasons(signs.evidence, ("duplicate_id", "no_longer_subscribed"))
    at_once = max((n for _, _, n in lost.bursts(signs.evidence, told, TOGETHER_S, 1)), default=0)
    share = at_once / signs.agents if signs.agents and signs.agents >= 10 else None
    evidence = (f"{count} softphones were told that their user had signed in elsewhere, at most {at_once} at a time",)
    return Judged(0.85 * grade(share, 0.3, 0.1, 1.0), evidence)


def _idle(signs: Signs) -> Judged:
    count = ended_idle(signs)
    if not count:
        return NOTHING_FOUND
    evidence = (
        f"{count} persistent connections ended for want of calls, as is documented; nothing is wrong with that",
    )
    return Judged(NORMAL, evidence)


RULES: Final = (
    Rule(
        "proxy_idle_timeout",
        "C",
        (),
        "a connection of the site that sends a frame every ten seconds, beside one that does not",
        _proxy,
    ),
    Rule("token_expired", "RC", (), "each token's age at the refusal", _token),
    Rule("session_takeover", "C", (), "who else signs in as that user, a monitor of your own included", _takeover),
    Rule("persistent_connection_idle", "C", (), "the time since the last call of each connection that ended", _idle),
)
