"""JSON documents too large to hold, one value after the other: arrays and pages of results are opened up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

LARGEST_VALUE = 16_000_000  # characters of one conversation
LOOK_AHEAD = 1000  # characters in which a page must show that it is one
_BETWEEN = re.compile(r"[\s,]*")
_PAGE = re.compile(r'\{\s*"conversations"\s*:\s*\[')
_REST_OF_PAGE = re.compile(r'\s*,\s*(?=")')
_DECODER = json.JSONDecoder()


class NoJson(Exception):  # noqa: N818 - it says what the text is not
    """The text is no JSON; line is where it stops being any."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class JsonValues:
    """An iterator over the values of a text: of arrays the elements, of `{"conversations": [...]}` the conversations.

    Several documents may follow one another, as in JSON Lines. Each value comes with the line it begins at. Raises
    NoJson.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._depth: list[str] = []  # what is open: "[" an array, "{" a page

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        while self._skip():
            head = self._buffer[self._at]
            if head == "[" and not self._depth:
                self._open(1, "[")
            elif head == "]" and self._depth:
                self._move(1)
                if self._depth.pop() == "{":
                    self._close_page()
            elif not self._depth and (page := self._page()):
                self._open(page, "{")
            else:
                line = self._line
                yield line, self._value()

    def _skip(self) -> bool:
        """Go to the next value; False at the end."""
        while True:
            between = _BETWEEN.match(self._buffer, self._at)
            if between is not None:
                self._move(between.end() - self._at)
            if self._at < len(self._buffer):
                return True
            if not self._more():
                if self._depth:
                    raise NoJson(self._line, "the file ends in the middle of a list")
                return False

    def _page(self) -> int:
        """How long the beginning of a page is, 0 where there is none."""
        self._look_ahead()
        found = _PAGE.match(self._buffer, self._at)
        return found.end() - self._at if found else 0

    def _value(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except RecursionError:
                raise NoJson(self._line, "nested too deeply") from None
            except ValueError as error:
                size = len(self._buffer) - self._at
                if size > LARGEST_VALUE:
                    raise NoJson(self._line, f"no JSON value within {LARGEST_VALUE} characters") from None
                if not self._more(size):
                    raise NoJson(self._line, f"no JSON: {error}") from None
                continue
            if end == len(self._buffer) and isinstance(value, int | float) and self._more():
                continue  # a number may go on
            self._move(end - self._at)
            return value

    def _close_page(self) -> None:
        """Pass over what stands in a page after its conversations."""
        while True:
            self._look_ahead()
            rest = _REST_OF_PAGE.match(self._buffer, self._at)
            if rest is None:
                break
            self._move(rest.end() - self._at)
            self._value()  # a key
            self._expect(":")
            self._skip()
            self._value()
        self._expect("}")

    def _expect(self, mark: str) -> None:
        self._skip()
        if not self._buffer.startswith(mark, self._at):
            raise NoJson(self._line, f"no JSON: {mark!r} is needed")
        self._move(1)

    def _open(self, length: int, what: str) -> None:
        self._move(length)
        self._depth.append(what)

    def _move(self, length: int) -> None:
        self._line += self._buffer.count("\n", self._at, self._at + length)
        self._at += length

    def _look_ahead(self) -> None:
        lacking = LOOK_AHEAD - (len(self._buffer) - self._at)
        if lacking > 0:
            self._more(lacking)

    def _more(self, at_least: int = 1) -> bool:
        """Read on, until the text has grown by so much; False at its end."""
        pieces = [self._buffer[self._at :]]
        grown = 0
        while grown < at_least and (piece := next(self._texts, "")):
            pieces.append(piece)
            grown += len(piece)
        self._buffer, self._at = "".join(pieces), 0
        return grown > 0
