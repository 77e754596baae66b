"""`analyze`: a verdict from files alone; what is wrong with them goes to stderr, the verdict alone to stdout."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from monitor.analysis.verdict.rules import Rules
from monitor.commands.calendar_words import NO_ZONE, BadWords, CalendarWords, Told, Words, told_by
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.evidence import Evidence
from monitor.outputs.sources.files.problems import UnusableFiles
from monitor.outputs.sources.files.reading import FileOptions, read_files
from monitor.outputs.sources.files.times import EPOCHS

OK, USAGE = 0, 2
TOLD_EVERY_S = 5.0  # off a terminal
_NO_FORM = "--time-format: epoch, epoch_ms, or a form with date and hour such as '%d.%m.%Y %H:%M' is needed"
_A_MOMENT = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)  # an evening, so that 10 o'clock alone does not say it


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


def run_analyze(options: AnalyzeOptions, clock: Clock | None = None) -> int:
    """Print the verdict: 0; or what is wrong with the options or the files: 2."""
    try:
        told = told_by(options.calendar)
        reading = file_options(options.files, told)
        with _status("reading"):
            found = read_files(options.events, options.windows, reading, _Progress(clock or SystemClock()).read)
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
    form = words.time_format
    reading.need(form is None or form in EPOCHS or _says_a_moment(form), f"{_NO_FORM} (got {form!r})")
    reading.check()
    return FileOptions(
        zone=told.zone, columns=columns, time_format=words.time_format, skip_bad=words.skip_bad, span=told.span
    )


def _says_a_moment(form: str) -> bool:
    """Whether a strptime format tells date and hour: what it writes is read as the same."""
    try:
        read = datetime.strptime(_A_MOMENT.strftime(form), form)  # noqa: DTZ007 - only compared
    except (ValueError, re.error):  # a directive that does not exist, or one that comes twice
        return False
    return read.replace(tzinfo=UTC) == _A_MOMENT


class _Progress:
    """Says off a terminal, now and then, how far the reading is; nothing where it is quick."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_mono_s = clock.mono_s()

    def read(self, path: Path, rows: int) -> None:
        """So many rows of a file were read."""
        now_mono_s = self._clock.mono_s()
        if now_mono_s - self._told_mono_s >= TOLD_EVERY_S and not sys.stderr.isatty():
            self._told_mono_s = now_mono_s
            print(f"analyze: {path}: {rows:,} rows read", file=sys.stderr)


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
    return verdict_lines(result, margin=rules.margin, alpha=rules.alpha, zone=rules.zone)


@contextmanager
def _status(what: str) -> Iterator[None]:
    """Say on a terminal what takes its time, and nothing anywhere else."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ..."):
        yield
