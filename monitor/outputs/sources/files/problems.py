"""What is wrong with a file of facts: one line per problem, with the file, the line, the column and what is allowed."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

SHOWN_PER_FILE = 20
STOP_AFTER = 1000  # problems that nobody forgives: whoever has so many does not wait for the rest to be read
LONGEST_SHOWN = 60  # characters of a value


class UnusableFiles(Exception):  # noqa: N818 - the plural is the point
    """The files give no evidence. lines: what to tell the user, one problem each."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class BadCell(NamedTuple):
    """A value that cannot be taken. place: of its row in the chunk. what: what is wrong and what is allowed.

    fatal: not forgiven where bad rows are skipped, either.
    """

    place: int
    what: str
    value: str
    fatal: bool = False


class BadColumn(Exception):  # noqa: N818 - it is about the column
    """Some cells of a column cannot be taken: all that were found."""

    def __init__(self, column: str, cells: Iterable[BadCell]) -> None:
        super().__init__(column)
        self.column = column
        self.cells = tuple(cells)


class Problems:
    """The problems of all files that are read together, of each file in the order of its lines."""

    def __init__(self, skip_bad: bool) -> None:
        self._skip_bad = skip_bad
        self._lines: dict[str, list[tuple[int, str]]] = {}
        self._counts: dict[str, int] = {}
        self._fatal = 0

    def add(
        self, path: Path, line: int, column: str, what: str, value: str | None = None, *, fatal: bool = False
    ) -> None:
        """One more. column: `-` where it is the whole row. Raises UnusableFiles when there are too many to go on."""
        name = str(path)
        lines = self._lines.setdefault(name, [])
        if len(lines) < SHOWN_PER_FILE or line < lines[-1][0]:
            got = "" if value is None else f" (got {shown(value)})"
            insort(lines, (line, f"{path}:{line}:{column}: {what}{got}"), key=itemgetter(0))
            del lines[SHOWN_PER_FILE:]
        self._counts[name] = self._counts.get(name, 0) + 1
        if fatal or not self._skip_bad:
            self._fatal += 1
            if self._fatal >= STOP_AFTER:
                raise UnusableFiles((*self.lines, f"reading stopped after {STOP_AFTER} problems"))

    @property
    def count(self) -> int:
        """How many rows could not be read."""
        return sum(self._counts.values())

    @property
    def lines(self) -> tuple[str, ...]:
        """The first ones of each file, and how many more there are."""
        told: list[str] = []
        for name, lines in self._lines.items():
            more = self._counts[name] - len(lines)
            told += [*(text for _, text in lines), *([f"{name}: ... and {more} more"] if more else [])]
        return tuple(told)

    def check(self) -> None:
        """Raises UnusableFiles when there is one that cannot be forgiven."""
        if self._fatal:
            raise UnusableFiles(self.lines)


def shown(value: str) -> str:
    """A value as a message shows it: in quotes, cut, nothing in it that could steer a terminal."""
    return ascii(value[:LONGEST_SHOWN]) + ("..." if len(value) > LONGEST_SHOWN else "")
