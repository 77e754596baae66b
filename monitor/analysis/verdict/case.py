"""What is known before anything is tested: calendar, windows, cleaned facts, the design that follows; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from monitor.analysis.verdict.calendar import LocalCalendar, WorkDay, calendar_for
from monitor.analysis.verdict.design import Design, block_design, strata_of, weekday_control, weekly_design
from monitor.analysis.verdict.figures import Counted
from monitor.analysis.verdict.observed import Observed, observe, outcomes_of, silent_days
from monitor.analysis.verdict.outcomes import DROPS, Outcome
from monitor.analysis.verdict.permutation import Stratum, least_p, permute
from monitor.analysis.verdict.placed import Pattern, Placed, Windows, pattern_of, place
from monitor.analysis.verdict.rules import Rules
from monitor.facts.evidence import Evidence, Stretch

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
        return reaches(self.strata, self.rules, informative)


def prepare(evidence: Evidence, rules: Rules) -> Case:
    """Find the design. Randomised blocks are tested where they can reach alpha, else the job as anybody's is."""
    span = evidence.span or (0.0, 0.0)
    windows = [window for window in evidence.windows if window.last_s >= span[0] and window.first_s <= span[1]]
    calendar = calendar_for(rules, [window.first_s for window in windows])
    placed = place(windows, calendar, rules.tail_s)
    evidence, observed = _observed(evidence, rules, calendar, span, placed)
    days = calendar.work_days(*span)
    outcomes = outcomes_of(observed)
    blocks = block_design(placed.tested, observed)
    strata = strata_of(blocks.layouts, outcomes)
    if strata and reaches(strata, rules):
        carriers, pattern, design = list(placed.tested), Pattern.RANDOMISED, blocks
    else:
        carriers = [one for one in placed.tested if one.treated]
        pattern = pattern_of(
            [replace(one, window=replace(one.window, randomised=False)) for one in carriers], len(days)
        )
        design = weekly_design(carriers, calendar, days, observed)
        strata = strata_of(design.layouts, outcomes)
    return Case(rules, evidence, calendar, days, placed, observed, pattern, carriers, design, outcomes, strata)


def reaches(strata: Sequence[Stratum], rules: Rules, informative: int | None = None) -> bool:
    """Whether alpha is in reach, and twice alpha with the best stratum's window left out."""
    whole, rest = least_p(strata, informative), least_p(strata, informative, without=1)
    if len(strata) == 1:  # a block of many rows: without one row it is nearly what it was
        rest = whole * 2.0
    return whole <= rules.alpha and rest <= 2 * rules.alpha


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
    evidence: Evidence, rules: Rules, calendar: LocalCalendar, span: tuple[float, float], placed: Windows
) -> tuple[Evidence, Observed]:
    """The cleaned facts; days that look like days off are taken out and told of."""
    everything = [*placed.tested, *placed.outside_hours]
    observed = observe(evidence, rules, calendar, span, everything)
    silent = silent_days(observed, calendar, span)
    if not silent:
        return evidence, observed
    line = f"{len(silent)} working days without a single drop are taken for days off: name holidays to be sure"
    gaps = (*evidence.gaps, *(Stretch(*one) for one in silent))
    evidence = replace(evidence, gaps=gaps, warnings=(*evidence.warnings, line))
    return evidence, observe(evidence, rules, calendar, span, everything)
