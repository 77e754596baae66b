"""Facts in, verdict out: is it the publish, how sure are we, what breaks first, which cause; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.diagnosis.result import NONE, UNKNOWN, Diagnosis
from monitor.analysis.verdict.case import Case, controls_of, prepare
from monitor.analysis.verdict.decide import Grounds, decide, stands_out
from monitor.analysis.verdict.dose import dose_of, dose_response
from monitor.analysis.verdict.figures import (
    Counted,
    Tallies,
    as_told,
    counted,
    exposure_of,
    results_of,
    tally,
    window_excess,
)
from monitor.analysis.verdict.onset import onsets, order
from monitor.analysis.verdict.outcomes import DROPS
from monitor.analysis.verdict.permutation import permute
from monitor.analysis.verdict.placed import Pattern
from monitor.analysis.verdict.power import weeks_needed
from monitor.analysis.verdict.result import (
    DoseResponse,
    Onset,
    OutcomeResult,
    Result,
    SiteResult,
    StrategyResult,
    Verdict,
)
from monitor.analysis.verdict.rules import Rules
from monitor.analysis.verdict.sequential import anytime_p
from monitor.analysis.verdict.strategies import strategies
from monitor.analysis.verdict.vetoes import vetoes
from monitor.analysis.verdict.wording import method, not_separable
from monitor.facts.clock import rfc3339
from monitor.facts.evidence import Evidence, Floats
from monitor.facts.words import counted as counted_words


def analyse(evidence: Evidence, rules: Rules | None = None) -> Result:
    """The verdict on everything known. Never raises for what facts may hold: no window or no fact is little data."""
    case = prepare(evidence, rules or Rules())
    count = counted(case.observed)
    told = _described(case, count)
    return _tested(case, count, told) if case.strata else _untested(case, told)


def _untested(case: Case, told: Result) -> Result:
    return replace(
        told,
        not_separable=tuple(not_separable(case.pattern, case.carriers, case.calendar, 0)),
        method=method(case.rules, case.pattern, None, (), 0, 0, ""),
    )


def _tested(case: Case, count: Counted, told: Result) -> Result:
    rules, strata = case.rules, case.strata
    tested = permute(strata, seed=rules.seed)
    anytime = anytime_p(strata, seed=rules.seed) if rules.provisional else None
    tallies = {name: tally(case.observed, sites, case.design.layouts) for name, sites in case.observed.groups}
    results = results_of(
        case.outcomes,
        strata,
        case.design.layouts,
        tested,
        None if anytime is None else anytime.outcomes,
        tallies,
        rules.seed,
    )
    harmed = sorted({one.outcome for one in results if stands_out(one, rules)})
    forbidden = tuple(vetoes(case.observed, case.carriers, harmed))
    needed = _needed(case, tallies[case.observed.whole])
    free, controlled = controls_of(case)
    drops = next((one for one in results if one.outcome == DROPS and one.site == case.observed.whole), None)
    latencies = tuple(one.ci_high for one in results if one.outcome != DROPS and one.site == case.observed.whole)
    grounds = Grounds(
        reachable=case.reachable(count),
        settled=case.pattern is Pattern.DAILY,
        enough=_enough(case, needed),
        randomised=case.randomised,
        controlled=controlled,
        vetoed=bool(forbidden),
        ci_high=drops.ci_high if drops else None,
        dropped=drops is not None,
        latencies_high=latencies,
        p_anytime=None if anytime is None else anytime.together,
    )
    verdict = decide(results, grounds, rules)
    return replace(
        told,
        verdict=verdict,
        diagnosis=_diagnosis(told.diagnosis, verdict),
        p_value=float(tested.p_adjusted.min()),
        p_anytime=grounds.p_anytime,
        rate_ratio=drops.ratio if drops else None,
        ci_low=drops.ci_low if drops else None,
        ci_high=drops.ci_high if drops else None,
        weeks_needed=needed,
        outcomes=as_told(results, case.outcomes, case.design.layouts),
        sites=_by_site(results),
        dose_response=_dose(case, results),
        strategies=_strategies(case, tallies[case.observed.whole]),
        vetoes=forbidden,
        warnings=(*told.warnings, *_test_warnings(free, controlled or not harmed)),
        not_separable=tuple(not_separable(case.pattern, case.carriers, case.calendar, free)),
        method=method(
            rules,
            case.pattern,
            tested,
            list(dict.fromkeys(one.name for one in case.outcomes)),
            len(case.observed.sites),
            len(strata),
            case.design.rows,
        ),
    )


def _diagnosis(found: Diagnosis, verdict: Verdict) -> Diagnosis:
    """The cause beside the verdict: where the publish is blamed, nothing being wrong is no answer."""
    blamed = verdict in (Verdict.CAUSED, Verdict.ASSOCIATED)
    return replace(found, cause=UNKNOWN) if blamed and found.cause == NONE else found


def _described(case: Case, count: Counted) -> Result:
    """What can be told without a test."""
    evidence, windows = case.evidence, [one.window for one in case.carriers if one.treated]
    found = onsets(evidence, windows, case.rules.tail_s)
    in_order, first = order(found)
    outside = [(one.start_s, one.end_s) for one in case.windows.outside_hours if one.treated]
    exposure = exposure_of(case.observed, case.design.unobserved, outside)
    return Result(
        verdict=Verdict.INSUFFICIENT_DATA,
        p_value=None,
        rate_ratio=None,
        ci_low=None,
        ci_high=None,
        events_in=count.events_in,
        events_out=count.events_out,
        incidents_in=count.incidents_in,
        incidents_out=count.incidents_out,
        windows=len(windows),
        weeks=len({day.week for day in case.days}),
        weeks_needed={"x3": None, "x10": None},
        order=in_order,
        onsets=found,
        first_mover=first,
        diagnosis=diagnose(evidence, case.rules),
        exposure=exposure,
        design=case.pattern.value,
        provisional=case.rules.provisional,
        simulated=evidence.simulated,
        warnings=(*evidence.warnings, *_warnings(case, found)),
        span=(rfc3339(evidence.span[0]), rfc3339(evidence.span[1])) if evidence.span else None,
    )


def _needed(case: Case, tallies: Tallies) -> dict[str, int | None]:
    """Weeks, or blocks, that this job needs; nothing helps a job at one time of every day."""
    largest, others = max(case.strata, key=lambda stratum: stratum.ways), tallies.others
    return weeks_needed(
        others.inside,
        others.expected,
        float(others.inside.sum() / max(1.0, others.incidents.sum())),
        places=len(largest.values),
        per_week=len(largest.groups),
        alpha=case.rules.alpha,
        seed=case.rules.seed,
    )


def _enough(case: Case, needed: dict[str, int | None]) -> bool:
    """Whether a ratio of 10 could be told: by drops, or by a latency that is measured all the time."""
    if any(outcome.name != DROPS for outcome in case.outcomes):
        return True
    weeks = needed["x10"]
    return weeks is not None and weeks <= len(case.strata)


def _by_site(results: Sequence[OutcomeResult]) -> tuple[SiteResult, ...]:
    found = []
    for site in sorted({one.site for one in results if one.site}):
        here = [one for one in results if one.site == site]
        drops = next((one.ratio for one in here if one.outcome == DROPS), None)
        found.append(
            SiteResult(site, drops, min((one.p_value for one in here if one.p_value is not None), default=None))
        )
    return tuple(found)


def _dose(case: Case, results: Sequence[OutcomeResult]) -> DoseResponse | None:
    """Harm against API calls a second, in the outcome that stands out most over all sites."""
    whole = [number for number, one in enumerate(results) if one.site == case.observed.whole]
    if not whole:
        return None
    best = min(whole, key=lambda number: results[number].p_value or 0.0)
    excess = window_excess(case.strata, best)
    numbers = [number for stratum in case.strata for number in stratum.windows]
    doses = [dose_of(case.evidence, case.carriers[number].window) for number in numbers]
    known = [(dose, float(value)) for dose, value in zip(doses, excess, strict=True) if dose is not None]
    return dose_response([dose for dose, _ in known], [value for _, value in known], seed=case.rules.seed)


def _strategies(case: Case, tallies: Tallies) -> tuple[StrategyResult, ...]:
    windows = [case.carriers[number].window for number in tallies.in_window]
    others = tallies.others.inside.sum(), tallies.others.expected.sum()
    usual = others[0] / others[1] if others[1] > 0 else 0.0  # nothing to compare with is no ratio, as in the whole
    expected: Floats = np.asarray(tallies.windows.expected * usual)
    return strategies(windows, tallies.windows.inside.tolist(), expected.tolist())


def _warnings(case: Case, found: Sequence[Onset]) -> Iterator[str]:
    if not case.evidence.windows:
        yield "no publish window is known: nothing can be said about the publish"
    elif not case.carriers:
        yield "no publish window lies in the working hours of the observed span: nothing was tested"
    if case.windows.merged:
        yield f"{counted_words(case.windows.merged, 'window')} ran into another one, or its tail, and merged with it"
    if outside := len(case.windows.outside_hours):
        windows, are = counted_words(outside, "window"), "is" if outside == 1 else "are"
        yield f"{windows} outside the working hours {are} told apart and not tested"
    if lost := case.design.unobserved:
        was, are = ("was", "is") if lost == 1 else ("were", "are")
        yield f"{counted_words(lost, 'window')} {was} hardly observed (gaps, suspect periods) and {are} not tested"
    if case.rules.days is None:
        yield "working days are taken to be mon-fri and every weekday that has a window; say --days if not"
    early = [one.signal for one in found if one.onset_high_s < 0]
    if early:
        yield f"{', '.join(early)} moved before the publish began: the clocks disagree, or something else came first"


def _test_warnings(free: int, controlled: bool) -> Iterator[str]:
    if not controlled:
        yield f"the windows do not stand out from the same weekdays without a publish ({free} days): it is not blamed"
