"""What a rule is: a cause, the figures it needs, and a judge that scores what speaks for it and against it; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.analysis.diagnosis.episodes import Stretches
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.diagnosis.strands import Strand

SURE = 0.5  # a cause stands out from this score on


@dataclass(frozen=True, slots=True)
class Judged:
    """A score from 0 to 1 and the sentences with the figures that it rests on."""

    score: float = 0.0
    evidence: tuple[str, ...] = ()


NOTHING_FOUND = Judged()


@dataclass(frozen=True, slots=True)
class Rule:
    """letters: of the signals it goes by. needs: names of signals without which it cannot be sure.

    to_be_sure: the measurement that would settle a doubt about this cause.
    """

    cause: str
    letters: str
    needs: tuple[str, ...]
    to_be_sure: str
    judge: Callable[[Signs], Judged]


def grade(value: float | None, low: float, high: float, unknown: float = 0.5) -> float:
    """0 up to `low`, 1 from `high` on, in between in proportion; low may exceed high. unknown: for a missing value."""
    if value is None:
        return unknown
    return min(1.0, max(0.0, (value - low) / (high - low)))


def flat(share_bad: float | None, unknown: float = 0.8) -> float:
    """How well a strand was: 1 while at most a tenth of its attempts were bad, 0 from a half on."""
    return grade(share_bad, 0.5, 0.1, unknown)


def everywhere(strand: Strand, of: Stretches) -> float:
    """How much all sites were in trouble at the same times; a single site cannot tell, and is taken for all."""
    return grade(strand.untouched(of), 0.5, 0.25)


def one_site_alone(strand: Strand, of: Stretches) -> float:
    """How much one site was in trouble while others were well."""
    elsewhere = strand.share(strand.bad, strand.elsewhere(of))
    if elsewhere is None:
        return 0.65 if strand.sites == 1 else 0.3
    return flat(elsewhere)
