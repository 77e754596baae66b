"""Facts and markers to evidence: windows with their arms, head counts, own lag, simulated or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.failures import Reason, failure
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import (
    ConnectionChanged,
    GatheringObserved,
    HeartbeatObserved,
    MonitorStarted,
    OwnLagObserved,
    PhaseObserved,
    ProcessEnded,
)
from monitor.outputs.sources.observed import facts_evidence

T0 = 1_790_000_000.0
ABOUT: dict[str, Any] = {"site": "here", "probe": "p"}
PING = HeartbeatObserved(**ABOUT, at_wall_s=T0, channel="xmpp", outcome="ok", rtt_s=0.01)
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0)
END = replace(START, phase=MarkerPhase.END, at_wall_s=T0 + 60)
LAG = OwnLagObserved(**ABOUT, at_wall_s=T0, process="prober", lag_samples_s=(0.3,))


def up(agent: str, second: float, connected: bool = True) -> ConnectionChanged:
    """An agent's session goes up, or down."""
    return ConnectionChanged(**ABOUT, at_wall_s=T0 + second, agent=agent, connected=connected)


def test_a_window_takes_its_arm_from_the_attributes_of_its_markers() -> None:
    told = {"arm": "none", "block": "b1", "randomised": "True"}
    (window,) = facts_evidence([replace(START, attributes=told), replace(END, attributes={"block": "b2"})]).windows
    assert (window.arm, window.block, window.randomised) == ("none", "b2", True)


def test_a_window_without_attributes_is_a_publish_that_nobody_dealt() -> None:
    (window,) = facts_evidence([START, END]).windows
    assert (window.arm, window.block, window.randomised, window.calls) == ("publish", "", False, None)


@pytest.mark.parametrize(("of_end", "calls"), [({"calls": "307"}, 307.0), ({}, 20.0), ({"calls": "many"}, 20.0)])
def test_calls_come_from_the_end_or_from_the_batches(of_end: dict[str, str], calls: float) -> None:
    batches = [
        replace(START, phase=MarkerPhase.BATCH, at_wall_s=T0 + n, attributes={"calls": "10"}) for n in (1.0, 2.0)
    ]
    (window,) = facts_evidence([START, *batches, replace(END, attributes=of_end)]).windows
    assert window.calls == calls


def test_a_run_that_goes_on_ends_with_what_is_known() -> None:
    (window,) = facts_evidence([START, replace(PING, at_wall_s=T0 + 30)]).windows
    assert (window.start_s, window.end_s) == (T0, T0 + 30)


def test_own_lag_of_a_measuring_process_makes_a_suspect_stretch() -> None:
    evidence = facts_evidence([LAG])
    assert evidence.suspects == (Stretch(T0 - 30, T0 + 30, "here"),)
    assert evidence.series[signals.LOOP_LAG].value.tolist() == [0.3]


@pytest.mark.parametrize("harmless", [replace(LAG, process="main"), replace(LAG, lag_samples_s=(0.25,))])
def test_lag_that_falsifies_nothing_makes_none(harmless: OwnLagObserved) -> None:
    assert facts_evidence([harmless]).suspects == ()


def test_a_process_starved_three_times_in_a_minute_makes_a_suspect_stretch() -> None:
    starved = replace(LAG, lag_samples_s=(0.004,), waited_s=0.05, turns=110)
    twice = [replace(starved, at_wall_s=T0 + second) for second in (0.0, 20.0)]
    assert facts_evidence([*twice, replace(starved, at_wall_s=T0 + 61)]).suspects == ()
    evidence = facts_evidence([*twice, replace(starved, at_wall_s=T0 + 40)])
    assert evidence.suspects == (Stretch(T0 - 30, T0 + 70, "here"),)


def test_a_simulated_start_makes_all_simulated() -> None:
    start = MonitorStarted(**ABOUT, at_wall_s=T0, version="1", simulated=True)
    assert facts_evidence([start, PING]).simulated
    assert not facts_evidence([replace(start, simulated=False), PING]).simulated


@pytest.mark.parametrize(
    "gone",
    [
        MonitorStarted(**ABOUT, at_wall_s=T0 + 5, version="1", simulated=False),
        ProcessEnded(**ABOUT, at_wall_s=T0 + 5, process="prober", exit_status=1),
    ],
)
def test_sessions_go_with_the_process_that_held_them(gone: MonitorStarted | ProcessEnded) -> None:
    heads = facts_evidence([up("a", 0), up("b", 1), gone, up("a", 9)]).heads
    assert heads.count.tolist() == [1, 2, 0, 1]


def test_another_process_takes_no_session_with_it() -> None:
    gone = ProcessEnded(**ABOUT, at_wall_s=T0 + 5, process="shard0", exit_status=1)
    assert facts_evidence([up("a", 0), gone, up("a", 9, connected=False)]).heads.count.tolist() == [1, 0]


def test_a_failed_attempt_has_a_reason_and_no_value() -> None:
    failed = PhaseObserved(
        **ABOUT, at_wall_s=T0, phase="ice_servers", seconds=None, failure=failure("ice_servers", Reason.TIMEOUT)
    )
    evidence = facts_evidence([failed])
    series = evidence.series[signals.ICE_SERVERS]
    assert np.isnan(series.value).all()
    assert [evidence.names[code] for code in series.outcome] == ["timeout"]


def test_a_gathering_tells_of_every_server() -> None:
    answers = (
        ServerResult("s:1", "stun", "udp", ServerOutcome.OK, 0.02, "10.0.0.1:5"),
        ServerResult("t:1", "turns", "tls", ServerOutcome.AUTH, None),
    )
    host = (CandidateType.HOST,)
    gathering = GatheringObserved(
        **ABOUT,
        at_wall_s=T0,
        servers="platform",
        signature=Signature.NO_RELAY,
        wanted=host,
        obtained=host,
        results=answers,
        seconds=0.1,
    )
    evidence = facts_evidence([gathering])
    told = {
        signal: (evidence.names[series.target[0]], evidence.names[series.outcome[0]])
        for signal, series in evidence.series.items()
    }
    assert told == {
        signals.ICE_GATHERING: ("platform", "no_relay"),
        signals.STUN_RTT: ("s:1/udp", "ok"),
        signals.TURN_ALLOCATE: ("t:1/tls", "auth"),
    }


def test_nothing_told_is_no_evidence() -> None:
    evidence = facts_evidence([])
    assert (evidence.span, evidence.windows, dict(evidence.series)) == (None, (), {})
