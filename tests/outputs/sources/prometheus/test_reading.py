"""What a monitor's own metrics, scraped by a server, give as evidence: the same as its facts, to scrape and bucket."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.failures import Layer, Reason, failure
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import (
    ApiObserved,
    ConnectionChanged,
    Disconnected,
    GatheringObserved,
    HeartbeatObserved,
    OwnLagObserved,
    PhaseObserved,
    ProcessEnded,
)
from monitor.outputs.sources.prometheus.reading import read_prometheus
from tests.outputs.sources.prometheus.scraped_monitors import T0, Scraped, read, rows
from tests.promql_stub import Stored, serving

ABOUT: dict[str, Any] = {"site": "here", "probe": "p", "at_wall_s": T0}
PING = HeartbeatObserved(**ABOUT, channel="xmpp", outcome="ok", rtt_s=0.03)
DROP = Disconnected(
    **ABOUT, layer=Layer.SIGNALLING, reason="ping_timeout", last_good_wall_s=T0, noticed_wall_s=T0, agent="a"
)
LAG = OwnLagObserved(**ABOUT, process="prober", lag_samples_s=(0.0, 0.001, 0.3))
FETCH = PhaseObserved(**ABOUT, phase="ice_servers", seconds=0.2)
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0 + 20, strategy="steady")
END = replace(START, phase=MarkerPhase.END, at_wall_s=T0 + 50)


def test_a_ping_is_known_to_its_scrape_and_its_bucket() -> None:
    monitor = Scraped()
    monitor.between(PING, PING, replace(PING, outcome="timeout", rtt_s=None))
    monitor.quiet(2)
    between_edges = pytest.approx((0.025 * 0.05) ** 0.5)
    assert rows(read(monitor), signals.WS_RTT) == [(15, "ok", between_edges, 2), (15, "timeout", None, 1)]


def test_a_restart_loses_nothing_that_came_after_it() -> None:
    monitor = Scraped()
    monitor.between(PING, PING, PING)
    monitor.restart()
    monitor.between(PING, PING)
    assert [many for *_, many in rows(read(monitor), signals.WS_RTT)] == [3, 2]


def test_a_drop_lies_between_two_scrapes() -> None:
    monitor = Scraped(per_agent=True, agents=("a",))
    monitor.quiet(1)
    monitor.between(DROP, DROP)
    evidence = read(monitor)
    drops, names = evidence.drops, evidence.names
    assert drops.last_good_s.tolist() == [T0 + 15] * 2
    assert drops.noticed_s.tolist() == [T0 + 30] * 2
    assert [names[c[0]] for c in (drops.site, drops.agent, drops.layer, drops.reason)] == [
        "here",
        "a",
        "signalling",
        "ping_timeout",
    ]


def test_head_counts_follow_the_gauge() -> None:
    monitor = Scraped(per_agent=True, agents=("a", "b"))
    up = ConnectionChanged(**ABOUT, agent="a", connected=True)
    monitor.between(up, replace(up, agent="b"))
    monitor.quiet(1)
    monitor.between(replace(up, connected=False))
    heads = read(monitor).heads
    assert list(zip(heads.at_s - T0, heads.count, strict=True)) == [(0, 0), (15, 2), (45, 1)]


def test_a_run_is_a_window_however_many_monitors_were_told_of_it() -> None:
    monitors = [Scraped("north", "n:1", jobs=("weekly",)), Scraped("south", "s:1", jobs=("weekly",))]
    for monitor in monitors:
        monitor.quiet(2)
        monitor.between(START)
        monitor.between(END)
    (window,) = read(*monitors).windows
    assert (window.start_s, window.end_s) == (T0 + 20, T0 + 50)
    assert (window.job, window.run_id, window.strategy, window.arm) == ("weekly", "r1", "steady", "publish")


def test_a_run_without_an_end_goes_on() -> None:
    monitor = Scraped()
    monitor.quiet(2)
    monitor.between(START)
    assert read(monitor).windows[0].end_s == T0 + 45


def test_a_monitor_that_was_not_scraped_leaves_a_gap_and_no_samples_of_it() -> None:
    monitor = Scraped()
    monitor.quiet(4)
    monitor.metrics.observe(PING)
    monitor.metrics.observe(DROP)
    monitor.clock.advance(600.0)
    monitor.scrape()
    monitor.between(PING)
    evidence = read(monitor)
    assert evidence.gaps == (Stretch(T0 + 60, T0 + 660, "here"),)
    assert [at for at, *_ in rows(evidence, signals.WS_RTT)] == [675]
    assert (evidence.drops.last_good_s[0], evidence.drops.noticed_s[0]) == (T0 + 60, T0 + 660)


def test_a_site_that_came_late_was_not_measured_before() -> None:
    early, late = Scraped("early", "e:1"), Scraped("late", "l:1")
    early.quiet(20)
    late.stored = Stored()
    late.clock.advance(200.0)
    late.quiet(6)
    assert Stretch(T0, T0 + 215, "late") in read(early, late).gaps


def test_distrust_covers_the_minute_before_each_scrape() -> None:
    monitor = Scraped()
    monitor.between(LAG, ProcessEnded(**ABOUT, process="prober", exit_status=0))  # one that lived on would be stuck
    monitor.quiet(8)
    (stretch,) = read(monitor).suspects
    assert (stretch.start_s - T0, stretch.end_s - T0, stretch.site) == (-45, 60, "here")


def test_own_lag_is_told_where_it_is_worth_a_word() -> None:
    monitor = Scraped()
    monitor.between(LAG)
    assert rows(read(monitor), signals.LOOP_LAG) == [(15, "ok", pytest.approx((0.25 * 0.5) ** 0.5), 1)]
    assert read(monitor).series[signals.LOOP_LAG].site[0] == read(monitor).code("here")


def test_a_failed_phase_is_a_timeout_with_a_warning() -> None:
    monitor = Scraped()
    monitor.between(FETCH, replace(FETCH, seconds=None, failure=failure("ice_servers", Reason.TIMEOUT)))
    evidence = read(monitor)
    assert [(outcome, value is None) for _, outcome, value, _ in rows(evidence, signals.ICE_SERVERS)] == [
        ("ok", False),
        ("timeout", True),
    ]
    assert any("do not say why a phase failed" in warning for warning in evidence.warnings)


def test_requests_keep_their_status_the_refusals_being_quickest() -> None:
    ok = ApiObserved(**ABOUT, operation="users_me", status="200", seconds=0.3)
    limited = replace(ok, status="429", seconds=0.02)
    lost = replace(ok, status="timeout", seconds=None)
    monitor = Scraped()
    monitor.between(ok)
    monitor.between(ok, limited, lost)
    told = [(outcome, value is None or value < 0.1) for _, outcome, value, _ in rows(read(monitor), signals.API)]
    assert told == [("200", False), ("429", True), ("200", False), ("timeout", True)]
    evidence = read(monitor)
    assert evidence.names[evidence.series[signals.API].target[0]] == "users_me"


def gathering(signature: Signature, seconds: float | None, *answers: ServerResult) -> GatheringObserved:
    """One gathering from the platform's servers."""
    host = (CandidateType.HOST,)
    return GatheringObserved(
        **ABOUT,
        servers="platform",
        signature=signature,
        wanted=host,
        obtained=host,
        results=answers,
        seconds=seconds,
    )


def test_gatherings_that_waited_in_vain_have_no_time() -> None:
    monitor = Scraped()
    monitor.between(
        gathering(Signature.OK, 0.03), gathering(Signature.EMPTY, 0.003), gathering(Signature.HOST_ONLY, None)
    )
    told = {(outcome, value is None) for _, outcome, value, _ in rows(read(monitor), signals.ICE_GATHERING)}
    assert told == {("ok", False), ("empty", False), ("host_only", True)}


STUN = ServerResult("s:3478", "stun", "udp", ServerOutcome.OK, 0.02)
TURN = replace(STUN, scheme="turn")


@pytest.mark.parametrize(
    ("answers", "stun", "turn"),
    [
        ([STUN, replace(STUN, outcome=ServerOutcome.TIMEOUT, seconds=None)], {"ok": 1, "timeout": 1}, {}),
        (
            [STUN, TURN, STUN, replace(TURN, outcome=ServerOutcome.TIMEOUT, seconds=None)],
            {"ok": 2},
            {"ok": 1, "timeout": 1},
        ),
        ([STUN, TURN, replace(STUN, outcome=ServerOutcome.DNS, seconds=None), TURN], {"ok": 1, "dns": 1}, {"ok": 2}),
        ([STUN, replace(TURN, outcome=ServerOutcome.AUTH, seconds=None)], {"ok": 1}, {"auth": 1}),
        ([replace(TURN, transport="tls", outcome=ServerOutcome.TLS, seconds=None)], {}, {"tls": 1}),
        ([replace(TURN, outcome=ServerOutcome.AUTH, seconds=None), TURN], {}, {"ok": 1, "auth": 1}),
    ],
)
def test_results_of_servers_are_told_apart_by_what_answers(
    answers: list[ServerResult], stun: dict[str, float], turn: dict[str, float]
) -> None:
    monitor = Scraped()
    monitor.between(*(gathering(Signature.OK, 0.05, answer) for answer in answers))
    evidence = read(monitor)
    for signal, expected in ((signals.STUN_RTT, stun), (signals.TURN_ALLOCATE, turn)):
        found: Counter[str] = Counter()
        for _, outcome, _, many in rows(evidence, signal) if signal in evidence.series else ():
            found[outcome] += many  # type: ignore[assignment]
        assert found == expected


def test_the_simulator_is_told_from_a_platform() -> None:
    real, simulated = Scraped(), Scraped(simulated=True)
    for monitor in (real, simulated):
        monitor.quiet(1)
    assert not read(real).simulated
    assert read(simulated).simulated


def test_resolution_and_reach_of_the_source_are_told() -> None:
    monitor = Scraped()
    monitor.quiet(3)
    first, second = read(monitor, since_s=T0 - 7200).warnings
    assert "raw samples, one every 15 s" in first
    assert "the oldest sample is of 2026-09-21T14:13:20.000Z, though data since 2026-09-21T12:13:20.000Z" in second
    assert read(monitor).span == (T0, T0 + 45)


def test_a_server_without_a_monitor_says_so() -> None:
    with serving(Stored().answer) as url:
        evidence = read_prometheus(url, T0, T0 + 60, token="")
    assert evidence.span is None
    assert "holds no metric of a monitor in this period" in evidence.warnings[0]


def test_many_scrapes_are_read_in_stretches_with_nothing_lost_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Scraped()
    for _ in range(60):
        monitor.between(PING, DROP)
    whole = read(monitor)
    monkeypatch.setattr("monitor.outputs.sources.prometheus.reading.SCRAPES_AT_ONCE", 20.0)
    monkeypatch.setattr("monitor.outputs.sources.prometheus.reading.LEAST_STRETCH_S", 60.0)
    cut = read(monitor)
    assert len(whole.drops) == len(cut.drops) == 60
    assert rows(whole, signals.WS_RTT) == rows(cut, signals.WS_RTT)
