"""The on-call checks of this monitor and how every site stands, as the live page shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
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
WAIT_S = 5.0  # for the other sources, all together


@dataclass(frozen=True, slots=True)
class _Source:
    """Where facts of some sites are read, of a period. without: sites that another source tells of, and better."""

    name: str
    read: Callable[[float, float], Evidence]
    without: tuple[str, ...] = ()


class Checks:
    """The checks of the last 15 minutes and every site, in two steps: asking others keeps nobody waiting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._others = OtherSites(settings)
        self._told: dict[str, Any] | None = None
        self._own: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []

    def own(self, now_s: float) -> dict[str, Any]:
        """Every check of this monitor, with the other sites as they were last known. Raises JournalError."""
        question = own_question(self._settings, now_s - SINCE_S, now_s)
        statuses = [judge(check, question) for check in _fed(question)]
        self._own = _site(THIS_MONITOR, self._settings.site, question, statuses)
        self._told = {"at": now_s, "period_s": SINCE_S, "checks": [_check(status) for status in statuses]}
        return {**self._told, "sites": [self._own, *self._rows]}

    def every_site(self, now_s: float) -> dict[str, Any] | None:
        """The same with the other sites as they are; None where there are none, or no checks yet."""
        if self._told is None or not self._others.sources:
            return None
        self._rows = self._others.rows(now_s)
        return {**self._told, "sites": [self._own, *self._rows]}


class OtherSites:
    """The sites of other sources, each read on a thread of its own: a silent one holds up neither us nor another."""

    def __init__(self, settings: Settings) -> None:
        self.sources = _sources(settings)
        self._threads = ThreadPoolExecutor(max(1, len(self.sources)), "source")
        self._going: dict[str, Future[list[dict[str, Any]]]] = {}

    def rows(self, now_s: float) -> list[dict[str, Any]]:
        """Every site of every source after WAIT_S at most. What a slow source tells later is told the next time."""
        for source in self.sources:
            if source.name not in self._going:
                self._going[source.name] = self._threads.submit(_rows, source, now_s - SINCE_S, now_s)
        wait(self._going.values(), WAIT_S)
        return [row for source in self.sources for row in self._told_by(source)]

    def _told_by(self, source: _Source) -> list[dict[str, Any]]:
        if not self._going[source.name].done():
            return [_unknown(source.name, f"has not answered within {WAIT_S:g} s")]
        return self._going.pop(source.name).result()


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


def _sources(settings: Settings) -> list[_Source]:
    limit_s = settings.metrics.publish_limit_s
    journals = dict.fromkeys(settings.page.journals)  # each once, however often it is named
    sources = [_Source(path, partial(_journal, Path(path), limit_s)) for path in journals]
    url = settings.page.prometheus
    if url is not None:
        sources.append(_Source(url, partial(read_prometheus, url, limit_s=limit_s), (settings.site,)))
    return sources


def _journal(path: Path, limit_s: float, since_s: float, now_s: float) -> Evidence:
    return read_journals((path,), since_s, now_s, limit_s=limit_s)


def _rows(source: _Source, since_s: float, now_s: float) -> list[dict[str, Any]]:
    """The sites of a source, or the one line that says why there is none."""
    try:
        return _judged(source, since_s, now_s)
    except (JournalError, PrometheusError) as error:
        return [_unknown(source.name, str(error))]
    except Exception as error:  # what is wrong with one source must not take the others away
        return [_unknown(source.name, f"could not be worked out: {type(error).__name__}: {error}")]


def _judged(source: _Source, since_s: float, now_s: float) -> list[dict[str, Any]]:
    evidence = source.read(since_s, now_s)
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
