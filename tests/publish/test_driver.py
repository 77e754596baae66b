"""The driver: nothing goes out before it is written down, every edge becomes a marker, and a stop is a clean one."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from faulty_platform import FaultyPlatform

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Reason, failure
from monitor.genesys.regions import for_region
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish import driver as driver_module
from monitor.publish.client import LOST, SENT, Told
from monitor.publish.driver import DriverError, Outputs, PublishDriver
from monitor.publish.flow.flow import Ended, FlowEvent, PublishFlow, PublishSpec
from monitor.publish.ledger import Ledger, Unfinished
from monitor.publish.live import Account, Run, publish
from monitor.publish.run_markers import RunMarkers, batch_attributes, end_attributes
from monitor.publish.strategy.strategies import strategy

AGENTS = tuple(f"agent-{number}" for number in range(6))
CLOCK = SystemClock()


class Markers:
    """A MarkerClient that remembers."""

    def __init__(self, state: str = SENT) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._state = state

    def start(self, job: str, run_id: str, at: float, **told: Any) -> Told:
        return self._tell("start", told, at)

    def batch(self, job: str, run_id: str, at: float, **told: Any) -> Told:
        return self._tell("batch", told, at)

    def end(self, job: str, run_id: str, at: float, outcome: str, **told: Any) -> Told:
        return self._tell("end", {**told, "outcome": outcome}, at)

    def _tell(self, phase: str, told: dict[str, Any], at: float) -> Told:
        self.told.append((phase, {**told, "at": at}))
        return Told("run", self._state, "refused")


class Rig:
    """A driver of a flow over a platform in memory, whose notifications come at once."""

    def __init__(
        self,
        path: Path,
        *,
        send: Callable[[RestRequest], Awaitable[RestReply]] | None = None,
        pacing: str = "batch",
        markers: Markers | None = None,
        unfinished: Unfinished | None = None,
        started_wall_s: float | None = None,
    ) -> None:
        self.platform = FaultyPlatform(AGENTS, works_s=0.0)
        self.events: list[FlowEvent] = []
        self.said: list[str] = []
        self.markers = markers or Markers()
        self.ledger = Ledger(path)
        self.ledger.begin("run-1", CLOCK.wall_s(), {})
        self.flow = PublishFlow(
            PublishSpec("bu", "2026-11-23", "s", batch_size=2, pause_s=0.0),
            strategy(pacing, "retry_after"),
            resume=unfinished.progress if unfinished else None,
        )
        told = RunMarkers(self.markers, "weekly", "run-1", self.said.append)  # type: ignore[arg-type]
        outputs = Outputs(self.events.append, ledger=self.ledger, markers=told)
        self.driver = PublishDriver(self.flow, send or self.send, CLOCK, outputs, started_wall_s=started_wall_s)

    async def send(self, request: RestRequest) -> RestReply:
        self.platform.take(request)
        reply = self.platform.answer(request, 0.0)
        self.platform.pass_time(0.0)
        await asyncio.sleep(0)
        while self.platform.events:
            self.driver.notified(self.platform.events.pop(0))
        return reply

    async def run(self) -> Ended:
        with self.ledger:
            return await self.driver.run()


async def test_a_run_is_published_marked_and_written_down(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "ledger")
    ended = await rig.run()
    assert ended.outcome == "ok"
    assert rig.platform.updates == dict.fromkeys(AGENTS, 1)
    assert [phase for phase, _ in rig.markers.told] == ["start", "batch", "batch", "batch", "end"]
    start, batch, end = rig.markers.told[0][1], rig.markers.told[1][1], rig.markers.told[-1][1]
    assert (start["strategy"], start["batch_size"], start["agents"]) == ("batch+retry_after", 2, 6)
    assert start["attributes"] == {"pause": "0", "batches": "3"}
    assert (batch["batch_size"], batch["outcome"], batch["attributes"]["calls"]) == (2, "ok", "6")
    assert (end["outcome"], end["agents"], end["attributes"]["operation_schedule_update_calls"]) == ("ok", 6, "3")
    lines = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert lines[-1]["what"] == "end"
    assert sum(line["what"] == "published" for line in lines) == 3


async def test_what_goes_out_is_on_disk_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    missing = []

    async def send(request: RestRequest) -> RestReply:
        change = rig.flow.change_of(request)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        if change is not None and not any(line["what"] == "sent" and line["key"] == change.key for line in lines):
            missing.append(change)
        return await rig.send(request)

    rig = Rig(path, send=send)
    await rig.run()
    assert missing == []


async def test_a_ledger_that_cannot_be_written_stops_the_run_before_the_next_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path / "ledger")
    real, synced = os.fsync, []

    def full(number: int) -> None:
        synced.append(number)
        if len(synced) > 2:  # the plan and the first update
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DriverError, match=r"ledger .*: No space left on device"):
        await rig.run()
    assert rig.platform.calls["schedule_update"] == 1
    assert [phase for phase, _ in rig.markers.told] == ["start", "end"]
    assert rig.markers.told[-1][1]["outcome"] == "aborted"


@pytest.mark.parametrize("hangs", ["schedules", "schedule_update", "presence"])
async def test_a_stop_does_not_wait_for_ever_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    monkeypatch.setattr(driver_module, "GRACE_S", 0.0)
    hanging = asyncio.Event()

    async def send(request: RestRequest) -> RestReply:
        if request.operation == hangs:
            hanging.set()
            await asyncio.Event().wait()
        return await rig.send(request)

    rig = Rig(tmp_path / "ledger", send=send, pacing="burst")
    running = asyncio.create_task(rig.run())
    await hanging.wait()
    rig.driver.stop()
    ended = await running
    assert ended.outcome == "aborted"
    assert ended.summary.statuses["cancelled"] >= 1
    marked = [told["outcome"] for phase, told in rig.markers.told if phase == "end"]
    assert marked == ([] if hangs == "schedules" else ["aborted"])  # nothing had started


async def test_a_stop_waits_for_the_answers_still_due(tmp_path: Path) -> None:
    going, go_on = asyncio.Event(), asyncio.Event()

    async def send(request: RestRequest) -> RestReply:
        reply = await rig.send(request)
        if request.operation == "presence":
            going.set()
            await go_on.wait()
        return reply

    rig = Rig(tmp_path / "ledger", send=send, pacing="burst")
    running = asyncio.create_task(rig.run())
    await going.wait()
    rig.driver.stop()
    rig.driver.stop()  # twice is once
    go_on.set()
    ended = await running
    assert ended.outcome == "aborted"
    assert "cancelled" not in ended.summary.statuses
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.unfinished is not None
        assert ledger.unfinished.outcome == "aborted"
        assert ledger.unfinished.progress is not None
        assert len(ledger.unfinished.progress.written) == 6  # the first write of each, answered after the stop


async def test_what_was_stopped_is_finished_by_the_next_process(tmp_path: Path) -> None:
    async def send(request: RestRequest) -> RestReply:
        if request.operation == "presence_bulk":
            first.driver.stop()
        return await first.send(request)

    first = Rig(tmp_path / "first", send=send)
    await first.run()
    with Ledger(tmp_path / "first") as ledger:
        unfinished = ledger.unfinished
    assert unfinished is not None
    second = Rig(tmp_path / "second", unfinished=unfinished, started_wall_s=unfinished.started_wall_s)
    second.platform = first.platform
    ended = await second.run()
    assert ended.outcome == "ok"
    assert first.platform.updates == dict.fromkeys(AGENTS, 1)
    assert second.markers.told[0][1]["at"] == first.markers.told[0][1]["at"]  # the same start marker, not another one


async def test_markers_that_do_not_arrive_are_said_once_and_hold_nothing_up(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "ledger", markers=Markers(LOST))
    ended = await rig.run()
    assert ended.outcome == "ok"
    assert rig.said == ["markers are lost: refused"]


async def test_a_defect_in_sending_is_not_swallowed(tmp_path: Path) -> None:
    async def send(request: RestRequest) -> RestReply:
        raise ZeroDivisionError

    rig = Rig(tmp_path / "ledger", send=send)
    with pytest.raises(ExceptionGroup) as error:
        await rig.run()
    assert error.group_contains(ZeroDivisionError)


async def test_off_loopback_nothing_is_even_asked_for(tmp_path: Path) -> None:
    spec = PublishSpec("bu", "2026-11-23", "s")
    run = Run(spec, strategy("batch", "none"), "weekly", "run-1")
    with pytest.raises(DriverError, match=r"login\.mypurecloud\.com is not loopback|api\.mypurecloud\.com is not"):
        await publish(run, Account(for_region("us-east-1"), "id", "secret"), Outputs(), CLOCK)
    assert "secret" not in repr(Account(for_region("us-east-1"), "id", "secret"))


async def test_a_flow_with_429s_says_so_in_its_markers(tmp_path: Path) -> None:
    refusal = failure("presence_bulk", Reason.RATE_LIMITED)
    refused: list[RestRequest] = []

    async def send(request: RestRequest) -> RestReply:
        if request.operation == "presence_bulk" and not refused:
            refused.append(request)
            return RestReply("presence_bulk", 429, retry_after_s=0.01, failure=refusal, seconds=0.001)
        return await rig.send(request)

    rig = Rig(tmp_path / "ledger", send=send)
    ended = await rig.run()
    first = rig.markers.told[1][1]["attributes"]
    assert first["status_429"] == "1"
    assert first["retry_after_seconds"] == "0.010"
    assert float(first["stalled_seconds"]) >= 0.01
    assert end_attributes(ended.summary)["status_429"] == "1"
    assert all(isinstance(value, str) for value in first.values())
    batches = [event for event in rig.events if type(event).__name__ == "BatchDone"]
    assert "status_429" not in batch_attributes(batches[1])  # type: ignore[arg-type]
