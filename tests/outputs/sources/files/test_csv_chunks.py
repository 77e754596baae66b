"""CSV text as columns: plain, quoted and ragged text give the rows that the csv module gives, at their lines."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.outputs.sources.files.csv_chunks import csv_header, csv_rows
from monitor.outputs.sources.files.header import HeaderError

HEAD = "a,b,c\n"


def rows_of(*texts: str) -> tuple[list[tuple[int, tuple[str, ...]]], list[tuple[int, str]]]:
    """Rows with their lines, and what was told of others."""
    told: list[tuple[int, str]] = []
    form, rest = csv_header(iter(texts))
    rows = csv_rows(rest, form, lambda line, what: told.append((line, what)))
    found = [pair for part in rows for pair in zip(part.lines, zip(*part.columns, strict=True), strict=True)]
    return found, told


_cell = st.text(st.sampled_from('ab1 ;"\n\u00e9\x0b\u2028'), max_size=4)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(_cell, _cell, _cell), max_size=6), quote=st.booleans(), cut=st.integers(0, 50))
def test_what_the_csv_module_writes_is_read(rows: list[tuple[str, str, str]], quote: bool, cut: int) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL).writerows(rows)
    text = out.getvalue()
    at = text.find("\n", cut) + 1  # a block ends with a line, which may lie within a quoted field
    found, told = rows_of(HEAD, text[:at], text[at:])
    assert [row for _, row in found] == rows
    assert told == []
    line = 2
    for at_line, row in found:
        assert at_line == line
        line += 1 + "".join(row).count("\n")


def test_a_row_of_another_length_is_told_and_the_others_are_read() -> None:
    found, told = rows_of(HEAD + "1,2,3\n1,2\n\n4,5,6\n", "7,8,9,10\n7,8,9,,\n")
    assert found == [(2, ("1", "2", "3")), (5, ("4", "5", "6")), (7, ("7", "8", "9"))]
    assert [line for line, _ in told] == [3, 6]


def test_an_unclosed_quote_costs_one_row_at_the_next_quote() -> None:
    found, told = rows_of(HEAD + '1,"2,3\n4,5,6\n7,"8",9\n10,11,12\n')
    assert [line for line, _ in told] == [2]
    assert found == [(5, ("10", "11", "12"))]


def test_a_single_column_with_blank_lines() -> None:
    assert rows_of("time\na\n\nb\n")[0] == [(2, ("a",)), (4, ("b",))]
    assert rows_of("\n\ntime\na")[0] == [(4, ("a",))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header_outside_quotes(delimiter: str) -> None:
    form, _ = csv_header(iter([delimiter.join(['"a,b;c,d;e"', "f", "g"]) + "\n"]))
    assert form.names == ("a,b;c,d;e", "f", "g")


@pytest.mark.parametrize("text", ["", "\n", '"open\n', '"a"b,c\n'])
def test_what_has_no_header(text: str) -> None:
    with pytest.raises(HeaderError):
        csv_header(iter([text]))
