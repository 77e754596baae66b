"""Counts in words: one of a thing is told in the singular; pure."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 drop repeats`, `2 drops repeat`. many: what more than one, or none, are called; by default `one` with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"
