"""Counts in words."""

from __future__ import annotations

from monitor.facts.words import counted


def test_only_one_is_singular() -> None:
    assert [counted(count, "week") for count in (0, 1, 2)] == ["0 weeks", "1 week", "2 weeks"]
    assert [counted(count, "drop repeats", "drops repeat") for count in (1, 2)] == ["1 drop repeats", "2 drops repeat"]
