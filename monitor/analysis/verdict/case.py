"""What is known before anything is tested: calendar, windows, cleaned facts, the design that follows; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from monitor.analysis.verdict.calendar import LocalCalendar, WorkDay, calendar_for
from monitor.analysis.verdict.design import (
    Design,
    block_design,
    shadows,
    strata_of,
    weekday_control,
    weekly_design,
)
from monitor.analysis.verdict.figures import Counted
from monitor.analysis.verdict.observed import Observed, observe, outcomes_of, silent_days
from monitor.analysis.verdict.outcomes import DROPS, Outcome
from monitor.analysis.verdict.permutation import Stratum, least_p, least_p_left_out, permute
from monitor.analysis.verdict.placed import Pattern, Placed, Windows, pattern_of, place
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence, Flags, Floats, Heads

LEAST_WEEKS: Final = 2
EARLIEST_S: Final = 946_684_800.0  # the year 2000
LATEST_S: Final = 4_102_444_800.0  # 2100
LEAST_CONTROL_WAYS: Final = 20  # with fewer ways to choose the published weekdays, they say nothing at 5 %


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge. carriers: the windows that the design speaks of by their place."""

    rules: Rules
    evidence: Evidence
    calendar: LocalCalendar
    days: list[WorkDay]
    windows: Windows
    observed: Observed
    pattern: Pattern
    carriers: list[Placed]
    design: Design
    outcomes: list[Outcome]
    strata: list[Stratum]

    @property
    def randomised(self) -> bool:
        """Whether what is tested was dealt by chance."""
        return self.pattern is Pattern.RANDOMISED

    def reachable(self, counted: Counted) -> bool:
        """Whether alpha is in reach, and twice alpha without any one window, if every drop fell into windows."""
        drops_only = all(outcome.name == DROPS for outcome in self.outcomes)
        informative = counted.incidents_in + counted.incidents_out if drops_only else None
        return reaches(self.strata, self.rules, informative, randomised=self.randomised)


def prepare(evidence: Evidence, rules: Rules) -> Case:
    """Find the design. Randomised blocks are tested where they can reach alpha, else the job as anybody's is."""
    evidence = _sane(evidence)
    span = evidence.span or (EARLIEST_S, EARLIEST_S)
    windows = [window for window in evidence.windows if window.last_s >= span[0] and window.first_s <= span[1]]
    calendar = calendar_for(rules, [window.first_s for window in windows])
    placed = place(windows, calendar, rules.tail_s)
    days = calendar.work_days(*span)
    aside = shadows(placed.tested, calendar, days)
    evidence, observed = _observed(evidence, rules, days, span, placed, aside)
    outcomes = outcomes_of(observed)
    blocks = block_design(placed.tested, observed)
    strata = strata_of(blocks.layouts, outcomes)
    if strata and reaches(strata, rules, randomised=True):
        carriers, pattern, design = list(placed.tested), pattern_of(placed.tested, randomised=True), blocks
    else:
        carriers = [one for one in placed.tested if one.treated]
        pattern = pattern_of(carriers)
        design = weekly_design(carriers, calendar, days, observed)
        strata = strata_of(design.layouts, outcomes)
    return Case(rules, evidence, calendar, days, placed, observed, pattern, carriers, design, outcomes, strata)


def reaches(
    strata: Sequence[Stratum], rules: Rules, informative: int | None = None, *, randomised: bool = False
) -> bool:
    """Whether alpha is in reach, and twice alpha with any one window left out. One week alone never is enough."""
    if not randomised and len(strata) < LEAST_WEEKS:
        return False
    return least_p(strata, informative) <= rules.alpha and least_p_left_out(strata, informative) <= 2 * rules.alpha


def controls_of(case: Case) -> tuple[int, bool]:
    """Days of the same weekdays without a publish, and whether those with one stand out from them, too.

    Where there are too few to tell, they forbid nothing.
    """
    if case.randomised:
        return 0, True
    layouts = weekday_control(case.carriers, case.calendar, case.days, case.observed)
    free = sum(len(layout.start_s) - len(layout.groups) for layout in layouts)
    strata = strata_of(layouts, case.outcomes)
    if not strata or 1.0 / least_p(strata) < LEAST_CONTROL_WAYS:
        return free, True
    tested = permute(strata, seed=case.rules.seed, leave_out=False)
    return free, bool(tested.p_adjusted.min() <= case.rules.alpha)


def _observed(
    evidence: Evidence,
    rules: Rules,
    days: Sequence[WorkDay],
    span: tuple[float, float],
    placed: Windows,
    aside: Sequence[tuple[float, float]],
) -> tuple[Evidence, Observed]:
    """The cleaned facts; days that look like days off are taken out and told of."""
    everything = [*placed.tested, *placed.outside_hours]
    observed = observe(evidence, rules, days, span, everything, aside)
    silent = silent_days(observed, days, {one.day.weekday() for one in placed.tested})
    if not silent:
        return evidence, observed
    line = f"working days with no drop, or hardly any, that are taken for days off: {len(silent)}; say which days are"
    rules = replace(rules, excluded=(*rules.excluded, *silent))
    evidence = replace(evidence, warnings=(*evidence.warnings, line))
    return evidence, observe(evidence, rules, days, span, everything, aside)


def _sane(evidence: Evidence) -> Evidence:
    """Without facts that lie in no time anybody lived in; a source should have refused them."""
    drops, heads = evidence.drops, evidence.heads
    known = _in_time(drops.last_good_s) & _in_time(drops.noticed_s) & (drops.last_good_s <= drops.noticed_s)
    counted = _in_time(heads.at_s) & np.isfinite(heads.count) & (heads.count >= 0)
    windows = tuple(one for one in evidence.windows if _in_time(np.array([one.first_s, one.last_s])).all())
    odd = int((~known).sum() + (~counted).sum()) + len(evidence.windows) - len(windows)
    span = evidence.span
    if span is not None and not _in_time(np.array(span)).all():
        moments = np.concatenate(
            [drops.noticed_s[known], [edge for one in windows for edge in (one.first_s, one.last_s)]]
        )
        span = (float(moments.min()), float(moments.max())) if len(moments) else None
    if not odd and span == evidence.span:
        return evidence
    return replace(
        evidence,
        drops=drops.where(known),
        heads=Heads(heads.at_s[counted], heads.site[counted], heads.count[counted]),
        windows=windows,
        span=span,
        warnings=(*evidence.warnings, f"facts at impossible times or with impossible figures, left out: {odd}"),
    )


def _in_time(at_s: Floats) -> Flags:
    return np.asarray(np.isfinite(at_s) & (at_s >= EARLIEST_S) & (at_s <= LATEST_S))
