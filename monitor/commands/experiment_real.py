"""Blocks on a configured platform: each at its time, published by driver or by hand, measured by a running monitor."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from monitor.analysis.experiment.arm_report import Outcome
from monitor.commands.block_values import of_facts, of_markers
from monitor.commands.experiment_progress import say
from monitor.commands.experiment_publish import BlockPublish, Left, close_aborted, last_change_wall_s, left_in
from monitor.commands.experiment_results import ResultsFile, ledger_path
from monitor.config.load import load
from monitor.config.model import Genesys
from monitor.config.secrets import resolve
from monitor.facts.clock import Clock
from monitor.facts.runs import DEFAULT_LIMIT_S, Run, runs_of
from monitor.genesys.regions import Endpoints, for_region, for_urls
from monitor.outputs.journal import JournalError, JournalReader
from monitor.publish.client import MarkerClient
from monitor.publish.flow.events import ABORTED
from monitor.publish.guard import allowed_to_write
from monitor.publish.live import Account, rest_of
from monitor.publish.plan.model import Arm, Plan, Step
from monitor.publish.plan.text import arm_words
from monitor.publish.plan.times import read_when

OK = 0
LATE_S = 300.0  # a block that cannot begin within this of its time is missed: later is another time of day
EARLY_S = 900.0  # somebody who publishes by hand may begin so much before the time,
HAND_LATE_S = 3600.0  # or so much after it
RESUME_S = 1800.0  # a publish that was interrupted longer ago is not finished but closed as aborted
COMMIT_S = 2.0  # what was measured is in the journal by then
LOOK_S = 5.0
LONGEST_SLEEP_S = 60.0  # the wall clock may be set while we wait


class RealError(Exception):
    """The experiment cannot go on; the message is one line for the user."""


class RealRun:
    """The blocks of a plan for a real platform. Raises ConfigErrors, RealError when it cannot begin."""

    def __init__(self, plan_file: Path, plan: Plan, config: Path | None, yes_publish: str | None, clock: Clock) -> None:
        if config is None:
            raise RealError("a plan for a real platform needs the monitor's configuration: -c FILE")
        self._plan_file = plan_file
        self._plan = plan
        self._settings = load(config, os.environ if plan.publish.by == "driver" else None)
        self._journal = JournalReader(Path(self._settings.journal.path))
        self._yes_publish = yes_publish
        self._clock = clock
        self._times = {step.block: read_when(step.when or "", plan.zone).wall_s for step in plan.blocks}

    def why_not(self) -> str | None:
        """Why nothing may be published, None when it may, or when somebody else does it."""
        if self._plan.publish.by == "hand":
            return None
        genesys = self._settings.genesys
        if genesys is None or genesys.client is None:
            return "the configuration has no genesys.client to publish with"
        return allowed_to_write(endpoints_of(genesys), self._plan.publish.business_unit or "", self._yes_publish)

    def dry_run(self, pending: Sequence[Step], reason: str) -> int:
        """Say what would be done, and why it is not."""
        for step in pending:
            print(f"would: {step.when}, week {step.week}: {step.arm}: {arm_words(self._plan.arm(step.arm))}")
        print(f"dry run, nothing was published: {reason}", file=sys.stderr)
        return OK

    def check(self) -> None:
        """The monitor's journal must be there, as nothing else tells what a block did. Raises RealError."""
        try:
            self._journal.markers(limit=1)
        except JournalError as error:
            raise RealError(f"{error}; outcomes come from the journal of a running monitor") from None

    async def block(self, step: Step, begun: bool, file: ResultsFile) -> Outcome:
        """Run or watch one block. begun: an earlier process has begun it. Raises RealError, LedgerError."""
        arm = self._plan.arm(step.arm)
        planned_wall_s = self._times[step.block]
        if arm.publishes and self._plan.publish.by == "driver":
            return await self._driven(step, arm, planned_wall_s, begun, file)
        if arm.publishes:
            return await self._by_hand(step, planned_wall_s)
        return await self._nothing(step, planned_wall_s)

    async def _driven(self, step: Step, arm: Arm, planned_wall_s: float, begun: bool, file: ResultsFile) -> Outcome:
        ledger, run_id = ledger_path(self._plan_file, step.block), self.run_id(step)
        left = left_in(ledger) if begun else Left.NOTHING
        if left is Left.ENDED:
            runs = {run.run_id: run for run in self._runs(planned_wall_s - EARLY_S)}
            return await self._marked(step, runs.get(run_id))
        if left is Left.UNFINISHED:
            return await self._interrupted(step, arm, ledger, run_id)
        if self._clock.wall_s() > planned_wall_s + LATE_S:
            return _lost(step, "missed", f"it was to begin at {step.when} and nobody ran it")
        await self._until(planned_wall_s, step)
        schedule = step.schedule or await self._draft(step)
        if not schedule:
            return _lost(step, "missed", f"not exactly one draft in week {step.week}: name one in the plan")
        file.started(step.block, run_id=run_id)
        published = await self._publish(step, arm, schedule, ledger, run_id).run()
        await self._until(published.end_wall_s + self._plan.tail_s + COMMIT_S)
        start_wall_s, end_wall_s = published.start_wall_s, published.end_wall_s
        if published.outcome == ABORTED:
            return _lost(step, ABORTED, published.note)
        return self._measured(step, published.outcome, dict(published.values), start_wall_s, end_wall_s)

    async def _interrupted(self, step: Step, arm: Arm, ledger: Path, run_id: str) -> Outcome:
        """Finish what another process has left, or close it when that is too long ago. It compares nothing."""
        if self._clock.wall_s() - last_change_wall_s(ledger) > RESUME_S:
            await close_aborted(ledger, self._plan.publish.job, self._markers(), self._clock)
            return _lost(step, "aborted", "interrupted, and too long ago to be finished: its run is closed as aborted")
        schedule = step.schedule or "left"  # replaced by the ledger's own
        published = await self._publish(step, arm, schedule, ledger, run_id).finish()
        assert published is not None
        return _lost(step, "aborted", f"interrupted and finished later ({published.outcome}); it compares nothing")

    async def _by_hand(self, step: Step, planned_wall_s: float) -> Outcome:
        await self._until(planned_wall_s, step)
        while True:
            run = self._found(planned_wall_s)
            now_wall_s = self._clock.wall_s()
            if run is not None and run.end_wall_s is not None:
                await self._until(run.end_wall_s + self._plan.tail_s + COMMIT_S)
                return await self._marked(step, run)
            if now_wall_s > planned_wall_s + DEFAULT_LIMIT_S:
                job = self._plan.publish.job
                return _lost(step, "missed", f"no run of job {job} was marked about {step.when}")
            await asyncio.sleep(LOOK_S)

    async def _nothing(self, step: Step, planned_wall_s: float) -> Outcome:
        end_wall_s = planned_wall_s + self._plan.none_s
        await self._until(end_wall_s + self._plan.tail_s + COMMIT_S, step)
        if self._published_between(planned_wall_s, end_wall_s + self._plan.tail_s):
            return _lost(step, "missed", f"job {self._plan.publish.job} was published, and nothing was to be")
        return self._measured(step, "ok", {}, planned_wall_s, end_wall_s)

    async def _marked(self, step: Step, run: Run | None) -> Outcome:
        """What the journal knows of a run that has ended."""
        if run is None or run.start_wall_s is None or run.end_wall_s is None:
            return _lost(step, "missed", "its markers have not reached the monitor")
        await self._until(run.end_wall_s + self._plan.tail_s + COMMIT_S)
        markers = self._journal.markers(run.start_wall_s - 1, run.end_wall_s + 1)
        ends = [m.attributes for m in markers if m.run_id == run.run_id and m.at_wall_s == run.end_wall_s]
        values = of_markers(ends[0] if ends else {}, run.end_wall_s - run.start_wall_s)
        state = run.outcome if run.outcome in ("ok", "failed") else "aborted"
        return self._measured(step, state, values, run.start_wall_s, run.end_wall_s)

    def _measured(
        self, step: Step, state: str, values: dict[str, float], start_wall_s: float, end_wall_s: float
    ) -> Outcome:
        until_wall_s = end_wall_s + self._plan.tail_s
        facts = list(self._journal.facts(start_wall_s, until_wall_s + COMMIT_S))
        if not any(fact.kind == "heartbeat" for fact in facts):
            return _lost(step, "missed", "the journal holds no heartbeat of that time: was the monitor running?")
        seen = of_facts(facts, start_wall_s, until_wall_s)
        return Outcome(step.block, step.replicate, step.mode, step.arm, state, {**values, **seen.values()})

    def _found(self, planned_wall_s: float) -> Run | None:
        """The run of the plan's job that was begun about that time."""
        from_wall_s, to_wall_s = planned_wall_s - EARLY_S, planned_wall_s + HAND_LATE_S
        for run in self._runs(from_wall_s):
            start_wall_s = run.first_wall_s
            nearest = min(self._times.values(), key=lambda wall_s: abs(wall_s - start_wall_s))
            if from_wall_s <= start_wall_s <= to_wall_s and nearest == planned_wall_s:
                return run
        return None

    def _published_between(self, from_wall_s: float, to_wall_s: float) -> bool:
        runs = self._runs(from_wall_s - DEFAULT_LIMIT_S)
        return any(run.first_wall_s < to_wall_s and (run.end_wall_s or to_wall_s) > from_wall_s for run in runs)

    def _runs(self, since_wall_s: float) -> list[Run]:
        """The runs of the plan's job, oldest first."""
        runs = runs_of(self._journal.markers(since_wall_s=since_wall_s), now_wall_s=self._clock.wall_s())
        return [run for run in runs if run.job == self._plan.publish.job]

    def run_id(self, step: Step) -> str:
        """The same in every process that runs this block."""
        return f"{self._plan.name}-block-{step.block}"

    def _publish(self, step: Step, arm: Arm, schedule: str, ledger: Path, run_id: str) -> BlockPublish:
        spec = arm.job(self._plan.publish.business_unit or "", step.week or "", schedule, self._plan.publish.writes)
        job, account, markers = self._plan.publish.job, self._account(), self._markers()
        return BlockPublish(spec, arm.strategy(), self._plan.seed, job, run_id, account, markers, ledger, self._clock)

    def _markers(self) -> MarkerClient:
        exporter = self._settings.exporter
        host = f"[{exporter.host}]" if ":" in exporter.host else exporter.host
        secret = exporter.needed_token
        own = "" if os.environ.get("MONITOR_URL") else f"http://{host}:{exporter.port}"
        return MarkerClient(own, resolve(secret) if secret and own else "")

    def _account(self) -> Account:
        genesys = self._settings.genesys
        assert genesys is not None
        assert genesys.client is not None
        client_id, secret = resolve(genesys.client.id), resolve(genesys.client.secret)
        return Account(endpoints_of(genesys), client_id, secret, self._yes_publish)

    async def _draft(self, step: Step) -> str:
        """The id of the week's only schedule that is not published, empty when there is not exactly one."""
        path = f"workforcemanagement/businessunits/{self._plan.publish.business_unit}/weeks/{step.week}/schedules"
        async with rest_of(self._account(), self._clock) as rest:
            reply = await rest.call("schedules", "GET", path)
        entities = reply.body.get("entities") if reply.ok and isinstance(reply.body, dict) else None
        drafts = [one for one in entities or [] if isinstance(one, dict) and one.get("published") is False]
        return str(drafts[0].get("id", "")) if len(drafts) == 1 else ""

    async def _until(self, wall_s: float, step: Step | None = None) -> None:
        if step is not None and wall_s - self._clock.wall_s() > LONGEST_SLEEP_S:
            say(f"    waits until {step.when} {self._plan.timezone}")
        while (wait_s := wall_s - self._clock.wall_s()) > 0:  # noqa: ASYNC110 - a time of day is no event
            await asyncio.sleep(min(wait_s, LONGEST_SLEEP_S))


def endpoints_of(genesys: Genesys) -> Endpoints:
    """Where that platform answers."""
    if genesys.region is not None:
        return for_region(genesys.region)
    return for_urls(genesys.rest or "", genesys.login or "", genesys.streaming or "")


def _lost(step: Step, state: str, note: str) -> Outcome:
    return Outcome(step.block, step.replicate, step.mode, step.arm, state, {}, note)
