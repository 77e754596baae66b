"""Cells as names, words, numbers and truths."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.outputs.sources.files import cells
from monitor.outputs.sources.files.cells import Names, NoNameError, Rows, Words, name_of
from monitor.outputs.sources.files.problems import BadColumn


def rows(*texts: str, column: str = "value") -> Rows:
    """One column of cells."""
    return Rows({column: texts}, len(texts))


def places_of(error: pytest.ExceptionInfo[BadColumn]) -> list[int]:
    """Where the bad cells are."""
    return [cell.place for cell in error.value.cells]


def test_numbers_with_blanks_around_and_without() -> None:
    found = rows("1", " 2.5 ", "", " ", "1e3").numbers("value")
    assert np.array_equal(found, [1, 2.5, np.nan, np.nan, 1000], equal_nan=True)
    assert rows("", "3").numbers("value", blank=7.0).tolist() == [7, 3]
    assert Rows({}, 2).numbers("value", blank=7.0).tolist() == [7, 7]


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1,5", "x", "0x10"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadColumn) as error:
        rows("1", text, "").numbers("value")
    assert places_of(error) == [1]


def test_truths() -> None:
    assert rows("", "true", "No", "YES", "1", "0").flags("value").tolist() == [False, True, False, True, True, False]
    with pytest.raises(BadColumn):
        rows("maybe").flags("value")


def test_names_are_one_line_cut_and_text() -> None:
    assert name_of("  a\tb\r\n c ") == "a b  c"
    assert len(name_of("x" * 300)) == cells.LONGEST_NAME
    for text in ("a\0", "a\udcff"):
        with pytest.raises(NoNameError):
            name_of(text)


def test_places_of_names_are_those_of_the_evidence() -> None:
    names = Names(EvidenceBuilder().code)
    assert rows("", "ann", " ann ", "bob", column="agent").places("agent", names).tolist() == [0, 1, 1, 2]
    with pytest.raises(BadColumn) as error:
        rows("ann", "b\0", "c\0", column="agent").places("agent", names)
    assert places_of(error) == [1, 2]


def test_the_number_of_names_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_NAMES", 2)
    with pytest.raises(BadColumn) as error:
        rows("a", "b", "c", column="agent").places("agent", Names(EvidenceBuilder().code))
    assert error.value.cells[0].what == "too many different names; at most 2 are allowed"


def test_words_and_their_default() -> None:
    kinds = Words(("disconnect", "sample"), "disconnect")
    assert rows("", " Sample", "disconnect").places("value", kinds).tolist() == [0, 1, 0]
    assert Rows({}, 2).places("value", kinds).tolist() == [0, 0]


def test_some_rows_of_a_chunk_tell_their_places_in_it() -> None:
    some = rows("1", "x", "3").only(np.array([1, 2]))
    assert some.texts("value") == ["x", "3"]
    with pytest.raises(BadColumn) as error:
        some.numbers("value")
    assert places_of(error) == [1]
    with pytest.raises(BadColumn) as error:
        some.check(np.array([True, False]), "value", "wrong")
    assert places_of(error) == [2]
