"""The sending grid, by invented times."""

from __future__ import annotations

from monitor.media.pacing import SUB_SLOTS, Grid, slots_of

SUB_S = 0.02 / SUB_SLOTS


def test_in_time_each_sub_slot_is_served_once_and_none_is_skipped() -> None:
    grid, served = Grid(100.0, 0.02), []
    for step in range(10 * SUB_SLOTS):
        serve, skip = grid.take(100.0 + step * SUB_S)
        assert not skip
        served += serve
    assert served == list(range(10 * SUB_SLOTS))


def test_a_wake_before_the_time_serves_nothing() -> None:
    grid = Grid(100.0, 0.02)
    grid.take(100.0)
    assert grid.take(100.0 + 0.8 * SUB_S) == (range(0), range(0))
    assert grid.next_mono_s == 100.0 + SUB_S


def test_after_a_stall_one_slot_is_served_and_the_rest_is_skipped() -> None:
    grid = Grid(100.0, 0.02)
    grid.take(100.0)
    late = 5 * SUB_SLOTS
    serve, skip = grid.take(100.0 + late * SUB_S + 0.0001)
    assert list(serve) == list(range(late - SUB_SLOTS + 1, late + 1))  # one turn for each portion, however long it was
    assert list(skip) == list(range(1, late - SUB_SLOTS + 1))
    assert [list(slots_of(skip, portion)) for portion in range(SUB_SLOTS)] == [
        [1, 2, 3, 4],
        *([[0, 1, 2, 3]] * (SUB_SLOTS - 1)),
    ]
    assert list(grid.take(100.0 + (late + 1) * SUB_S + 0.0001)[0]) == [late + 1]


def test_slots_of_nothing() -> None:
    one_slot = SUB_SLOTS
    assert not slots_of(range(5, 5), 0)
    assert not slots_of(range(one_slot + 1, 2 * one_slot), 0)
    assert list(slots_of(range(one_slot + 1, 2 * one_slot + 1), 0)) == [2]
