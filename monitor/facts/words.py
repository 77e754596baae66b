"""Counts and durations in words, as every text for people has them; pure."""

from __future__ import annotations


def counted(count: float, one: str, many: str | None = None) -> str:
    """`1 drop repeats`, `2 drops repeat`. many: what more than one, or none, are called; by default `one` with an s."""
    return f"{count:.0f} {one if count == 1 else many or one + 's'}"


def seconds_text(seconds: float) -> str:
    """Seconds for people: 24 ms, 4.2 s."""
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else f"{seconds:.1f} s"
