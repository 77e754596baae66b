"""The waterfall of `probe --debug`: where each step begins and ends, what failed, what fits on a terminal."""

from __future__ import annotations

from monitor.commands.probe_text import Told, text_of
from monitor.commands.probe_waterfall import LEGEND, WIDTH, steps_of, waterfall
from monitor.facts.failures import Reason, failure
from monitor.facts.probe_result import ProbePhase, ProbeResult


def phase(name: str, seconds: float | None, outcome: str = "ok") -> ProbePhase:
    """One phase."""
    return ProbePhase(name=name, seconds=seconds, outcome=outcome)


def bars(*phases: ProbePhase) -> list[str]:
    """What stands between the bars' frames, a line a phase."""
    return [line.split("|")[1] for line in list(waterfall(phases, simulated=False))[2:]]


CONNECTING = (phase("tcp", 0.010), phase("tls", 0.030), phase("upgrade", 0.060))


def test_a_step_starts_where_the_one_before_ended() -> None:
    assert [(round(step.start_s, 6), round(step.end_s, 6)) for step in steps_of(CONNECTING)] == [
        (0.0, 0.01),
        (0.01, 0.04),
        (0.04, 0.1),
    ]
    drawn = bars(*CONNECTING)
    width = len(drawn[0])
    assert width > 20
    for bar, (begin, end) in zip(drawn, ((0.0, 0.1), (0.1, 0.4), (0.4, 1.0)), strict=True):
        assert bar.index("#") == int(begin * width)
        assert len(bar.rstrip()) == round(end * width)


def test_servers_are_asked_at_the_same_time_and_the_tcp_round_trip_is_part_of_the_ping() -> None:
    gathering = (
        phase("ice_servers", 0.1),
        phase("stun a:3478 udp", 0.02),
        phase("turn a:3478 tcp", 0.05),
        phase("gathering", 0.05),
    )
    assert [round(step.start_s, 6) for step in steps_of(gathering)] == [0.0, 0.1, 0.1, 0.1]
    ping = (phase("ping", 0.02), phase("tcp_rtt", 0.01), phase("other", 0.01))
    assert [round(step.start_s, 6) for step in steps_of(ping)] == [0.0, 0.0, 0.02]


def test_failed_and_unmeasured_steps_are_shown_as_such() -> None:
    lines = list(
        waterfall(
            [phase("tcp", 0.01), phase("tls", None), phase("upgrade", None, "refused"), phase("api", 0.01, "503")],
            simulated=False,
        )
    )
    assert lines[:2] == ["waterfall of 20.0 ms", LEGEND]
    assert set(lines[2].split("|")[1]) == {" ", "#"}
    assert lines[3].split("|")[1].strip() == "?"
    assert lines[4].split("|")[1].strip() == "x"
    assert lines[4].split("|")[2].split() == ["-", "refused"]
    assert set(lines[5].split("|")[1].strip()) == {"x"}
    assert lines[5].split("|")[2].split() == ["10.0", "ms", "503"]
    assert set(bars(phase("users_me", 0.1, "200"))[0]) == {"#"}


def test_it_fits_a_terminal_whatever_the_other_side_calls_itself() -> None:
    wide = [
        phase("turns " + "a" * 300 + " tcp", 123.4567, "unexpected_status"),
        phase("connecting: channel_create", 1e-7),
        phase("x", None, "y" * 99),
    ]
    lines = list(waterfall(wide, simulated=True))
    assert lines[0] == "SIMULATED waterfall of 123456.7 ms"
    assert max(map(len, lines)) == WIDTH
    assert all(bar.strip() for bar in bars(*wide))
    assert list(waterfall([phase("tcp", None, "dns")], simulated=False))[2].split("|")[1].startswith("x")
    assert list(waterfall([], simulated=True)) == []


def test_only_debug_shows_it_with_the_phases_of_connecting_first() -> None:
    result = ProbeResult(
        target="signalling-1",
        module="signalling",
        success=False,
        duration_s=1.0,
        phases=(phase("ice_servers", None, "timeout"),),
        failure=failure("ice_servers", Reason.TIMEOUT, "\x1b[2J gone"),
        log=("noted",),
    )
    told = Told(result=result, by="without a monitor", simulated=True, connecting=(phase("tcp", 0.01),))
    plain, debug = text_of(told, debug=False), text_of(told, debug=True)
    assert debug.startswith(plain + "\n\nSIMULATED waterfall of 10.0 ms\n")
    shown = debug.splitlines()
    first = shown.index(LEGEND) + 1
    assert shown[first].startswith("  connecting: tcp |#")
    assert shown[first + 1].startswith("  ice_servers ")
    assert shown[-1] == "noted"
    assert "waterfall" not in plain
    assert "\x1b" not in debug
