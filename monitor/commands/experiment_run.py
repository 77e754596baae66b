"""Running an experiment's blocks in the plan's order: what is done stays done, what was interrupted is settled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.analysis.experiment.arm_report import Outcome
from monitor.app import FleetError
from monitor.commands.embedded import SimulatorError
from monitor.commands.experiment_live import LiveError, live_block
from monitor.commands.experiment_progress import Progress, say
from monitor.commands.experiment_real import RealError, RealRun
from monitor.commands.experiment_results import (
    Results,
    ResultsError,
    ResultsFile,
    has_header,
    ledger_path,
    read_results,
    results_path,
)
from monitor.commands.interruptible import run_async, sigterm_as_ctrl_c
from monitor.commands.rehearsal import rehearse
from monitor.config.load import ConfigErrors
from monitor.config.secrets import SecretMissing
from monitor.facts.clock import SystemClock
from monitor.outputs.journal import JournalError
from monitor.publish.driver import DriverError
from monitor.publish.ledger import LedgerError
from monitor.publish.plan.model import LIVE, VIRTUAL, Plan, Step
from monitor.simulator.world.scenario import Scenario, ScenarioError, load_scenario

OK = 0


class BadInput(Exception):  # noqa: N818 - it is the user's
    """Something the user can put right; one line each."""


class RunError(Exception):
    """The run cannot go on; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run goes by. plan_file: results and ledgers lie beside it. config, yes_publish: for a real platform."""

    plan_file: Path
    plan: Plan
    resume: bool
    config: Path | None
    yes_publish: str | None


def run_blocks(settings: RunSettings) -> int:
    """Run every block that has no result yet.

    Raises BadInput for what the user can put right, RunError when it cannot go on, KeyboardInterrupt.
    """
    plan, path = settings.plan, results_path(settings.plan_file)
    results = _results_so_far(settings, path)
    pending = [step for step in plan.blocks if step.block not in results.outcomes]
    runner = _runner(settings)
    if runner.real is not None and (reason := runner.real.why_not()) is not None:
        return runner.real.dry_run(pending, reason)
    clock = SystemClock()
    started_mono_s = clock.mono_s()
    with sigterm_as_ctrl_c(), ResultsFile(path, plan) as file, Progress(plan, len(results.outcomes)) as progress:
        for step in pending:
            progress.block(step)
            outcome = _run(runner, step, step.block in results.started, file)
            file.done(outcome)
            progress.done(outcome)
    say(
        f"{len(pending)} blocks in {clock.mono_s() - started_mono_s:.0f} s; softphone-monitor experiment report "
        f"{settings.plan_file}"
    )
    return OK


@dataclass(frozen=True, slots=True)
class _Runner:
    """What blocks are run with: a scenario or a real platform."""

    settings: RunSettings
    scenario: Scenario | None
    real: RealRun | None


def _runner(settings: RunSettings) -> _Runner:
    plan = settings.plan
    try:
        if plan.scenario is not None:
            return _Runner(settings, load_scenario(plan.scenario), None)
        real = RealRun(settings.plan_file, plan, settings.config, settings.yes_publish, SystemClock())
        if real.why_not() is None:
            real.check()
        return _Runner(settings, None, real)
    except (ScenarioError, ConfigErrors, RealError) as error:
        raise BadInput(str(error)) from None


def _run(runner: _Runner, step: Step, begun: bool, file: ResultsFile) -> Outcome:
    plan = runner.settings.plan
    if step.mode == VIRTUAL:
        assert runner.scenario is not None
        return rehearse(plan, step, runner.scenario)
    try:
        if step.mode == LIVE:
            return run_async(_live(runner.settings, step, begun, file))
        assert runner.real is not None
        return run_async(runner.real.block(step, begun, file))
    except (LiveError, SimulatorError, DriverError, LedgerError, FleetError, JournalError, SecretMissing) as error:
        raise RunError(f"block {step.block}: {error}") from None


async def _live(settings: RunSettings, step: Step, begun: bool, file: ResultsFile) -> Outcome:
    """A live block that was interrupted is done again from its beginning: its platform went away with its process."""
    if begun:
        note = "interrupted; done again on a new simulator, on which nobody is published yet"
        file.gave_up(Outcome(step.block, step.replicate, step.mode, step.arm, "aborted", {}, note))
    run_id = f"{settings.plan.name}-block-{step.block}"
    file.started(step.block, run_id=run_id)
    return await live_block(settings.plan, step, ledger_path(settings.plan_file, step.block), run_id)


def _results_so_far(settings: RunSettings, path: Path) -> Results:
    """What an earlier run has left. Raises ResultsError when there is any and nobody said --resume."""
    if not has_header(path):
        return Results()
    results = read_results(path, settings.plan)
    if not settings.resume:
        count = len(results.outcomes)
        raise ResultsError(f"{path}: holds {count} of {len(settings.plan.blocks)} blocks; go on with --resume")
    return results
