"""What the verdict goes by: the local calendar, the tail of a window, error rates; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, tzinfo

ALPHA = 0.05
MARGIN = 2.0
TAIL_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to judge. Times in `_s` are Unix seconds, or seconds where they are lengths.

    zone: of the local clock that people and jobs live by. hours: working hours as local hours of the day, such as
    (8.0, 18.0); None counts every hour. days: working weekdays, 0 is Monday; None takes mon-fri and every weekday that
    has a window. days_off: holidays. excluded: stretches that do not count, whatever the reason. agents: constant head
    count of every site together, where none is told. tail_s: how long an effect may outlast its window. margin: an
    upper limit of the rate ratio below it acquits. provisional: the verdict is looked at again and again, so that its
    error is controlled over all looks.
    """

    zone: tzinfo = UTC
    hours: tuple[float, float] | None = None
    days: frozenset[int] | None = None
    days_off: frozenset[date] = frozenset()
    excluded: tuple[tuple[float, float], ...] = ()
    agents: float | None = None
    tail_s: float = TAIL_S
    margin: float = MARGIN
    alpha: float = ALPHA
    seed: int = 0
    provisional: bool = False
