"""Drops by kind in words: a real softphone's own time beside ours; what is not known is said to be."""

from __future__ import annotations

from monitor.analysis.timeline.drop_kinds import DropKind
from monitor.commands.drop_kinds_text import drop_kind_lines, drop_kind_row


def test_a_row_tells_both_times() -> None:
    row = drop_kind_row(DropKind("media", "silence", 3, 1.9))
    assert row == ("media", "silence", "3", "after 1.9 s", "after 7.6 s")


def test_what_is_not_told_or_known_is_said() -> None:
    row = drop_kind_row(DropKind("", "reported", 1, None))
    assert row == ("(unnamed)", "reported", "1", "-", "not known")


def test_a_table_for_a_terminal_and_none_without_a_drop() -> None:
    assert list(drop_kind_lines([])) == []
    title, head, row = drop_kind_lines([DropKind("signalling", "ping_timeout", 2, 9.0)])
    assert "by kind" in title
    assert "a real softphone notices" in head
    assert "after 9.0 s" in row
    assert "after 58.0 s" in row
