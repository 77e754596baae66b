"""Samples, timeouts and drops find their block; a timeout ranks and is never averaged."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis.experiment.blocks import Block, Cell, Drop, Sample, Table, Timeout, tabulate

BLOCKS = (Block(0, "publish", 100.0, 110.0), Block(1, "none", 115.0, 125.0))
S = "s"


def table(
    samples: list[Sample] | None = None, timeouts: list[Timeout] | None = None, drops: list[Drop] | None = None
) -> Table:
    return tabulate(BLOCKS, {S: samples or []}, {S: timeouts or []}, drops or [], [S])


def cells(samples: list[Sample] | None = None, timeouts: list[Timeout] | None = None) -> list[Cell]:
    return [row.cells[S] for row in table(samples, timeouts).rows]


@pytest.mark.parametrize(
    ("began_s", "ended_s", "block"),
    [
        (104, 105, 0),
        (99, 100.5, 0),  # reaches in from before
        (109, 112, 0),  # began in it
        (109, 116, 0),  # began in it, although it ended in the next
        (112, 116, 1),
        (90, 130, 0),  # reaches into both: the first
        (111, 112, None),  # in the wash-out
        (90, 99, None),
        (110, 111, None),  # the end belongs to the wash-out
        (126, 127, None),
    ],
)
def test_an_attempt_belongs_to_the_block_it_began_in_or_else_reaches_into(
    began_s: float, ended_s: float, block: int | None
) -> None:
    found = [cell.samples for cell in cells([Sample(ended_s, ended_s - began_s)])]
    assert found == [int(block == 0), int(block == 1)]
    found = [cell.timeouts for cell in cells(None, [Timeout(ended_s, ended_s - began_s)])]
    assert found == [int(block == 0), int(block == 1)]


def test_the_median_is_over_trusted_samples() -> None:
    samples = [Sample(101, 0.3), Sample(102, 0.1), Sample(103, 0.2), Sample(104, 9.0, suspect=True)]
    assert cells(samples)[0] == Cell(samples=3, suspect=1, timeouts=0, median_s=0.2)


@pytest.mark.parametrize("value_s", [0.0, -0.1, math.inf])
def test_what_is_no_latency_is_left_out_and_counted(value_s: float) -> None:
    assert cells([Sample(101, 0.2), Sample(105, value_s)])[0] == Cell(1, 1, 0, 0.2)


def test_a_timeout_ranks_above_everything_measured_and_its_length_enters_nothing() -> None:
    samples = [Sample(101, 0.1), Sample(102, 0.2), Sample(103, 0.3)]
    assert cells(samples, [Timeout(104, 0.5)])[0].median_s == 0.25
    assert cells(samples, [Timeout(104, 3.9)])[0].median_s == 0.25
    two = cells(samples, [Timeout(104, 1), Timeout(106, 1)])[0]
    assert (two.median_s, two.censored) == (0.3, False)
    three = cells(samples, [Timeout(104, 1), Timeout(106, 1), Timeout(107, 1)])[0]
    assert (three.median_s, three.censored, three.empty) == (None, True, False)


def test_an_empty_cell_is_not_a_censored_one() -> None:
    cell = cells()[1]
    assert (cell.empty, cell.censored, cell.median_s) == (True, False, None)


@pytest.mark.parametrize(
    ("drop", "homes"),
    [
        (Drop(104, 105), [1, 0, 0]),
        (Drop(90, 112), [1, 0, 0]),
        (Drop(112, 130), [0, 1, 0]),
        (Drop(111, 114), [0, 0, 1]),  # in the wash-out
        (Drop(105, 120), [0, 0, 1]),  # may lie in either arm
    ],
)
def test_a_drop_lies_between_last_good_and_noticed(drop: Drop, homes: list[int]) -> None:
    found = table(drops=[drop])
    assert [*(row.drops for row in found.rows), found.drops_elsewhere] == homes


@given(st.lists(st.tuples(st.floats(80, 140), st.floats(0.001, 20), st.booleans()), max_size=40))
def test_every_sample_is_counted_at_most_once(attempts: list[tuple[float, float, bool]]) -> None:
    found = cells([Sample(*attempt) for attempt in attempts])
    assert sum(cell.samples + cell.suspect for cell in found) <= len(attempts)


def test_rows_are_in_order_of_time() -> None:
    found = tabulate(BLOCKS[::-1], {}, {}, [], [S])
    assert [row.block.index for row in found.rows] == [0, 1]


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([Block(0, "both", 0, 1)], "block 0: arm 'both' is neither publish nor none"),
        ([Block(0, "none", 1, 1)], "block 0 ends before it starts"),
        ([Block(0, "none", 1, math.nan)], "block 0 ends before it starts"),
        ([Block(0, "none", 0, 2), Block(1, "none", 1, 3)], "block 1 starts before block 0 has ended"),
        ([Block(0, "none", 0, 1), Block(0, "none", 2, 3)], "two blocks have one index"),
    ],
)
def test_senseless_blocks_are_refused(blocks: list[Block], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tabulate(blocks, {}, {}, [], [S])
