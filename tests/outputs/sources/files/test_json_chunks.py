"""JSON Lines as columns."""

from __future__ import annotations

from evidence_files import json_lines

from monitor.outputs.sources.files.json_chunks import json_rows

KNOWN = ("time", "value", "agent")


def columns(text: str, given: dict[str, str] | None = None) -> tuple[dict[str, list[str]], list[str], list[int]]:
    """The columns of a text, the keys that were ignored, the lines that were told."""
    ignored: dict[str, None] = {}
    told: list[int] = []
    (rows,) = json_rows([text], KNOWN, given or {}, ignored, lambda line, _: told.append(line))
    return {name: column for name, column in rows.columns.items() if name in KNOWN}, list(ignored), told


def test_plain_values_are_the_texts_of_a_csv() -> None:
    text = json_lines({"Time": "t", "value": 0.5}, {"time": 3, "agent": True, "value": None}, {"x": [1]})
    found, ignored, told = columns(text)
    assert found == {"time": ["t", "3", ""], "value": ["0.5", "", ""], "agent": ["", "true", ""]}
    assert (ignored, told) == (["x"], [])


def test_a_key_that_was_given_wins_in_any_order() -> None:
    for row in ({"time": "no", "When": "yes"}, {"When": "yes", "time": "no"}):
        assert columns(json_lines(row), {"time": "when"})[0]["time"] == ["yes"]


def test_lines_that_are_no_rows_are_told_and_blank_ones_passed_over() -> None:
    found, _, told = columns('{"time": 1}\n\n[]\n{"time": {}}\nx\n{"time": 2}\n')
    assert found["time"] == ["1", "2"]
    assert told == [3, 4, 5]
