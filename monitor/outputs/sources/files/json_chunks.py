"""JSON Lines as columns: one object a line, its values as the texts that a CSV would have."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from monitor.outputs.sources.files.header import plain

ROWS_A_CHUNK = 4096
MOST_NAMES = 1000  # of ignored keys that are remembered

Tell = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class NamedRows:
    """Some rows as columns by our names, and the line of each row."""

    columns: Mapping[str, list[str]]
    lines: list[int]


def json_rows(
    texts: Iterable[str], known: Iterable[str], given: Mapping[str, str], ignored: dict[str, None], tell: Tell
) -> Iterator[NamedRows]:
    """The rows. ignored: takes the keys that nobody asked for. A line that is no object of plain values is told."""
    keys = _Keys(known, given, ignored)
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    for line, text in enumerate(chain.from_iterable(map(io.StringIO, texts)), 1):
        if not text.strip():
            continue
        try:
            rows.append(_row(text, keys))
            lines.append(line)
        except (ValueError, RecursionError) as error:
            tell(line, str(error) if isinstance(error, _NoRowError) else "no JSON; an object on one line is needed")
        if len(rows) >= ROWS_A_CHUNK:
            yield _columns(rows, lines)
            rows, lines = [], []
    if rows:
        yield _columns(rows, lines)


def spread_over_lines(text: str) -> str:
    """What is wrong where a text begins one JSON value over several lines, or a list of objects; `` otherwise."""
    first = text.lstrip("\ufeff \t\n").partition("\n")[0].strip()
    if first.startswith("["):
        return "a JSON array; JSON Lines, one object on each line, are needed"
    return "one JSON object over several lines; JSON Lines, one on each line, are needed" if first == "{" else ""


class _NoRowError(ValueError):
    """JSON, but no row."""


class _Keys(dict[str, str | None]):
    """Their key -> our column, None for one that nobody asked for."""

    def __init__(self, known: Iterable[str], given: Mapping[str, str], ignored: dict[str, None]) -> None:
        super().__init__()
        self._known = set(known)
        self._wanted = {plain(theirs): ours for ours, theirs in given.items() if ours in self._known}
        self._ignored = ignored

    def is_given(self, key: str) -> bool:
        """Whether the user named this key, which then wins over one of our own name."""
        return plain(key) in self._wanted

    def __missing__(self, key: str) -> str | None:
        name = plain(key)
        ours = self._wanted.get(name) or (name if name in self._known else None)
        if len(self) < MOST_NAMES:
            self[key] = ours
            if ours is None:
                self._ignored[key] = None
        return ours


def _row(text: str, keys: _Keys) -> dict[str, str]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise _NoRowError("no object; one JSON object on each line is needed")
    row: dict[str, str] = {}
    for key, value in values.items():
        ours = keys[key]
        if ours is not None and value is not None and (ours not in row or keys.is_given(key)):
            row[ours] = _text(ours, value)
    return row


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise _NoRowError(f"{name} is no plain value; text, a number, true, false or null is needed")


def _columns(rows: list[dict[str, str]], lines: list[int]) -> NamedRows:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return NamedRows({name: [row.get(name, "") for row in rows] for name in ("time", "start", "end", *names)}, lines)
