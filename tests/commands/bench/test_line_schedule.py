"""The delay line's plan: what leaves when, and what never does."""

from __future__ import annotations

import pytest

from monitor.commands.bench.line_schedule import Schedule, Shape


def planned(shape: Shape, packets: int = 1000, every_s: float = 0.02) -> list[tuple[int, float]]:
    """Each packet that is not lost, with how long it is held."""
    schedule: Schedule[int] = Schedule(shape)
    for number in range(packets):
        schedule.take(number, number * every_s)
    return [(held.item, held.due_mono_s - held.arrived_mono_s) for held in schedule.due(1e9)]


def test_a_packet_leaves_when_its_delay_is_over_and_not_before() -> None:
    schedule: Schedule[str] = Schedule(Shape(0.01))
    assert schedule.next_mono_s is None
    assert schedule.take("one", 5.0)
    assert schedule.next_mono_s == pytest.approx(5.01)
    assert schedule.due(5.0099) == []
    (held,) = schedule.due(5.0101)
    assert (held.item, held.arrived_mono_s) == ("one", 5.0)
    assert schedule.due(9.0) == []
    assert schedule.next_mono_s is None


def test_packets_that_arrive_together_keep_their_order() -> None:
    schedule: Schedule[int] = Schedule(Shape(0.01))
    for number in range(50):
        schedule.take(number, 1.0)
    assert [held.item for held in schedule.due(2.0)] == list(range(50))


def test_jitter_is_a_uniform_share_of_its_width() -> None:
    held_s = [seconds for _, seconds in planned(Shape(0.01, 0.01, seed=7))]
    assert min(held_s) >= 0.01
    assert max(held_s) <= 0.02
    assert sum(held_s) / len(held_s) == pytest.approx(0.015, abs=0.0005)


def test_jitter_wider_than_the_spacing_lets_packets_overtake_unless_ordered() -> None:
    free = [item for item, _ in planned(Shape(0.0, 0.1, seed=1))]
    stream = [item for item, _ in planned(Shape(0.0, 0.1, seed=1, ordered=True))]
    assert free != sorted(free)
    assert stream == sorted(stream) == sorted(free)


def test_the_seed_decides_which_packets_are_lost() -> None:
    kept = [item for item, _ in planned(Shape(loss=0.1, seed=3))]
    assert kept == [item for item, _ in planned(Shape(loss=0.1, seed=3))]
    assert kept != [item for item, _ in planned(Shape(loss=0.1, seed=4))]
    assert 850 <= len(kept) <= 950


def test_losses_are_counted_and_do_not_shift_the_fates_of_others() -> None:
    schedule: Schedule[int] = Schedule(Shape(loss=1.0))
    assert not schedule.take(1, 0.0)
    assert schedule.lost == 1
    calm, lossy = dict(planned(Shape(0.0, 0.01, seed=5))), dict(planned(Shape(0.0, 0.01, 0.2, seed=5)))
    assert all(calm[item] == seconds for item, seconds in lossy.items())


@pytest.mark.parametrize(("delay_s", "jitter_s", "loss"), [(-0.1, 0, 0), (0, -0.1, 0), (0, 0, 1.1)])
def test_no_line_is_faster_than_nothing_or_loses_more_than_all(delay_s: float, jitter_s: float, loss: float) -> None:
    with pytest.raises(ValueError, match="no line"):
        Shape(delay_s, jitter_s, loss)
