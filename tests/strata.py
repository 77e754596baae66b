"""Strata of a permutation test in which everything was measured."""

from __future__ import annotations

import numpy as np

from monitor.analysis.verdict.permutation import Stratum
from monitor.facts.evidence import Floats


def stratum(values: Floats, groups: tuple[tuple[int, tuple[int, ...]], ...], windows: tuple[int, ...]) -> Stratum:
    """places x slots x outcomes; see Stratum."""
    return Stratum(values, np.ones(values.shape, dtype=np.bool_), groups, windows)
