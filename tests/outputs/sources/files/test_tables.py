"""Tables by the ending of their file, as chunks that can be thinned out."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_files import file_of

from monitor.outputs.sources.files.problems import Problems
from monitor.outputs.sources.files.tables import Chunk, Layout, chunks

LAYOUT = Layout(("time", "agent"), ("time",))


def read(path: Path, given: dict[str, str] | None = None) -> tuple[list[Chunk], Problems, list[str]]:
    """The chunks of a file, its problems and warnings."""
    problems, warnings = Problems(skip_bad=True), list[str]()
    return list(chunks(path, LAYOUT, given or {}, problems, warnings)), problems, warnings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "time,x\n1,2\n"),
        ("a.tsv", "x\tTime\n2\t1\n"),
        ("a", "time;x\n1;2\n"),
        ("a.JSONL", '{"time": "1", "x": 2}\n'),
    ],
)
def test_a_table_by_its_ending(tmp_path: Path, name: str, text: str) -> None:
    (chunk,), problems, warnings = read(file_of(tmp_path, name, text))
    assert list(chunk.columns["time"]) == ["1"]
    assert problems.count == 0
    assert warnings == [f"{tmp_path / name}: columns that mean nothing here are ignored: 'x'"]


def test_a_chunk_without_some_rows(tmp_path: Path) -> None:
    (chunk,), *_ = read(file_of(tmp_path, "a.csv", "time,agent\n1,a\n2,b\n3,c\n"))
    left = chunk.without([1])
    assert (left.columns["agent"], left.lines) == (["a", "c"], [2, 4])
    assert left.header.told_as("agent") == "agent"


def test_a_line_too_long_is_told_where_it_is(tmp_path: Path) -> None:
    text = "time,agent\n1,a\n2," + "x" * 1_400_000 + "\n3,c\n"
    found, problems, _ = read(file_of(tmp_path, "a.csv", text))
    assert [time for chunk in found for time in chunk.columns["time"]] == ["1", "3"]
    assert problems.lines[0].startswith(f"{tmp_path / 'a.csv'}:3:-: longer than 1000000 characters")
