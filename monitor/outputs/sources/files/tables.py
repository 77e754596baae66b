"""Tables in files, CSV or JSON Lines, as chunks of columns with the line of each row; streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, compress
from pathlib import Path

from monitor.outputs.sources.files.csv_chunks import csv_header, csv_rows
from monitor.outputs.sources.files.header import Header, HeaderError, header_of, listed
from monitor.outputs.sources.files.json_chunks import json_rows, spread_over_lines
from monitor.outputs.sources.files.problems import Problems
from monitor.outputs.sources.files.text_blocks import LONGEST_LINE, NoText, TextBlocks

JSON_ENDINGS = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows: our columns as texts, all of one length, and the line each row begins at."""

    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    header: Header

    def without(self, places: Iterable[int]) -> Chunk:
        """The other rows."""
        bad = set(places)
        keep = [place not in bad for place in range(len(self.lines))]
        columns = {name: list(compress(column, keep)) for name, column in self.columns.items()}
        return Chunk(columns, list(compress(self.lines, keep)), self.header)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a kind of table may have, and those it cannot be read without."""

    known: tuple[str, ...]
    needed: tuple[str, ...]


def chunks(
    path: Path, layout: Layout, given: Mapping[str, str], problems: Problems, warnings: list[str]
) -> Iterator[Chunk]:
    """The rows of a file. What cannot be read goes to `problems`; columns that nobody asked for to `warnings`."""
    try:
        blocks = TextBlocks(path)
        with closing(blocks):
            rows = _json if path.suffix.lower() in JSON_ENDINGS else _csv
            yield from rows(path, blocks, layout, given, problems, warnings)
        for line in blocks.too_long:
            problems.add(path, line, "-", f"longer than {LONGEST_LINE} characters; a line of CSV or JSON is needed")
    except NoText as error:
        problems.add(path, 1, "-", str(error), fatal=True)


def _csv(
    path: Path, blocks: TextBlocks, layout: Layout, given: Mapping[str, str], problems: Problems, warnings: list[str]
) -> Iterator[Chunk]:
    texts = iter(blocks)
    try:
        form, texts = csv_header(texts)
        header = header_of(form.names, layout.known, layout.needed, given)
    except HeaderError as error:
        problems.add(path, 1, "-", str(error), fatal=True)
        return
    _warn_ignored(path, header.ignored, warnings)
    if header.missing:
        warnings.append(f"{path}: columns named by --column that it does not have: {listed(header.missing)}")
    for rows in csv_rows(texts, form, lambda line, what: problems.add(path, line, "-", what)):
        yield Chunk({ours: rows.columns[place] for ours, place in header.places.items()}, rows.lines, header)


def _json(
    path: Path, blocks: TextBlocks, layout: Layout, given: Mapping[str, str], problems: Problems, warnings: list[str]
) -> Iterator[Chunk]:
    ignored: dict[str, None] = {}
    theirs = {ours: given.get(ours, ours) for ours in layout.known}
    header = Header({}, theirs)
    texts = iter(blocks)
    first = next(texts, "")
    spread = spread_over_lines(first)
    if spread:
        problems.add(path, 1, "-", spread, fatal=True)
        return
    texts = chain([first], texts)
    for rows in json_rows(texts, layout.known, given, ignored, lambda line, what: problems.add(path, line, "-", what)):
        yield Chunk(rows.columns, rows.lines, header)
    _warn_ignored(path, tuple(ignored), warnings)


def _warn_ignored(path: Path, ignored: Sequence[str], warnings: list[str]) -> None:
    if ignored:
        warnings.append(f"{path}: columns that mean nothing here are ignored: {listed(ignored)}")
