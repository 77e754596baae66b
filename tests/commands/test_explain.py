"""The explaining children: what they tell of real journals, when they do, and that they end with their parent."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

import pytest
from live_facts import api, drop, gathering, phase, ping
from ports import free_port

from monitor.app import App
from monitor.app_settings import explaining_environment
from monitor.commands import explain, explain_sites
from monitor.commands.explain import AFTER_RUN_S, Child, Turns
from monitor.commands.explain_process import MEMORY_BYTES, NICE
from monitor.commands.explain_sites import Checks
from monitor.config.model import Settings
from monitor.facts.clock import ManualClock
from monitor.facts.ice import Signature
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import Observation
from monitor.outputs.journal import Journal
from monitor.probes import child
from monitor.web.live import explaining
from tests.promql_stub import Answer, serving

NOW = 1_790_000_000.0
MONO = 1000.0
OTHER_SERVER = ", not as the Prometheus HTTP API does: the address up to /api/v1 is needed"
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
    checks = Checks(settings_for(path))
    told = checks.own(NOW)
    states = {one["name"]: one["state"] for one in told["checks"]}
    turn = states.pop("turn")
    assert states == dict.fromkeys(("ice-gathering", "heartbeat", "disconnects", "signalling", "monitor-health"), "ok")
    (site,) = told["sites"]
    assert (site["site"], site["source"], site["state"]) == ("chicago", "this monitor", turn)
    assert (site["connected"], site["expected"], site["drops"], site["last_fact_at"]) == (2, 2, 0, NOW - 1)
    assert all(one["runbook"] == f"docs/runbook.md#{one['name']}" for one in told["checks"])
    assert not any("read docs" in note for one in told["checks"] for note in one["notes"])
    assert checks.every_site(NOW) is None  # there are no others


async def test_other_sites_by_their_journals_and_what_cannot_be_read(tmp_path: Path) -> None:
    own = await journal(tmp_path / "chicago.db", quarter())
    drops = [drop(NOW - 300, site="dallas", agent=f"a{n}") for n in range(9)]
    dallas = await journal(tmp_path / "dallas.db", [*quarter(site="dallas"), *drops])
    silent = await journal(tmp_path / "silent.db", [])
    absent = tmp_path / "absent.db"
    server = f"http://127.0.0.1:{free_port()}"
    page = {"journals": [str(dallas), str(silent), str(absent)], "prometheus": server}
    checks = Checks(settings_for(own, page=page))
    assert checks.every_site(NOW) is None  # nothing of ours yet
    first = checks.own(NOW)
    assert [row["source"] for row in first["sites"]] == ["this monitor"]  # told without waiting for the others
    told = checks.every_site(NOW)
    assert told is not None
    assert {**told, "sites": told["sites"][:1]} == first
    assert checks.own(NOW)["sites"] == told["sites"]  # they do not vanish from the page meanwhile
    rows = told["sites"][1:]
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


async def test_a_silent_source_holds_up_nobody_and_is_told_of_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def until_one_has_answered(going: Iterable[Future[Any]], timeout_s: float) -> None:
        waited.append(timeout_s)
        wait(going, HANG_S, FIRST_COMPLETED)

    monkeypatch.setattr(explain_sites, "wait", until_one_has_answered)
    own = await journal(tmp_path / "chicago.db", quarter())
    dallas = await journal(tmp_path / "dallas.db", quarter(site="dallas"))
    speaks, asked = threading.Event(), []

    def answer(promql: str, at_s: float) -> Answer:
        asked.append(promql)
        speaks.wait(HANG_S)
        return 500, "text/plain", b"too late"

    with serving(answer) as server:
        others = explain_sites.OtherSites(settings_for(own, page={"journals": [str(dallas)], "prometheus": server}))
        for _ in range(2):
            quick, silent = rows_by_source(others.rows(NOW), str(dallas), server)
            assert {row["site"] for row in quick} == {"chicago", "dallas"}
            assert [(row["state"], row["words"]) for row in silent] == [("unknown", "has not answered within 5 s")]
        speaks.set()
        await asyncio.to_thread(wait, others._going.values(), HANG_S)
        _, late = rows_by_source(others.rows(NOW), str(dallas), server)
    assert len(asked) == 1  # one question waits, however often its answer was missed
    assert waited == [5.0] * 3
    assert [row["words"] for row in late] == [f"{server}: answered 500 with text/plain{OTHER_SERVER}"]


def rows_by_source(rows: list[dict[str, Any]], *sources: str) -> list[list[dict[str, Any]]]:
    return [[row for row in rows if row["source"] == source] for source in sources]


async def test_a_mistake_with_one_source_takes_no_other_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: Any, **more: Any) -> None:
        raise MemoryError

    own = await journal(tmp_path / "chicago.db", quarter())
    monkeypatch.setattr(explain_sites, "read_prometheus", broken)
    page = {"journals": [str(own)], "prometheus": "http://127.0.0.1:1"}
    *found, failed = explain_sites.OtherSites(settings_for(own, page=page)).rows(NOW)
    assert {row["site"] for row in found} == {"chicago"}
    assert (failed["state"], failed["words"]) == ("unknown", "could not be worked out: MemoryError: ")


async def test_the_diagnosis_of_two_hours(tmp_path: Path) -> None:
    path = await journal(tmp_path / "a.db", quarter())
    told = explain.diagnosis(settings_for(path), NOW)
    assert (told["since"], told["until"]) == (NOW - 7200, NOW)
    assert (told["cause"], told["causes"][0]["cause"]) == ("stun_unreachable", "stun_unreachable")
    assert told["causes"][0]["evidence"]
    assert NOW - 7200 < told["observed_since"] < NOW
    assert told["attempts"] > 20
    assert all(told["observed_since"] <= start_s <= end_s <= NOW for start_s, end_s in told["trouble"])
    assert told["trouble"]
    json.dumps(told, allow_nan=False)


async def test_a_diagnosis_of_nothing_says_so(tmp_path: Path) -> None:
    told = explain.diagnosis(settings_for(await journal(tmp_path / "a.db", [])), NOW)
    assert (told["observed_since"], told["attempts"], told["trouble"]) == (None, 0, [])


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


def test_an_explanation_that_is_much_work_comes_more_seldom() -> None:
    turns = Turns("now")
    assert turns.due(MONO, NOW)
    turns.last_mono_s, turns.last_wall_s, turns.cpu_s = MONO, NOW, 0.1
    assert not turns.due(MONO + 9, NOW + 9)
    assert turns.due(MONO + 10, NOW + 10)
    assert turns.due(MONO + 10, NOW - 86_400)  # a wall clock that is stepped back holds nothing up
    assert not turns.due(MONO + 9, NOW + 86_400)
    turns.cpu_s = 2.0
    assert not turns.due(MONO + 39, NOW + 39)
    assert turns.due(MONO + 40, NOW + 40)


@pytest.mark.parametrize(("pass_time", "pause_s"), [("advance", 10.0), ("work", 20 * 60.0)])
def test_waiting_for_others_is_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pass_time: str, pause_s: float
) -> None:
    clock, told = ManualClock(wall_s=NOW), list[dict[str, Any]]()

    def slow(now_s: float) -> dict[str, Any]:
        getattr(clock, pass_time)(60.0)
        return {}

    monkeypatch.setitem(explain.STEPS_OF, "now", lambda settings: (("checks", slow),))
    child = Child("now", settings_for(tmp_path / "a.db"), told.append, clock)
    assert child.look() == pause_s
    assert told[1]["checks"]["took_s"] == 60.0  # what people are told is how long it took
    clock.step_wall(-86_400.0)
    clock.advance(pause_s)
    child.look()
    assert len(told) == 6


def test_a_verdict_comes_again_once_when_a_run_has_been_over_for_a_while() -> None:
    turns, ended = Turns("verdict"), (NOW - 86_000, NOW - 100)
    turns.last_mono_s, turns.last_wall_s = MONO, NOW
    assert not turns.due(MONO + 250, NOW + 250, ended)
    assert turns.due(MONO + 260, NOW - 100 + AFTER_RUN_S, ended)
    turns.last_mono_s, turns.last_wall_s = MONO + 260, NOW - 100 + AFTER_RUN_S
    assert not turns.due(MONO + 270, NOW + 270, ended)
    assert turns.due(MONO + 860, NOW + 860, ended)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            ZeroDivisionError("division by zero"),
            "the checks could not be worked out: ZeroDivisionError: division by zero",
        ),
        (
            MemoryError("Unable to allocate 3 GiB"),
            "the checks could not be worked out in 2048 MB of memory: the commands check and report have no such limit",
        ),
    ],
)
async def test_one_that_fails_does_not_take_the_other_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, problem: str
) -> None:
    def broken(now_s: float) -> dict[str, Any]:
        raise error

    settings = settings_for(await journal(tmp_path / "a.db", quarter()))
    steps = (("checks", broken), ("diagnosis", lambda now_s: explain.diagnosis(settings, now_s)))
    monkeypatch.setitem(explain.STEPS_OF, "now", lambda settings: steps)
    told: list[dict[str, Any]] = []
    child = Child("now", settings, told.append, ManualClock(wall_s=NOW))
    assert child.look() == 10.0
    assert [sorted(one) for one in told] == [["busy"], ["diagnosis"], ["busy", "problem"]]
    assert told[-1]["problem"] == problem
    child.look()
    assert len(told) == 3  # not yet again


def test_a_journal_that_is_not_there_is_a_problem_and_no_end(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    child = Child("verdict", settings_for(tmp_path / "absent.db"), told.append, ManualClock(wall_s=NOW))
    child.look()
    assert told[-1] == {"busy": False, "problem": f"{tmp_path / 'absent.db'}: there is no such file"}


def modest(pid: int) -> None:
    """It gives way to everybody: in time, in memory, and where the machine has no memory left."""
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICE
    if sys.platform == "linux":
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
        assert resource.prlimit(pid, resource.RLIMIT_AS)[0] == MEMORY_BYTES


def test_a_child_is_given_what_it_needs_and_no_other_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needed = {
        "PROMETHEUS_TOKEN": "t",
        "PATH": "/bin",
        "TZ": "UTC",
        "LC_ALL": "C",
        "https_proxy": "p",
        "COVERAGE_RC": "c",
    }
    for name, value in {**needed, "CLIENT_SECRET": "s3cret", "SYNTHETIC_1_TOKEN": "s3cret", "PYTHONPATH": "/x"}.items():
        monkeypatch.setenv(name, value)
    given = explaining_environment()
    assert given.items() >= needed.items()
    assert "s3cret" not in given.values()
    package, inherited = given["PYTHONPATH"].split(os.pathsep)
    assert (Path(package) / "monitor" / "__init__.py").is_file()  # -P leaves out the folder that we stand in
    assert inherited == "/x"
    assert child.environment()["CLIENT_SECRET"] == "s3cret"  # those who measure have them all
    asked: list[dict[str, str]] = []
    monkeypatch.setattr("monitor.app.Explaining", lambda settings, **more: asked.append(more["environment"]))
    App(settings_for(tmp_path / "a.db"))
    assert asked == [given]


@pytest.mark.parametrize("name", ["now", "verdict"])
async def test_a_child_tells_line_by_line_and_ends_with_its_parent(tmp_path: Path, name: str) -> None:
    path = await journal(tmp_path / "a.db", quarter())
    process = await asyncio.create_subprocess_exec(
        *(*explaining.COMMAND, name),
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 24,
        process_group=0,
        env=explaining_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(settings_for(path).to_json().encode() + b"\n")
    told: dict[str, Any] = {}
    async with asyncio.timeout(HANG_S):
        while told.get("busy", True):
            told.update(json.loads(await process.stdout.readline()))
        modest(process.pid)
        process.stdin.close()
        await process.wait()
    assert {key for key, _ in explain.STEPS_OF[name](settings_for(path))} <= set(told)
    assert told["problem"] is None


def test_a_word_that_names_no_child_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["later"]) == 2
    assert "one of now, verdict is needed" in capsys.readouterr().err
