"""`report`: the verdict on what one or several sites' journals, or a Prometheus-compatible server, remember."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import Final

from monitor.commands.calendar_words import NO_ZONE, BadWords, CalendarWords, completed, told_by
from monitor.commands.verdict_text import verdict_lines
from monitor.config.model import Settings
from monitor.config.rules import duration_s
from monitor.facts.clock import Clock, SystemClock, parse_rfc3339
from monitor.facts.evidence import Evidence
from monitor.outputs.journal import DEFAULT_PATH, JournalError
from monitor.outputs.sources.prometheus.api import PrometheusError

OK, BAD_INPUT = 0, 2
PROMETHEUS_SINCE_S: Final = 90 * 86_400.0  # read back so far where --since says nothing: a server may remember years


class CannotReport(Exception):  # noqa: N818 - it is told, not handled
    """Why there is no report: a line for each problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What the command line says.

    since, until: a duration before now such as `28d`, a date, or an RFC 3339 time; until defaults to now.
    calendar: the options' words; what they leave open, `config` says.
    """

    since: str | None = None
    until: str | None = None
    journals: tuple[Path, ...] = ()
    prometheus: str | None = None
    config: Path | None = None
    as_json: bool = False
    calendar: CalendarWords = field(default_factory=CalendarWords)


def run_report(options: ReportOptions, clock: Clock | None = None) -> int:
    """Print the verdict; 0, or 2 when the options or a source cannot be used: then nothing goes to stdout."""
    try:
        lines = _report(options, (clock or SystemClock()).wall_s())
    except BadWords as error:
        return _refuse(error.lines)
    except (CannotReport, JournalError, PrometheusError) as error:
        return _refuse(str(error).split("\n"))
    print("\n".join(lines))
    return OK


def _refuse(lines: list[str]) -> int:
    for line in lines:
        print(f"report: {line}", file=sys.stderr)
    return BAD_INPUT


def _report(options: ReportOptions, now_s: float) -> list[str]:
    from monitor.analysis.verdict.analyse import analyse
    from monitor.analysis.verdict.result import to_json

    settings = _settings(options.config) if options.config is not None else None
    told = told_by(completed(options.calendar, settings))
    since_s, until_s = _period(options, told.rules.zone, now_s)
    evidence = _evidence(options, settings, since_s, until_s)
    if told.zone is None:
        evidence = replace(evidence, warnings=(*evidence.warnings, NO_ZONE))
    rules = replace(told.rules_over(evidence.span), provisional=True)
    result = analyse(evidence, rules)
    if options.as_json:
        for warning in result.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return [json.dumps(to_json(result), allow_nan=False)]
    return verdict_lines(result, margin=rules.margin, alpha=rules.alpha, zone=rules.zone)


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


def _evidence(options: ReportOptions, settings: Settings | None, since_s: float | None, until_s: float) -> Evidence:
    from monitor.facts.runs import DEFAULT_LIMIT_S

    limit_s = settings.metrics.publish_limit_s if settings is not None else DEFAULT_LIMIT_S
    if options.prometheus is not None:
        if options.journals:
            raise CannotReport("--journal, --prometheus: one of the two is needed, not both")
        from monitor.outputs.sources.prometheus.reading import read_prometheus

        begin_s = until_s - PROMETHEUS_SINCE_S if since_s is None else since_s
        return read_prometheus(options.prometheus, begin_s, until_s, limit_s=limit_s)
    from monitor.outputs.sources.journals import read_journals

    of_config = Path(settings.journal.path) if settings is not None else DEFAULT_PATH
    paths = options.journals or (of_config,)
    folders = [f"{path}: a directory; the file of a journal is needed" for path in paths if path.is_dir()]
    if folders:
        raise CannotReport("\n".join(folders))
    return read_journals(paths, since_s, until_s, limit_s=limit_s)
