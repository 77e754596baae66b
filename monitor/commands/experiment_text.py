"""What an experiment says: one table for all arms, the differences, and a recommendation; as text, Markdown, JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from monitor.analysis.experiment.arm_report import (
    GRAVE,
    HARMS,
    MEASURES,
    NONE,
    ArmRow,
    ArmsReport,
    Measure,
    Recommendation,
)
from monitor.analysis.experiment.arms import Difference, Estimate
from monitor.publish.plan.model import Plan
from monitor.publish.plan.text import arm_words

COLUMN = 26  # width of an arm in tables where there is no terminal
TITLES = {measure.name: measure.title for measure in MEASURES}
UNITS = {measure.name: measure.unit for measure in MEASURES}


def say_report(report: ArmsReport, plan: Plan) -> None:
    """The report on stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=COLUMN * (len(plan.arms) + 2))
    for title, header, rows in _tables(report, plan):
        table = Table(title=title, title_justify="left", show_lines=any("\n" in cell for row in rows for cell in row))
        for index, name in enumerate(header):
            table.add_column(name, justify="right" if index else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in sentences(report, plan):
        print(line)


def markdown(report: ArmsReport, plan: Plan) -> str:
    """The report as Markdown, for documents."""
    parts: list[str] = []
    for title, header, rows in _tables(report, plan):
        body = ["| " + " | ".join(cell.replace("\n", "<br>") for cell in row) + " |" for row in rows]
        rule = "|---|" + "---:|" * (len(header) - 1)
        parts.append("\n".join([f"**{title}**", "", "| " + " | ".join(header) + " |", rule, *body]))
    parts.append("\n".join(f"- {line}" for line in sentences(report, plan)))
    return "\n\n".join(parts)


def report_json(report: ArmsReport, plan: Plan) -> dict[str, Any]:
    """The report as a JSON-ready object."""
    return {
        "experiment": plan.name,
        "simulated": plan.simulated,
        "scenario": plan.scenario,
        "seed": plan.seed,
        "reference": report.reference,
        "alpha": report.alpha,
        "arms": [{"arm": arm.name, "does": arm_words(arm)} for arm in plan.arms],
        "rows": [dataclasses.asdict(row) for row in report.rows],
        "live": [dataclasses.asdict(row) for row in report.live],
        "differences": [dataclasses.asdict(difference) for difference in report.differences.values()],
        "recommendation": dataclasses.asdict(report.recommendation),
        "sentences": list(sentences(report, plan)),
        "warnings": list(report.warnings),
    }


def sentences(report: ArmsReport, plan: Plan) -> Iterator[str]:
    """What follows from the tables, one line each, the recommendation last."""
    for warning in report.warnings:
        yield f"warning: {warning}"
    yield from _method(report)
    advice = report.recommendation
    yield from _blame(advice)
    yield from _undone(advice)
    simulated = f"SIMULATED, scenario {plan.scenario}: " if plan.simulated else ""
    yield f"recommendation: {simulated}{_advice(advice)}"


def _tables(report: ArmsReport, plan: Plan) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    platform = f"SIMULATED, scenario {plan.scenario}" if plan.simulated else f"real platform, job {plan.publish.job}"
    live = {row.arm: row for row in report.live}
    rows = report.rows or report.live
    shown = "means with 95 % intervals" + ("; live: the real monitor and driver, in real time" if live else "")
    header = ["", *(row.arm for row in rows)]
    if report.rows:
        body = [["blocks", *(_counts(row, live.get(row.arm)) for row in rows)]]
        body += [[_title(m), *(_cell(m, row, live.get(row.arm)) for row in rows)] for m in _measured(report)]
    else:
        body = [["blocks", *(f"live {row.blocks}" for row in rows)]]
        body += [[_title(m), *(f"live {_mean(m, row)}" for row in rows)] for m in _measured(report)]
    yield f"{platform}: {shown}", header, body
    if report.differences:
        yield _differences(report)


def _differences(report: ArmsReport) -> tuple[str, list[str], list[list[str]]]:
    arms = list(dict.fromkeys(arm for arm, _ in report.differences))
    names = list(dict.fromkeys(name for _, name in report.differences))
    rows = [[arm, *(_difference(report.differences[arm, name]) for name in names)] for arm in arms]
    title = f"less {report.reference}, paired by replicate: mean difference, 95 % interval, p after Holm"
    return title, ["", *(TITLES[name] for name in names)], rows


def _measured(report: ArmsReport) -> Iterator[Measure]:
    """The measures that any arm has."""
    rows = (*report.rows, *report.live)
    return (measure for measure in MEASURES if any(measure.name in row.estimates for row in rows))


def _title(measure: Measure) -> str:
    return measure.title + (f" ({measure.unit})" if measure.unit else "")


def _counts(row: ArmRow, live: ArmRow | None) -> str:
    text = f"{row.blocks}" + (f" (+ {row.unusable} unusable)" if row.unusable else "")
    return text + (f"\nlive {live.blocks}" if live else "")


def _cell(measure: Measure, row: ArmRow, live: ArmRow | None) -> str:
    text = _estimate(measure, row.estimates.get(measure.name))
    return text + (f"\nlive {_mean(measure, live)}" if live else "")


def _estimate(measure: Measure, found: Estimate | None) -> str:
    if found is None:
        return "-"
    text = figure(found.mean, measure.unit)
    if found.low is None or found.high is None:
        return text
    return f"{text} [{figure(found.low, measure.unit)}, {figure(found.high, measure.unit)}]"


def _mean(measure: Measure, row: ArmRow) -> str:
    found = row.estimates.get(measure.name)
    return "-" if found is None else figure(found.mean, measure.unit)


def _difference(difference: Difference) -> str:
    unit = UNITS[difference.measure]
    if difference.mean is None:
        return "not measured in both"
    limits = ""
    if difference.low is not None and difference.high is not None:
        limits = f" [{figure(difference.low, unit, sign=True)}, {figure(difference.high, unit, sign=True)}]"
    return f"{figure(difference.mean, unit, sign=True)}{limits}, p {_p(difference.p_adjusted)}"


def figure(value: float, unit: str = "", *, sign: bool = False) -> str:
    """A figure as tables show it: counts to one decimal, seconds to three below 1 s and to one from 10 s on."""
    digits = 1 if not unit or abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    value = round(value, digits) + 0.0  # no -0.0
    return f"{value:+.{digits}f}" if sign and value else f"{value:.{digits}f}"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _method(report: ArmsReport) -> Iterator[str]:
    if report.differences:
        yield (
            "method: intervals by percentile bootstrap over replicates; p by the exact sign-flip test of paired "
            f"differences, two-sided, Holm over all {len(report.differences)} comparisons; a latency is harm only "
            "from 10 % more on"
        )
        yield (
            "an interval of one figure (such as 0.0 to 0.0) says that every replicate showed it, not that it can never "
            "be otherwise"
        )


def _blame(advice: Recommendation) -> Iterator[str]:
    if advice.baseline is None:
        return
    against = "publishing nothing" if advice.baseline == NONE else f"{advice.baseline}, the least harmful arm"
    if not advice.blamed:
        words = " and ".join(TITLES[name] for name in HARMS[:-1]) + f" and {TITLES[HARMS[-1]]}"
        yield f"no arm is blamed: {words} are not established to be worse than with {against}"
    for arm, harms in advice.blamed.items():
        verb = "is blamed" if _is_grave(harms) else "slows pings, and loses none"
        yield f"{arm} {verb}: against {against} {_harm_words(harms)}"


def _undone(advice: Recommendation) -> Iterator[str]:
    for arm, writes in advice.undone.items():
        yield f"{arm} does not do its work: {figure(writes)} writes a publish are left undone, or the publish failed"


def _advice(advice: Recommendation) -> str:
    if advice.least is None:
        return "none, as no way of publishing was tried in blocks that are compared"
    if not advice.worse and not advice.unsettled:
        return f"none, as {advice.least} is the only way of publishing that was tried" + _beside_none(advice)
    if not advice.worse:
        words = "the difference is not established: no way of publishing is shown to harm less than another"
        return words + _quick(advice)
    open_arms = [arm for arm in advice.unsettled if arm not in advice.undone]
    graver = [arm for arm, harms in advice.worse.items() if _is_grave(harms)]
    slower = [arm for arm in advice.worse if arm not in graver]
    text = f"publish with {advice.least}, which harms least"
    if advice.least in advice.undone:
        text += ", though no way of publishing did all of its work"
    if graver:
        text += f"; established to lose more connections or pings: {', '.join(graver)}"
    if slower:
        text += f"; established to slow pings more, without losing more of them: {', '.join(slower)}"
    if open_arms:
        text += f"; the difference is not established between {advice.least} and {', '.join(open_arms)}{_quick(advice)}"
    return text


def _beside_none(advice: Recommendation) -> str:
    """What a publish does, where all there is to compare it with is publishing nothing, or not even that."""
    if advice.baseline != NONE or advice.least is None:
        return ""
    harms = advice.blamed.get(advice.least, ())
    if not harms:
        return "; that it does harm is not established"
    return "; established to lose connections or pings" if _is_grave(harms) else "; established to slow pings"


def _is_grave(harms: Iterable[Difference]) -> bool:
    return any(harm.measure in GRAVE for harm in harms)


def _quick(advice: Recommendation) -> str:
    return f" (the quickest of these is {advice.quickest})" if advice.quickest and advice.unsettled else ""


def _harm_words(harms: Iterable[Difference]) -> str:
    return ", ".join(
        f"{TITLES[harm.measure]} {figure(harm.mean or 0.0, UNITS[harm.measure], sign=True)}"
        f"{' s' if UNITS[harm.measure] else ''} (p {_p(harm.p_adjusted)})"
        for harm in harms
    )


def values_words(values: Mapping[str, float], names: Sequence[str]) -> str:
    """Some of a block's figures in one line, for progress."""
    parts = [f"{TITLES[n]} {figure(values[n], UNITS[n])}{' s' if UNITS[n] else ''}" for n in names if n in values]
    return ", ".join(parts)
