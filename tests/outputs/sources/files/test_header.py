"""Which column is which: forgiving about how names are written, strict about two of them."""

from __future__ import annotations

import pytest

from monitor.outputs.sources.files.header import HeaderError, header_of, listed, plain

KNOWN = ("time", "last_good", "agent")


@pytest.mark.parametrize("name", ["last_good", " Last Good ", "LAST-GOOD", "\ufefflast  good"])
def test_how_names_may_be_written(name: str) -> None:
    assert plain(name) == "last_good"


def test_a_name_that_was_given_wins_over_our_own() -> None:
    header = header_of(["time", "When", "Agent"], KNOWN, ("time",), {"time": "when"})
    assert dict(header.places) == {"time": 1, "agent": 2}
    assert header.told_as("time") == "When"
    assert header.told_as("-") == "-"
    assert header.ignored == ("time",)


def test_a_name_that_is_not_there_leaves_our_own() -> None:
    header = header_of(["time"], KNOWN, ("time",), {"time": "When", "start": "Begin"})
    assert dict(header.places) == {"time": 0}
    assert header.missing == ("When",)


@pytest.mark.parametrize("names", [["agent"], ["time", "Time"], []])
def test_columns_that_cannot_be_told_apart(names: list[str]) -> None:
    with pytest.raises(HeaderError):
        header_of(names, KNOWN, ("time",), {})


def test_a_long_list_is_cut() -> None:
    assert listed(map(str, range(12))) == ", ".join(f"'{n}'" for n in range(10)) + " and 2 more"
