"""Blocks on a configured platform: the guard, the times, the journal, and a publish that was interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.analysis.experiment.arm_report import Outcome
from monitor.commands import experiment_real
from monitor.commands.experiment import PlanOptions, RunOptions, load_plan, run_plan, run_run
from monitor.commands.experiment_publish import Left, left_in
from monitor.commands.experiment_real import RealRun
from monitor.commands.experiment_results import ResultsFile, ledger_path, results_path
from monitor.facts.clock import SystemClock
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import HeartbeatObserved
from monitor.outputs.journal import Journal
from monitor.publish.ledger import Ledger
from monitor.publish.plan.model import Step
from monitor.publish.plan.times import read_when
from monitor.simulator.server import RunningSimulator, SimulatorOptions, serve
from monitor.simulator.world.scenario import parse_scenario

UNIT = "bu-1"
CONFIG = """
genesys:
  rest: {rest}
  login: {rest}
  streaming: {ws}
  client: {{id_env: EXPERIMENT_TEST_ID, secret_env: EXPERIMENT_TEST_SECRET}}
exporter: {{listen: "127.0.0.1:9"}}
journal: {{path: {journal}}}
"""
GENESYS = {"rest": "https://api.mypurecloud.com", "ws": "wss://streaming.mypurecloud.com"}
LOOPBACK = {"rest": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"}
SMALL = """
name: small
description: a few agents, nobody waits
expected: {publish_harms_softphones: false, cause: none}
agents: 4
rest: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
signalling: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
publish_s: 0.0
"""


class ShiftedClock(SystemClock):
    """The machine's clocks, the wall one set to something else."""

    def __init__(self, wall_s: float) -> None:
        self._by_s = wall_s - super().wall_s()

    def wall_s(self) -> float:
        """The time that it was set to, going on."""
        return super().wall_s() + self._by_s


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials in the environment, no monitor to send markers to, and no wait for a journal that nobody writes."""
    monkeypatch.setenv("EXPERIMENT_TEST_ID", "client")
    monkeypatch.setenv("EXPERIMENT_TEST_SECRET", "secret")
    monkeypatch.delenv("MONITOR_URL", raising=False)
    monkeypatch.setenv("MONITOR_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setattr(experiment_real, "COMMIT_S", 0.0)


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    """Three weeks of publish against none, by the driver."""
    options = PlanOptions(
        tmp_path / "weekly.yaml",
        ("none", "batch", "batch_single:batch_size=2,pause_s=0.5"),
        slots=("tue 10:00",),
        start="2027-03-01",
        weeks=3,
        timezone="America/Chicago",
        business_unit=UNIT,
        job="weekly",
        tail="1s",
        settle="1s",
        none_for="1s",
    )
    assert run_plan(options) == 0
    return options.file


def config(folder: Path, urls: dict[str, str]) -> Path:
    """A monitor's configuration file."""
    file = folder / "monitor.yaml"
    file.write_text(CONFIG.format(**urls, journal=folder / "facts.db"))
    return file


def real(plan_file: Path, urls: dict[str, str] = LOOPBACK, yes: str | None = None, **changes: Any) -> RealRun:
    """A RealRun whose clock stands where `at` (Unix seconds) says."""
    at = changes.pop("at", SystemClock().wall_s())
    plan = load_plan(plan_file)
    if changes:
        plan = plan.model_copy(update={"publish": plan.publish.model_copy(update=changes)})
    return RealRun(plan_file, plan, config(plan_file.parent, urls), yes, ShiftedClock(at))


def step_of(plan_file: Path, arm: str) -> tuple[Step, float]:
    """The block of that arm, and when it is."""
    plan = load_plan(plan_file)
    step = next(step for step in plan.blocks if step.arm.partition(":")[0] == arm)
    return step, read_when(step.when or "", plan.zone).wall_s


def marker(phase: str, at_wall_s: float, run_id: str = "run-1", **more: Any) -> Marker:
    """A marker of the plan's job."""
    return Marker(job="weekly", run_id=run_id, phase=MarkerPhase(phase), at_wall_s=at_wall_s, **more)


@asynccontextmanager
async def journal(folder: Path, from_wall_s: float, seconds: int, *markers: Marker) -> AsyncIterator[None]:
    """A journal with a heartbeat a second, and these markers."""
    book = Journal(folder / "facts.db")
    for second in range(seconds):
        at_wall_s = from_wall_s + second + 0.5
        book.append(
            HeartbeatObserved(
                site="chicago", probe="h", at_wall_s=at_wall_s, channel="xmpp", outcome="ok", rtt_s=0.02, agent="a"
            )
        )
    for one in markers:
        await book.add_marker(one)
    await book.close()
    yield


async def outcome(run: RealRun, step: Step, plan_file: Path, *, begun: bool = False) -> Outcome:
    """What the block comes to."""
    with ResultsFile(results_path(plan_file), load_plan(plan_file)) as file:
        return await run.block(step, begun, file)


# May it publish?


@pytest.mark.parametrize(
    ("urls", "yes", "by", "words"),
    [
        (GENESYS, None, "driver", "api.mypurecloud.com is not loopback; --yes-publish bu-1"),
        (GENESYS, "bu-2", "driver", "--yes-publish names business unit bu-2"),
        (GENESYS, UNIT, "driver", None),
        (LOOPBACK, None, "driver", None),
        (GENESYS, None, "hand", None),
    ],
)
def test_nothing_is_published_off_loopback_without_the_business_units_name(
    plan_file: Path, urls: dict[str, str], yes: str | None, by: str, words: str | None
) -> None:
    reason = real(plan_file, urls, yes, by=by).why_not()
    assert (reason is None) == (words is None)
    assert words is None or words in (reason or "")


def test_without_permission_it_is_a_dry_run(plan_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config(plan_file.parent, GENESYS)
    assert run_run(RunOptions(plan_file, config=file)) == 0
    captured = capsys.readouterr()
    assert captured.out.count("would: tue 2027-03-") == 3
    assert "dry run, nothing was published: api.mypurecloud.com is not loopback" in captured.err
    assert not results_path(plan_file).exists()


@pytest.mark.parametrize("problem", ["no config", "bad config", "no journal", "no secret"])
def test_what_a_real_run_needs_is_one_line(
    plan_file: Path, problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file: Path | None = config(plan_file.parent, LOOPBACK)
    words = {
        "no config": "needs the monitor's configuration: -c FILE",
        "bad config": "sight",
        "no journal": "facts.db: unable to open",
        "no secret": "EXPERIMENT_TEST_SECRET",
    }[problem]
    if problem == "no config":
        file = None
    elif problem == "bad config":
        assert file is not None
        file.write_text("sight: chicago\n")
    elif problem == "no secret":
        monkeypatch.delenv("EXPERIMENT_TEST_SECRET")
    assert run_run(RunOptions(plan_file, config=file)) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


# Blocks that somebody else publishes, or nobody


async def test_a_block_of_nothing_is_what_the_journal_saw(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "none")
    async with journal(plan_file.parent, at_wall_s, 5):
        found = await outcome(real(plan_file, at=at_wall_s + 60), step, plan_file)
    assert found.state == "ok"
    assert found.values["ping_p95_s"] == 0.02
    assert "publish_s" not in found.values


async def test_nothing_is_missed_when_somebody_published_then(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "none")
    edges = marker("start", at_wall_s - 5), marker("end", at_wall_s + 1)
    async with journal(plan_file.parent, at_wall_s, 5, *edges):
        found = await outcome(real(plan_file, at=at_wall_s + 60), step, plan_file)
    assert (found.state, found.values) == ("missed", {})
    assert "weekly was published, and nothing was to be" in found.note


async def test_a_run_that_was_over_before_does_not_spoil_it(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "none")
    edges = marker("start", at_wall_s - 60), marker("end", at_wall_s - 20)
    async with journal(plan_file.parent, at_wall_s, 5, *edges):
        found = await outcome(real(plan_file, at=at_wall_s + 60), step, plan_file)
    assert found.state == "ok"


async def test_without_measurements_a_block_is_missed(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "none")
    async with journal(plan_file.parent, at_wall_s - 500, 5):
        found = await outcome(real(plan_file, at=at_wall_s + 60), step, plan_file)
    assert found.state == "missed"
    assert "was the monitor running?" in found.note


async def test_a_publish_by_hand_is_found_by_its_markers(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "batch")
    told = {"calls": "25", "status_429": "3", "retry_after_seconds": "7.5"}
    edges = marker("start", at_wall_s + 90), marker("end", at_wall_s + 98.5, outcome="ok", attributes=told)
    async with journal(plan_file.parent, at_wall_s + 85, 30, *edges):
        found = await outcome(real(plan_file, at=at_wall_s + 600, by="hand"), step, plan_file)
    assert found.state == "ok"
    shown = {name: found.values[name] for name in ("publish_s", "calls", "limited", "retry_after_s", "ping_p95_s")}
    assert shown == {"publish_s": 8.5, "calls": 25.0, "limited": 3.0, "retry_after_s": 7.5, "ping_p95_s": 0.02}


async def test_a_publish_by_hand_that_nobody_made_is_missed(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "batch")
    week_later = marker("start", at_wall_s + 7 * 86400), marker("end", at_wall_s + 7 * 86400 + 9)
    async with journal(plan_file.parent, at_wall_s, 5, *week_later):
        found = await outcome(real(plan_file, at=at_wall_s + 86400, by="hand"), step, plan_file)
    assert found.state == "missed"
    assert "no run of job weekly was marked about tue 2027-03-" in found.note


async def test_a_block_whose_time_has_passed_is_not_published_late(plan_file: Path) -> None:
    step, at_wall_s = step_of(plan_file, "batch")
    found = await outcome(real(plan_file, at=at_wall_s + 3600), step, plan_file)
    assert found.state == "missed"
    assert "nobody ran it" in found.note


# Blocks that the driver publishes


@pytest.fixture
async def platform() -> AsyncIterator[RunningSimulator]:
    """A small simulator in this process."""
    running = await serve(SimulatorOptions(parse_scenario(SMALL.encode())))
    yield running
    await running.close()


def aimed(plan_file: Path, running: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make the plan one for that simulator; its URLs."""
    info = running.info
    monkeypatch.setenv("EXPERIMENT_TEST_ID", info["client_id"])
    monkeypatch.setenv("EXPERIMENT_TEST_SECRET", info["client_secret"])
    text = plan_file.read_text().replace(f'"{UNIT}"', info["business_unit"])
    for line in text.splitlines():
        if "mode: real" in line:
            week = line.partition('week: "')[2][:10]
            text = text.replace(f'week: "{week}"', f'week: "{info["week"]}"')
    plan_file.write_text(text)
    return {"rest": info["rest"], "ws": info["ws"]}


def times_published(running: RunningSimulator) -> int:
    """How often an update has been applied: every one makes the version grow by one."""
    return running.platform.schedules.schedules[running.info["schedule"]].version - 1


async def test_the_driver_publishes_the_weeks_only_draft_at_its_time(
    plan_file: Path, platform: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = aimed(plan_file, platform, monkeypatch)
    step, at_wall_s = step_of(plan_file, "batch")
    async with journal(plan_file.parent, at_wall_s, 20):
        found = await outcome(real(plan_file, urls, at=at_wall_s - 0.2), step, plan_file)
    assert found.state == "ok", found.note
    assert found.values["failed_writes"] == 0
    assert found.values["calls"] > 3
    assert found.values["ping_p95_s"] == 0.02
    assert times_published(platform) == 1
    again = await outcome(real(plan_file, urls, at=at_wall_s), step, plan_file)
    assert again.state == "missed"
    assert "not exactly one draft" in again.note
    assert times_published(platform) == 1


async def test_a_schedule_that_is_not_there_shows_nothing_of_an_arm(
    plan_file: Path, platform: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = aimed(plan_file, platform, monkeypatch)
    step, at_wall_s = step_of(plan_file, "batch")
    found = await outcome(real(plan_file, urls, at=at_wall_s), step.model_copy(update={"schedule": "none"}), plan_file)
    assert (found.state, found.values) == ("aborted", {})
    assert "not_found" in found.note


async def test_a_publish_that_was_interrupted_is_finished_and_nobody_is_published_twice(
    plan_file: Path, platform: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = aimed(plan_file, platform, monkeypatch)
    step, at_wall_s = step_of(plan_file, "batch_single")
    first = asyncio.create_task(outcome(real(plan_file, urls, at=at_wall_s), step, plan_file))
    ledger = ledger_path(plan_file, step.block)
    async with asyncio.timeout(10):
        while not ledger.exists() or '"published"' not in ledger.read_text():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert left_in(ledger) is Left.UNFINISHED
    assert 1 <= times_published(platform) < 2
    found = await outcome(real(plan_file, urls, at=SystemClock().wall_s()), step, plan_file, begun=True)
    assert found.state == "aborted"
    assert "interrupted and finished later (ok)" in found.note
    assert left_in(ledger) is Left.ENDED
    assert times_published(platform) == 2


async def test_a_publish_that_was_interrupted_long_ago_is_closed_and_not_finished(
    plan_file: Path, platform: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = aimed(plan_file, platform, monkeypatch)
    step, _ = step_of(plan_file, "batch")
    ledger = ledger_path(plan_file, step.block)
    half_done(ledger)
    later = real(plan_file, urls, at=SystemClock().wall_s() + 7200)
    found = await outcome(later, step, plan_file, begun=True)
    assert found.state == "aborted"
    assert "closed as aborted" in found.note
    assert times_published(platform) == 0
    spooled = [file.read_text() for file in (plan_file.parent / "spool").rglob("*.json")]
    assert any('"phase": "end"' in text and '"aborted"' in text for text in spooled)


def half_done(ledger: Path, *, agents: tuple[str, ...] = ("a",), outcome: str | None = None) -> None:
    """A ledger of a run whose process has died, or that ended so."""
    terms = {"job": "weekly", "business_unit": UNIT, "week": "2027-03-01", "schedule": "s"}
    with Ledger(ledger) as book:
        book.begin("run-1", 1000.0, terms)
        if agents:
            book.started(1001.0, agents, ())
        if outcome is not None:
            book.end(1002.0, outcome)


@pytest.mark.parametrize(
    ("agents", "outcome", "left"),
    [
        ((), None, Left.NOTHING),
        (("a",), None, Left.UNFINISHED),
        (("a",), "aborted", Left.UNFINISHED),
        (("a",), "failed", Left.ENDED),
        (("a",), "ok", Left.ENDED),
    ],
)
def test_what_a_ledger_leaves_to_do(tmp_path: Path, agents: tuple[str, ...], outcome: str | None, left: Left) -> None:
    half_done(tmp_path / "ledger.jsonl", agents=agents, outcome=outcome)
    assert left_in(tmp_path / "ledger.jsonl") is left
    assert left_in(tmp_path / "none.jsonl") is Left.NOTHING
