"""`analyze`: a verdict from files alone; what is wrong with them goes to stderr, the verdict alone to stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from monitor.analysis.verdict.rules import Rules
from monitor.commands.calendar_words import BadWords, CalendarWords, Told, Words, told_by
from monitor.facts.evidence import Evidence
from monitor.outputs.sources.files.problems import UnusableFiles
from monitor.outputs.sources.files.reading import FileOptions, read_files

OK, USAGE = 0, 2
NO_ZONE = "no --tz: hours, days and weeks are those of UTC, which local clocks leave by an hour in summer"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWords:
    """Options about the files, as they were written. columns: `time=Disconnect Time`, ours first."""

    columns: tuple[str, ...] = ()
    time_format: str | None = None
    skip_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeOptions:
    """What to analyze and how."""

    events: tuple[Path, ...]
    windows: tuple[Path, ...]
    files: FileWords = field(default_factory=FileWords)
    calendar: CalendarWords = field(default_factory=CalendarWords)
    as_json: bool = False


def run_analyze(options: AnalyzeOptions) -> int:
    """Print the verdict: 0; or what is wrong with the options or the files: 2."""
    try:
        told = told_by(options.calendar)
        reading = file_options(options.files, told)
        with _status("reading"):
            found = read_files(options.events, options.windows, reading)
        rules = told.rules_over(found.evidence.span)
    except (UnusableFiles, BadWords) as error:
        say_all(error.lines)
        return USAGE
    say_all(found.skipped)
    with _status("analysing"):
        lines = _judged(found.evidence if told.zone else with_warning(found.evidence, NO_ZONE), rules, options.as_json)
    print("\n".join(lines))
    return OK


def with_warning(evidence: Evidence, warning: str) -> Evidence:
    """The evidence with one warning more."""
    return replace(evidence, warnings=(*evidence.warnings, warning))


def file_options(words: FileWords, told: Told) -> FileOptions:
    """How to read files. Raises BadWords."""
    reading = Words()
    columns: dict[str, str] = {}
    for word in words.columns:
        ours, equals, theirs = word.partition("=")
        reading.need(bool(equals and theirs.strip()), f"--column: OURS=THEIRS is needed (got {word!r})")
        reading.need(ours.strip() not in columns, f"--column: {ours.strip()} is named twice")
        columns[ours.strip()] = theirs
    reading.check()
    return FileOptions(
        zone=told.zone, columns=columns, time_format=words.time_format, skip_bad=words.skip_bad, span=told.span
    )


def say_all(lines: Sequence[str]) -> None:
    """Lines on stderr."""
    for line in lines:
        print(line, file=sys.stderr)


def _judged(evidence: Evidence, rules: Rules, as_json: bool) -> list[str]:
    from monitor.analysis.verdict.analyse import analyse
    from monitor.analysis.verdict.result import to_json
    from monitor.commands.verdict_text import verdict_lines

    result = analyse(evidence, rules)
    if as_json:
        say_all([f"warning: {warning}" for warning in result.warnings])
        return [json.dumps(to_json(result), allow_nan=False)]
    return verdict_lines(result, margin=rules.margin, alpha=rules.alpha)


@contextmanager
def _status(what: str) -> Iterator[None]:
    """Say on a terminal what takes its time, and nothing anywhere else."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ..."):
        yield
