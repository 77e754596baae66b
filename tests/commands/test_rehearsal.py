"""A publish in virtual time: harm by mechanism, stalls by arithmetic, pairs by seed."""

from __future__ import annotations

from functools import cache

import pytest

from monitor.analysis.experiment.arm_report import Outcome
from monitor.commands.rehearsal import rehearse
from monitor.publish.plan.draw import simulated_steps
from monitor.publish.plan.model import Plan, Publish, Step, read_arm
from monitor.simulator.world.scenario import load_scenario

SATURATES, INNOCENT = "publish_saturates_signalling", "publish_innocent"
ARMS = ("none", "burst+sdk_default", "burst+none", "batch_single+sdk_default", "batch", "paced")
WRITES = ("presence", "routing_status", "presence")  # of 150 agents: 450 writes


@cache
def outcome(scenario: str, arm: str, seed: int = 1) -> Outcome:
    """One block of that arm."""
    arms = dict.fromkeys((*ARMS, arm))
    plan = Plan(
        plan=1,
        name="rehearsal",
        platform="simulated",
        scenario=scenario,
        seed=1,
        reference="none",
        publish=Publish(writes=WRITES),
        arms=tuple(read_arm(text) for text in arms),
        blocks=simulated_steps(1, ARMS, 1, 0),
    )
    step = Step(block=1, replicate=1, mode="virtual", arm=arm, seed=seed)
    return rehearse(plan, step, load_scenario(scenario))


@pytest.mark.parametrize("arm", ["burst+sdk_default", "batch_single+sdk_default"])
def test_a_burst_of_single_writes_drops_agents_who_all_come_back(arm: str) -> None:
    found = outcome(SATURATES, arm)
    assert found.values["drops"] > 10
    assert found.values["backlog_s"] > 15  # longer than a softphone waits for a pong
    assert found.values["offline_s"] > 0
    assert found.note == ""


@pytest.mark.parametrize("arm", ["none", "batch", "paced"])
def test_gentle_arms_drop_nobody(arm: str) -> None:
    values = outcome(SATURATES, arm).values
    assert (values["drops"], values["pings_missed"], values["ice_timeouts"]) == (0, 0, 0)


@pytest.mark.parametrize("arm", ARMS)
def test_where_nothing_is_shared_no_arm_harms_signalling(arm: str) -> None:
    values = outcome(INNOCENT, arm).values
    assert values["drops"] == 0
    assert values["ping_p95_s"] < 1.1 * outcome(INNOCENT, "none").values["ping_p95_s"]


def test_450_single_writes_stall_for_the_rest_of_the_rate_limit_window() -> None:
    """300 calls a minute: after some seconds of burst everything waits until the window ends, once."""
    values = outcome(SATURATES, "burst+sdk_default").values
    assert 60 < values["publish_s"] < 67
    assert 50 < values["stalled_s"] < 60
    assert values["failed_writes"] == 0
    assert values["limited"] == pytest.approx(values["retry_after_s"] / 54, rel=0.1)  # each lane waits about 54 s


def test_without_a_retry_the_writes_beyond_the_limit_are_lost() -> None:
    found = outcome(SATURATES, "burst+none")
    assert found.state == "failed"
    assert found.values["failed_writes"] == found.values["limited"] > 140
    assert found.values["stalled_s"] == 0


def test_batches_of_single_requests_stall_as_well() -> None:
    values = outcome(SATURATES, "batch_single+sdk_default").values
    assert 60 < values["publish_s"] < 80
    assert values["stalled_s"] > 35


def test_the_paced_arm_never_meets_the_limit() -> None:
    values = outcome(SATURATES, "paced").values
    assert (values["limited"], values["stalled_s"], values["failed_writes"]) == (0, 0, 0)
    assert 450 / 300 * 60 < values["publish_s"] < 180


def test_bulk_batches_are_over_in_no_time() -> None:
    values = outcome(SATURATES, "batch").values
    assert values["calls"] < 40
    assert values["limited"] == 0
    assert values["publish_s"] < 15


def test_a_seed_is_repeatable_and_another_one_differs() -> None:
    again = outcome.__wrapped__(SATURATES, "batch")
    assert again == outcome(SATURATES, "batch")
    assert outcome(SATURATES, "batch", seed=2).values != again.values


def test_waiting_for_quiet_hours_is_no_part_of_the_publish() -> None:
    """The rehearsal begins at 8:33 in Chicago."""
    values = outcome(SATURATES, "off_peak:window=09:00-17:00,tz=America/Chicago").values
    assert values["publish_s"] == pytest.approx(outcome(SATURATES, "batch").values["publish_s"], rel=0.1)
    assert values["drops"] == 0


def test_nothing_published_has_no_figures_of_a_publish() -> None:
    values = outcome(SATURATES, "none").values
    assert "publish_s" not in values
    assert values["ping_p95_s"] > 0
    assert values["ice_p95_s"] > 0
