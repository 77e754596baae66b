"""`report`: the verdict on what one or several sites' journals, or a Prometheus-compatible server, remember."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from monitor.commands.calendar_words import BadWords
from monitor.commands.judging import CannotReport, Judged, ReportOptions, judged
from monitor.commands.verdict_text import verdict_lines
from monitor.facts.clock import Clock, SystemClock
from monitor.outputs.journal import JournalError
from monitor.outputs.sources.prometheus.api import PrometheusError

OK, BAD_INPUT = 0, 2


def run_report(options: ReportOptions, clock: Clock | None = None) -> int:
    """Print the verdict, and write the HTML file; 0, or 2 when the options, a source or the file cannot be used.

    Then nothing goes to stdout.
    """
    now_s = (clock or SystemClock()).wall_s()
    try:
        if options.output is not None:
            need_room(options.output)
        found = judged(options, now_s)
        if options.output is not None:
            _write(found, options.output, now_s)
    except BadWords as error:
        return _refuse(error.lines)
    except (CannotReport, JournalError, PrometheusError) as error:
        return _refuse(str(error).split("\n"))
    print("\n".join(_lines(found, as_json=options.as_json)))
    return OK


def need_room(file: Path) -> None:
    """Asked before anything is read, as nobody wants to hear it afterwards. Raises CannotReport."""
    if file.is_dir():
        raise CannotReport(f"{file}: a directory; the name of a file such as incident.html is needed")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise CannotReport(f"{file}: cannot be written")


def _write(found: Judged, file: Path, made_s: float) -> None:
    from monitor.commands.incident.of_judged import document_of
    from monitor.commands.incident.page import write

    try:
        write(document_of(found, made_s), file)
    except OSError as error:
        raise CannotReport(f"{file}: {error.strerror or error}") from None
    print(f"report: {file} written", file=sys.stderr)


def _refuse(lines: list[str]) -> int:
    for line in lines:
        print(f"report: {line}", file=sys.stderr)
    return BAD_INPUT


def _lines(found: Judged, *, as_json: bool) -> list[str]:
    if not as_json:
        from monitor.analysis.timeline.drop_kinds import drop_kinds
        from monitor.commands.drop_kinds_text import drop_kind_lines

        rules = found.rules
        verdict = verdict_lines(found.result, margin=rules.margin, alpha=rules.alpha, zone=rules.zone)
        return [*verdict, *drop_kind_lines(drop_kinds(found.evidence))]
    from monitor.analysis.verdict.result import to_json

    for warning in found.result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return [json.dumps(to_json(found.result), allow_nan=False)]
