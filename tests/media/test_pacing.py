"""The sending grid, by invented times."""

from __future__ import annotations

from monitor.media.pacing import SUB_SLOTS, Grid, slots_of


def test_in_time_each_sub_slot_is_served_once_and_none_is_skipped() -> None:
    grid, served = Grid(100.0, 0.02), []
    for step in range(40):
        serve, skip = grid.take(100.0 + step * 0.005)
        assert not skip
        served += serve
    assert served == list(range(40))


def test_a_wake_before_the_time_serves_nothing() -> None:
    grid = Grid(100.0, 0.02)
    grid.take(100.0)
    assert grid.take(100.004) == (range(0), range(0))
    assert grid.next_mono_s == 100.005


def test_after_a_stall_one_slot_is_served_and_the_rest_is_skipped() -> None:
    grid = Grid(100.0, 0.02)
    grid.take(100.0)
    serve, skip = grid.take(100.1021)
    assert list(serve) == [17, 18, 19, 20]  # one turn for each portion, however long it was
    assert list(skip) == list(range(1, 17))
    assert [list(slots_of(skip, portion)) for portion in range(SUB_SLOTS)] == [
        [1, 2, 3, 4],
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [0, 1, 2, 3],
    ]
    assert list(grid.take(100.1051)[0]) == [21]


def test_slots_of_nothing() -> None:
    assert not slots_of(range(5, 5), 0)
    assert not slots_of(range(5, 8), 0)
    assert list(slots_of(range(5, 9), 0)) == [2]
