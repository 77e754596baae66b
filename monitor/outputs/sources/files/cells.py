"""Columns of cells as numbers, names and words; each refuses what it cannot mean."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.facts.evidence import Codes, Flags, Floats
from monitor.outputs.sources.files.problems import BadCell, BadColumn

LONGEST_NAME = 200  # characters; what is longer is cut
MOST_NAMES = 1_000_000
NO_NUMBER = "not a finite number; one such as 0.25 is needed"
_FOREIGN = re.compile(r"[\ud800-\udfff]")  # what bytes that are no UTF-8 became
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class NoNameError(ValueError):
    """The text of a cell is no name, or none of the words that are needed; the message says what it lacks."""


class Places(dict[str, int]):
    """Text of a cell -> a place; each text is looked at once. Raises NoNameError for one that has none."""


class Names(Places):
    """Places of names. place: gives a name its place, as EvidenceBuilder.code does."""

    def __init__(self, place: Callable[[str], int]) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, text: str) -> int:
        if len(self) >= MOST_NAMES:
            raise NoNameError(f"too many different names; at most {MOST_NAMES} are allowed")
        self[text] = place = self._place(name_of(text))
        return place


class Words(Places):
    """Places among a closed list of words; capitals and blanks around them do not matter. default: for blank cells."""

    def __init__(self, words: Sequence[str], default: str = "") -> None:
        super().__init__()
        self._words = words
        self._default = default

    def __missing__(self, text: str) -> int:
        word = text.strip().casefold() or self._default
        if word not in self._words:
            raise NoNameError(f"an unknown word; one of {', '.join(filter(None, self._words))} is needed")
        place = self._words.index(word)
        if len(self) < MOST_NAMES:
            self[text] = place
        return place


def name_of(text: str) -> str:
    """A name on one line, without blanks around it, cut to LONGEST_NAME. Raises NoNameError for what is no text."""
    if _FOREIGN.search(text) is not None:
        raise NoNameError("not UTF-8; save the file as UTF-8")
    if "\0" in text:
        raise NoNameError("has a NUL byte; text is needed")
    return _CONTROL.sub(" ", text.strip())[:LONGEST_NAME].strip()


def _number(text: str) -> float | None:
    """nan for a blank one, None for what is no finite number."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) or not text else None


class Rows:
    """The columns of some rows, read on demand; one that the file does not have is blank.

    origin: where the rows are in the chunk that they are part of; None for all of a chunk.
    """

    def __init__(self, columns: Mapping[str, Sequence[str]], length: int, origin: Sequence[int] | None = None) -> None:
        self._columns = columns
        self._cut: dict[str, Sequence[str]] = {}
        self.length = length
        self.origin: Sequence[int] = range(length) if origin is None else origin

    def only(self, chosen: NDArray[np.intp]) -> Rows:
        """Some of the rows of a chunk."""
        return self if len(chosen) == self.length else Rows(self._columns, len(chosen), chosen.tolist())

    def has(self, column: str) -> bool:
        """Whether the file has the column."""
        return column in self._columns

    def texts(self, column: str) -> Sequence[str]:
        """The cells as they stand in the file."""
        texts = self._cut.get(column)
        if texts is None:
            whole = self._columns.get(column)
            if whole is None:
                texts = [""] * self.length
            else:
                texts = whole if len(whole) == self.length else list(map(whole.__getitem__, self.origin))
            self._cut[column] = texts
        return texts

    def places(self, column: str, among: Places) -> Codes:
        """The places of names or words. Raises BadColumn."""
        if column not in self._columns:
            return np.full(self.length, among[""], dtype=np.int32)
        texts = self.texts(column)
        try:
            return np.array(list(map(among.__getitem__, texts)), dtype=np.int32)
        except NoNameError:
            raise BadColumn(column, self._nameless(texts, among)) from None

    def _nameless(self, texts: Sequence[str], among: Places) -> Iterator[BadCell]:
        for place, text in zip(self.origin, texts, strict=True):
            try:
                among[text]
            except NoNameError as error:
                yield BadCell(place, str(error), text)

    def numbers(self, column: str, blank: float = math.nan) -> Floats:
        """Finite numbers. blank: the number of a cell without one. Raises BadColumn."""
        if column not in self._columns:
            return np.full(self.length, blank)
        texts = self.texts(column)
        try:
            values = np.array(list(map(float, [text or "nan" for text in texts] if "" in texts else texts)))
            clean = not np.isinf(values).any() and int(np.isnan(values).sum()) == texts.count("")
        except ValueError:
            clean = False
        if not clean:
            found = [_number(text.strip()) for text in texts]
            self.check(np.array([one is not None for one in found]), column, NO_NUMBER)
            values = np.array(found, dtype=np.float64)
        return values if math.isnan(blank) else np.where(np.isnan(values), blank, values)

    def flags(self, column: str) -> Flags:
        """true and false; blank is false. Raises BadColumn."""
        truths: Flags = self.places(column, _TRUTHS) % 2 == 1
        return truths

    def check(self, good: Flags, column: str, what: str, *, fatal: bool = False) -> None:
        """Raises BadColumn for the rows that are not good."""
        if not good.all():
            texts = self.texts(column)
            raise BadColumn(
                column, [BadCell(self.origin[n], what, texts[n], fatal) for n in np.flatnonzero(~good).tolist()]
            )


_TRUTHS = Words(("false", "true", "no", "yes", "0", "1"), "false")
