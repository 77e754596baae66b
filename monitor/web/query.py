"""Reads the words of a query string, which anybody may have written."""

from __future__ import annotations


def whole_number(text: str, most: int) -> int | None:
    """A number from 1 to `most` in ASCII digits; None for anything else, however long."""
    good = text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most
    return int(text) if good else None
