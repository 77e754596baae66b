"""The explaining children: what they tell of real journals, when they do, and that they end with their parent."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from live_facts import api, drop, gathering, phase, ping
from ports import free_port

from monitor.commands import explain
from monitor.commands.explain import AFTER_RUN_S, Child, Turns
from monitor.config.model import Settings
from monitor.facts.clock import ManualClock
from monitor.facts.ice import Signature
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import Observation
from monitor.outputs.journal import Journal
from monitor.web.live import explaining

NOW = 1_790_000_000.0
HANG_S = 60


def quarter(**more: Any) -> Iterable[Observation]:
    """A quarter of an hour in which all is well."""
    for n in range(60):
        at_s = NOW - 1 - n * 15.0
        yield from (ping(at_s, agent="synthetic-1", **more), ping(at_s, channel="notification", **more))
        yield from (phase("ice_servers", at_s), api(at_s=at_s), gathering(Signature.OK, at_s))


async def journal(path: Path, facts: Iterable[Observation], markers: Iterable[Marker] = ()) -> Path:
    """A journal as a monitor leaves it."""
    one = Journal(path)
    for fact in facts:
        one.append(fact)
    for marker in markers:
        await one.add_marker(marker)
    await one.close()
    return path


def settings_for(path: Path, **more: Any) -> Settings:
    """Of a monitor in Chicago with this journal."""
    agents = [{"name": "synthetic-1", "token_env": "TOKEN"}]
    probes = [
        {"kind": "heartbeat", "channel": "xmpp", "agent": "synthetic-1"},
        {"kind": "signalling", "agent": "synthetic-1"},
        {"kind": "gathering", "agent": "synthetic-1"},
    ]
    told = {"site": "chicago", "timezone": "America/Chicago", "genesys": {"region": "us-east-1", "agents": agents}}
    return Settings.model_validate({**told, "probes": probes, "journal": {"path": str(path)}, **more})


async def test_the_checks_of_a_healthy_monitor(tmp_path: Path) -> None:
    path = await journal(tmp_path / "chicago.db", quarter())
    told = explain.checks(settings_for(path), NOW)
    states = {one["name"]: one["state"] for one in told["checks"]}
    turn = states.pop("turn")
    assert states == dict.fromkeys(("ice-gathering", "heartbeat", "disconnects", "signalling", "monitor-health"), "ok")
    (site,) = told["sites"]
    assert (site["site"], site["source"], site["state"]) == ("chicago", "this monitor", turn)
    assert (site["connected"], site["expected"], site["drops"], site["last_fact_at"]) == (2, 2, 0, NOW - 1)
    assert all(one["runbook"] == f"docs/runbook.md#{one['name']}" for one in told["checks"])
    assert not any("read docs" in note for one in told["checks"] for note in one["notes"])


async def test_other_sites_by_their_journals_and_what_cannot_be_read(tmp_path: Path) -> None:
    own = await journal(tmp_path / "chicago.db", quarter())
    drops = [drop(NOW - 300, site="dallas", agent=f"a{n}") for n in range(9)]
    dallas = await journal(tmp_path / "dallas.db", [*quarter(site="dallas"), *drops])
    silent = await journal(tmp_path / "silent.db", [])
    absent = tmp_path / "absent.db"
    server = f"http://127.0.0.1:{free_port()}"
    page = {"journals": [str(dallas), str(silent), str(absent)], "prometheus": server}
    rows = explain.checks(settings_for(own, page=page), NOW)["sites"][1:]
    assert [(row["source"], row["site"]) for row in rows] == [
        (str(dallas), "chicago"),  # its facts of other kinds are of that site
        (str(dallas), "dallas"),
        (str(silent), ""),
        (str(absent), ""),
        (server, ""),
    ]
    assert (rows[1]["state"], rows[1]["drops"]) == ("critical", 9)
    assert "9 drops in 1 incident" in rows[1]["words"]
    assert [row["words"].partition(" ")[0] for row in rows[2:4]] == ["no", f"{absent}:"]
    assert "cannot be reached" in rows[4]["words"]


async def test_the_diagnosis_of_two_hours(tmp_path: Path) -> None:
    path = await journal(tmp_path / "a.db", quarter())
    told = explain.diagnosis(settings_for(path), NOW)
    assert (told["since"], told["until"]) == (NOW - 7200, NOW)
    assert (told["cause"], told["causes"][0]["cause"]) == ("stun_unreachable", "stun_unreachable")
    assert told["causes"][0]["evidence"]
    json.dumps(told, allow_nan=False)


async def test_the_verdict_is_that_of_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from monitor.commands.calendar_words import CalendarWords
    from monitor.commands.judging import ReportOptions
    from monitor.commands.report import run_report

    start = Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=NOW - 600)
    end = Marker(job="weekly", run_id="r1", phase=MarkerPhase.END, at_wall_s=NOW - 300)
    path = await journal(tmp_path / "a.db", quarter(), (start, end))
    told = explain.verdict(settings_for(path), NOW)
    run_report(ReportOptions(journals=(path,), calendar=CalendarWords(tz="America/Chicago")), ManualClock(wall_s=NOW))
    assert capsys.readouterr().out.splitlines() == told["lines"]
    assert told["verdict"] == "insufficient_data"
    assert told["sentence"].startswith("too little data")
    json.dumps(told, allow_nan=False)


def test_a_slow_explanation_comes_more_seldom() -> None:
    turns = Turns("now")
    assert turns.due(NOW)
    turns.last_s, turns.took_s = NOW, 0.1
    assert not turns.due(NOW + 9)
    assert turns.due(NOW + 10)
    turns.took_s = 2.0
    assert not turns.due(NOW + 39)
    assert turns.due(NOW + 40)


def test_a_verdict_comes_again_once_when_a_run_has_been_over_for_a_while() -> None:
    turns, ended = Turns("verdict"), (NOW - 86_000, NOW - 100)
    turns.last_s = NOW
    assert not turns.due(NOW + 250, ended)
    assert turns.due(NOW - 100 + AFTER_RUN_S, ended)
    turns.last_s = NOW - 100 + AFTER_RUN_S
    assert not turns.due(NOW + 270, ended)
    assert turns.due(turns.last_s + 600, ended)


async def test_one_that_fails_does_not_take_the_other_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: Settings, now_s: float) -> dict[str, Any]:
        raise ZeroDivisionError("division by zero")

    path = await journal(tmp_path / "a.db", quarter())
    monkeypatch.setitem(explain.TOLD_BY, "now", {"checks": broken, "diagnosis": explain.diagnosis})
    told: list[dict[str, Any]] = []
    child = Child("now", settings_for(path), told.append, ManualClock(wall_s=NOW))
    assert child.look() == 10.0
    assert [sorted(one) for one in told] == [["busy"], ["diagnosis"], ["busy", "problem"]]
    assert told[-1]["problem"] == "the checks could not be worked out: ZeroDivisionError: division by zero"
    child.look()
    assert len(told) == 3  # not yet again


def test_a_journal_that_is_not_there_is_a_problem_and_no_end(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    child = Child("verdict", settings_for(tmp_path / "absent.db"), told.append, ManualClock(wall_s=NOW))
    child.look()
    assert told[-1] == {"busy": False, "problem": f"{tmp_path / 'absent.db'}: there is no such file"}


@pytest.mark.parametrize("name", ["now", "verdict"])
async def test_a_child_tells_line_by_line_and_ends_with_its_parent(tmp_path: Path, name: str) -> None:
    path = await journal(tmp_path / "a.db", quarter())
    process = await asyncio.create_subprocess_exec(
        *(*explaining.COMMAND, name), stdin=PIPE, stdout=PIPE, limit=1 << 24, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(settings_for(path).to_json().encode() + b"\n")
    told: dict[str, Any] = {}
    async with asyncio.timeout(HANG_S):
        while told.get("busy", True):
            told.update(json.loads(await process.stdout.readline()))
        process.stdin.close()
        await process.wait()
    assert set(explain.TOLD_BY[name]) <= set(told)
    assert told["problem"] is None


def test_a_word_that_names_no_child_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["later"]) == 2
    assert "one of now, verdict is needed" in capsys.readouterr().err
