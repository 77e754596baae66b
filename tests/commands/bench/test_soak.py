"""The hour's arithmetic, and the section on one call for a moment."""

from __future__ import annotations

import pytest

from monitor.commands.bench.soak import Seen, Size, measured, row

TOLD = {"packets_received": 1000, "wall_s": 10.0, "peers": 2, "losses": 1}


def test_growth_is_that_of_the_second_half() -> None:
    seen: Seen = [(0.0, 1000), (60.0, 5000), (120.0, 9000), (180.0, 9012), (240.0, 9024), (300.0, 9036)]
    told = row("near", seen, TOLD)
    assert told["kb_per_s"] == pytest.approx(0.2)
    assert (told["first_kb"], told["last_kb"], told["losses"]) == (1000, 9036, 1)
    assert told["delivered"] == pytest.approx(1.0)


def test_where_the_system_tells_no_memory_no_growth_is_told() -> None:
    told = row("near", [], TOLD)
    assert told["kb_per_s"] is told["first_kb"] is told["last_kb"] is None


async def test_both_ends_are_watched_while_they_talk() -> None:
    told = await measured(lambda words: None, Size(peers=1, seconds=0.5, every_s=0.2))
    rows = told["rows"]
    assert isinstance(rows, list)
    assert [one["process"] for one in rows] == ["near", "far"]
    assert all(one["delivered"] > 0 for one in rows)
    assert len({len(one["own_kb"]) for one in rows}) == 1
