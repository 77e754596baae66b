"""Strict YAML: every surprise of YAML 1.1 is refused with its line, and no text can hurt the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.document import LARGEST_BYTES, read


def flaws(text: str | bytes) -> list[tuple[tuple[str | int, ...], int, str]]:
    document = read(text if isinstance(text, bytes) else text.encode())
    return [(flaw.path, flaw.line, flaw.allowed) for flaw in document.flaws]


def test_plain_values_keep_their_types() -> None:
    text = "a: 1\nb: -2.5\nc: true\nd: False\ne: ~\nf:\ng: text\nh: '1'\ni: [x, {y: 2}]\nj: |\n  yes\nk: 2026-11-24\n"
    document = read(text.encode())
    assert document.flaws == []
    assert document.data == {
        "a": 1,
        "b": -2.5,
        "c": True,
        "d": False,
        "e": None,
        "f": None,
        "g": "text",
        "h": "1",
        "i": ["x", {"y": 2}],
        "j": "yes\n",
        "k": "2026-11-24",
    }


def test_every_path_has_its_line() -> None:
    document = read(b"a:\n  - b: 1\n    c:\n      d: 2\ne: 3\n")
    assert document.line_of(("a", 0, "b")) == 2
    assert document.line_of(("a", 0, "c", "d")) == 4
    assert document.line_of(("e",)) == 5
    assert document.line_of(("a", 0, "not there")) == 2


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "NO", "y", "N"])
def test_words_that_yaml_1_1_takes_for_booleans_are_refused(word: str) -> None:
    assert flaws(f"x: 1\na: {word}\n") == [
        (("a",), 2, f"write true or false, or '{word}' in quotes when the text is meant")
    ]


@pytest.mark.parametrize("text", ["10:00", "1:30:00", "190:20:30.15", "-1:00"])
def test_numbers_to_base_60_are_refused(text: str) -> None:
    assert flaws(f"a: {text}\n") == [(("a",), 1, f"write '{text}' in quotes: unquoted it is a number to base 60")]


@pytest.mark.parametrize("text", ["010", "017", "0x1F", "0b11"])
def test_numbers_to_base_8_16_and_2_are_refused(text: str) -> None:
    assert flaws(f"a: {text}\n") == [(("a",), 1, f"write '{text}' in quotes, or a decimal number without leading zero")]


def test_quoted_surprises_are_text() -> None:
    document = read(b"a: 'yes'\nb: \"10:00\"\nc: '010'\n")
    assert document.flaws == []
    assert document.data == {"a": "yes", "b": "10:00", "c": "010"}


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    assert flaws("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n") == [
        (("b", "c"), 4, "the key is there already, in line 3"),
        (("a",), 5, "the key is there already, in line 1"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "allowed"),
    [
        ("a: &x 1\nb: *x\n", 1, "anchors (&) and aliases (*) are not allowed"),
        ("b: 1\na: *x\n", 2, "anchors (&) and aliases (*) are not allowed"),
        ("a: !!python/object:os.system x\n", 1, "tags (!) are not allowed"),
        ("[" * 50, 1, "nesting deeper than 20 is not allowed"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML: one document is needed, and another begins here"),
        ("a: b: c\n", 1, "not valid YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1\n", 2, "not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\nb: \x01\n", 2, "not valid YAML: a control character is not allowed"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8 text is needed"),
        ("? [a]\n: 1\n", 1, "a key must be a plain word"),
    ],
)
def test_what_is_no_plain_document_is_refused(text: str | bytes, line: int, allowed: str) -> None:
    assert flaws(text) == [((), line, allowed)]


def test_a_large_file_is_refused_unread() -> None:
    assert flaws(b"#" * (LARGEST_BYTES + 1)) == [((), 1, "a file of at most 1048576 bytes is needed")]
    assert flaws(b"#" * LARGEST_BYTES) == []


def test_a_byte_order_mark_and_windows_lines_are_fine() -> None:
    assert read(b"\xef\xbb\xbfa: 1\r\nb: x\r\n").data == {"a": 1, "b": "x"}


@given(st.binary(max_size=200) | st.text("ab: -[]{}&*!|>'\"\n\t#%@`,?~01:", max_size=200).map(str.encode))
def test_no_text_raises(content: bytes) -> None:
    document = read(content)
    assert document.flaws == [] or all(flaw.line >= 1 and flaw.allowed for flaw in document.flaws)
