"""Causes that calls in progress or in the making show: a lost path, a forgotten NAT binding, DTLS; pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from monitor.analysis.diagnosis import drops as lost
from monitor.analysis.diagnosis.rules.paths import calls_lost
from monitor.analysis.diagnosis.rules.rule import NOTHING_FOUND, Judged, Rule, flat, grade, one_site_alone
from monitor.analysis.diagnosis.signs import Signs
from monitor.facts import signals
from monitor.facts.stretches import merged, within

LEAST_LOST: Final = 4


def silent_calls(signs: Signs) -> lost.Constant | None:
    """Calls whose media was lost after the same silence, each at its own time."""
    evidence = signs.evidence
    silent = lost.of_layers(evidence, "media") & lost.of_reasons(evidence, ("silence",))
    found = lost.constant_silence(evidence, silent)
    return found if found is not None and found.count >= LEAST_LOST and found.share >= 0.5 else None


def handshakes_failed(signs: Signs) -> int:
    """Calls of agents that ended in their DTLS handshake."""
    evidence = signs.evidence
    return int((lost.of_layers(evidence, "dtls") & lost.of_reasons(evidence, ("handshake_failed",))).sum())


def _path_lost(signs: Signs) -> Judged:
    stun = signs.stun
    if not len(stun.stretches):
        return NOTHING_FOUND
    count = calls_lost(signs, stun.stretches)
    sites = stun.stretches.sites()
    here = stun.during(stun.stretches)
    dead = stun.share(stun.failed, here) or 0.0
    turn = signs.turn.share(signs.turn.failed, signs.turn.during(stun.stretches))
    elsewhere = stun.share(stun.bad, stun.elsewhere(stun.stretches))
    score = grade(count, 0.0, 2.0) * grade(dead, 0.5, 0.9) * grade(turn, 0.3, 0.8, 0.7)
    score *= one_site_alone(stun, stun.stretches)
    evidence = (
        f"{count} calls in progress lost their media at {signs.site_names(sites)}",
        f"{stun.told(here)} there",
        "STUN at other sites meanwhile: "
        + ("not measured" if elsewhere is None else f"{elsewhere:.0%} late or lost, so it is this site's path"),
    )
    return Judged(0.95 * score, evidence)


def _nat_binding(signs: Signs) -> Judged:
    found = silent_calls(signs)
    if found is None:
        return NOTHING_FOUND
    in_trouble = calls_lost(signs, signs.stun.stretches)
    score = 0.95 * grade(found.count, 1.0, LEAST_LOST) * grade(found.share, 0.3, 0.7)
    score *= grade(in_trouble / found.count, 1.0, 0.3)
    evidence = (
        f"{found.count} calls lost their media after {found.silence_s:.0f} s of silence ({found.share:.0%} of those "
        f"lost after a silence), at {signs.site_names(list(found.sites))}",
        f"{in_trouble} of them while STUN was in trouble there; signalling runs over TCP and keeps its own binding",
    )
    return Judged(score, evidence)


def _dtls(signs: Signs) -> Judged:
    failed = handshakes_failed(signs)
    bad = signs.dtls.count(signs.dtls.bad)
    if failed + bad < 1:
        return NOTHING_FOUND
    checks = signs.checks.share(signs.checks.bad, within(signs.checks.rows.at_s, _around(signs)))
    score = 0.95 * grade(failed + bad, 0.0, 3.0) * flat(checks, 0.8)
    evidence = (
        f"{failed} calls ended in their DTLS handshake; of our own {bad:.0f} of "
        f"{signs.dtls.count(signs.dtls.failed | ~signs.dtls.failed):.0f} handshakes failed or were slow",
        f"ICE checks of the same calls: {'not measured' if checks is None else f'{checks:.0%} failed or slow'}",
    )
    return Judged(score, evidence)


def _around(signs: Signs) -> list[tuple[float, float]]:
    """When our own handshakes failed; ICE checks come seconds before."""
    at_s = np.unique(signs.dtls.rows.at_s[signs.dtls.bad])
    return merged((at - 60.0, at + 5.0) for at in at_s.tolist())


RULES: Final = (
    Rule(
        "network_path_lost",
        "MSN",
        (signals.STUN_RTT, signals.MEDIA_LOSS),
        "STUN from a second site to the same servers, and a path trace from the site",
        _path_lost,
    ),
    Rule(
        "nat_binding_expired",
        "MW",
        (signals.MEDIA_LOSS,),
        "a call on hold with consent checks every five seconds, beside one that is silent",
        _nat_binding,
    ),
    Rule(
        "dtls_failure",
        "M",
        (signals.call_signal("dtls"), signals.call_signal("ice_checks")),
        "a capture of one handshake at the client",
        _dtls,
    ),
)
