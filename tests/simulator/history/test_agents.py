"""What one softphone's events become as facts: as much as the live session tells of its own."""

from __future__ import annotations

from monitor.facts.failures import Layer, Reason
from monitor.facts.observations import Disconnected, PhaseObserved
from monitor.simulator.history.agents import AgentFacts
from monitor.simulator.world.agent_events import AgentEvent


def told_of(agent: int) -> list[object]:
    made = AgentFacts(
        {0: "agent-001", 1: "synthetic-lan"}, [1], shown_s=lambda at_s: 1000.0 + at_s, edge_s=lambda _: 0.01
    )
    event = AgentEvent(30.0, agent, "lan", "extdisco_failed", reason="timeout", detail="attempt", last_good_s=15.0)
    return list(made.of(event))


def test_a_socket_torn_down_for_want_of_ice_servers_is_a_drop_of_the_measured_softphone() -> None:
    phase, drop = told_of(1)
    assert isinstance(phase, PhaseObserved)
    assert isinstance(drop, Disconnected)
    assert (drop.layer, drop.reason, drop.agent) == (Layer.SIGNALLING, "ice_servers", "synthetic-lan")
    assert (drop.last_good_wall_s, drop.noticed_wall_s) == (1015.0, 1030.0)


def test_of_a_working_agent_the_drop_before_it_is_all() -> None:
    assert told_of(0) == []


def test_a_service_that_is_down_is_met_behind_the_edge_as_on_real_sockets() -> None:
    made = AgentFacts({1: "synthetic-lan"}, [1], shown_s=lambda at_s: 1000.0 + at_s, edge_s=lambda _: 0.01)
    told = list(made.of(AgentEvent(30.0, 1, "lan", "connecting", reason="refused", detail="soft")))
    phases = [(fact.phase, fact.seconds) for fact in told if isinstance(fact, PhaseObserved)]
    assert phases == [("tcp", 0.01), ("tls", 0.01), ("upgrade", None)]
    assert isinstance(told[-1], PhaseObserved)
    assert told[-1].failure is not None
    assert told[-1].failure.reason is Reason.RESET
