"""Values of large JSON documents, one at a time, however the text is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.outputs.sources.analytics import json_values
from monitor.outputs.sources.analytics.json_values import JsonValues, NoJson


def cut(text: str, size: int) -> Iterator[str]:
    """The text in pieces."""
    return (text[at : at + size] for at in range(0, len(text), size))


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(_values.map(lambda value: {"v": value}), max_size=4),
    size=st.integers(1, 30),
    indent=st.none() | st.just(1),
)
def test_every_way_to_write_a_list_gives_its_values(values: list[Any], size: int, indent: int | None) -> None:
    page = {"conversations": values, "totalHits": 3, "aggregations": [{"a": {}}]}
    texts = [json.dumps(values, indent=indent), json.dumps(page, indent=indent)]
    texts += ["\n".join(json.dumps(value, indent=indent) for value in values), texts[1] + "\n" + texts[1]]
    for text, times in zip(texts, (1, 1, 1, 2), strict=True):
        assert [value for _, value in JsonValues(cut(text, size))] == values * times


def test_each_value_comes_with_its_line() -> None:
    assert list(JsonValues(cut('[1,\n\n22,\n{"a":\n1}]\n3', 2))) == [(1, 1), (3, 22), (4, {"a": 1}), (6, 3)]


@pytest.mark.parametrize(
    "text", ["[1", '{"conversations": [', '{"a": 1', "garbage", "[" * 200_000, '{"conversations": [1] x', "}", '[{"a":']
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(NoJson):
        list(JsonValues(cut(text, 1000)))


def test_a_value_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "LARGEST_VALUE", 100)
    with pytest.raises(NoJson, match="within 100 characters"):
        list(JsonValues(cut('["' + "x" * 10_000, 10)))
