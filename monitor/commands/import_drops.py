"""`import`: drops of working agents, from a CSV or from Genesys conversation details, into the journal; each once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monitor.commands.analyze import FileWords, file_options, say_all
from monitor.commands.calendar_words import BadWords, CalendarWords, told_by
from monitor.config.load import ConfigErrors, load
from monitor.facts.evidence import Evidence
from monitor.facts.failures import DISCONNECT_REASONS, Layer
from monitor.facts.observations import IMPORTED, Disconnected
from monitor.facts.words import counted
from monitor.outputs.journal import DEFAULT_PATH, QUEUE_LIMIT, Journal, JournalError, JournalReader
from monitor.outputs.sources.analytics.conversations import EndingsFound, read_conversations
from monitor.outputs.sources.files.json_chunks import spread_over_lines
from monitor.outputs.sources.files.problems import Problems, UnusableFiles
from monitor.outputs.sources.files.reading import read_files
from monitor.outputs.sources.files.tables import JSON_ENDINGS
from monitor.outputs.sources.files.text_blocks import NoText, TextBlocks

OK, USAGE = 0, 2
CSV, CONVERSATIONS = "csv", "conversation-details"
KINDS = (CSV, CONVERSATIONS)
REPORTED = "reported"
WRITE_DEADLINE_S = 60.0
_OF_CONVERSATIONS = ('"conversations"', '"conversationId"', '"participants"')
_SIMULATED = "a row of kind span says simulated; simulated facts are not working agents' drops and are not imported"
_NEITHER = "JSON that holds no conversations; CSV, JSON Lines named .jsonl, or conversation details are needed"
_FACTS_AT_ONCE = QUEUE_LIMIT // 2

_Identity = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What to import, and into which journal: the one given, else the configuration's, else DEFAULT_PATH."""

    file: Path
    kind: str | None = None
    config: Path | None = None
    journal: Path | None = None
    site: str | None = None
    tz: str | None = None
    files: FileWords = field(default_factory=FileWords)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds. rest: how many entries are no drops, by what they are."""

    drops: list[Disconnected]
    rest: Counter[str]
    notes: Sequence[str] = ()

    @property
    def skipped(self) -> int:
        return sum(self.rest.values())


def run_import(options: ImportOptions) -> int:
    """Import, and print how many drops were new; 2 when the options, the file or the journal cannot be used."""
    if options.kind not in (None, *KINDS):
        print(f"--kind: one of {', '.join(KINDS)} is needed (got {options.kind!r})", file=sys.stderr)
        return USAGE
    try:
        journal, site, zone = _place(options)
        found = _read(options, site, zone)
        new = _unknown(found.drops, journal)
        asyncio.run(_write(new, journal))
    except (UnusableFiles, BadWords) as error:
        say_all(error.lines)
        return USAGE
    except (ConfigErrors, JournalError) as error:
        print(error, file=sys.stderr)
        return USAGE
    say_all(found.notes)
    print(f"imported {len(new)}, known {len(found.drops) - len(new)}, skipped {found.skipped}")
    for what, count in found.rest.most_common():
        print(f"  skipped {count}: {what}")
    return OK


def _place(options: ImportOptions) -> tuple[Path, str, str | None]:
    """The journal, the site of rows that name none, and the time zone."""
    if options.config is None:
        return options.journal or DEFAULT_PATH, options.site or "", options.tz
    settings = load(options.config)
    site = settings.site if options.site is None else options.site
    return options.journal or Path(settings.journal.path), site, options.tz or settings.timezone


def _read(options: ImportOptions, site: str, zone: str | None) -> _Found:
    kind = options.kind or kind_of(options.file)
    if kind == CSV:
        told = told_by(CalendarWords(tz=zone))
        read = read_files([options.file], [], file_options(options.files, told))
        if read.evidence.simulated:
            raise UnusableFiles((f"{options.file}: {_SIMULATED}",))
        drops = list(_drops(read.evidence, site))
        rest = Counter({"unreadable": read.skipped_count, "not a drop": _others(read.evidence)})
        notes = [warning for warning in read.evidence.warnings if "--span" not in warning]
        return _Found(drops, +rest, [*read.skipped, *notes])
    problems = Problems(options.files.skip_bad)
    endings = read_conversations(options.file, site, problems)
    problems.check()
    return _Found(endings.drops, _rest(endings, problems.count), problems.lines)


def kind_of(file: Path) -> str:
    """What a file is, by its content: conversation details are JSON with participants. Raises UnusableFiles."""
    try:
        blocks = TextBlocks(file)
    except NoText as error:
        raise UnusableFiles((f"{file}:1:-: {error}",)) from None
    try:
        head = next(blocks.pieces(), "").lstrip("\ufeff \t\n")
    except NoText as error:
        raise UnusableFiles((f"{file}:1:-: {error}",)) from None
    finally:
        blocks.close()
    if head.startswith(("{", "[")) and any(word in head for word in _OF_CONVERSATIONS):
        return CONVERSATIONS
    if head.startswith("[") and file.suffix.lower() not in JSON_ENDINGS:
        return CONVERSATIONS
    if head.startswith("{") and (file.suffix.lower() not in JSON_ENDINGS or spread_over_lines(head)):
        raise UnusableFiles((f"{file}:1:-: {_NEITHER}",))
    return CSV


def _drops(evidence: Evidence, site: str) -> Iterator[Disconnected]:
    names, drops = evidence.names, evidence.drops
    for row in range(len(drops)):
        told_layer, told_reason = names[drops.layer[row]], names[drops.reason[row]]
        layer, reason = _closed(told_layer, told_reason)
        code = int(drops.code[row])
        yield Disconnected(
            site=names[drops.site[row]] or site,
            probe=IMPORTED,
            at_wall_s=float(drops.noticed_s[row]),
            layer=layer,
            reason=reason,
            last_good_wall_s=float(drops.last_good_s[row]),
            noticed_wall_s=float(drops.noticed_s[row]),
            agent=names[drops.agent[row]],
            code=None if code < 0 else code,
            detail="" if (layer.value, reason) == (told_layer, told_reason) else f"{told_layer} {told_reason}".strip(),
        )


def _closed(layer: str, reason: str) -> tuple[Layer, str]:
    """A layer and a reason of the closed list; what is none of it was merely reported."""
    if layer and reason in DISCONNECT_REASONS[Layer(layer)]:
        return Layer(layer), reason
    return Layer.PLATFORM, REPORTED


def _others(evidence: Evidence) -> int:
    rows = sum(map(len, evidence.series.values())) + len(evidence.heads.at_s)
    return rows + len(evidence.gaps) + len(evidence.suspects)


def _rest(endings: EndingsFound, unreadable: int) -> Counter[str]:
    unknown = {f"an end that is not known: {words}": count for words, count in endings.unknown.items()}
    told = {
        "a normal end": endings.normal,
        "no end, or one without a time": endings.open_legs,
        "unreadable": unreadable,
    }
    return +Counter({**told, **unknown})


def _unknown(drops: Sequence[Disconnected], journal: Path) -> list[Disconnected]:
    """Those that the journal does not hold yet: of several alike as many as are more than it holds."""
    held: Counter[_Identity] = Counter()
    if drops and journal.exists():
        times = [drop.at_wall_s for drop in drops]
        facts = JournalReader(journal).facts(min(times), max(times) + 1.0, (Disconnected.kind,))
        held.update(_identity(fact) for fact in facts if isinstance(fact, Disconnected) and fact.probe == IMPORTED)
    new = []
    for drop in drops:
        identity = _identity(drop)
        if held[identity] > 0:
            held[identity] -= 1
        else:
            new.append(drop)
    return new


def _identity(drop: Disconnected) -> _Identity:
    """What makes two imported drops the same one."""
    at_micros = round(drop.noticed_wall_s * 1e6)
    if drop.conversation_id:
        return drop.conversation_id, drop.agent, at_micros
    return drop.site, drop.agent, at_micros, drop.layer.value, drop.reason, drop.detail


async def _write(drops: Sequence[Disconnected], path: Path) -> None:
    """Raises JournalError when a drop could not be written; those that were are known the next time."""
    lost = 0

    def on_lost(count: int) -> None:
        nonlocal lost
        lost += count

    for begin in range(0, len(drops), _FACTS_AT_ONCE):
        journal = Journal(path, on_lost=on_lost)
        try:
            for drop in drops[begin : begin + _FACTS_AT_ONCE]:
                journal.append(drop)
        finally:
            await journal.close(WRITE_DEADLINE_S)
        if lost:
            raise JournalError(f"{path}: {counted(lost, 'drop')} could not be written; import the file again")
