"""Stretches of trouble: where one signal at one site is bad again and again within a short time; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Codes, Flags, Floats
from monitor.facts.stretches import merged, within

APART_S = 180.0  # bad attempts further apart than this, and than three usual intervals, belong to different stretches
LEAST_BAD = 2.0  # one bad attempt is chance
LEAST_SHARE = 0.2  # of the attempts within a stretch are bad, or it is chance as well


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of trouble, each at one site; columns of one length, Unix seconds. bad, total: attempts in each."""

    start_s: Floats
    end_s: Floats
    site: Codes
    bad: Floats
    total: Floats

    def __len__(self) -> int:
        return len(self.start_s)

    def __iter__(self) -> Iterator[tuple[float, float, int]]:
        """Start, end and site of each."""
        return iter(zip(self.start_s.tolist(), self.end_s.tolist(), self.site.tolist(), strict=True))

    def where(self, chosen: Flags) -> Stretches:
        """The stretches of a mask."""
        return Stretches(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def sites(self) -> list[int]:
        """The sites that have one."""
        return [int(site) for site in np.unique(self.site)]

    def at(self, site: int | None, before_s: float = 0.0, after_s: float = 0.0) -> list[tuple[float, float]]:
        """The times of those at a site, or anywhere, made longer at both ends, and one where they touch."""
        chosen = np.ones(len(self), dtype=np.bool_) if site is None else self.site == site
        starts, ends = self.start_s[chosen] - before_s, self.end_s[chosen] + after_s
        return merged(zip(starts.tolist(), ends.tolist(), strict=True))


NO_STRETCHES = Stretches(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int32), np.zeros(0), np.zeros(0))


def joined(*several: Stretches) -> Stretches:
    """All of several in one."""
    return Stretches(*(np.concatenate([getattr(one, name) for one in several]) for name in Stretches.__slots__))


def inside(at_s: Floats, site: Codes, of: Stretches, before_s: float = 0.0, after_s: float = 0.0) -> Flags:
    """Which rows lie in a stretch of their own site."""
    found = np.zeros(len(at_s), dtype=np.bool_)
    for here in of.sites():
        rows = site == here
        found[rows] = within(at_s[rows], of.at(here, before_s, after_s))
    return found


def stretches_of(at_s: Floats, bad: Flags, weight: Floats, site: Codes, group: NDArray[np.int64]) -> Stretches:
    """Stretches of every group of rows (a group has one site), from its first to its last bad attempt of a row."""
    found = [_of_group(at_s[rows], bad[rows], weight[rows], int(site[rows][0])) for rows in _groups(group, bad)]
    return joined(*found) if found else NO_STRETCHES


def _groups(group: NDArray[np.int64], bad: Flags) -> Iterator[Flags]:
    for one in np.unique(group[bad]):
        yield group == one


def _of_group(at_s: Floats, bad: Flags, weight: Floats, site: int) -> Stretches:
    bad_at_s = at_s[bad]
    usual_s = float(np.median(np.diff(at_s))) if len(at_s) > 1 else 0.0
    edges = np.flatnonzero(np.diff(bad_at_s) > max(APART_S, 3 * usual_s))
    first, last = np.concatenate([[0], edges + 1]), np.concatenate([edges, [len(bad_at_s) - 1]])
    start_s, end_s = bad_at_s[first], bad_at_s[last]
    begin, end = np.searchsorted(at_s, start_s, side="left"), np.searchsorted(at_s, end_s, side="right")
    all_sum, bad_sum = (np.concatenate([[0.0], np.cumsum(column)]) for column in (weight, weight * bad))
    total, bad_count = all_sum[end] - all_sum[begin], bad_sum[end] - bad_sum[begin]
    found = Stretches(start_s, end_s, np.full(len(first), site, dtype=np.int32), bad_count, total)
    return found.where((bad_count >= LEAST_BAD) & (bad_count >= LEAST_SHARE * total))
