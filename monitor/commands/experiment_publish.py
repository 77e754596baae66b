"""The real publish of one block: the driver with its ledger and markers, finished or closed when it was interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from monitor.commands.block_values import publish_values
from monitor.commands.experiment_progress import say
from monitor.commands.publish_text import failure_words
from monitor.facts.clock import Clock
from monitor.genesys.rest import Rest
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.client import MarkerClient
from monitor.publish.driver import DriverError, Outputs, PublishDriver, Send
from monitor.publish.flow.events import ABORTED, FAILED, BatchDone, Ended, FlowEvent, Noted
from monitor.publish.flow.flow import PublishFlow
from monitor.publish.flow.job import PublishSpec
from monitor.publish.guard import allowed_to_write
from monitor.publish.ledger import Ledger, Unfinished
from monitor.publish.live import CALL_TIMEOUT_S, Account, rest_of
from monitor.publish.run_markers import RunMarkers
from monitor.publish.strategy.strategies import Strategy


class Left(Enum):
    """What an earlier process has left of a block's publish."""

    NOTHING = "nothing"  # nothing has been changed on the platform
    UNFINISHED = "unfinished"  # some of it has
    ENDED = "ended"  # all that was to be done has been tried


def left_in(ledger_path: Path) -> Left:
    """What the ledger of a block says. Raises LedgerError."""
    if not ledger_path.exists() or not ledger_path.stat().st_size:
        return Left.NOTHING
    with Ledger(ledger_path) as ledger:
        left = ledger.unfinished
    if left is None or left.outcome == FAILED:
        return Left.ENDED
    return Left.NOTHING if left.progress is None else Left.UNFINISHED


def last_change_wall_s(ledger_path: Path) -> float:
    """When the ledger was last written to (Unix seconds)."""
    return ledger_path.stat().st_mtime


@dataclass(frozen=True, slots=True)
class Published:
    """How a block's publish went: its outcome, its figures, from when to when (Unix seconds).

    outcome: as the run's, but `aborted` where nobody could be published at all, as that shows nothing of an arm.
    note: why it did not end well.
    """

    outcome: str
    values: Mapping[str, float]
    start_wall_s: float
    end_wall_s: float
    note: str = ""


@dataclass(slots=True)
class BlockPublish:
    """One block's publish. ledger: one file a block, so that another process can go on."""

    spec: PublishSpec
    strategy: Strategy
    seed: int
    job: str
    run_id: str
    account: Account
    markers: MarkerClient
    ledger: Path
    clock: Clock
    _answers_s: list[float] = field(default_factory=list)
    _first_wall_s: float | None = None
    _failed: int = 0

    async def run(self) -> Published:
        """Publish to the end. When cancelled, the run is first closed: end marker `aborted`.

        Raises DriverError: not allowed, or the ledger cannot be written; LedgerError: it cannot be used.
        """
        with Ledger(self.ledger) as ledger:
            ledger.begin(self.run_id, self.clock.wall_s(), self._terms())
            return await self._drive(ledger, None)

    async def finish(self) -> Published | None:
        """Go on with what an earlier process has left unfinished in the ledger; None when nothing is unfinished.

        What the platform has applied is not sent again. Raises as `run`.
        """
        with Ledger(self.ledger) as ledger:
            if (left := ledger.unfinished) is None or left.progress is None:
                return None
            self.spec = replace(self.spec, schedule=str(left.terms["schedule"]), week=str(left.terms["week"]))
            ledger.begin(self.run_id, self.clock.wall_s(), left.terms, goes_on=True)
            return await self._drive(ledger, left)

    async def _drive(self, ledger: Ledger, left: Unfinished | None) -> Published:
        account, clock = self.account, self.clock
        refusal = allowed_to_write(account.endpoints, self.spec.business_unit, account.yes_publish)
        if refusal is not None:
            raise DriverError(refusal)
        spec = replace(self.spec, editor=account.client_id)
        resume = left.progress if left else None
        offset_s = clock.wall_s() - clock.mono_s()
        flow = PublishFlow(spec, self.strategy, seed=self.seed, resume=resume, wall_offset_s=offset_s)
        outputs = Outputs(self._event, ledger=ledger, markers=RunMarkers(self.markers, self.job, self.run_id, say))
        told_wall_s = left.started_wall_s if left else None
        async with rest_of(account, clock) as rest:
            driver = PublishDriver(flow, self._keeping_times(rest), clock, outputs, started_wall_s=told_wall_s)
            ended = await _closing(driver)
        values = publish_values(ended.summary, self._failed, self._answers_s)
        summary = ended.summary
        note = failure_words(summary.problem) if summary.problem is not None else ""
        outcome = ABORTED if spec.publish and not summary.published else ended.outcome
        end_wall_s = clock.wall_s()
        return Published(outcome, values, self._first_wall_s or end_wall_s, end_wall_s, note)

    def _keeping_times(self, rest: Rest) -> Send:
        async def send(request: RestRequest) -> RestReply:
            self._first_wall_s = self._first_wall_s or self.clock.wall_s()  # off_peak may have waited for hours
            reply = await rest.send(request, CALL_TIMEOUT_S)
            if reply.ok and reply.seconds is not None:
                self._answers_s.append(reply.seconds)
            return reply

        return send

    def _event(self, event: FlowEvent) -> None:
        if isinstance(event, BatchDone):
            self._failed += event.failed
        elif isinstance(event, Noted):
            say(f"    {event.text}")

    def _terms(self) -> dict[str, Any]:
        return {"business_unit": self.spec.business_unit, "week": self.spec.week, "schedule": self.spec.schedule}


async def _closing(driver: PublishDriver) -> Ended:
    """The driver's run. Being cancelled stops it cleanly first: the answers still due, and the end marker."""
    running = asyncio.create_task(driver.run())
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        driver.stop()
        await running
        raise


async def close_aborted(ledger_path: Path, job: str, markers: MarkerClient, clock: Clock) -> None:
    """Close a run that will not be finished: an end marker `aborted` where one is missing. Raises LedgerError."""
    with Ledger(ledger_path) as ledger:
        left = ledger.unfinished
        if left is None:
            return
        if left.started_wall_s is not None and left.outcome is None:
            await asyncio.to_thread(markers.end, job, left.run_id, left.last_wall_s, ABORTED)
        ledger.begin(left.run_id, clock.wall_s(), left.terms, goes_on=True)
        ledger.end(clock.wall_s(), ABORTED)
