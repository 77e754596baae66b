"""Agents write to one server: their external labels change nothing, and a monitor scraped by two counts once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitor.facts import signals
from monitor.facts.evidence import Evidence
from monitor.facts.failures import Layer
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import ConnectionChanged, Disconnected, HeartbeatObserved, OwnLagObserved
from monitor.outputs.sources.prometheus import reading
from tests.outputs.sources.prometheus.scraped_monitors import EVERY_S, T0, Scraped, read, rows

ABOUT: dict[str, Any] = {"site": "here", "probe": "p", "at_wall_s": T0}
PING = HeartbeatObserved(**ABOUT, channel="xmpp", outcome="ok", rtt_s=0.03)
DROP = Disconnected(
    **ABOUT, layer=Layer.SIGNALLING, reason="ping_timeout", last_good_wall_s=T0, noticed_wall_s=T0, agent="a"
)
LAG = OwnLagObserved(**ABOUT, process="prober", lag_samples_s=(0.0, 0.001, 0.3))
UP = ConnectionChanged(**ABOUT, agent="a", connected=True)
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0 + 20)
END = replace(START, phase=MarkerPhase.END, at_wall_s=T0 + 50)
PAIR = ({"replica": "1"}, {"replica": "2"})


def told(monitor: Scraped) -> Scraped:
    """The monitor after a while in which a little of everything happened."""
    monitor.between(UP, START)
    monitor.between(PING, PING, LAG)
    monitor.between(DROP, END)
    monitor.quiet(8)
    return monitor


def counted(evidence: Evidence) -> tuple[int, list[float], list[float], list[float], int]:
    """Drops, pings, lag samples, head counts, windows."""
    pings, lag = ([many for *_, many in rows(evidence, signal)] for signal in (signals.WS_RTT, signals.LOOP_LAG))
    return len(evidence.drops), pings, lag, evidence.heads.count.tolist(), len(evidence.windows)


PLAIN = (1, [2.0], [1.0], [0.0, 1.0], 1)


@pytest.mark.parametrize("label", ["replica", "prometheus_replica", "__replica__"])
def test_what_two_replicas_tell_counts_once(label: str) -> None:
    external = ({label: "1", "site": "here"}, {label: "2", "site": "here"})
    assert counted(read(told(Scraped(agents=("a",))))) == PLAIN
    assert counted(read(told(Scraped(agents=("a",), external=external)))) == PLAIN


def test_replicas_that_are_kept_apart_are_told_of() -> None:
    words = "keeps the samples of several replicas"
    assert any(words in warning for warning in read(told(Scraped(external=PAIR))).warnings)
    assert not any(words in warning for warning in read(told(Scraped(external=PAIR[:1]))).warnings)


def test_two_monitors_of_a_site_are_no_replicas() -> None:
    north, south = (told(Scraped(instance=name, external=({"replica": "1"},))) for name in ("n:1", "s:1"))
    assert len(read(north, south).drops) == 2


def test_a_site_that_the_agent_names_otherwise_loses_nothing() -> None:
    monitor = told(Scraped(agents=("a",), external=({"site": "elsewhere", "replica": "1"},)))
    evidence = read(monitor)
    assert counted(evidence) == PLAIN
    assert evidence.series[signals.LOOP_LAG].site[0] == evidence.code("here")


def test_the_replica_that_lacks_nothing_is_read() -> None:
    monitor = Scraped(external=PAIR)
    monitor.quiet(5)
    monitor.external = PAIR[1:]
    told(monitor)
    evidence = read(monitor)
    assert len(evidence.drops) == 1
    assert evidence.gaps == ()


def test_a_replica_is_read_for_a_whole_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Scraped(external=PAIR)
    for scrape in range(80):
        monitor.external = PAIR[1:] if scrape % 40 in (10, 11) else PAIR  # the first is away for little, several times
        monitor.between(PING, DROP)
    monkeypatch.setattr(reading, "SCRAPES_AT_ONCE", 40.0)
    monkeypatch.setattr(reading, "LEAST_STRETCH_S", 20 * EVERY_S)
    evidence = read(monitor)
    assert len(evidence.drops) == 80
    assert sum(many for *_, many in rows(evidence, signals.WS_RTT)) == 80
