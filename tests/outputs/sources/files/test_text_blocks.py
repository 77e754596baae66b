"""Blocks of whole lines: nothing is lost, lines that are too long excepted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from evidence_files import file_of

from monitor.outputs.sources.files import text_blocks
from monitor.outputs.sources.files.text_blocks import NoText, TextBlocks


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK_CHARACTERS", 7)
    monkeypatch.setattr(text_blocks, "LONGEST_LINE", 20)


def blocks(file: Path) -> tuple[list[str], list[int]]:
    """The blocks, and the lines that were too long."""
    with closing(TextBlocks(file)) as text:
        return list(text), text.too_long


@pytest.mark.parametrize("text", ["a\nbb\nccc\n", "a\r\nb\r\n", "no end", "\n\n\n", "0123456789\nabc\n0123456789"])
def test_lines_stay_whole(tmp_path: Path, text: str) -> None:
    found, too_long = blocks(file_of(tmp_path, "a", text))
    assert "".join(found) == text.replace("\r\n", "\n")
    assert all(block.endswith("\n") for block in found[:-1])
    assert too_long == []


@pytest.mark.parametrize("length", [40, 45, 400])
def test_a_line_too_long_leaves_an_empty_one(tmp_path: Path, length: int) -> None:
    found, too_long = blocks(file_of(tmp_path, "a", "one\n" + "x" * length + "\nthree\n" + "y" * length))
    assert "".join(found).splitlines() == ["one", "", "three"]
    assert too_long == [2, 4]


def test_bytes_that_are_no_utf_8_stay_apart(tmp_path: Path) -> None:
    assert blocks(file_of(tmp_path, "a", b"\xff\n"))[0] == ["\udcff\n"]


def test_pieces_are_the_text_cut_anywhere(tmp_path: Path) -> None:
    with closing(TextBlocks(file_of(tmp_path, "a", "x" * 16))) as text:
        assert list(text.pieces()) == ["x" * 7, "x" * 7, "xx"]


def test_what_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoText, match="empty"):
        TextBlocks(file_of(tmp_path, "a", ""))
