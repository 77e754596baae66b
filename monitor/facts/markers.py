"""Publish-job markers: when a job started, sent a batch, ended. They meet observations only as facts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST_S = 31_622_400.0  # a year; nothing that a publish job tells of lasts longer

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?s?")


class MarkerPhase(StrEnum):
    """Which edge of a run a marker tells."""

    START = "start"
    BATCH = "batch"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """One marker. Its identity is (job, run_id, phase, at_wall_s): the same marker twice is stored once.

    at_wall_s: Unix seconds UTC; at_min/at_max: the interval it lies in when it was noticed rather than told.
    """

    job: str
    run_id: str
    phase: MarkerPhase
    at_wall_s: float
    at_min_wall_s: float | None = None
    at_max_wall_s: float | None = None
    found_by: str = "told"
    strategy: str | None = None
    batch_size: int | None = None
    pause_s: float | None = None
    agents: int | None = None
    outcome: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def told_seconds(text: str) -> float | None:
    """Seconds as an attribute tells them, such as `2`, `2.5s`; None for what is no number from 0 to LONGEST_S."""
    if _SECONDS.fullmatch(text) is None:
        return None
    seconds = float(text.removesuffix("s"))
    return seconds if seconds <= LONGEST_S else None
