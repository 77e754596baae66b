"""When a monitor was measuring: silence, restarts and ended processes are gaps, own lag is distrusted."""

from __future__ import annotations

from dataclasses import replace

from monitor.facts.evidence import Stretch
from monitor.facts.observations import AGENTS, IMPORTED, HeartbeatObserved, SlotSkipped
from monitor.outputs.sources.watched import SILENCE_S, Watched

T0 = 1_790_000_000.0
PING = HeartbeatObserved(site="here", probe="p", at_wall_s=T0, channel="xmpp", outcome="ok", rtt_s=0.01)
SKIPPED = SlotSkipped(site="here", probe="p", at_wall_s=T0)


def pings(watched: Watched, *seconds: float, site: str = "here", probe: str = "p") -> None:
    """Pings so many seconds after T0."""
    for second in seconds:
        watched.told(replace(PING, site=site, probe=probe, at_wall_s=T0 + second))


def test_silence_is_a_gap_when_it_is_longer_than_a_pause() -> None:
    watched = Watched()
    pings(watched, 0, 15, 30, 45, 45 + SILENCE_S, 46 + 2 * SILENCE_S)
    assert watched.gaps() == [Stretch(T0 + 45 + SILENCE_S, T0 + 46 + 2 * SILENCE_S, "here")]


def test_a_monitor_that_seldom_measures_is_silent_only_after_ten_of_its_intervals() -> None:
    watched = Watched()
    pings(watched, 0, 60, 120, 180, 180 + 600, 780 + 601)
    assert watched.gaps() == [Stretch(T0 + 780, T0 + 1381, "here")]


def test_a_site_that_came_late_or_went_early_was_not_measured_before_and_after() -> None:
    watched = Watched()
    pings(watched, 0, 15)
    pings(watched, 1000, 1015, site="late")
    pings(watched, *range(2000, 2016, 15))
    gaps = {(gap.site, gap.start_s - T0, gap.end_s - T0) for gap in watched.gaps()}
    assert gaps == {("here", 15, 2000), ("late", 0, 1000), ("late", 1015, 2015)}


def test_what_is_told_of_agents_is_no_sign_of_a_monitor() -> None:
    watched = Watched()
    pings(watched, 0, 15)
    pings(watched, 200, 400, 600, probe=AGENTS)
    pings(watched, 800, 815)
    assert watched.gaps() == [Stretch(T0 + 15, T0 + 800, "here")]


def test_imported_drops_cover_the_time_in_which_nobody_measured() -> None:
    watched = Watched()
    pings(watched, 0, 500, probe=IMPORTED)
    pings(watched, 1000, 1015)
    assert watched.gaps() == [Stretch(T0 + 500, T0 + 1000, "here")]


def test_a_site_of_imports_beside_a_monitor_is_known_from_its_first_to_its_last() -> None:
    watched = Watched()
    pings(watched, 0, 15)
    pings(watched, 100, 200, site="imported", probe=IMPORTED)
    pings(watched, 290, 305)
    assert watched.gaps() == [Stretch(T0, T0 + 100, "imported"), Stretch(T0 + 200, T0 + 305, "imported")]


def test_a_site_that_is_known_by_imports_alone_has_no_gaps() -> None:
    watched = Watched()
    pings(watched, 0, 9000, probe=IMPORTED)
    assert watched.gaps() == []


def test_a_process_that_ended_leaves_a_gap_until_the_next_measurement() -> None:
    watched = Watched()
    pings(watched, 0, 15)
    watched.blind_from("here", T0 + 20)
    watched.told(replace(SKIPPED, at_wall_s=T0 + 30))
    pings(watched, 40, 55)
    assert watched.gaps() == [Stretch(T0 + 20, T0 + 40, "here")]


def test_a_gap_that_nothing_ends_lasts_to_the_end() -> None:
    watched = Watched()
    pings(watched, 0, 15)
    watched.blind_from("here", T0 + 20)
    pings(watched, 100, site="other")
    assert Stretch(T0 + 20, T0 + 100, "here") in watched.gaps()


def test_a_restart_leaves_a_gap_from_what_was_told_before_it() -> None:
    watched = Watched()
    pings(watched, 0, 15)
    watched.told(replace(SKIPPED, at_wall_s=T0 + 60))
    watched.started("here", T0 + 60)
    pings(watched, 65, 80)
    assert watched.gaps() == [Stretch(T0 + 15, T0 + 65, "here")]


def test_the_first_start_of_all_leaves_a_gap_from_itself() -> None:
    watched = Watched()
    watched.told(replace(SKIPPED, at_wall_s=T0))
    watched.started("here", T0)
    pings(watched, 5, 20)
    assert watched.gaps() == [Stretch(T0, T0 + 5, "here")]


def test_stretches_of_own_lag_are_merged() -> None:
    watched = Watched()
    for second in (0, 50, 200):
        watched.distrust("here", T0 + second)
    assert watched.suspects() == [Stretch(T0 - 30, T0 + 80, "here"), Stretch(T0 + 170, T0 + 230, "here")]
