"""From figures to a state: what is missing, stale or suspect is UNKNOWN, the rest is held against limits; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitor.facts.evidence import Evidence
from monitor.facts.words import counted
from monitor.oncall.figures import STEADY, View, doubts, interval_s
from monitor.oncall.limits import Check
from monitor.oncall.nagios import Perf, Range, State, Status, number, read_range, worst
from monitor.oncall.told import Figure, time_text

RUNBOOK = "docs/runbook.md"
SIMULATED = "SIMULATED"
STALE_S = 300.0  # no fact for so long, nor for MISSED_INTERVALS of the usual interval: nobody measures any more
MISSED_INTERVALS = 3
FEW_ATTEMPTS = 3  # fewer attempts than this make no share and no percentile
DOUBTED_PERCENT = 20.0  # of the measurements, or of the measured time
UNSEEN_PERCENT = 50.0  # of the period without any measurement
MOST_WARNINGS = 5
BEGUN_SHARE = 0.9  # of the period: where less is known, the answer says so


@dataclass(frozen=True, slots=True)
class Limits:
    """Ranges that replace the defaults, by the label of their figure."""

    warning: Mapping[str, Range] = field(default_factory=dict)
    critical: Mapping[str, Range] = field(default_factory=dict)

    def of(self, check: Check, label: str) -> tuple[Range | None, Range | None]:
        """The WARNING and the CRITICAL range of a figure."""
        warning, critical = (read_range(text) if text else None for text in check.limits[label])
        return self.warning.get(label, warning), self.critical.get(label, critical)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: facts from since_s to now_s (Unix seconds), by these limits, at one site or at every one.

    sites: those that must be there; by default those that anything was measured at. intervals: seconds between
    attempts, of the signals that must come. silent: sources (journals) that tell nothing of the period, which must
    not pass unnoticed. imported: how many drops were imported, by site; they are not in the evidence. beginning: the
    day (`2026-07-01`) on which a period begins that does not move with every look.
    """

    evidence: Evidence
    since_s: float
    now_s: float
    limits: Limits = Limits()
    sites: tuple[str, ...] = ()
    intervals: Mapping[str, float] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    imported: Mapping[str, int] = field(default_factory=dict)
    beginning: str = ""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One site, or a journal that is silent: its state, half a line, a line each, and its figures."""

    site: str
    state: State
    summary: str
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    kind: str = "site"


def judge(check: Check, question: Question) -> Status:
    """The state of one check: the worst of its sites, with figures and reasons of each."""
    judged = [_site(check, question, site) for site in question.sites or measured_sites(question.evidence)]
    nothing = f"no facts {asked_text(question)}"
    judged += [_Judged(source, State.UNKNOWN, nothing, kind="journal") for source in question.silent]
    if not judged:
        return unknown(check.name, _imports_alone(question, question.imported) or nothing, question.evidence)
    state = worst(one.state for one in judged)
    first = next(one for one in judged if one.state is state)
    summary = first.summary if len(judged) == 1 else f"{_named(first.site)}: {first.summary}"
    if len(judged) > 1:
        alike = sum(one.state is state for one in judged)
        summary += f" ({alike} of {len(judged)} sites {state.name})"
    notes = [line for one in judged for line in _lines(one, len(judged) > 1)]
    others = {
        site: n
        for site, n in question.imported.items()
        if check.about_drops and site not in {one.site for one in judged}
    }
    if others and not question.sites:
        notes += [f"site {_named(site)}: {_imports_alone(question, {site: n})}" for site, n in sorted(others.items())]
    return Status(
        name=check.name,
        state=state,
        summary=labelled(summary, question.evidence),
        notes=(*notes, *remarks(check.name, question.evidence)),
        perf=tuple(_perf(check, question.limits, judged)),
    )


def unknown(name: str, why: str, evidence: Evidence | None = None) -> Status:
    """Nothing can be said, and why."""
    return Status(
        name=name,
        state=State.UNKNOWN,
        summary=why if evidence is None else labelled(why, evidence),
        notes=(runbook(name),) if evidence is None else remarks(name, evidence),
    )


def every(statuses: Iterable[Status]) -> Status:
    """Several checks as one: the worst of them, and a line for each."""
    told = list(statuses)
    state = worst(status.state for status in told)
    counts = {known: sum(status.state is known for status in told) for known in State}
    bad = ", ".join(f"{status.name} {status.state.name}" for status in told if status.state is not State.OK)
    simulated = f"{SIMULATED}: " if any(status.summary.startswith(SIMULATED) for status in told) else ""
    return Status(
        name="all",
        state=state,
        summary=simulated + (bad or f"{counted(len(told), 'check')} well"),
        notes=tuple(
            f"{status.name.upper()} {status.state.name} - {status.summary} ({RUNBOOK}#{status.name})" for status in told
        ),
        perf=tuple(
            Perf(label=known.name.lower(), value=float(count), maximum=float(len(told)))
            for known, count in counts.items()
        ),
    )


def labelled(summary: str, evidence: Evidence) -> str:
    """Said of a simulator, where it was one."""
    return f"{SIMULATED}: {summary}" if evidence.simulated else summary


def remarks(name: str, evidence: Evidence) -> tuple[str, ...]:
    """The last lines of every check: what the source has to say about itself, and where to read on."""
    return (*(f"note: {warning}" for warning in evidence.warnings[:MOST_WARNINGS]), runbook(name))


def runbook(name: str) -> str:
    """Where to read on."""
    return f"read {RUNBOOK}#{name}"


def period_text(question: Question) -> str:
    """How long a stretch was looked at: `15m`, `90d`."""
    return _length_text(question.now_s - question.since_s)


def asked_text(question: Question) -> str:
    """The period in words: `in the last 15m`, `since 2026-07-01`."""
    return f"since {question.beginning}" if question.beginning else f"in the last {period_text(question)}"


def _imports_alone(question: Question, imported: Mapping[str, int]) -> str:
    """What is said of sites that nothing is known of but imported drops; empty where there is none."""
    counts = [
        f"{counted(count, 'imported drop')}{f' at {_named(site)}' if len(imported) > 1 else ''}"
        for site, count in sorted(imported.items())
        if count
    ]
    return f"no measurements; {', '.join(counts)} {asked_text(question)}" if counts else ""


def _known_text(question: Question, view: View) -> str:
    """The period, and how much less is known of it."""
    period_s, known_s = view.now_s - view.since_s, view.now_s - view.began_s
    begun = f"{_length_text(round(known_s))} of " if known_s < BEGUN_SHARE * period_s else ""
    return f"{begun}{period_text(question)}"


def _length_text(seconds: float) -> str:
    for unit, length_s in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= length_s and (seconds / length_s).is_integer():
            return f"{seconds / length_s:.0f}{unit}"
    return f"{seconds:.0f}s"


def measured_sites(evidence: Evidence) -> tuple[str, ...]:
    """Sites at which anything is measured at a steady pace; a site of imported drops alone is none."""
    codes = {code for name in STEADY if name in evidence.series for code in evidence.series[name].site.tolist()}
    return tuple(sorted(evidence.names[code] for code in codes))


def _site(check: Check, question: Question, site: str) -> _Judged:
    view = View(question.evidence, site, question.since_s, question.now_s, question.imported.get(site, 0))
    absent = _absent(check, question, view)
    if absent:
        return _Judged(site, State.UNKNOWN, absent)
    told = check.tell(view)
    doubt = "" if check.about_trust else _doubtful(view)
    if not doubt and told.attempts is not None and told.attempts < FEW_ATTEMPTS:
        doubt = f"only {told.attempts:.0f} attempts: too few to judge"
    if doubt:
        return _Judged(site, State.UNKNOWN, doubt, (told.summary, *told.notes), told.figures)
    states = [_state(check, question.limits, figure) for figure in told.figures]
    broken = [reason for _, reason in states if reason]
    summary = f"{told.summary} in {_known_text(question, view)}"
    return _Judged(site, worst(state for state, _ in states), summary, (*broken, *told.notes), told.figures)


def _absent(check: Check, question: Question, view: View) -> str:
    """Why there is nothing to judge, empty where there is."""
    wanted = set(question.intervals) & set(check.reads)
    found = {name: series for name in check.reads if len(series := view.series(name))}
    missing = sorted(wanted - set(found))
    if view.imported and view.latest_s(STEADY) is None:
        return _imports_alone(question, {view.site: view.imported})
    if not found or (missing and not check.any_fresh):
        names = ", ".join(missing) if missing and not check.any_fresh else " or ".join(check.reads)
        return (
            f"no data: no measurement of {'anything' if check.any_fresh else names} in the last {period_text(question)}"
        )
    late = []
    for name, series in found.items():
        limit_s = max(STALE_S, MISSED_INTERVALS * (question.intervals.get(name) or interval_s(series) or 0.0))
        age_s = view.now_s - float(series.at_s[-1])
        if age_s > limit_s:
            late.append(f"the last {name} is {age_s:.0f} s old, the limit is {limit_s:.0f} s")
    if late and (len(late) == len(found) or not check.any_fresh):
        return f"stale: {late[0]}"
    unseen = 100.0 * view.seconds_of(view.evidence.gaps) / max(view.now_s - view.began_s, 1.0)
    return f"no data: nothing was measured in {unseen:.0f} % of the time" if unseen > UNSEEN_PERCENT else ""


def _doubtful(view: View) -> str:
    stretches = 100.0 * view.seconds_of(view.evidence.suspects) / max(view.observed_s, 1.0)
    doubted, tried = doubts(view)
    if stretches > DOUBTED_PERCENT:
        return f"suspect: the monitor's own lag may have falsified {stretches:.0f} % of the time; see monitor-health"
    if tried and 100.0 * doubted / tried > DOUBTED_PERCENT:
        return f"suspect: own lag may have falsified {doubted:.0f} of {tried:.0f} measurements; see monitor-health"
    return ""


def _state(check: Check, limits: Limits, figure: Figure) -> tuple[State, str]:
    if figure.value is None:
        return State.OK, ""
    warning, critical = limits.of(check, figure.label)
    shown = f"{figure.label} {_figure_text(figure)}"
    if critical is not None and critical.alerts(figure.value):
        state = State.CRITICAL if figure.grave else State.WARNING
        return state, f"{state.name}: {shown} is outside {critical}"
    if warning is not None and warning.alerts(figure.value):
        return State.WARNING, f"WARNING: {shown} is outside {warning}"
    return State.OK, ""


def _perf(check: Check, limits: Limits, judged: list[_Judged]) -> Iterable[Perf]:
    """The figures of the worst site under their plain labels; of several sites each one's under its own name, too."""
    ranked = sorted(judged, key=lambda one: one.state is not worst(other.state for other in judged))
    labels = dict.fromkeys(figure.label for one in ranked for figure in one.figures)
    for label in labels:
        known = [(one.site, f) for one in ranked for f in one.figures if f.label == label]
        warning, critical = limits.of(check, label)
        for name, figure in [(label, known[0][1]), *((f"{site}_{label}", f) for site, f in known if len(judged) > 1)]:
            yield Perf(
                label=name,
                value=figure.value,
                unit=figure.unit,
                warning=warning,
                critical=critical,
                maximum=figure.maximum,
            )


def _lines(judged: _Judged, several: bool) -> list[str]:
    if not several:
        return list(judged.notes) if not judged.site else [f"{judged.kind} {judged.site}", *judged.notes]
    name = _named(judged.site)
    return [
        f"{judged.kind} {name} {judged.state.name}: {judged.summary}",
        *(f"{name}: {note}" for note in judged.notes),
    ]


def _named(site: str) -> str:
    return site or "unnamed"


def _figure_text(figure: Figure) -> str:
    value = figure.value or 0.0
    return time_text(value) if figure.unit == "s" else f"{number(round(value, 2))}{' %' if figure.unit == '%' else ''}"
