"""The page's memory as a whole: what a snapshot holds, what an update tells, and that nothing is told twice."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from live_facts import SITE, T0, drop, lag, media, ping

from monitor.facts.clock import ManualClock
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import ConnectionChanged, MonitorStarted, ProcessEnded, SilenceObserved
from monitor.web.live.attempts import ProbeName
from monitor.web.live.data import LiveData, PageOptions
from monitor.web.live.feeds import TRACKS
from monitor.web.live.rings import AHEAD_S, WINDOWS

OPTIONS = PageOptions(site=SITE, probes=(ProbeName("beat", "heartbeat"),), agents=("a1",))
START = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=T0)


@pytest.fixture
def clock() -> ManualClock:
    """A clock at T0."""
    return ManualClock(wall_s=T0)


@pytest.fixture
def data(clock: ManualClock) -> LiveData:
    """Memory with nothing in it."""
    return LiveData(OPTIONS, clock)


def connection(connected: bool) -> ConnectionChanged:
    return ConnectionChanged(site=SITE, probe="a1", at_wall_s=T0, agent="a1", connected=connected)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_an_empty_snapshot_is_whole_and_valid_json(data: LiveData, window: Any) -> None:
    _, told = data.snapshot(window.name)
    json.dumps(told, allow_nan=False)
    assert (told["from"], told["to"], told["step_s"]) == (T0 - window.length_s, T0, window.step_s)
    assert set(told["tracks"]) == set(TRACKS)
    assert all(columns["t"] == [] for columns in told["tracks"].values())
    assert (told["drops"], told["drops_total"], told["runs"], told["starts"], told["suspects"]) == ([], 0, [], [], [])
    assert [layer["layer"] for layer in told["state"]["layers"]] == [
        *("signalling", "ice", "media", "api", "publish", "monitor")
    ]


def test_every_window_has_what_happened_in_it(data: LiveData, clock: ManualClock) -> None:
    data.observe(ping(T0 - 3600))
    data.observe(ping())
    data.observe(drop())
    counts = {w.name: sum(data.snapshot(w.name)[1]["tracks"]["ws_rtt"]["n"]) for w in WINDOWS}
    assert counts == {"15m": 1, "2h": 2, "24h": 2}
    _, told = data.snapshot("15m")
    assert (told["drops"][0]["agent"], told["drops_total"]) == ("a1", 1)


def test_an_update_tells_only_what_is_new(data: LiveData, clock: ManualClock) -> None:
    data.observe(ping(T0 - 100))
    data.observe(drop(T0 - 100))
    data.marker(START)
    change, _ = data.snapshot("15m")
    assert set(data.update("15m", change)[1]) == {"now", "state"}
    clock.advance(2.0)
    data.observe(media(T0 + 2))
    change, told = data.update("15m", change)
    assert set(told) == {"now", "state", "tracks"}
    assert set(told["tracks"]) == {"media_rtt", "media_jitter", "media_loss"}
    data.observe(drop(T0 + 2))
    data.marker(Marker(job="weekly", run_id="r1", phase=MarkerPhase.END, at_wall_s=T0 + 2))
    data.observe(MonitorStarted(site=SITE, probe="", at_wall_s=T0 + 2, version="1", simulated=True))
    change, told = data.update("15m", change)
    assert [one["at"] for one in told["drops"]] == [T0 + 2]
    assert told["drops_total"] == 2
    assert [run["end"] for run in told["runs"]] == [T0 + 2]
    assert told["starts"] == [T0 + 2]
    assert set(data.update("15m", change)[1]) == {"now", "state"}


def test_suspect_time_is_told_when_it_becomes_known(data: LiveData, clock: ManualClock) -> None:
    change, _ = data.snapshot("15m")
    clock.advance(1.0)  # the state is found anew twice a second at most
    data.observe(lag(lag_s=0.4))
    change, told = data.update("15m", change)
    ((start, end),) = told["suspects"]
    assert (start, end) == (T0 // 60 * 60, T0 // 60 * 60 + 60)  # whole at once: nobody is told again when it has ended
    assert told["state"]["suspect"]
    assert told["state"]["lag_max_s"] == 0.4


def test_who_is_connected(data: LiveData, clock: ManualClock) -> None:
    def connected() -> tuple[int, int]:
        clock.advance(1.0)  # the state is found anew twice a second at most
        state = data.snapshot("15m")[1]["state"]
        return state["connected"], state["expected"]

    assert connected() == (0, 1)
    data.observe(connection(True))
    assert connected() == (1, 1)
    data.observe(ProcessEnded(site=SITE, probe="", at_wall_s=T0, process="shard0", exit_status=1))
    assert connected() == (1, 1)
    data.observe(ProcessEnded(site=SITE, probe="", at_wall_s=T0, process="prober", exit_status=1))
    assert connected() == (0, 1)


def test_which_session_is_silent_until_it_is_heard_or_dropped(data: LiveData, clock: ManualClock) -> None:
    def told() -> bool:
        clock.advance(1.0)
        return "1 silent now" in data.snapshot("15m")[1]["state"]["layers"][0]["words"]

    def silence(silent: bool) -> SilenceObserved:
        return SilenceObserved(site=SITE, probe="a1", at_wall_s=T0, agent="a1", silent=silent, seconds=9.0)

    data.observe(connection(True))
    seen = [told()]
    for fact in (silence(True), silence(False), silence(True), connection(False)):
        data.observe(fact)
        seen.append(told())
    assert seen == [False, True, False, True, False]


def test_what_is_restored_says_nothing_about_now(data: LiveData) -> None:
    data.restore([connection(True), lag(T0 - 30, 0.4), ping(T0 - 30)])
    _, told = data.snapshot("15m")
    assert told["state"]["connected"] == 0
    assert not told["state"]["suspect"]
    assert told["tracks"]["ws_rtt"]["n"] == [1]
    assert told["suspects"]


def test_a_day_is_restored_after_a_clock_that_was_ahead(data: LiveData) -> None:
    data.restore(ping(T0 + minute * 60) for minute in range(1, 30))  # half an hour of it
    data.restore(ping(T0 - minute * 60) for minute in range(24 * 60 + 1))
    _, told = data.snapshot("24h")
    assert sum(told["tracks"]["ws_rtt"]["n"]) == 24 * 60 + 1


def test_readers_and_writers_at_once(data: LiveData) -> None:
    def write() -> None:
        for n in range(2000):
            data.observe(ping(T0 - n % 900))

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    change, told = data.snapshot("15m")
    counted = dict(zip(told["tracks"]["ws_rtt"]["t"], told["tracks"]["ws_rtt"]["n"], strict=True))
    while any(thread.is_alive() for thread in threads):
        change, told = data.update("15m", change)
        columns = told.get("tracks", {}).get("ws_rtt", {"t": [], "n": []})
        counted.update(zip(columns["t"], columns["n"], strict=True))
    _, told = data.update("15m", change)
    columns = told.get("tracks", {}).get("ws_rtt", {"t": [], "n": []})
    counted.update(zip(columns["t"], columns["n"], strict=True))
    assert sum(counted.values()) == 6000


def test_a_drop_that_is_told_a_little_ahead_of_our_clock_is_told(data: LiveData) -> None:
    change, _ = data.snapshot("15m")
    data.observe(drop(T0 + AHEAD_S - 1))
    _, told = data.update("15m", change)
    assert (len(told["drops"]), told["drops_total"]) == (1, 1)
    assert len(data.snapshot("15m")[1]["drops"]) == 1


def test_a_publish_that_is_told_ahead_of_time_runs_when_it_begins(data: LiveData, clock: ManualClock) -> None:
    def publish() -> str:
        layers = {one["layer"]: one["words"] for one in data.snapshot("15m")[1]["state"]["layers"]}
        return str(layers["publish"])

    data.marker(replace(START, at_wall_s=T0 + 60))
    change, told = data.snapshot("15m")
    assert (publish(), told["runs"]) == ("no publish in the last 24 hours", [])
    clock.advance(61.0)
    change, told = data.update("15m", change)
    assert [run["job"] for run in told["runs"]] == ["weekly"]
    assert publish().startswith("weekly is running")
    assert "runs" not in data.update("15m", change)[1]


def test_the_number_of_the_settings_grows_with_each_reload_and_over_a_restart(
    data: LiveData, clock: ManualClock
) -> None:
    def settings(one: LiveData) -> int:
        return int(one.snapshot("15m")[1]["state"]["settings"])

    first = settings(data)
    data.expect(OPTIONS)
    assert settings(data) == first + 1  # at once, though the state is found anew twice a second at most
    clock.advance(60.0)
    assert settings(LiveData(OPTIONS, clock)) > first + 1


def test_a_reload_is_taken_over(data: LiveData) -> None:
    change, _ = data.snapshot("15m")
    data.expect(PageOptions(site=SITE, agents=("a1", "a2")))
    assert data.change > change
    assert data.probes() == []
    assert data.probe("beat") is None
