"""One block in figures: what belongs to it, what is counted, what is never averaged."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.commands.block_values import ending_of, of_agents, of_facts, of_markers, publish_values
from monitor.facts.failures import Layer, Reason, failure
from monitor.facts.ice import Signature
from monitor.facts.observations import (
    ConnectionChanged,
    Disconnected,
    GatheringObserved,
    HeartbeatObserved,
    Observation,
    PhaseObserved,
)
from monitor.publish.flow.events import BatchDone, Ended, FlowEvent
from monitor.publish.flow.tally import Summary
from monitor.simulator.world.agent_events import AgentEvent


def event(at_s: float, kind: str, agent: int = 0, **more: Any) -> AgentEvent:
    """Something that happened to a softphone."""
    return AgentEvent(at_s, agent, "simulated", kind, **more)


def test_what_softphones_see_is_counted_from_the_start_and_latencies_to_the_end_of_the_window() -> None:
    events = [
        event(5.0, "ping_ok", seconds=9.0),  # before the block
        event(11.0, "ping_ok", seconds=0.1),
        event(12.0, "ping_ok", seconds=0.3),
        event(13.0, "ping_missed"),
        event(14.0, "extdisco_ok", seconds=0.5),
        event(15.0, "extdisco_failed", reason="timeout"),
        event(16.0, "gathered", reason="ok"),
        event(17.0, "gathered", reason="empty"),
        event(18.0, "dropped", agent=1),
        event(19.0, "dropped", agent=2, layer="media"),  # a call, no connection
        event(25.0, "ping_ok", seconds=8.0),  # after the window
        event(26.0, "dropped", agent=3),
        event(28.0, "connected", agent=1),
    ]
    values = of_agents(events, 10.0, 20.0, 30.0).values()
    assert values == {
        "ping_p95_s": 0.3,
        "ping_max_s": 0.3,
        "pings_missed": 1.0,
        "ice_p95_s": 0.5,
        "ice_max_s": 0.5,
        "ice_timeouts": 1.0,
        "gatherings_bad": 1.0,
        "drops": 2.0,
        "offline_s": 10.0 + 4.0,  # agent 1 for ten seconds, agent 3 to the end of the block
    }


def test_where_nothing_was_answered_there_is_no_latency() -> None:
    values = of_agents([event(1.0, "ping_missed")], 0.0, 10.0, 10.0).values()
    assert "ping_p95_s" not in values
    assert "ice_p95_s" not in values
    assert "gatherings_bad" not in values
    assert values["pings_missed"] == 1.0


def fact(kind: type[Observation], at_wall_s: float, **more: Any) -> Observation:
    """An observation of the monitor."""
    return kind(site="chicago", probe="p", at_wall_s=at_wall_s, **more)


def ping(at_wall_s: float, rtt_s: float | None = None, outcome: str = "ok", **more: Any) -> Observation:
    """A heartbeat over the softphone's own channel."""
    return fact(HeartbeatObserved, at_wall_s, **{"channel": "xmpp", "outcome": outcome, "rtt_s": rtt_s, **more})


def test_what_a_monitor_saw_leaves_out_other_channels_other_times_and_suspects() -> None:
    timed_out = failure("ice_servers", Reason.TIMEOUT)
    not_there = failure("ice_servers", Reason.NOT_CONNECTED)
    facts = [
        ping(999.0, 5.0),
        ping(1001.0, 0.02),
        ping(1002.0, 0.04),
        ping(1003.0, 0.09, lag_s=0.05),  # may be our own lag
        ping(1004.0, 3.0, channel="notification"),
        ping(1005.0, outcome="timeout"),
        ping(1006.0, outcome="late"),  # of the same ping
        ping(1007.0, outcome="not_connected"),
        fact(PhaseObserved, 1008.0, phase="ice_servers", seconds=0.2),
        fact(PhaseObserved, 1009.0, phase="ice_servers", seconds=None, failure=timed_out),
        fact(PhaseObserved, 1010.0, phase="ice_servers", seconds=None, failure=not_there),
        fact(PhaseObserved, 1011.0, phase="bind", seconds=7.0),
        fact(
            GatheringObserved,
            1012.0,
            servers="platform",
            signature=Signature.EMPTY,
            wanted=(),
            obtained=(),
            results=(),
            seconds=None,
        ),
        ping(1031.0, 4.0),
    ]
    values = of_facts(facts, 1000.0, 1030.0).values()
    assert values == {
        "ping_p95_s": 0.04,
        "ping_max_s": 0.04,
        "pings_missed": 1.0,
        "ice_p95_s": 0.2,
        "ice_max_s": 0.2,
        "ice_timeouts": 1.0,
        "gatherings_bad": 1.0,
        "drops": 0.0,
        "offline_s": 0.0,
    }


def drop(last_good_wall_s: float, noticed_wall_s: float, layer: Layer = Layer.SIGNALLING) -> Observation:
    """A lost connection."""
    return fact(
        Disconnected,
        noticed_wall_s,
        layer=layer,
        reason="ping_timeout",
        last_good_wall_s=last_good_wall_s,
        noticed_wall_s=noticed_wall_s,
        agent="synthetic-1",
    )


@pytest.mark.parametrize(
    ("found", "drops"),
    [
        (drop(990.0, 1001.0), 1.0),  # may have happened in the block
        (drop(1029.0, 1060.0), 1.0),
        (drop(990.0, 999.0), 0.0),
        (drop(1031.0, 1060.0), 0.0),
        (drop(1001.0, 1002.0, Layer.MEDIA), 0.0),
    ],
)
def test_a_drop_belongs_to_the_block_that_its_interval_meets(found: Observation, drops: float) -> None:
    assert of_facts([found], 1000.0, 1030.0).values()["drops"] == drops


def test_time_offline_is_cut_to_the_block() -> None:
    def changed(at_wall_s: float, agent: str, connected: bool) -> Observation:
        return fact(ConnectionChanged, at_wall_s, agent=agent, connected=connected)

    facts = [
        changed(990.0, "a", False),
        changed(1004.0, "a", True),
        changed(1010.0, "b", False),
        changed(1020.0, "c", True),  # nobody knows since when it was down
    ]
    assert of_facts(facts, 1000.0, 1030.0).values()["offline_s"] == pytest.approx(4.0 + 20.0)


def test_what_a_publish_took() -> None:
    summary = Summary(calls=12, statuses={"200": 9, "429": 3}, seconds=8.5, retry_after_s=40.0, stalled_s=6.0)
    assert publish_values(summary, 2, [0.1, 0.2, 0.9]) == {
        "publish_s": 8.5,
        "calls": 12.0,
        "limited": 3.0,
        "retry_after_s": 40.0,
        "stalled_s": 6.0,
        "api_p50_s": 0.2,
        "api_p95_s": 0.9,
        "failed_writes": 2.0,
    }
    assert "api_p50_s" not in publish_values(summary, 2, [])


def test_failed_writes_are_summed_over_batches() -> None:
    events: list[FlowEvent] = [BatchDone(n, (), 1.0, 1, {}, 0.0, 0.0, failed=n) for n in (1, 2)]
    assert ending_of(events) == (None, 3)
    ended = Ended("failed", Summary())
    assert ending_of([*events, ended]) == (ended, 3)


def test_what_an_end_marker_tells() -> None:
    told = {"calls": "25", "status_200": "25", "retry_after_seconds": "0.000", "stalled_seconds": "nan", "seconds": "x"}
    assert of_markers(told, 8.5) == {"publish_s": 8.5, "calls": 25.0, "retry_after_s": 0.0}
    assert of_markers({"calls": "many", "status_429": "-1"}, 1.0) == {"publish_s": 1.0}
