"""When a signal first left its usual range around each window, as the interval in which that happened; pure.

What is usual is taken from the two hours before, stream by stream. A single slow answer is nothing: two of the next
three must be unusual too, unless it failed where failures are next to unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.analysis.verdict.attempts import Attempts, Events
from monitor.analysis.verdict.looks import Looks, Places
from monitor.facts.evidence import Codes, Flags, Floats

FACTOR: Final = 1.5  # nothing less is a departure, however steady the signal
SPREADS: Final = 4.0  # robust standard deviations of the logarithm
RARELY: Final = 0.99  # and above all but this share of what was usual
FEW: Final = 5  # attempts before the look: fewer do not show what is usual
FOLLOWING, PERSISTING = 3, 2  # so many of the following attempts must be unusual too
BY_CHANCE: Final = 0.1  # failures to be expected in a look, up to which one alone counts
OFTEN: Final = 0.2  # where failures are this usual, they say nothing
AFFECTED: Final = 0.25  # of a site's streams, for the site to be so
BURST_S: Final = 60.0
BURST_CHANCE: Final = 0.05  # bursts of a size that are to be expected in a look, at most, for one to be unusual

_SIGMA_OF_MAD: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Departures:
    """Per look the interval of the departure in Unix seconds, nan where there is none; seen: looks that could show."""

    low_s: Floats
    high_s: Floats
    seen: Flags


@dataclass(frozen=True, slots=True)
class _Rows:
    """Attempts of every look with those before it, group by group (a stream in a look), each in order of time."""

    at_s: Floats
    begun_s: Floats
    height: Floats
    failed: Flags
    before: Flags
    group: Places
    group_look: Places
    group_site: Codes

    def per_group(self, chosen: Flags) -> Places:
        """How many chosen rows each group has."""
        return np.bincount(self.group[chosen], minlength=len(self.group_look))


def sample_departures(attempts: Attempts, looks: Looks) -> Departures:
    """Of a signal that is asked for.

    A stream leaves its usual range after the beginning of its last usual attempt and by the completion of its first
    unusual one. A site does so when a quarter of its streams do, in the interval from the median of their lower to the
    median of their upper bounds: the median stream did so within it, whatever the truth of each. The first site counts.
    """
    rows = _rows(attempts, looks)
    usual, unusual, alone = _unusual(rows, looks)
    first = _first(rows, unusual, alone)
    low_s = np.minimum(rows.begun_s[first], _last_usual_begun(rows, usual, first))
    sighted = (rows.per_group(rows.before) >= FEW) & (rows.per_group(~rows.before) > 0)
    return _by_look(rows, sighted, rows.group[first], (low_s, rows.at_s[first]), len(looks))


def burst_departures(events: Events, looks: Looks) -> Departures:
    """Of what happens by itself: the first event that begins a burst too large to be usual.

    The interval reaches from the earliest beginning of the events of that burst to when the first of them was noticed.
    """
    size = np.searchsorted(events.at_s, events.at_s + BURST_S, side="right") - np.arange(len(events.at_s))
    low_s, high_s = np.full(len(looks), np.nan), np.full(len(looks), np.nan)
    usual_s = looks.usual_length_s()
    if usual_s <= 0:
        return Departures(low_s, high_s, np.zeros(len(looks), dtype=np.bool_))
    largest = np.sort(size[_usual_events(events, looks)])[::-1]
    begins = np.searchsorted(events.at_s, looks.look_s)
    ends = np.searchsorted(events.at_s, looks.until_s, side="right")
    for look, (begin, end, length_s) in enumerate(zip(begins, ends, looks.length_s, strict=True)):
        large = np.flatnonzero(size[begin:end] > _usual_size(largest, usual_s, length_s))
        if len(large):
            first = begin + large[0]
            low_s[look] = events.begun_s[first : first + size[first]].min()
            high_s[look] = events.at_s[first]
    return Departures(low_s, high_s, np.ones(len(looks), dtype=np.bool_))


def _rows(attempts: Attempts, looks: Looks) -> _Rows:
    place, look = looks.rows(attempts.at_s)
    before = attempts.at_s[place] < looks.look_s[look]
    kept = ~before | looks.fit(attempts.at_s[place])
    place, look, before = place[kept], look[kept], before[kept]
    streams = max(1, len(attempts.stream_site))
    key = look * streams + attempts.stream[place]
    order = np.argsort(key, kind="stable")
    place, before = place[order], before[order]
    groups, group = np.unique(key[order], return_inverse=True)
    columns = (attempts.at_s[place], attempts.begun_s[place], attempts.height[place], attempts.failed[place])
    return _Rows(*columns, before, group, groups // streams, attempts.stream_site[groups % streams])


def _unusual(rows: _Rows, looks: Looks) -> tuple[Flags, Flags, Flags]:
    """Per row: whether it is usual, whether it is unusual, and whether that alone is a departure."""
    tried, failed = rows.per_group(rows.before), rows.per_group(rows.before & rows.failed)
    share = failed / np.maximum(tried, 1)
    expected = share * rows.per_group(~rows.before)
    counts = (tried >= FEW) & (share < OFTEN)
    slow = rows.height > _thresholds(rows)[rows.group]
    failing = rows.failed & counts[rows.group]
    return ~slow & ~rows.failed, slow | failing, failing & (expected <= BY_CHANCE)[rows.group]


def _thresholds(rows: _Rows) -> Floats:
    """The log value above which an attempt of each group is unusual; nan where too little was measured before."""
    measured = rows.before & np.isfinite(rows.height)
    height, group, count = rows.height[measured], rows.group[measured], len(rows.group_look)
    middle = _quantiles(height, group, count, 0.5)
    spread = _SIGMA_OF_MAD * _quantiles(np.abs(height - middle[group]), group, count, 0.5)
    rare = _quantiles(height, group, count, RARELY)
    threshold = np.maximum(middle + np.maximum(np.log(FACTOR), SPREADS * spread), rare)
    return np.where(np.bincount(group, minlength=count) >= FEW, threshold, np.nan)


def _first(rows: _Rows, unusual: Flags, alone: Flags) -> Places:
    """The row of the first departure of each group that has one."""
    following = np.zeros(len(unusual), dtype=np.intp)
    for ahead in range(1, FOLLOWING + 1):
        same = rows.group[ahead:] == rows.group[:-ahead]
        following[:-ahead] += unusual[ahead:] & same
    places = np.flatnonzero(~rows.before & (alone | (unusual & (following >= PERSISTING))))
    return places[np.unique(rows.group[places], return_index=True)[1]]


def _last_usual_begun(rows: _Rows, usual: Flags, first: Places) -> Floats:
    """When the last usual attempt before each of these rows began; -inf where there was none."""
    last = np.maximum.accumulate(np.where(usual, np.arange(len(usual)), -1))[first] if len(first) else first
    known = (last >= 0) & (rows.group[last] == rows.group[first])
    return np.where(known, rows.begun_s[last], -np.inf)


def _by_look(rows: _Rows, sighted: Flags, left: Places, interval: tuple[Floats, Floats], looks: int) -> Departures:
    """From the groups that could be seen and those that left their range, and when, to looks."""
    sites = int(rows.group_site.max(initial=0)) + 1
    cell, cells = rows.group_look * sites + rows.group_site, looks * sites
    streams = np.bincount(cell[sighted], minlength=cells)
    affected = np.bincount(cell[left], minlength=cells)
    moved = (affected > 0) & (affected >= AFFECTED * streams)
    low_s, high_s = (
        np.where(moved, _quantiles(edge, cell[left], cells, 0.5), np.inf).reshape(looks, sites).min(axis=1)
        for edge in interval
    )
    none = ~moved.reshape(looks, sites).any(axis=1)
    seen: Flags = np.any(streams.reshape(looks, sites) > 0, axis=1)
    return Departures(np.where(none, np.nan, low_s), np.where(none, np.nan, high_s), seen)


def _quantiles(values: Floats, group: Places, count: int, share: float) -> Floats:
    """The value of that rank in each group, the lower one of two; nan for an empty group."""
    ranked = values[np.lexsort((values, group))]
    sizes = np.bincount(group, minlength=count)
    place = np.cumsum(sizes) - sizes + np.floor(share * np.maximum(sizes - 1, 0)).astype(np.intp)
    found = np.full(count, np.nan)
    found[sizes > 0] = ranked[place[sizes > 0]]
    return found


def _usual_events(events: Events, looks: Looks) -> Places:
    """Events of the time before the looks whose burst would be over by then."""
    place, look = looks.rows(events.at_s)
    over_s = events.at_s[place] + BURST_S
    kept = (over_s < looks.look_s[look]) & looks.fit(events.at_s[place]) & looks.fit(over_s)
    return np.unique(place[kept])


def _usual_size(largest: Places, usual_s: float, length_s: float) -> int:
    """The size that bursts reach without being unusual; largest: those of the time before, in falling order."""
    place = int(BURST_CHANCE * usual_s / length_s) if length_s > 0 else 0
    return int(largest[place]) if place < len(largest) else 0
