"""A verdict on what one or several sites' journals, or a Prometheus-compatible server, remember: read, then judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.commands.calendar_words import NO_ZONE, CalendarWords, completed, told_by
from monitor.config.model import Settings
from monitor.config.rules import duration_s
from monitor.facts.clock import parse_rfc3339
from monitor.facts.evidence import Evidence
from monitor.facts.runs import DEFAULT_LIMIT_S, Run, runs_of
from monitor.outputs.journal import DEFAULT_PATH, JournalReader

if TYPE_CHECKING:  # numpy and scipy come with them: words that cannot be understood are told sooner
    from monitor.analysis.verdict.result import Result
    from monitor.analysis.verdict.rules import Rules

PROMETHEUS_SINCE_S: Final = 90 * 86_400.0  # read back so far where --since says nothing: a server may remember years


class CannotReport(Exception):  # noqa: N818 - it is told, not handled
    """Why there is no report: a line for each problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What the command line says.

    since, until: a duration before now such as `28d`, a date, or an RFC 3339 time; until defaults to now.
    calendar: the options' words; what they leave open, `config` says. output: the HTML file to write, if any.
    """

    since: str | None = None
    until: str | None = None
    journals: tuple[Path, ...] = ()
    prometheus: str | None = None
    config: Path | None = None
    output: Path | None = None
    as_json: bool = False
    calendar: CalendarWords = field(default_factory=CalendarWords)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with all it rests on.

    since_s, until_s: the period asked for, Unix seconds; since None for all. words: the options, completed by the
    settings. runs: the publish runs with their batches, where journals tell of them; a server does not.
    """

    evidence: Evidence
    rules: Rules
    result: Result
    since_s: float | None
    until_s: float
    words: CalendarWords = field(default_factory=CalendarWords)
    runs: tuple[Run, ...] = ()


def judged(options: ReportOptions, now_s: float) -> Judged:
    """Read the sources and judge them, as often as anybody likes: the verdict is provisional.

    now_s: Unix seconds. Raises BadWords, CannotReport, JournalError or PrometheusError, whose texts are for the user.
    """
    from monitor.analysis.verdict.analyse import analyse

    settings = _settings(options.config) if options.config is not None else None
    words = completed(options.calendar, settings)
    told = told_by(words)
    since_s, until_s = _period(options, told.rules.zone, now_s)
    source = _source(options, settings)
    evidence = source.evidence(since_s, until_s)
    if told.zone is None:
        evidence = replace(evidence, warnings=(*evidence.warnings, NO_ZONE))
    rules = replace(told.rules_over(evidence.span), provisional=True)
    return Judged(evidence, rules, analyse(evidence, rules), since_s, until_s, words, source.runs(since_s, until_s))


def _settings(config: Path) -> Settings:
    from monitor.config.load import ConfigErrors, load

    try:
        return load(config)
    except ConfigErrors as errors:
        raise CannotReport(str(errors)) from None


def _period(options: ReportOptions, zone: tzinfo, now_s: float) -> tuple[float | None, float]:
    """Unix seconds. Raises CannotReport for words that say no time, or none before the other."""
    until_s = now_s if options.until is None else _moment("--until", options.until, zone, now_s)
    since_s = None if options.since is None else _moment("--since", options.since, zone, now_s)
    if since_s is not None and since_s >= until_s:
        raise CannotReport(f"--since {options.since}: a time before the end of the period is needed")
    return since_s, until_s


def _moment(option: str, text: str, zone: tzinfo, now_s: float) -> float:
    readers: tuple[Callable[[], float], ...] = (
        lambda: now_s - duration_s(text),
        lambda: datetime.combine(date.fromisoformat(text), time(0), zone).timestamp(),
        lambda: parse_rfc3339(text),
    )
    for read in readers:
        try:
            return read()
        except (ValueError, OverflowError):
            continue
    shown = datetime.fromtimestamp(now_s, UTC).date()
    raise CannotReport(
        f"{option} {text}: a duration such as 28d, a date such as {shown}, or an RFC 3339 time is needed"
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """Where facts are read: a server's address, or journals. limit_s: after so long in silence a run has ended."""

    prometheus: str | None
    journals: tuple[Path, ...]
    limit_s: float

    def evidence(self, since_s: float | None, until_s: float) -> Evidence:
        if self.prometheus is not None:
            from monitor.outputs.sources.prometheus.reading import read_prometheus

            begin_s = until_s - PROMETHEUS_SINCE_S if since_s is None else since_s
            return read_prometheus(self.prometheus, begin_s, until_s, limit_s=self.limit_s)
        from monitor.outputs.sources.journals import read_journals

        return read_journals(self.journals, since_s, until_s, limit_s=self.limit_s)

    def runs(self, since_s: float | None, until_s: float) -> tuple[Run, ...]:
        """The runs that reach into the period; none from a server, which knows of no batch."""
        paths = () if self.prometheus is not None else dict.fromkeys(path.resolve() for path in self.journals)
        told = [marker for path in paths for marker in JournalReader(path).markers(None, until_s)]
        runs = runs_of(told, now_wall_s=until_s, limit_s=self.limit_s)
        return tuple(run for run in runs if since_s is None or (run.end_wall_s or until_s) >= since_s)


def _source(options: ReportOptions, settings: Settings | None) -> _Source:
    limit_s = settings.metrics.publish_limit_s if settings is not None else DEFAULT_LIMIT_S
    if options.prometheus is not None and options.journals:
        raise CannotReport("--journal, --prometheus: one of the two is needed, not both")
    of_config = Path(settings.journal.path) if settings is not None else DEFAULT_PATH
    paths = options.journals or (of_config,)
    folders = [f"{path}: a directory; the file of a journal is needed" for path in paths if path.is_dir()]
    if folders and options.prometheus is None:
        raise CannotReport("\n".join(folders))
    return _Source(options.prometheus, paths, limit_s)
