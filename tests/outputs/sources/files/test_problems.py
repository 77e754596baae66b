"""Problems: their lines, what is forgiven, and values that could do harm to a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.outputs.sources.files.problems import Problems, UnusableFiles, shown

FILE = Path("drops.csv")


def test_a_line_says_where_what_and_what_was_there() -> None:
    problems = Problems(skip_bad=False)
    problems.add(FILE, 3, "time", "not a time; one is needed", "soon")
    assert problems.lines == ("drops.csv:3:time: not a time; one is needed (got 'soon')",)
    with pytest.raises(UnusableFiles):
        problems.check()


def test_what_is_forgiven_is_counted() -> None:
    problems = Problems(skip_bad=True)
    problems.add(FILE, 3, "-", "no row")
    problems.check()
    assert problems.count == 1
    problems.add(FILE, 4, "-", "no zone", fatal=True)
    with pytest.raises(UnusableFiles) as error:
        problems.check()
    assert len(error.value.lines) == 2


def test_values_are_shown_cut_and_harmless() -> None:
    assert shown("\x1b[2J\udcff\u202e" + "x" * 100) == "'\\x1b[2J\\udcff\\u202e" + "x" * 54 + "'..."
