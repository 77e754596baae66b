"""The figures of docs/scaling.md and docs/placement.md are those that the commands they name print."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards.remote_write.peers import drops_table
from tests.dashboards.remote_write.sizes import counted, fleet_table

DOCS = Path(__file__).parents[3] / "docs"


def lines(name: str) -> list[str]:
    """The page's lines."""
    return (DOCS / name).read_text().splitlines()


def test_the_series_are_those_of_the_exposition() -> None:
    page = lines("scaling.md")
    for what, many in counted():
        assert f"| {what} | {many:,} |" in page


def test_the_arithmetic_for_many_sites_is_right() -> None:
    page = lines("scaling.md")
    assert [line for line in fleet_table() if line not in page] == []


def test_the_weeks_that_drops_need_are_those_of_the_verdict() -> None:
    page = lines("placement.md")
    assert [line for line in drops_table() if line not in page] == []
