"""The World's physics: work is conserved, queues fill and drain by mechanism alone, coupling 0 joins nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.simulator.world.scenario import Queue, Scenario, load_scenario
from monitor.simulator.world.world import MAX_LOAD_ARRIVALS, SIGNALLING_WORK, ServiceQueue, World

gaps = st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60)
seeds = st.integers(0, 2**32)


def scenario(coupling: float, **changes: object) -> Scenario:
    """The saturating platform with another coupling."""
    return load_scenario("publish_saturates_signalling").model_copy(update={"coupling": coupling, **changes})


def pings(world: World, gaps_s: list[float], *, rest_calls: int) -> list[float]:
    """Delays of a ping after each gap, with so many REST calls before each."""
    now_s, delays = 1000.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        for _ in range(rest_calls):
            world.rest_call(now_s, "users_me")
        delays.append(world.signalling_turn(now_s, "ping"))
    return delays


@given(gaps, seeds)
def test_at_coupling_0_signalling_is_the_same_with_and_without_rest_load(gaps_s: list[float], seed: int) -> None:
    quiet = pings(World(scenario(0.0), seed), gaps_s, rest_calls=0)
    loaded_world = World(scenario(0.0), seed)
    loaded_world.add_load(1000.0, 400.0, 30.0)
    assert pings(loaded_world, gaps_s, rest_calls=20) == quiet


@given(gaps, seeds, st.floats(0.0, 2.0), st.floats(0.001, 2.0))
def test_more_coupling_never_means_less_delay(gaps_s: list[float], seed: int, coupling: float, more: float) -> None:
    less = pings(World(scenario(coupling), seed), gaps_s, rest_calls=5)
    greater = pings(World(scenario(coupling + more), seed), gaps_s, rest_calls=5)
    assert all(high >= low - 1e-9 for low, high in zip(less, greater, strict=True))
    assert sum(greater) > sum(less)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.01, 20.0)), min_size=1, max_size=80))
def test_work_is_conserved(arrivals: list[tuple[float, float]]) -> None:
    queue = ServiceQueue("q", Queue(capacity=10.0, backlog_limit_s=3.0), 1)
    now_s, offered_s = 0.0, 0.0
    for gap_s, work in arrivals:
        now_s += gap_s
        queue.add(now_s, work)
        offered_s += work / 10.0
        backlog_s = queue.backlog_s(now_s)
        assert queue.accepted_s == pytest.approx(queue.done_s + backlog_s)
        assert queue.accepted_s + queue.turned_away_s == pytest.approx(offered_s)
        assert queue.done_s <= now_s + 1e-9  # one server cannot do more than real time
    assert queue.backlog_s(now_s + 1000.0) == 0.0
    assert queue.done_s == pytest.approx(queue.accepted_s)


@given(st.lists(st.floats(0.0, 0.2), min_size=2, max_size=50))
def test_first_come_first_served(gaps_s: list[float]) -> None:
    queue = ServiceQueue("q", Queue(capacity=10.0, backlog_limit_s=1000.0), 1)
    now_s, done_at = 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        wait_s = queue.add(now_s, 1.0)
        assert wait_s is not None
        done_at.append(now_s + wait_s)
    assert done_at == sorted(done_at)


def test_an_empty_queue_answers_within_its_jitter_around_its_base_time() -> None:
    world = World(scenario(1.0), 3)
    for step in range(200):
        delay_s = world.signalling_turn(100.0 * step, "ping")
        work_s = SIGNALLING_WORK["ping"] / 40.0
        assert 0.018 <= delay_s - work_s <= 0.022


def test_the_same_seed_gives_the_same_delays_and_another_seed_others() -> None:
    gaps_s = [0.1] * 20
    assert pings(World(scenario(1.0), 5), gaps_s, rest_calls=3) == pings(World(scenario(1.0), 5), gaps_s, rest_calls=3)
    assert pings(World(scenario(1.0), 5), gaps_s, rest_calls=3) != pings(World(scenario(1.0), 6), gaps_s, rest_calls=3)


def demo_load(name: str) -> dict[str, float]:
    """Delays before, at the end of, and 3 s after 8 REST calls a second for 5.5 s."""
    world = World(load_scenario(name), 1)
    delays = {
        "rest_before": world.rest_call(0.0, "users_me").delay_s,
        "ping_before": world.signalling_turn(5.0, "ping"),
        "ice_before": world.signalling_turn(6.0, "extdisco"),
    }
    for call in range(44):
        last = world.rest_call(10.0 + call / 8.0, "presence")
        world.fan_out(10.0 + call / 8.0, 1)
    delays["rest_end"] = last.delay_s
    delays["ping_end"] = world.signalling_turn(15.5, "ping")
    delays["ice_end"] = world.signalling_turn(15.5, "extdisco")
    delays["ping_after"] = world.signalling_turn(18.5, "ping")
    delays["ice_after"] = world.signalling_turn(19.0, "extdisco")
    return delays


def test_eight_calls_a_second_make_signalling_wait_for_seconds_and_3_s_later_it_is_over() -> None:
    seen = demo_load("publish_saturates_signalling")
    assert 2.0 < seen["ping_end"] < 4.0
    assert 2.0 < seen["ice_end"] < 4.0
    assert seen["ping_after"] < 1.3 * seen["ping_before"]
    assert seen["ice_after"] < 1.3 * seen["ice_before"]


def test_the_same_load_on_the_innocent_platform_slows_rest_alone() -> None:
    seen = demo_load("publish_innocent")
    assert seen["rest_end"] > 5 * seen["rest_before"]
    assert seen["ping_end"] < 1.3 * seen["ping_before"]
    assert seen["ice_end"] < 1.3 * seen["ice_before"]


def test_a_full_rest_queue_refuses_with_503_and_signalling_is_spared_the_refused_work() -> None:
    world = World(scenario(1.0), 1)
    statuses = [world.rest_call(0.0, "users_me").refused for _ in range(900)]
    served = statuses.count(None)
    assert set(statuses) == {None, 503}
    assert statuses == [None] * served + [503] * (900 - served)
    assert world.backlogs_s(0.0)[1] == pytest.approx(served / 40.0)
    assert world.rest_call(5.0, "users_me").refused is None


def test_a_wait_beyond_the_gateways_patience_ends_as_504_at_that_time() -> None:
    world = World(scenario(0.0, gateway_timeout_s=2.0), 1)
    admissions = [world.rest_call(0.0, "users_me") for _ in range(200)]
    late = [a for a in admissions if a.refused == 504]
    assert late
    assert {a.delay_s for a in late} == {2.0}


def test_load_arrives_at_its_own_pace_even_when_nobody_looks() -> None:
    looked_at, left_alone = World(scenario(1.0), 1), World(scenario(1.0), 1)
    for world in (looked_at, left_alone):
        assert world.add_load(0.0, 50.0, 6.0) == 300
    for tick in range(60):
        looked_at.backlogs_s(tick / 10.0)
    assert looked_at.backlogs_s(6.0) == pytest.approx(left_alone.backlogs_s(6.0))
    assert left_alone.backlogs_s(6.0)[1] > 1.0
    assert left_alone.backlogs_s(60.0) == (0.0, 0.0)


def test_two_loads_add_up() -> None:
    one, two = World(scenario(1.0), 1), World(scenario(1.0), 1)
    one.add_load(0.0, 100.0, 3.0)
    two.add_load(0.0, 50.0, 3.0)
    two.add_load(0.0, 50.0, 3.0)
    assert two.backlogs_s(3.0)[0] == pytest.approx(one.backlogs_s(3.0)[0], abs=0.05)


def test_a_load_beyond_what_can_be_counted_is_an_error() -> None:
    with pytest.raises(ValueError, match=str(MAX_LOAD_ARRIVALS)):
        World(scenario(1.0), 1).add_load(0.0, 10_000.0, 3600.0)


def test_events_reach_signalling_as_far_as_it_is_coupled() -> None:
    coupled, apart = World(scenario(7.0), 1), World(scenario(0.0), 1)
    for world in (coupled, apart):
        world.fan_out(0.0, 150)
    assert coupled.backlogs_s(0.0)[1] > 0.3
    assert apart.backlogs_s(0.0) == (0.0, 0.0)


def test_time_that_runs_backwards_changes_nothing() -> None:
    queue = ServiceQueue("q", Queue(capacity=1.0), 1)
    queue.add(10.0, 5.0)
    assert queue.backlog_s(9.0) == 5.0
    assert queue.backlog_s(12.0) == 3.0


def test_background_is_random_around_its_mean_and_the_same_for_one_seed() -> None:
    def accepted(seed: int) -> tuple[float, float]:
        world = World(scenario(0.0), seed)
        world.begin_background(0.0, rest_per_s=30.0, signalling_per_s=20.0, until_s=100.0)
        assert world.loaded(50.0)
        world.backlogs_s(200.0)
        assert not world.loaded(200.0)
        return world.rest.accepted_s, world.signalling.accepted_s

    assert accepted(1) == accepted(1) != accepted(2)
    rest_s, signalling_s = accepted(3)
    assert rest_s == pytest.approx(100.0 * 30.0 / 60.0, rel=0.1)
    assert signalling_s == pytest.approx(100.0 * 20.0 / 40.0, rel=0.1)


def test_background_above_capacity_fills_the_queue() -> None:
    world = World(scenario(0.0), 1)
    world.begin_background(0.0, signalling_per_s=60.0, until_s=20.0)
    assert world.backlogs_s(20.0)[1] == pytest.approx(10.0, abs=2.5)
    assert world.signalling_turn(20.0, "ping") > 5.0
    assert world.backlogs_s(60.0) == (0.0, 0.0)


def test_lasting_background_is_no_passing_load_and_can_be_skipped() -> None:
    world = World(scenario(0.0), 1)
    world.begin_background(0.0, rest_per_s=30.0)
    assert not world.loaded(10.0)
    done_s = world.rest.done_s
    world.skip(1_000_000.0)
    assert world.backlogs_s(1_000_000.0)[0] < 1.0
    assert world.rest.done_s - done_s < 10.0  # what was skipped did not arrive one by one
    world.backlogs_s(1_000_010.0)
    assert world.rest.accepted_s - done_s > 2.0  # and the flow goes on


def test_a_restart_loses_what_waits_and_refuses_connections_until_it_is_over() -> None:
    world = World(scenario(1.0), 1)
    for _ in range(100):
        world.signalling_turn(0.0, "connect")
    assert world.backlogs_s(0.0)[1] > 2.0
    world.stop_signalling(1.0, 5.0)
    assert world.backlogs_s(1.0)[1] == 0.0
    assert not world.signalling_up(5.9)
    assert world.signalling_up(6.0)
    assert world.signalling.accepted_s == pytest.approx(world.signalling.done_s + world.signalling.lost_s)
    assert world.signalling.lost_s > 1.0
