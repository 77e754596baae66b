"""`check` as Nagios calls it: on journals that a monitor wrote, with settings, with mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.commands import check as check_module
from monitor.commands.check import NAMES, CheckOptions, run_check
from monitor.facts.clock import ManualClock, SystemClock
from monitor.facts.failures import Layer
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.observations import (
    IMPORTED,
    ApiObserved,
    Disconnected,
    GatheringObserved,
    HeartbeatObserved,
    MonitorStarted,
    Observation,
    PhaseObserved,
)
from monitor.outputs.journal import Journal
from tests.nagios_grammar import perf_of
from tests.product import call

CLOCK = ManualClock(wall_s=1_790_000_000.0)
NOW_S = CLOCK.wall_s()
ABOUT: dict[str, Any] = {"site": "chicago", "probe": "p"}


def healthy(until_s: float = NOW_S - 1.0, **about: Any) -> Iterable[Observation]:
    """A quarter of an hour of facts in which all is well."""
    for n in range(29, -1, -1):
        told: dict[str, Any] = {**ABOUT, **about, "at_wall_s": until_s - n * 30.0}
        for channel in ("xmpp", "notification"):
            yield HeartbeatObserved(channel=channel, outcome="ok", rtt_s=0.026, agent="synthetic-1", **told)
        yield PhaseObserved(phase="ice_servers", seconds=0.04, agent="synthetic-1", **told)
        yield ApiObserved(operation="organizations_me", status="200", seconds=0.05, **told)
        relay = ServerResult("turn.example:3478", "turn", "udp", ServerOutcome.OK, 0.05)
        every = (CandidateType.HOST, CandidateType.RELAY)
        yield GatheringObserved(
            servers="platform",
            signature=Signature.OK,
            wanted=every,
            obtained=every,
            results=(relay,),
            seconds=0.05,
            **told,
        )


def drops(count: int, now_s: float = NOW_S) -> Iterable[Observation]:
    """So many softphones lost their connection five minutes ago."""
    at_s = now_s - 300.0
    for n in range(count):
        yield Disconnected(
            layer=Layer.SIGNALLING,
            reason="closed",
            last_good_wall_s=at_s - 9.0,
            noticed_wall_s=at_s,
            at_wall_s=at_s,
            agent=f"agent-{n}",
            code=1006,
            **ABOUT,
        )


async def journal(path: Path, *facts: Iterable[Observation]) -> Path:
    """A journal as a monitor leaves it."""
    one = Journal(path)
    for group in facts:
        for fact in group:
            one.append(fact)
    await one.close()
    return path


def checked(capsys: pytest.CaptureFixture[str], name: str, *paths: Path, **options: Any) -> tuple[int, list[str]]:
    """Exit status and lines of a check."""
    status = run_check(CheckOptions(name=name, journals=paths, **options), CLOCK)
    return status, capsys.readouterr().out.splitlines()


async def test_a_healthy_journal_is_ok_in_every_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = await journal(tmp_path / "a.db", healthy())
    for name in NAMES[:-2]:
        status, lines = checked(capsys, name, path)
        assert (status, lines[0].split(" - ")[0]) == (0, f"{name.upper()} OK")
        assert perf_of(lines[0])
        assert lines[-1] == f"read docs/runbook.md#{name}"


async def test_each_state_has_its_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = await journal(tmp_path / "a.db", healthy(), drops(9))
    assert checked(capsys, "disconnects", path)[0] == 2
    assert checked(capsys, "heartbeat", path, warning=("rtt_p95=0.01",))[0] == 1
    assert checked(capsys, "heartbeat", path, sites=("dallas",))[0] == 3


async def test_all_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = await journal(tmp_path / "a.db", healthy(), drops(9))
    status, lines = checked(capsys, "all", path)
    assert (status, lines[0].split(" | ")[0]) == (2, "ALL CRITICAL - disconnects CRITICAL, publish-impact UNKNOWN")
    assert [line.split()[0] for line in lines[1:]] == [name.upper() for name in NAMES[:-1]]
    assert lines[-1].endswith(
        "no publish is known of since 2026-04-01: mark or detect its runs (docs/runbook.md#publish-impact)"
    )
    status, lines = checked(capsys, "all", path, without=("publish-impact", "disconnects"))
    assert (status, lines[0].split(" | ")[0]) == (0, "ALL OK - 6 checks well")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("heartbeat", {"since": "15"}, "--since 15: a duration such as 15m, 1h or 90d is needed"),
        ("heartbeat", {"since": "0s"}, "--since: a duration of more than nothing is needed"),
        (
            "heartbeat",
            {"warning": ("failed=5",)},
            "--warning failed=5: LABEL=RANGE is needed, LABEL one of edge_rtt_p95, ",
        ),
        ("heartbeat", {"critical": ("missed=x",)}, "--critical missed=x: 'x' is no range"),
        ("all", {"without": ("dns",)}, "--without: there is no check 'dns': "),
        ("heartbeat", {"config": Path("/nonexistent.yaml")}, "the configuration cannot be used"),
    ],
)
def test_mistakes_are_unknown_and_say_what_is_allowed(
    name: str, options: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = checked(capsys, name, **options)
    assert status == 3
    assert said in lines[0]


def test_a_check_that_nobody_knows_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = checked(capsys, "foo\n| bar")
    assert (status, len(lines)) == (3, 1)
    assert lines[0].startswith("CHECK UNKNOWN - no check is named 'foo\\n bar'; one of ice-gathering, ")


async def test_imported_drops_are_counted_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported = await journal(tmp_path / "b.db", [replace(fact, probe=IMPORTED, site="dallas") for fact in drops(9)])
    here = [replace(fact, probe=IMPORTED) for fact in drops(8)]
    live = await journal(tmp_path / "a.db", healthy(), here)
    status, lines = checked(capsys, "disconnects", live, imported)
    assert (status, ", beside 8 imported drops in " in lines[0]) == (0, True)
    assert "site dallas: no measurements; 9 imported drops in the last 15m" in lines
    alone = checked(capsys, "disconnects", imported)
    assert (alone[0], alone[1][0]) == (
        3,
        "DISCONNECTS UNKNOWN - no measurements; 9 imported drops in the last 15m",
    )


def test_a_missing_journal_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = checked(capsys, "heartbeat", tmp_path / "none.db")
    assert (status, lines[0]) == (3, f"HEARTBEAT UNKNOWN - {tmp_path}/none.db: there is no such file")


def test_a_file_that_is_no_journal_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.db").write_bytes(b"nonsense" * 999)
    assert checked(capsys, "heartbeat", tmp_path / "a.db")[0] == 3


def test_a_server_that_does_not_answer_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = checked(capsys, "heartbeat", prometheus="http://127.0.0.1:1")
    assert (status, lines[0].startswith("HEARTBEAT UNKNOWN - ")) == (3, True)


def test_a_defect_is_unknown_and_not_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_module._Checker, "_paths", lambda self: 1 // 0)
    status, lines = checked(capsys, "heartbeat", tmp_path)
    assert (
        status,
        lines[0].endswith("the check itself failed: ZeroDivisionError: integer division or modulo by zero"),
    ) == (3, True)


async def test_several_journals_are_one_answer_and_a_silent_one_is_not_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = await journal(tmp_path / "a.db", healthy())
    other = await journal(tmp_path / "b.db", healthy(site="dallas"))
    silent = await journal(tmp_path / "c.db", healthy(until_s=NOW_S - 7200.0, site="boston"))
    status, lines = checked(capsys, "heartbeat", one, other)
    assert (status, "chicago_rtt_p95" in perf_of(lines[0]), "dallas_rtt_p95" in perf_of(lines[0])) == (0, True, True)
    status, lines = checked(capsys, "heartbeat", one, silent)
    assert (status, f"{silent}: no facts in the last 15m" in lines[0]) == (3, True)


async def test_a_simulated_platform_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = MonitorStarted(site="chicago", probe="", at_wall_s=NOW_S - 899.0, version="1", simulated=True)
    path = await journal(tmp_path / "a.db", [start], healthy())
    assert "HEARTBEAT OK - SIMULATED: xmpp" in checked(capsys, "heartbeat", path)[1][0]


# With settings

CONFIG = """\
site: chicago
journal: {{path: {path}}}
probes:
  - {{kind: gathering, interval: {interval}, stun: ["stun:127.0.0.1:3478"]}}
calendar: {{hours: "08:00-18:00", days: mon-fri, holidays: US}}
"""


def config(tmp_path: Path, interval: str = "30s") -> Path:
    """Settings of a monitor that gathers, and nothing else, into a.db."""
    file = tmp_path / "monitor.yaml"
    file.write_text(CONFIG.format(path=tmp_path / "a.db", interval=interval))
    return file


async def test_settings_say_where_the_journal_is_and_what_must_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await journal(tmp_path / "a.db", (fact for fact in healthy() if isinstance(fact, GatheringObserved)))
    file = config(tmp_path)
    assert checked(capsys, "ice-gathering", config=file)[0] == 0
    status, lines = checked(capsys, "all", config=file, without=("publish-impact",))
    assert (status, lines[0].split(" | ")[0]) == (0, "ALL OK - 4 checks well")
    assert f"HEARTBEAT left out: no probe of {file} feeds it" in lines


async def test_a_site_of_the_settings_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await journal(tmp_path / "a.db", healthy(site="dallas"))
    status, lines = checked(capsys, "ice-gathering", config=config(tmp_path))
    assert (status, "no data: no measurement of ice_gathering_seconds in the last 15m" in lines[0]) == (3, True)


async def test_a_slow_probe_is_given_a_longer_period(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = [fact for n in range(5) for fact in list(healthy(until_s=NOW_S - 60.0 - n * 1200.0))[-1:]]
    await journal(tmp_path / "a.db", facts)
    status, lines = checked(capsys, "ice-gathering", config=config(tmp_path, "20m"))
    assert (status, "0 of 5 gatherings failed" in lines[0]) == (0, True)


# As a process


async def test_the_command_passes_its_state_on(tmp_path: Path) -> None:
    now_s = SystemClock().wall_s()
    path = await journal(tmp_path / "a.db", healthy(now_s - 1.0), drops(9, now_s))
    result = call("check", "disconnects", "--journal", str(path), "-w", "drops=8", "--since", "20m")
    assert (result.returncode, result.stdout.split(" - ")[0], result.stderr) == (2, "DISCONNECTS CRITICAL", "")
    assert call("check", "heartbeat", "--journal", str(path)).returncode == 0


@pytest.mark.parametrize("words", [("check",), ("check", "heartbeat", "--nonsense"), ("check", "heartbeat", "x", "y")])
def test_usage_errors_are_unknown_and_not_critical(words: tuple[str, ...]) -> None:
    result = call(*words)
    assert (result.returncode, result.stdout.startswith("CHECK UNKNOWN - ")) == (3, True)


def test_help_is_no_error() -> None:
    result = call("check", "--help")
    assert (result.returncode, "ice-gathering" in result.stdout) == (0, True)
