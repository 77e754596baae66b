"""Attempts at a signal, sorted into answered, failed and telling nothing, for the question when trouble began; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.verdict.outcomes import TROUBLES
from monitor.facts import signals
from monitor.facts.evidence import ALL_SITES, Codes, Drops, Evidence, Flags, Floats, Series

LEAST_RATE: Final = 0.1  # calls a second: less is as good as none
NOTICE_S: Final = 60.0  # real softphones notice a lost connection after up to 58 s

_LEAST_ERROR: Final = 400  # HTTP status


@dataclass(frozen=True, slots=True)
class Attempts:
    """Columns in order of `at_s`, when each attempt was complete; begun_s: when it began, as early as may be.

    height: log of the value, nan where none was measured or where it does not count. stream: one source of attempts at
    one target, which come one after another; stream_site: the site of each stream.
    """

    at_s: Floats
    begun_s: Floats
    height: Floats
    failed: Flags
    stream: Codes
    stream_site: Codes


@dataclass(frozen=True, slots=True)
class Events:
    """What happens at times instead of being asked for, in order of at_s: each lies between begun_s and at_s."""

    at_s: Floats
    begun_s: Floats


def attempts_of(signal: str, series: Series, evidence: Evidence) -> Attempts:
    """Every attempt that may be trusted and tells something."""
    height, failed, tells = _judged(signal, series, evidence)
    kept = tells & ~series.suspect & trusted(series.at_s, series.site, evidence)
    rows = series.where(kept)
    stream, stream_site = _streams(rows)
    summed = signal == signals.API_RATE or bool((series.weight != 1.0).any())
    begun = _row_before(rows.at_s, stream) if summed else rows.at_s - np.nan_to_num(rows.value)
    return Attempts(rows.at_s, begun, height[kept], failed[kept], stream, stream_site)


def drop_events(drops: Drops, evidence: Evidence) -> Events:
    """Drops; one of which only the report is known may have happened up to a minute before."""
    rows = drops.where(trusted(drops.noticed_s, drops.site, evidence))
    told = rows.last_good_s < rows.noticed_s
    return Events(rows.noticed_s, np.where(told, rows.last_good_s, rows.noticed_s - NOTICE_S))


def reconnect_events(series: Series, evidence: Evidence) -> Events:
    """Sessions that came back: each lost between its beginning and its end."""
    rows = series.where(~series.suspect & trusted(series.at_s, series.site, evidence))
    return Events(rows.at_s, rows.at_s - np.nan_to_num(rows.value))


def trusted(at_s: Floats, site: Codes, evidence: Evidence) -> Flags:
    """False in suspect periods of a row's site."""
    good = np.ones(len(at_s), dtype=np.bool_)
    for one in evidence.suspects:
        rows = slice(np.searchsorted(at_s, one.start_s), np.searchsorted(at_s, one.end_s, side="right"))
        good[rows] &= one.site != ALL_SITES and site[rows] != evidence.code(one.site)
    return good


def _judged(signal: str, series: Series, evidence: Evidence) -> tuple[Floats, Flags, Flags]:
    """The height of each row, whether it failed, whether it tells anything."""
    if signal == signals.ICE_GATHERING:  # its time says little: constants of waiting, not latencies
        failed = np.isin(series.outcome, evidence.codes(signals.FAILED_GATHERINGS))
        own = np.isin(series.outcome, evidence.codes(["error"]))
        return np.full(len(series), np.nan), failed, ~own
    if signal == signals.API_RATE:
        known = series.value >= 0
        return _log(np.maximum(series.value, LEAST_RATE), known), np.zeros_like(known), known
    failed = np.isin(series.outcome, _failure_codes(evidence))
    answered = (series.value > 0) & ~failed
    return _log(series.value, answered), failed, answered | failed


def _failure_codes(evidence: Evidence) -> list[int]:
    statuses = [n for n, name in enumerate(evidence.names) if len(name) == 3 and name.isdecimal()]
    return [*evidence.codes(TROUBLES), *(n for n in statuses if int(evidence.names[n]) >= _LEAST_ERROR)]


def _log(value: Floats, where: Flags) -> Floats:
    return np.log(value, out=np.full(len(value), np.nan), where=where)


def _streams(rows: Series) -> tuple[Codes, Codes]:
    """The stream of each row, and the site of each stream."""
    names = np.int64(1 + max(int(column.max(initial=0)) for column in (rows.site, rows.probe, rows.target)))
    key = (rows.site.astype(np.int64) * names + rows.probe) * names + rows.target
    streams, place = np.unique(key, return_inverse=True)
    return place.astype(np.int32), (streams // (names * names)).astype(np.int32)


def _row_before(at_s: Floats, stream: Codes) -> Floats:
    """The time of the row before in the same stream: a rate, or a row that counts attempts, tells of all since then."""
    order = np.lexsort((at_s, stream))
    time, source = at_s[order], stream[order]
    new = np.concatenate([[True], (time[1:] > time[:-1]) | (source[1:] != source[:-1])])[: len(time)]
    row = np.cumsum(new) - 1  # rows of one time are one row
    times, sources = time[new], source[new]
    before = np.where(np.concatenate([[-1], sources[:-1]])[: len(times)] == sources, np.roll(times, 1), times)
    found = np.empty(len(at_s))
    found[order] = before[row]
    return found
