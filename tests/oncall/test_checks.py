"""Each check on small evidence: what is well, what is a WARNING, what is CRITICAL, and what is not counted."""

from __future__ import annotations

import pytest

from monitor.facts import signals
from monitor.facts.evidence import Stretch
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.oncall.judge import judge
from monitor.oncall.limits import CHECKS
from monitor.oncall.nagios import State, Status
from tests.oncall_evidence import NOW_S, Change, adding, attempts, dropping, evidence, question, well

CHECK = {check.name: check for check in CHECKS}
AGENT = "synthetic-1"


def status_of(name: str, *changes: Change) -> Status:
    """The check's status on a healthy quarter of an hour with changes."""
    return judge(CHECK[name], question(evidence(*changes)))


def heads(*counts: float) -> Change:
    """So many softphones were connected, a minute for each figure, until now."""

    def change(builder: EvidenceBuilder) -> None:
        for n, count in enumerate(counts):
            builder.heads(NOW_S - 60.0 * (len(counts) - n), count, site="chicago")

    return change


def reconnects(count: int, seconds: float = 2.0, agent: str = AGENT) -> Change:
    """The softphone has come back so many times."""
    return adding(signals.RECONNECT, seconds, "hard", count=count, target=agent)


def suspects(seconds: float) -> Change:
    """The last so many seconds are not to be trusted."""
    return lambda builder: builder.suspects.append(Stretch(NOW_S - seconds, NOW_S, "chicago"))


def gap(seconds: float) -> Change:
    """So many seconds without measurements, some time ago."""
    return lambda builder: builder.gaps.append(Stretch(NOW_S - 800.0, NOW_S - 800.0 + seconds, "chicago"))


@pytest.mark.parametrize("name", CHECK)
def test_a_healthy_quarter_of_an_hour_is_ok(name: str) -> None:
    status = status_of(name)
    assert (status.state, status.notes[-1]) == (State.OK, f"read docs/runbook.md#{name}")
    assert status.perf
    assert status.summary.endswith("in 15m")


BROKEN: list[tuple[str, Change, State, str]] = [
    ("heartbeat", adding(signals.WS_RTT, 0.2, count=4, target=AGENT), State.WARNING, "rtt_p95 200 ms is outside 0.15"),
    ("heartbeat", adding(signals.WS_RTT, 2.0, count=4, target=AGENT), State.CRITICAL, "rtt_p95 2.0 s is outside 0.3"),
    ("heartbeat", adding(signals.WS_RTT, None, "timeout", count=1), State.WARNING, "missed 3.23 % is outside 2"),
    (
        "heartbeat",
        adding(signals.NOTIFICATION_RTT, None, "error", count=5),
        State.CRITICAL,
        "notification_missed 14.29 %",
    ),
    ("signalling", adding(signals.ICE_SERVERS, 2.0, count=4, target=AGENT), State.WARNING, "ice_fetch_p95 2.0 s"),
    ("signalling", adding(signals.ICE_SERVERS, 12.0, count=4, target=AGENT), State.CRITICAL, "ice_fetch_p95 12.0 s"),
    (
        "signalling",
        adding(signals.ICE_SERVERS, None, "timeout", count=9, target=AGENT),
        State.CRITICAL,
        "ice_fetch_failed",
    ),
    ("signalling", adding("sasl_seconds", None, "auth", count=3), State.CRITICAL, "phase_failed 100 % is outside 50"),
    ("signalling", reconnects(1), State.WARNING, "reconnects_each 1 is outside 0.5"),
    ("signalling", reconnects(3), State.CRITICAL, "reconnects_each 3 is outside 2"),
    ("signalling", reconnects(1, 90.0), State.CRITICAL, "reconnect_p95 90.0 s is outside 60"),
    (
        "ice-gathering",
        adding(signals.ICE_GATHERING, 5.0, "no_srflx", count=2, target="platform"),
        State.WARNING,
        "failed",
    ),
    (
        "ice-gathering",
        adding(signals.ICE_GATHERING, None, "empty", count=9, target="platform"),
        State.CRITICAL,
        "failed",
    ),
    (
        "ice-gathering",
        adding(signals.ICE_GATHERING, 0.9, "slow", count=12, target="platform"),
        State.WARNING,
        "slow 28.57 %",
    ),
    (
        "ice-gathering",
        adding(signals.ICE_GATHERING, 6.0, count=4, target="platform"),
        State.CRITICAL,
        "gathering_p95 6.0 s",
    ),
    (
        "turn",
        adding(signals.TURN_ALLOCATE, None, "auth", count=3, target="t"),
        State.WARNING,
        "failed 9.09 % is outside 5",
    ),
    ("turn", adding(signals.TURN_ALLOCATE, None, "timeout", count=30, target="t"), State.CRITICAL, "failed 50 %"),
    (
        "turn",
        adding(signals.TURN_ALLOCATE, 3.0, count=4, target="t"),
        State.CRITICAL,
        "allocate_p95 3.0 s is outside 2",
    ),
    ("disconnects", dropping(1), State.WARNING, "drop_rate 2 is outside 1"),
    ("disconnects", dropping(20), State.CRITICAL, "drop_rate 3.81 is outside 1"),
    ("api-limits", adding(signals.API, 0.01, "429", count=1), State.WARNING, "limited 3.23 % is outside 0"),
    ("api-limits", adding(signals.API, 0.01, "429", count=9), State.CRITICAL, "limited 23.08 % is outside 5"),
    ("api-limits", adding(signals.RETRY_AFTER, 61.0, count=1), State.CRITICAL, "retry_after 61.0 s is outside 60"),
    ("api-limits", adding(signals.API, 0.01, "503", count=1), State.WARNING, "server_errors 3.23 % is outside 1"),
    (
        "api-limits",
        adding(signals.API, None, "timeout", count=9),
        State.CRITICAL,
        "server_errors 23.08 % is outside 10",
    ),
    ("api-limits", adding(signals.API, 0.01, "401", count=1), State.WARNING, "refused 3.23 % is outside 0"),
    ("api-limits", adding(signals.API, 9.0, "200", count=4), State.CRITICAL, "api_p95 9.0 s is outside 5"),
    (
        "monitor-health",
        adding(signals.LOOP_LAG, 0.4, target="prober"),
        State.WARNING,
        "loop_lag 400 ms is outside 0.25",
    ),
    ("monitor-health", adding(signals.LATENESS, 7.0, target="prober"), State.CRITICAL, "lateness 7.0 s is outside 5"),
    ("monitor-health", suspects(100), State.WARNING, "suspect 11.11 % is outside 5"),
    ("monitor-health", suspects(400), State.CRITICAL, "suspect 44.44 % is outside 20"),
    ("monitor-health", gap(90), State.WARNING, "gaps 10 % is outside 5"),
    (
        "monitor-health",
        adding(signals.WS_RTT, 1.0, count=60, every_s=9.0, suspect=True),
        State.CRITICAL,
        "suspect_samples",
    ),
]


@pytest.mark.parametrize(("name", "change", "state", "reason"), BROKEN)
def test_what_is_outside_its_limits_is_told(name: str, change: Change, state: State, reason: str) -> None:
    status = status_of(name, change)
    assert (status.state, [note for note in status.notes if reason in note][:1] != []) == (state, True), status


def test_timeouts_never_enter_a_latency() -> None:
    status = status_of("heartbeat", adding(signals.WS_RTT, None, "timeout", count=300, every_s=1.0, target=AGENT))
    assert status.state is State.CRITICAL
    assert status.summary.startswith("xmpp p95 30 ms, 300 of 330 missed")


def test_a_late_pong_comes_on_top_of_its_timeout_and_is_counted_once() -> None:
    late = adding(signals.WS_RTT, None, "late", count=1, target=AGENT)
    status = status_of("heartbeat", adding(signals.WS_RTT, None, "timeout", count=1, target=AGENT), late)
    assert "xmpp p95 30 ms, 1 of 31 missed" in status.summary
    assert "xmpp pings: 30 ok, 1 late, 1 timeout" in status.notes


def test_a_softphone_whose_last_attempt_found_no_connection_is_not_connected() -> None:
    def change(builder: EvidenceBuilder) -> None:
        attempts(builder, signals.WS_RTT, 0.03, count=9, target="synthetic-2")
        builder.sample(signals.WS_RTT, NOW_S - 1.0, None, "not_connected", site="chicago", target="synthetic-2")

    status = status_of("signalling", change)
    assert (status.state, status.summary[:18]) == (State.CRITICAL, "1 of 2 connected, ")
    assert "not connected: synthetic-2" in status.notes


def test_a_connection_that_was_lost_for_a_while_shows_as_offline() -> None:
    away = adding(signals.WS_RTT, None, "not_connected", count=9, until_s=NOW_S - 60.0, target=AGENT)
    status = status_of("signalling", away)
    assert status.state is State.WARNING
    assert any("offline 13.04 % is outside 5" in note for note in status.notes)


def test_head_counts_stand_in_where_no_softphone_is_named() -> None:
    def base(builder: EvidenceBuilder) -> None:
        attempts(builder, signals.ICE_SERVERS, 0.04)

    for counts, expected in (
        ((10, 10), State.OK),
        ((10, 9), State.WARNING),
        ((10, 5), State.CRITICAL),
        ((0,), State.CRITICAL),
    ):
        known = evidence(base, heads(*counts), base=None)
        assert judge(CHECK["signalling"], question(known)).state is expected


def test_the_worst_set_of_servers_is_what_counts_and_is_named() -> None:
    own = adding(signals.ICE_GATHERING, None, "host_only", count=4, target="own-servers")
    status = status_of(
        "ice-gathering", own, adding(signals.ICE_GATHERING, 0.05, count=90, every_s=9.0, target="platform")
    )
    assert status.state is State.CRITICAL
    assert "4 of 124 gatherings failed (worst: own-servers host_only)" in status.summary
    assert "platform: 120 ok, p95 50 ms" in status.notes


def test_a_probe_that_failed_itself_says_nothing_about_ice() -> None:
    assert status_of("ice-gathering", adding(signals.ICE_GATHERING, None, "error", count=5)).state is State.OK
    status = status_of("ice-gathering", adding(signals.ICE_GATHERING, None, "error", count=60, every_s=9.0))
    assert (status.state, "0 of 30 gatherings failed" in status.summary) == (State.WARNING, True)


def test_turn_names_why_allocations_failed_and_where() -> None:
    status = status_of("turn", adding(signals.TURN_ALLOCATE, None, "auth", count=9, target="turn.example:3478/udp"))
    assert "9 of 39 allocations failed (9 auth)" in status.summary
    assert "turn.example:3478/udp: 30 ok, 9 auth, p95 50 ms" in status.notes


def test_normal_ends_and_planned_moves_are_no_drops() -> None:
    changes = [
        dropping(5, "platform", "terminated"),
        dropping(5, "platform", "retracted"),
        dropping(5, "platform", "persistent_connection"),
        dropping(5, "signalling", "moved"),
    ]
    status = status_of("disconnects", *changes)
    assert (status.state, status.summary[:22]) == (State.OK, "0 drops in 0 incidents")
    assert "planned moves, not counted: 5" in status.notes
    assert any(note.startswith("normal ends, not counted: 5 platform/persistent_connection, ") for note in status.notes)


def test_reconnects_after_a_planned_move_are_no_trouble() -> None:
    moved = [dropping(3, "signalling", "moved"), reconnects(3)]
    assert status_of("signalling", *moved).state is State.OK


def test_drops_are_told_by_layer_and_reason() -> None:
    status = status_of("disconnects", dropping(6), dropping(2, "ice", "checks_failed"), dropping(1, "", ""))
    assert "drops: 6 signalling/ping_timeout, 2 ice/checks_failed, 1 no reason told" in status.notes


def test_imported_drops_are_told_and_in_no_rate() -> None:
    known = evidence(dropping(1))
    status = judge(CHECK["disconnects"], question(known, imported={"chicago": 9, "boston": 1}))
    assert status.summary.startswith("1 drop in 1 incident, ")
    assert ", beside 9 imported drops in 15m" in status.summary
    assert "site boston: no measurements; 1 imported drop in the last 15m" in status.notes


def test_a_site_with_imported_drops_alone_is_unknown() -> None:
    asked = question(evidence(), imported={"dallas": 9, "boston": 1}, sites=("dallas",))
    status = judge(CHECK["disconnects"], asked)
    assert (status.state, status.summary) == (State.UNKNOWN, "no measurements; 9 imported drops in the last 15m")
    nothing = judge(CHECK["disconnects"], question(evidence(base=None), imported={"dallas": 9, "boston": 1}))
    assert (nothing.state, nothing.summary) == (
        State.UNKNOWN,
        "no measurements; 1 imported drop at boston, 9 imported drops at dallas in the last 15m",
    )


def test_a_rate_of_drops_is_by_agent_hours() -> None:
    status = status_of("disconnects", heads(*[400] * 16), dropping(20))
    assert status.state is State.OK
    assert status.summary.startswith("20 drops in 1 incident, 0.2 per agent-hour over 100 agent-hours")


def test_the_longest_wait_that_the_platform_asked_for_is_told() -> None:
    waits = [adding(signals.API, 0.01, "429", count=1), adding(signals.RETRY_AFTER, 7.0, count=1)]
    assert "1 of 31 calls told to wait (429), up to 7 s" in status_of("api-limits", *waits).summary


def test_every_figure_has_limits_even_if_empty() -> None:
    known = evidence(
        lambda builder: well(builder),
        adding(signals.EDGE_RTT, 0.01),
        adding(signals.RECONNECT, 1.0, "soft", count=1),
        dropping(3),
        base=None,
    )
    for check in CHECKS:
        labels = [perf.label for perf in judge(check, question(known)).perf]
        assert set(labels) <= set(check.limits)
        assert len(labels) >= len(check.limits) - 1
