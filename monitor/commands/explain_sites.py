"""The on-call checks of this monitor and how every site stands, as the live page shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.commands.check import SINCE_S, fed_by
from monitor.commands.check_settings import asked_of
from monitor.config.model import Settings
from monitor.facts import signals
from monitor.facts.evidence import Evidence
from monitor.facts.observations import Disconnected, Observation
from monitor.oncall.checks import disconnects, standing_of
from monitor.oncall.figures import STEADY, View
from monitor.oncall.judge import RUNBOOK, Question, judge, measured_sites
from monitor.oncall.limits import CHECKS, Check
from monitor.oncall.nagios import SEVERITY, State, Status
from monitor.outputs.journal import JournalError
from monitor.outputs.sources.journals import read_journals
from monitor.outputs.sources.prometheus.api import PrometheusError
from monitor.outputs.sources.prometheus.reading import read_prometheus

THIS_MONITOR = "this monitor"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where facts of some sites are read. without: sites that another source tells of, and better."""

    name: str
    read: Callable[[], Evidence]
    without: tuple[str, ...] = ()


def checks_json(settings: Settings, now_s: float) -> dict[str, Any]:
    """Every check of this monitor over the last 15 minutes, and every site. Raises JournalError for its own journal."""
    since_s = now_s - SINCE_S
    question = own_question(settings, since_s, now_s)
    statuses = [judge(check, question) for check in _fed(question)]
    return {
        "period_s": SINCE_S,
        "sites": [
            _site(THIS_MONITOR, settings.site, question, statuses),
            *(row for source in _others(settings, since_s, now_s) for row in _rows(source, since_s, now_s)),
        ],
        "checks": [_check(status) for status in statuses],
    }


def own_question(settings: Settings, since_s: float, now_s: float) -> Question:
    """What this monitor's own journal knows of a period, and what its settings say must be there."""
    imported: Counter[str] = Counter()

    def count(fact: Observation) -> None:
        imported[fact.site] += isinstance(fact, Disconnected)

    asked = asked_of(settings)
    evidence = read_journals((asked.journal,), since_s, now_s, limit_s=asked.limit_s, on_import=count)
    return Question(
        evidence=evidence,
        since_s=since_s,
        now_s=now_s,
        sites=(settings.site,),
        intervals=asked.intervals,
        imported=imported,
    )


def _fed(question: Question) -> list[Check]:
    """The checks that a probe of ours measures for."""
    return [check for check in CHECKS if fed_by(check) & set(question.intervals)]


def _others(settings: Settings, since_s: float, now_s: float) -> Iterator[_Source]:
    limit_s = settings.metrics.publish_limit_s
    for path in settings.page.journals:
        yield _Source(path, lambda path=path: read_journals((Path(path),), since_s, now_s, limit_s=limit_s))  # type: ignore[misc]
    url = settings.page.prometheus
    if url is not None:
        yield _Source(url, lambda: read_prometheus(url, since_s, now_s, limit_s=limit_s), (settings.site,))


def _rows(source: _Source, since_s: float, now_s: float) -> list[dict[str, Any]]:
    """The sites of a source, or the one line that says why there is none."""
    try:
        evidence = source.read()
    except (JournalError, PrometheusError) as error:
        return [_unknown(source.name, str(error))]
    question = Question(evidence=evidence, since_s=since_s, now_s=now_s)
    sites = [site for site in measured_sites(evidence) if site not in source.without]
    rows = [_other_site(source.name, site, question) for site in sites]
    return rows or [_unknown(source.name, "no measurement of another site in the last 15m")]


def _other_site(source: str, site: str, question: Question) -> dict[str, Any]:
    """By the checks that anything was measured for: how its probes are set up is not known here."""
    asked = Question(evidence=question.evidence, since_s=question.since_s, now_s=question.now_s, sites=(site,))
    view = View(question.evidence, site, question.since_s, question.now_s)
    known = [check for check in CHECKS if any(len(view.series(signal)) for signal in check.reads)]
    return _site(source, site, asked, [judge(check, asked) for check in known])


def _site(source: str, site: str, question: Question, statuses: Iterable[Status]) -> dict[str, Any]:
    view = View(question.evidence, site, question.since_s, question.now_s)
    worst = max(statuses, key=lambda status: SEVERITY.index(status.state), default=None)
    standing = standing_of(view)
    drops = next((one.value for one in disconnects(view).figures if one.label == "drops"), None)
    state = State.UNKNOWN if worst is None else worst.state
    return {
        "site": site,
        "source": source,
        "state": state.name.lower(),
        "connected": int(standing.up) if standing.expected else None,
        "expected": int(standing.expected) or None,
        "drops": int(drops or 0),
        "last_fact_at": view.latest_s((*STEADY, signals.LOOP_LAG)),
        "words": "nothing is measured here" if worst is None else f"{worst.name}: {worst.summary}",
    }


def _unknown(source: str, why: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("connected", "expected", "drops", "last_fact_at"))
    return {"site": "", "source": source, "state": State.UNKNOWN.name.lower(), **nothing, "words": why}


def _check(status: Status) -> dict[str, Any]:
    runbook = f"{RUNBOOK}#{status.name}"
    return {
        "name": status.name,
        "state": status.state.name.lower(),
        "summary": status.summary,
        "notes": [note for note in status.notes if not note.endswith(runbook)],
        "runbook": runbook,
    }
