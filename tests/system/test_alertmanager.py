"""Who is told what, and when: simulated histories, a real Prometheus and a real Alertmanager, a minute in a second."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from datetime import time as clock_time
from functools import cache
from pathlib import Path

import httpx
import pytest
from system.alertmanager import Arrival, alertmanager, evaluating, webhook
from system.replay import Replay, replay, served

from monitor.facts.failures import Layer
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import ConnectionChanged, Disconnected, HeartbeatObserved, Observation, PhaseObserved
from monitor.outputs.metrics import MetricsOptions
from monitor.simulator.history.history import HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]  # each history takes its time, however busy the machine

FACTOR = 60.0
SITES = {"chicago": 90, "dallas": 60}
PLAN = HistoryPlan(start=date(2026, 9, 15), weeks=1, days="tue-tue", hours=(clock_time(9, 50), clock_time(12, 10)))
SEED = 3
AT_ONCE = 3
MINUTE = 60.0
BEFORE_S, AFTER_S = 3 * MINUTE, 14 * MINUTE  # of the publish's start; its window is closed 11 min after it
LIMIT_S = 120 * MINUTE
PAGES = ("on-call", "on-call-chicago")
Told = list[Observation | Marker]


@dataclass(slots=True)
class Run:
    """What came of one history. Times are seconds since the publish began.

    arrivals: at the webhook, in order. first_seen: when Alertmanager first had each alert, by name, site and state.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    first_seen: dict[tuple[str, str, str], float] = field(default_factory=dict)

    @property
    def pages(self) -> list[Arrival]:
        """What arrived at somebody who is on call."""
        return [one for one in self.arrivals if one.receiver in PAGES]

    def first(self, name: str) -> int:
        """The place in the arrivals at which an alert was first told of."""
        return [one.name for one in self.arrivals].index(name)

    def states(self, name: str) -> set[str]:
        """The states that Alertmanager ever had of it: active, suppressed."""
        return {state for one, _, state in self.first_seen if one == name}

    def seen_s(self, name: str) -> float:
        """When Alertmanager first had it."""
        return min(at_s for (one, _, _), at_s in self.first_seen.items() if one == name)


@cache
def history(scenario: str) -> tuple[Told, float]:
    """A Tuesday morning's facts at two sites, and when the publish began."""
    two_sites = load_scenario(scenario).model_copy(update={"sites": SITES})
    told: Told = list(facts(two_sites, PLAN, SEED))
    return told, next(one.at_wall_s for one in told if isinstance(one, Marker))


def outage(told: Iterable[Observation | Marker], site: str, from_s: float) -> Iterator[Observation | Marker]:
    """From then on no softphone of the site is connected."""
    agents: dict[str, ConnectionChanged] = {}
    begun = False
    for one in told:
        if isinstance(one, ConnectionChanged) and one.site == site:
            agents.setdefault(one.agent, one)
        if not begun and one.at_wall_s >= from_s:
            begun = True
            for agent, known in agents.items():
                about = {"site": site, "probe": known.probe, "at_wall_s": from_s, "agent": agent}
                yield Disconnected(
                    **about, layer=Layer.SIGNALLING, reason="reset", last_good_wall_s=from_s, noticed_wall_s=from_s
                )
                yield ConnectionChanged(**about, connected=False)
        if isinstance(one, Marker) or one.site != site or not begun:
            yield one
        elif isinstance(one, HeartbeatObserved):
            yield replace(one, outcome="not_connected", rtt_s=None)
        elif not isinstance(one, ConnectionChanged | Disconnected | PhaseObserved):
            yield one


def around(told: Told, begin_s: float, end_s: float) -> Told:
    """What is told between these moments, and just before them who is connected, and that a publish began."""
    before = [one for one in told if one.at_wall_s < begin_s]
    latest = {one.agent: one for one in before if isinstance(one, ConnectionChanged)}
    return [
        *(one for one in before if isinstance(one, Marker)),
        *(replace(one, at_wall_s=begin_s - 1) for one in latest.values()),
        *(one for one in told if begin_s <= one.at_wall_s <= end_s),
    ]


def saturating() -> tuple[Replay, float]:
    """The publish slows the softphones' signalling down, and many drop."""
    told, began_s = history("publish_saturates_signalling")
    return _replay(told, began_s, began_s - BEFORE_S, began_s + AFTER_S), began_s


def innocent() -> tuple[Replay, float]:
    """The same load where REST and signalling share nothing."""
    told, began_s = history("publish_innocent")
    return _replay(told, began_s, began_s - BEFORE_S, began_s + AFTER_S), began_s


def outage_in_window() -> tuple[Replay, float]:
    """An innocent publish, and half a minute after its start one site is lost for good."""
    told, began_s = history("publish_innocent")
    told = list(outage(told, "chicago", began_s + 30))
    return _replay(told, began_s, began_s - BEFORE_S, began_s + AFTER_S), began_s


def fleet_lost_in_window() -> tuple[Replay, float]:
    """The same at both sites."""
    told, began_s = history("publish_innocent")
    told = list(outage(outage(told, "chicago", began_s + 30), "dallas", began_s + 30))
    return _replay(told, began_s, began_s - BEFORE_S, began_s + AFTER_S), began_s


def fleet_lost() -> tuple[Replay, float]:
    """The same where nobody publishes."""
    told, began_s = history("publish_innocent")
    told = [one for one in told if not isinstance(one, Marker)]
    told = list(outage(outage(told, "chicago", began_s + 30), "dallas", began_s + 30))
    return _replay(told, began_s, began_s - BEFORE_S, began_s + AFTER_S - 5 * MINUTE), began_s


def lost_end_marker() -> tuple[Replay, float]:
    """A publish that has told no end for 105 min when the monitor is first seen, and then one site is lost."""
    told, began_s = history("publish_innocent")
    told = [one for one in told if not (isinstance(one, Marker) and one.phase is MarkerPhase.END)]
    told = list(outage(told, "chicago", began_s + LIMIT_S - 13 * MINUTE))
    return _replay(told, began_s, began_s + LIMIT_S - 15 * MINUTE, began_s + LIMIT_S + 4 * MINUTE), began_s


def _replay(told: Told, began_s: float, begin_s: float, end_s: float) -> Replay:
    options = MetricsOptions(simulated=True, publish_limit_s=7 * 86400.0)  # this monitor never corrects a lost end
    return replay(around(told, begin_s, end_s), tuple(SITES), begin_s, end_s, FACTOR, options)


HISTORIES = (saturating, innocent, outage_in_window, fleet_lost_in_window, fleet_lost, lost_end_marker)


def run(directory: Path, one: Replay, began_s: float) -> Run:
    """Let a history pass, and see who is told what."""
    found = Run()
    directory.mkdir()
    with (
        served(one) as target,
        webhook(lambda: one.now_s() - began_s, found.arrivals) as url,
        alertmanager(directory, url, FACTOR) as address,
        evaluating(directory, dict.fromkeys(SITES, target), address, FACTOR),
        httpx.Client(base_url=f"http://{address}", trust_env=False) as http,
    ):
        while one.now_s() < one.end_s:
            for alert in http.get("/api/v2/alerts").json():
                labels = alert["labels"]
                key = labels["alertname"], labels.get("site", ""), alert["status"]["state"]
                found.first_seen.setdefault(key, one.now_s() - began_s)
            time.sleep(0.1)  # Alertmanager tells nobody when it suppresses
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Several histories at once: what takes the time is the clock. More of them, and two cores fall behind it."""
    directory = tmp_path_factory.mktemp("alerting")
    prepared = [(make.__name__, *make()) for make in HISTORIES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passing = {name: pool.submit(run, directory / name, one, began_s) for name, one, began_s in prepared}
        return {name: future.result() for name, future in passing.items()}


def names(arrivals: Iterable[Arrival], site: str | None = None) -> Sequence[str]:
    """Which alerts arrived, each once, in the order in which they first did."""
    return list(dict.fromkeys(one.name for one in arrivals if site is None or one.site == site))


def test_a_publish_that_does_harm_is_told_in_order_and_pages_nobody(runs: dict[str, Run]) -> None:
    found = runs["saturating"]
    assert found.pages == []
    for name in ("SoftphoneDisconnectsHigh", "SoftphoneSignallingBudgetBurn"):
        assert found.states(name) == {"suppressed"}  # it was there, and held back
        assert found.seen_s("SoftphonePublishInProgress") < found.seen_s(name)
        assert {one.site for one in found.arrivals if one.name == f"{name}DuringPublish"} == set(SITES)
    told = [name for name in names(found.arrivals) if name != "SoftphoneWatchdog"]
    assert set(told[:2]) == {"SoftphoneDisconnectsHighDuringPublish", "SoftphoneSignallingBudgetBurnDuringPublish"}
    # Then what waits for longer. Pings are slow for just about as long as that alert's range and `for` ask for.
    assert set(told[2:]) - {"SoftphoneHeartbeatSlow"} == {"SoftphoneIceServersFetchSlow"}
    assert {one.receiver for one in found.arrivals} == {"tickets", "watchdog"}


def test_an_innocent_publish_is_told_to_nobody(runs: dict[str, Run]) -> None:
    found = runs["innocent"]
    assert names(found.arrivals) == ["SoftphoneWatchdog"]
    assert found.states("SoftphonePublishInProgress") == {"active"}  # and yet it was noticed


def test_an_outage_of_one_site_that_begins_in_the_window_pages_when_it_is_over(runs: dict[str, Run]) -> None:
    found = runs["outage_in_window"]
    assert "suppressed" in found.states("SoftphoneSignallingDown")
    assert "SoftphoneSignallingDown" in names(found.pages, "chicago")
    assert {one.receiver for one in found.pages} == {"on-call-chicago"}
    assert found.first("SoftphoneSignallingDownDuringPublish") < found.first("SoftphoneSignallingDown")
    assert found.pages[0].at_s > 11 * MINUTE  # the run's minute, and ten


def test_the_loss_of_the_fleet_pages_inside_the_window_and_once_for_all_sites(runs: dict[str, Run]) -> None:
    found = runs["fleet_lost_in_window"]
    assert [(one.name, one.receiver) for one in found.pages] == [("SoftphoneFleetLost", "on-call")]
    assert "SoftphoneSignallingDown" in {name for name, _, _ in found.first_seen}  # for which it stands
    assert "100%" in found.pages[0].annotations["description"]


def test_the_loss_of_the_fleet_without_a_publish_is_one_page(runs: dict[str, Run]) -> None:
    found = runs["fleet_lost"]
    assert [(one.name, one.receiver) for one in found.pages] == [("SoftphoneFleetLost", "on-call")]
    assert found.pages[0].at_s < runs["fleet_lost_in_window"].pages[0].at_s - MINUTE  # 1 min against 5
    for name in ("SoftphoneSignallingDown", "SoftphoneSignallingBudgetBurn", "SoftphoneDisconnectsHigh"):
        assert found.states(name) == {"suppressed"}  # they are there, at both sites, and page nobody
        assert {site for one, site, _ in found.first_seen if one == name} == set(SITES)


def test_a_lost_end_marker_holds_pages_back_until_the_limit(runs: dict[str, Run]) -> None:
    found = runs["lost_end_marker"]
    assert "suppressed" in found.states("SoftphoneSignallingDown")
    assert "SoftphoneSignallingDown" in names(found.pages, "chicago")
    assert found.pages[0].at_s > LIMIT_S
    assert found.first("SoftphonePublishOverdue") < found.first("SoftphoneSignallingDown")
