"""What is drawn along a time axis: attempts and their values, failed ones as infinity; drops that are harm; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.verdict.attempts import attempts_of, trusted
from monitor.analysis.verdict.observed import normal_ends
from monitor.analysis.verdict.outcomes import MOST_WEIGHT
from monitor.facts import signals
from monitor.facts.evidence import Drops, Evidence, Floats, Series

LATENCIES: Final = (signals.WS_RTT, signals.ICE_SERVERS, signals.API, signals.MEDIA_RTT)
SHARES: Final = (signals.ICE_GATHERING,)  # of which what counts is the share that failed
MEASURES: Final = (signals.WS_RTT, signals.ICE_SERVERS, signals.ICE_GATHERING, signals.API, signals.MEDIA_RTT)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts that may be trusted, in order of time.

    value: seconds, infinity for one that failed or timed out; of a signal in SHARES 1 for a failed one and 0 otherwise.
    """

    signal: str
    at_s: Floats
    value: Floats

    @property
    def failed(self) -> Floats:
        """1 for each attempt that failed, else 0."""
        return self.value if self.signal in SHARES else np.isinf(self.value).astype(np.float64)

    def between(self, start_s: float, end_s: float) -> Attempts:
        """Those that were complete from start_s on and before end_s."""
        rows = slice(*np.searchsorted(self.at_s, (start_s, end_s)))
        return Attempts(self.signal, self.at_s[rows], self.value[rows])


def measures(evidence: Evidence) -> Iterator[Attempts]:
    """Every signal of MEASURES that was measured, in that order."""
    for signal in MEASURES:
        series = evidence.series.get(signal)
        if series is not None and len(series):
            yield attempts(signal, series, evidence)


def attempts(signal: str, series: Series, evidence: Evidence) -> Attempts:
    """A signal's attempts. A row that stands for several is that many, up to MOST_WEIGHT."""
    times = np.clip(np.rint(np.nan_to_num(series.weight)), 1, MOST_WEIGHT).astype(np.intp)
    every = series if (times == 1).all() else series.where(np.repeat(np.arange(len(series)), times))
    found = attempts_of(signal, every, evidence)
    if signal in SHARES:
        return Attempts(signal, found.at_s, found.failed.astype(np.float64))
    return Attempts(signal, found.at_s, np.where(found.failed, np.inf, np.exp(found.height)))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Samples of a signal that may not be trusted, and all of them."""

    signal: str
    suspect: int
    samples: int


def left_out(evidence: Evidence) -> Iterator[LeftOut]:
    """Every signal of which samples are suspect, by themselves or by the time in which they lie."""
    for signal, series in evidence.series.items():
        suspect = series.suspect | ~trusted(series.at_s, series.site, evidence)
        if suspect.any():
            yield LeftOut(signal, int(suspect.sum()), len(series))


def harm(evidence: Evidence) -> Drops:
    """Drops but for documented ends, such as a call that was hung up, and those of suspect time."""
    drops = evidence.drops
    return drops.where(~normal_ends(evidence) & trusted(drops.noticed_s, drops.site, evidence))


def quantile(values: Floats, share: float) -> float | None:
    """The value below which that share lies, infinity where it lies among the failed; None without any."""
    if not len(values):
        return None
    place = min(len(values) - 1, int(share * len(values)))
    return float(np.partition(values, place)[place])
