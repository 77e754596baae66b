"""Stretches of time: made one where they meet, and which moments lie in them. Unix seconds; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Pair = tuple[float, float]


def merged(stretches: Iterable[Pair]) -> list[Pair]:
    """In order, those that touch or overlap made one."""
    found: list[Pair] = []
    for start_s, end_s in sorted(stretches):
        if found and start_s <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((start_s, end_s))
    return found


def edges_of(stretches: Iterable[Pair]) -> NDArray[np.float64]:
    """Begin and end of each, one after another: what `between` asks for."""
    return np.array([edge for stretch in stretches for edge in stretch], dtype=np.float64)


def between(at_s: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which moments lie in a stretch, its begin included and its end not. edges: of merged stretches."""
    return np.asarray(np.searchsorted(edges, at_s, side="right") % 2 == 1)


def within(at_s: NDArray[np.float64], stretches: Sequence[Pair]) -> NDArray[np.bool_]:
    """Which moments lie in one of these merged stretches, both ends included."""
    if not stretches:
        return np.zeros(len(at_s), dtype=np.bool_)
    starts, ends = np.array(stretches).T
    place = np.searchsorted(starts, at_s, side="right") - 1
    return np.asarray((place >= 0) & (at_s <= ends[np.maximum(place, 0)]))


def overlapping(
    first_s: NDArray[np.float64], last_s: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which intervals may lie in a stretch. edges: of merged stretches."""
    begun = np.searchsorted(edges[0::2], last_s, side="right")
    over = np.searchsorted(edges[1::2], first_s, side="left")
    return np.asarray(begun > over)
