"""The check of the publish: what the provisional verdict means for the person on call; pure."""

from __future__ import annotations

from monitor.analysis.verdict.result import Result, Verdict
from monitor.facts.words import counted
from monitor.oncall.judge import Limits, Question, asked_text, labelled, period_text, remarks, unknown
from monitor.oncall.nagios import Perf, Range, State, Status, number, worst

NAME = "publish-impact"
STALE_S = 26 * 3600.0  # a verdict over weeks outlives a night, not a day without any fact
LABELS = ("rate_ratio", "p_value", "windows", "events_in", "events_out")
MOVING = (
    "the period moves with every look, so that its error over many looks is not controlled: give no --since, and it "
    "begins on a fixed day"
)
STATES = {
    Verdict.CAUSED: (State.CRITICAL, "the publish causes harm"),
    Verdict.ASSOCIATED: (State.WARNING, "harm goes with the publish, though chance did not decide when it ran"),
    Verdict.NOT_ASSOCIATED: (State.OK, "a harm beyond the margin would have been seen"),
    Verdict.INSUFFICIENT_DATA: (State.UNKNOWN, "too little data to tell"),
    Verdict.INCONCLUSIVE: (State.UNKNOWN, "can neither be blamed nor acquitted"),
}


def nothing_to_judge(question: Question) -> Status | None:
    """UNKNOWN where no analysis can help: no facts, no publish, or no fact for a day. None where it can."""
    evidence, period = question.evidence, asked_text(question)
    if evidence.span is None or question.silent:
        where = f" in {', '.join(question.silent)}" if question.silent else ""
        return unknown(NAME, f"no facts {period}{where}", evidence)
    if not evidence.windows:
        return unknown(NAME, f"no publish is known of {period}: mark or detect its runs", evidence)
    age_s = question.now_s - evidence.span[1]
    if age_s > STALE_S:
        return unknown(NAME, f"stale: the last fact is {age_s / 3600:.0f} h old", evidence)
    return None


def impact(result: Result, question: Question) -> Status:
    """The status that a verdict stands for, with the figures it rests on."""
    state, meaning = STATES[result.verdict]
    values = (result.rate_ratio, result.judged_by, float(result.windows), result.events_in, result.events_out)
    perf = [
        Perf(label=label, value=value, warning=question.limits.warning.get(label), critical=limit, maximum=maximum)
        for label, value, maximum in zip(LABELS, values, (None, 1.0, None, None, None), strict=True)
        for limit in [question.limits.critical.get(label)]
    ]
    broken = [_broken(one, question.limits) for one in perf]
    summary = (
        f"verdict {result.verdict.value}: {meaning}; drops inside against outside {_ratio(result)}, "
        f"p {_number(result.judged_by)}, cause {result.diagnosis.cause}, "
        f"{counted(result.windows, 'run')} in {counted(result.weeks, 'week')}"
    )
    period = asked_text(question) if question.beginning else f"of {period_text(question)}"
    return Status(
        name=NAME,
        state=worst([state, *(limit_state for limit_state, _ in broken)]),
        summary=labelled(f"{summary} {period}", question.evidence),
        notes=(
            *(reason for _, reason in broken if reason),
            *_notes(result, question),
            *remarks(NAME, question.evidence),
        ),
        perf=tuple(perf),
    )


def _broken(perf: Perf, limits: Limits) -> tuple[State, str]:
    """Limits are given for this check by option alone: the verdict is what it goes by."""
    ranges: tuple[tuple[State, Range | None], ...] = (
        (State.CRITICAL, limits.critical.get(perf.label)),
        (State.WARNING, limits.warning.get(perf.label)),
    )
    for state, limit in ranges:
        if limit is not None and perf.value is not None and limit.alerts(perf.value):
            return state, f"{state.name}: {perf.label} {perf.value:g} is outside {limit}"
    return State.OK, ""


def _notes(result: Result, question: Question) -> list[str]:
    needed = ", ".join(
        f"{weeks} for a ratio of {name.removeprefix('x')}" for name, weeks in result.weeks_needed.items() if weeks
    )
    lines = [
        f"drops: {result.events_in:g} inside the runs, {result.events_out:g} outside; "
        f"incidents {result.incidents_in} and {result.incidents_out}",
        f"judged by {_judged_by(result, question)}",
    ]
    if not question.beginning:
        lines.append(f"note: {MOVING}")
    if result.verdict in (Verdict.INSUFFICIENT_DATA, Verdict.INCONCLUSIVE) and needed:
        lines.append(f"weeks (or blocks) needed: {needed}")
    lines += [f"veto: {veto}" for veto in result.vetoes]
    lines += [f"site {one.site or 'unnamed'}: ratio {_number(one.rate_ratio)}" for one in result.sites]
    if result.causes:
        best = result.causes[0]
        lines.append(f"cause {best.cause}: {'; '.join(best.evidence) or 'no figures'}")
    if result.diagnosis.runner_up:
        lines.append(f"next best: {result.diagnosis.runner_up}")
    lines += [f"measure to tell them apart: {missing}" for missing in result.diagnosis.missing]
    lines += [f"cannot be told apart: {what}" for what in result.not_separable]
    return lines + [f"note: {warning}" for warning in result.warnings]


def _judged_by(result: Result, question: Question) -> str:
    if not result.provisional:
        return "one look"
    looks = "however often one looks" + ("" if question.beginning else ", if the beginning stays the same")
    return f"a p-value that stays valid {looks}"


def _ratio(result: Result) -> str:
    if result.rate_ratio is None:
        return "no ratio"
    if result.ci_high is None and result.ci_low is not None:
        return f"{_number(result.rate_ratio)} times (at least {_number(result.ci_low)})"
    return f"{_number(result.rate_ratio)} times ({_number(result.ci_low)} to {_number(result.ci_high)})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else number(float(f"{value:.3g}"))
