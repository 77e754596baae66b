"""The text of a file in blocks of whole lines, in bounded memory, whatever its encoding and however long its lines."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

BLOCK_CHARACTERS = 1 << 18
LONGEST_LINE = 1_000_000  # characters
_PEEKED_BYTES = 4096
_NO_TEXT = {
    b"\x1f\x8b": "compressed; unpack it first",
    b"PK\x03\x04": "a zip file or an Excel workbook; save it as CSV first",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV first",
    b"SQLite format 3\0": "an SQLite database; `report --journal` reads a journal",
}
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class NoText(Exception):  # noqa: N818 - it says what the file is
    """The file is none that a table can be read from; the message says what it is instead."""


class TextBlocks:
    """An iterator over blocks of whole lines; every line but the last ends in a bare line feed.

    UTF-8, and UTF-16 where a byte order mark says so; bytes that are no UTF-8 become lone surrogates. A line over
    LONGEST_LINE is left out, an empty line in its place; `too_long` has the numbers of such lines. Raises NoText.
    """

    def __init__(self, path: Path) -> None:
        self.too_long: list[int] = []
        self._lines_before = 0
        try:
            self._binary = path.open("rb")
        except OSError as error:
            raise NoText(f"cannot be read: {error.strerror}") from None
        try:
            self._text = _text(self._binary)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._binary.close()

    def __iter__(self) -> Iterator[str]:
        carry, dropping = "", False
        while piece := self._read():
            if dropping:
                piece = piece[piece.find("\n") :] if "\n" in piece else ""
                dropping = not piece
            block = carry + piece
            cut = block.rfind("\n") + 1
            carry = block[cut:]
            if cut:
                self._lines_before += block.count("\n")
                yield block[:cut]
            if len(carry) > LONGEST_LINE:
                self.too_long.append(self._lines_before + 1)
                carry, dropping = "", True
        if carry:
            yield carry

    def pieces(self) -> Iterator[str]:
        """The text as it comes, cut anywhere: for what does not go by lines."""
        return iter(self._read, "")

    def _read(self) -> str:
        try:
            return self._text.read(BLOCK_CHARACTERS)
        except (UnicodeDecodeError, OSError) as error:
            raise NoText(f"cannot be read: {error}") from None


def _text(binary: io.BufferedReader) -> io.TextIOWrapper:
    try:
        head = binary.peek(_PEEKED_BYTES)
    except OSError as error:
        raise NoText(f"cannot be read: {error.strerror}") from None
    if not head:
        raise NoText("empty")
    for magic, what in _NO_TEXT.items():
        if head.startswith(magic):
            raise NoText(what)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in head:
        raise NoText("binary; CSV or JSON Lines in UTF-8 is needed")
    errors = "strict" if encoding == "utf-16" else "surrogateescape"
    return io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline=None)
