"""What is out of order, whatever its cause: without any of it nothing is wrong; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from monitor.analysis.diagnosis import drops as lost
from monitor.analysis.diagnosis.clock import steps
from monitor.analysis.diagnosis.episodes import joined
from monitor.analysis.diagnosis.rules import calls, connections, own, paths, rest
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.diagnosis.strands import Strand
from monitor.analysis.diagnosis.together import UNCOUNTED_LEAST
from monitor.facts.words import counted

BURST_S: Final = 120.0
BURST_SHARE: Final = 0.35  # of the agents within two minutes: a flaky access point takes fewer
BURST_LEAST: Final = 10
CALLS_BURST_S: Final = 300.0
CALLS_LEAST: Final = 6
MEDIA_LEAST: Final = 10
NOTICED_S: Final = 60.0  # a drop is noticed so much later at most
AROUND_S: Final = 7200.0
WINDOW_LEAST: Final = 3
WINDOW_TIMES: Final = 4.0
RATE_LIMIT: Final = 0.2  # drops an agent-hour: twenty times what ordinary networks do
RATE_LEAST: Final = 20


def findings(signs: Signs) -> list[str]:
    """A sentence for each thing that is out of order; nothing where all is well. Chance's own drops are no finding."""
    return [told for find in _FINDS for told in find(signs)]


def measured(signs: Signs) -> bool:
    """Whether anything was measured but drops: without it nobody can say that nothing is wrong."""
    return any(len(one) for one in (signs.pings, signs.fetch, signs.gathering, signs.stun, signs.rest))


def troubled(signs: Signs) -> list[tuple[float, float]]:
    """When a signal was bad again and again, at any site, or we ourselves; Unix seconds, what touches is one."""
    return joined(*(one.stretches for one in (*_signals(signs), signs.lag))).at(None)


def _signals(signs: Signs) -> tuple[Strand, ...]:
    return signs.pings, signs.edge, signs.fetch, signs.gathering, signs.stun, signs.turn, signs.dtls, signs.checks


def _strands(signs: Signs) -> Iterator[str]:
    for one in _signals(signs):
        if len(one.stretches):
            stretches = counted(len(one.stretches), "stretch", "stretches")
            yield f"{one.told(one.during(one.stretches))}, in {stretches} of trouble"


def _rest(signs: Signs) -> Iterator[str]:
    trouble: Strand = signs.rest
    if len(signs.rest_trouble):
        yield f"{trouble.told(trouble.during(signs.rest_trouble))}, outside publish windows"
    limited = trouble.count(rest.limited(signs))
    if limited:
        yield f"{limited:.0f} REST calls were told to wait (429)"


def _own(signs: Signs) -> Iterator[str]:
    if own.distrusted(signs):
        yield "our own event loops stood still, or are marked as suspect"
    for one in steps(signs.evidence, signs.lag.stretches):
        yield f"the wall clock jumped by {one.by_s:+.1f} s"


def _together(signs: Signs) -> Iterator[str]:
    for one in signs.common:
        yield f"{one.count} connections ended together"
    least = max(BURST_LEAST, round(BURST_SHARE * signs.agents)) if signs.agents else UNCOUNTED_LEAST
    for _, _, count in lost.bursts(signs.evidence, lost.signalling(signs.evidence), BURST_S, least):
        yield f"{count} connections were lost within {BURST_S:.0f} s"
    others = ~lost.of_layers(signs.evidence, "signalling", "", "platform")
    for _, _, count in lost.bursts(signs.evidence, others, CALLS_BURST_S, CALLS_LEAST):
        yield f"{count} calls were lost within {CALLS_BURST_S:.0f} s"


def _told_why(signs: Signs) -> Iterator[str]:
    counts = (
        (connections.refusals(signs), "refusals of a token", 2),
        (connections.taken_over(signs), "softphones whose user signed in elsewhere", 1),
        (connections.ended_idle(signs), "persistent connections that ended idle", 1),
        (calls.handshakes_failed(signs), "DTLS handshakes that failed", 2),
        (int(paths.media_lost(signs.evidence).sum()), "calls in progress that lost their media", MEDIA_LEAST),
    )
    for count, name, least in counts:
        if count >= least:
            yield f"{count} {name}"


def _constants(signs: Signs) -> Iterator[str]:
    for found in (connections.idle_cuts(signs), calls.silent_calls(signs)):
        if found is not None:
            yield f"{found.count} losses after {found.silence_s:.0f} s of silence each"
    for apart, pairs in paths.mapped_apart(signs).values():
        if apart >= 3 and apart >= 0.5 * pairs:
            yield f"{apart} of {pairs} pairs of STUN servers saw different mapped ports"


def _rate(signs: Signs) -> Iterator[str]:
    hours = len(np.unique(signs.pings.rows.at_s // 3600.0))
    count = int(lost.signalling(signs.evidence).sum())
    if signs.agents and hours and count >= RATE_LEAST and count > RATE_LIMIT * signs.agents * hours:
        yield f"{count} connections were lost in {hours} hours with at most {signs.agents:.0f} agents"


def _in_windows(signs: Signs) -> Iterator[str]:
    """Drops that come in our own publish windows again and again, and hardly in the hours around them."""
    at_s = signs.evidence.drops.noticed_s[lost.signalling(signs.evidence)]
    edges_s = np.array(signs.own_windows).reshape(-1, 2)
    first, last = edges_s[:, 0], edges_s[:, 1] + NOTICED_S
    inside = np.searchsorted(at_s, last) - np.searchsorted(at_s, first)
    around = np.searchsorted(at_s, last + AROUND_S) - np.searchsorted(at_s, first - AROUND_S) - inside
    usual = around * (last - first) / (2 * AROUND_S)
    high = (inside >= WINDOW_LEAST) & (inside >= WINDOW_TIMES * usual)
    if high.sum() >= max(2, len(high) / 3) and inside.sum() >= WINDOW_TIMES * usual.sum():
        yield (
            f"{inside.sum()} connections were lost in {len(high)} publish windows, where the hours around them let "
            f"{usual.sum():.1f} be expected"
        )


_FINDS: Final[tuple[Callable[[Signs], Iterator[str]], ...]] = (
    _strands,
    _rest,
    _own,
    _together,
    _told_why,
    _constants,
    _rate,
    _in_windows,
)
