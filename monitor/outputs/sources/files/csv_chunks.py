"""CSV text as columns: the delimiter found out, plain blocks split at once, quoted ones by the csv module."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from monitor.facts.words import counted
from monitor.outputs.sources.files.header import HeaderError

DELIMITERS = ",;\t"
MOST_COLUMNS = 1000
_NEWLINE = ord("\n")

Tell = Callable[[int, str], None]  # line, what is wrong with it


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a file is written. lines: how many lines the header takes."""

    names: tuple[str, ...]
    delimiter: str
    lines: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows as columns, by place in the header or by name, and the line each row begins at."""

    columns: Sequence[Sequence[str]]
    lines: Sequence[int]


def csv_header(texts: Iterator[str]) -> tuple[CsvForm, Iterator[str]]:
    """The form of a file and its text without the header. Blank lines before it are passed over. Raises HeaderError."""
    skipped, text = 0, ""
    for block in texts:
        bare = block.lstrip("\n")
        skipped += len(block) - len(bare)
        if bare.strip():
            text = bare
            break
    if not text:
        raise HeaderError("empty; a header with the names of the columns is needed")
    first, _, _ = text.partition("\n")
    delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
    lines = iter(io.StringIO(text))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        names = tuple(next(reader))
    except (csv.Error, StopIteration):
        raise HeaderError("no header; a first line with the names of the columns is needed") from None
    if len(names) > MOST_COLUMNS:
        raise HeaderError(f"{len(names)} columns; at most {MOST_COLUMNS} are allowed")
    return CsvForm(names, delimiter, skipped + reader.line_num), chain(["".join(lines)], texts)


def csv_rows(texts: Iterator[str], form: CsvForm, tell: Tell) -> Iterator[Rows]:
    """The rows after the header. A row of another length is told, and left out; a blank one is no row."""
    line = form.lines + 1
    quoted = _Quoted(texts, form, tell)
    for block in texts:
        if not block:
            continue
        columns = _plain_columns(block, form) or _whole_columns(block, form)
        if columns is None:
            line, rows = quoted.read(block, line)
        else:
            rows = Rows(columns, range(line, line + len(columns[0])))
            line += len(columns[0])
        if rows.lines:
            yield rows


def _plain_columns(block: str, form: CsvForm) -> Sequence[Sequence[str]] | None:
    """The columns of a block without quotes in which every line has as many fields as the header; else None."""
    width = len(form.names)
    if '"' in block or width < 2:
        return None
    if not block.endswith("\n"):
        block += "\n"
    letters = (
        np.frombuffer(block.encode("ascii"), dtype=np.uint8)
        if block.isascii()
        else np.frombuffer(block.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    )
    ends = letters[(letters == _NEWLINE) | (letters == ord(form.delimiter))] == _NEWLINE
    if len(ends) % width:
        return None
    by_row = ends.reshape(-1, width)
    if by_row[:, :-1].any() or not by_row[:, -1].all():
        return None
    fields = block.replace("\n", form.delimiter).split(form.delimiter)
    fields.pop()  # after the last line feed
    return [fields[place::width] for place in range(width)]


def _whole_columns(block: str, form: CsvForm) -> Sequence[Sequence[str]] | None:
    """The columns of a block, quoted or not, in which each line is a row like the header; else None."""
    reader = csv.reader(io.StringIO(block), delimiter=form.delimiter, strict=True)
    try:
        rows = list(reader)
    except csv.Error:
        return None
    if len(rows) != reader.line_num or set(map(len, rows)) != {len(form.names)}:
        return None
    return list(zip(*rows, strict=True))


class _Quoted:
    """Reads a block by the csv module, and as many blocks more as a quoted field at its end goes on for."""

    def __init__(self, texts: Iterator[str], form: CsvForm, tell: Tell) -> None:
        self._texts = texts
        self._tell = tell
        self._width = len(form.names)
        self._lines: list[str] = []
        self._next = 0
        self._reader = csv.reader(iter(self._line, ""), delimiter=form.delimiter, strict=True)

    def read(self, block: str, line: int) -> tuple[int, Rows]:
        """Rows of the block that begins at a line, and the line after them."""
        self._lines, self._next = list(io.StringIO(block)), 0
        before = line - self._reader.line_num  # what the reader's own count lacks
        rows: list[list[str]] = []
        lines: list[int] = []
        while self._next < len(self._lines):
            at = self._reader.line_num + before
            try:
                row = next(self._reader)
            except csv.Error as error:
                self._tell(at, f"no CSV: {error}")
                continue
            if self._fits(row, at):
                rows.append(row[: self._width])
                lines.append(at)
        return self._reader.line_num + before, Rows(list(zip(*rows, strict=True)), lines)

    def _fits(self, row: list[str], line: int) -> bool:
        if len(row) == self._width or (len(row) > self._width and not "".join(row[self._width :]).strip()):
            return self._width > 1 or bool(row[0].strip())
        if "".join(row).strip():
            self._tell(line, f"{counted(len(row), 'field')}; as many as the header has are needed, {self._width}")
        return False

    def _line(self) -> str:
        """The next line, `` at the end of the file."""
        while self._next >= len(self._lines):
            block = next(self._texts, None)
            if block is None:
                return ""
            self._lines, self._next = list(io.StringIO(block)), 0
        self._next += 1
        return self._lines[self._next - 1]
