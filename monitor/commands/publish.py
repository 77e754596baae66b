"""`publish`: apply a strategy to a schedule, marked and written down; without a platform, to a simulator of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.commands.embedded import SimulatorError, start_simulator
from monitor.commands.interruptible import run_async
from monitor.commands.publish_target import (
    PublishOptions,
    Target,
    UsageError,
    agents_in,
    ledger_of,
    target_of,
    target_of_simulator,
)
from monitor.commands.publish_text import (
    PublishProgress,
    failure_words,
    result_json,
    say,
    say_dry_run,
    say_result,
)
from monitor.facts.clock import SystemClock, rfc3339
from monitor.publish.client import NAME_LENGTH, MarkerClient, new_run_id
from monitor.publish.driver import DriverError, Outputs, PublishDriver
from monitor.publish.flow.events import ABORTED, OK, Ended
from monitor.publish.flow.flow import PublishFlow
from monitor.publish.flow.ideal import IdealPlatform, run_ideally
from monitor.publish.flow.job import PublishSpec
from monitor.publish.flow.requests import Builder
from monitor.publish.flow.schedule_state import agents_of
from monitor.publish.flow.uploading import CUT_SETTLE_S
from monitor.publish.guard import allowed_to_write
from monitor.publish.ledger import Ledger, LedgerError, Unfinished
from monitor.publish.live import Run, publish, rest_of
from monitor.publish.strategy.strategies import Strategy, strategy
from monitor.simulator.world.scenario import ScenarioError, load_scenario

__all__ = ["PublishOptions", "run_publish"]

DONE, FAILED, USAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be done, checked."""

    options: PublishOptions
    target: Target
    spec: PublishSpec
    strategy: Strategy
    folder: Path


def run_publish(options: PublishOptions) -> int:
    """Publish, or say what would be published. 0 when all went well, 1 when not, 2 for a command line without sense."""
    try:
        _check(options)
        return run_async(_publish(options))
    except (UsageError, ScenarioError) as error:
        for line in str(error).splitlines():
            say(f"publish: {line}")
        return USAGE
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("publish: stopped at once; --resume finds out what had been done and goes on")
        return FAILED
    except (DriverError, LedgerError, SimulatorError, OSError) as error:
        say(f"publish: {error}")
        return FAILED


def _check(options: PublishOptions) -> None:
    """What can be seen to be wrong before anything is started."""
    if not options.job.strip() or not options.job.isprintable() or len(options.job) > NAME_LENGTH:
        raise UsageError(f"--job {options.job[:80]!r}: 1 to {NAME_LENGTH} printable characters are needed")
    if options.config is not None and options.rest is not None:
        raise UsageError("--config and --rest both name a platform: one of them is needed")
    if options.embedded:
        load_scenario(options.scenario)
        if options.resume:
            raise UsageError("--resume needs the platform's address: a simulator of its own begins anew every time")
    _strategy(options)
    agents_in(options.agents)
    unit, week, schedule = options.business_unit or "unit", options.week or "2026-01-05", options.schedule or "schedule"
    _spec(options, unit, week, schedule)
    if options.embedded and (lost := _named_in_vain(options)):
        raise UsageError(f"{', '.join(lost)}: on which platform? --config or --rest is needed")


def _named_in_vain(options: PublishOptions) -> list[str]:
    """What only makes sense on a platform that is named, lest somebody takes the simulator for it."""
    named = {
        "--login": options.login,
        "--streaming": options.streaming,
        "--business-unit": options.business_unit,
        "--week": options.week,
        "--schedule": options.schedule,
        "--yes-publish": options.yes_publish,
    }
    return [option for option, value in named.items() if value]


def _strategy(options: PublishOptions) -> Strategy:
    """The strategy; UsageError when off_peak has no next window, too."""
    try:
        chosen = strategy(
            options.pacing,
            options.retry,
            in_flight=options.in_flight,
            rate_per_s=options.rate_per_s,
            window=options.window,
            tz=options.tz,
            retry_limit=options.retry_limit,
            retry_factor=options.retry_factor,
            jitter=options.jitter,
        )
        chosen.pacing.opening(SystemClock().wall_s())
    except ValueError as error:
        raise UsageError(str(error)) from None
    return chosen


def _spec(options: PublishOptions, business_unit: str, week: str, schedule: str) -> PublishSpec:
    try:
        return PublishSpec(
            business_unit,
            week,
            schedule,
            agents=agents_in(options.agents),
            writes=options.writes,
            publish=options.publish,
            batch_size=options.batch_size,
            pause_s=options.pause_s,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


async def _publish(options: PublishOptions) -> int:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="softphone-publish-")))
        if options.embedded:
            say(f"Starting a simulator (scenario {options.scenario}); everything here is SIMULATED.")
            target = target_of_simulator(await start_simulator(options.scenario, options.seed, stack))
        else:
            target = target_of(options)
        spec = _spec(options, target.business_unit, target.week, target.schedule)
        job = _Job(options, target, spec, _strategy(options), folder)
        refusal = allowed_to_write(target.account.endpoints, target.business_unit, options.yes_publish)
        if refusal is not None:
            return await _dry_run(job, refusal)
        return await _run(job)


async def _dry_run(job: _Job, why: str) -> int:
    """Read the schedule, and run the same flow against a platform that answers at once."""
    clock = SystemClock()
    async with rest_of(job.target.account, clock) as rest:
        reply = await rest.send(Builder().read_schedule(job.spec.ref))
    if reply.failure is not None:
        say(f"publish: {failure_words(reply.failure)}")
        return FAILED
    flow = PublishFlow(job.spec, job.strategy, seed=job.options.seed, wall_offset_s=clock.wall_s())
    run_ideally(flow, IdealPlatform(agents_of(reply.body)))
    ended = next(event for event in flow.events() if isinstance(event, Ended))
    summary = ended.summary
    if job.options.json:
        print(json.dumps(result_json(ended, dry_run=True, why=why, strategy=job.strategy.name), indent=2))
    else:
        say_dry_run(why, summary, summary.batches, summary.seconds)
    if summary.problem is not None:
        say(f"publish: would end as {ended.outcome}: {failure_words(summary.problem)}")
    return DONE if flow.batches else FAILED


async def _run(job: _Job) -> int:
    options = job.options
    path = job.folder / "ledger.jsonl" if options.embedded and options.ledger is None else ledger_of(options)
    clock = SystemClock()
    markers = _markers(job)
    with Ledger(path) as ledger, PublishProgress() as progress:
        if options.resume and ledger.finished is not None and ledger.finished[1] == _terms(job):
            progress.line(f"run {ledger.finished[0]} has ended well already: there is nothing to resume")
            return DONE
        resume = _taken_up(job, ledger, markers, progress.line)
        if resume is None and ledger.unfinished is not None:
            await _let_settle(ledger.unfinished, progress.line)
        goes_on = resume is not None and resume.outcome is None
        run_id = resume.run_id if resume is not None and goes_on else new_run_id()
        ledger.begin(run_id, clock.wall_s(), _terms(job), goes_on=resume is not None)
        mark = "SIMULATED " if job.target.simulated else ""
        progress.line(f"{mark}run {run_id} of job {options.job}, strategy {job.strategy.name}")
        run = Run(
            job.spec,
            job.strategy,
            options.job,
            run_id,
            seed=options.seed,
            markers=markers,
            resume=resume,
            say=progress.line,
            on_driver=_stop_on_signals,
        )
        outputs = Outputs(progress.event, progress.change, ledger)
        ended = await publish(run, job.target.account, outputs, clock)
    return _tell(job, run_id, ended)


def _stop_on_signals(driver: PublishDriver) -> None:
    """The first SIGTERM, SIGINT or SIGHUP stops the run in order, a second one at once."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    told: list[int] = []

    def stop(number: int) -> None:
        told.append(number)
        say("publish: stopping; a second signal does not wait for the answers still due")
        driver.stop() if len(told) == 1 else task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, stop, number)


def _taken_up(
    job: _Job, ledger: Ledger, markers: MarkerClient | None, line: Callable[[str], None]
) -> Unfinished | None:
    """The run to go on with. Without --resume, one whose process has died gets the end marker that it never told."""
    left = ledger.unfinished
    if job.options.resume:
        if left is None:
            raise LedgerError(f"ledger {ledger.path}: there is no unfinished run to resume")
        if left.terms != _terms(job):
            differing = [name for name, value in _terms(job).items() if left.terms.get(name) != value]
            raise UsageError(f"--resume: run {left.run_id} was told otherwise: {', '.join(differing)}")
        return left
    if left is None:
        return None
    if left.outcome is None and left.started_wall_s is not None:
        now = rfc3339(SystemClock().wall_s())
        if markers is not None:
            edges = {"time_min": rfc3339(left.last_wall_s), "time_max": now}
            markers.end(str(left.terms.get("job", job.options.job)), left.run_id, left.last_wall_s, ABORTED, **edges)
        line(f"note: run {left.run_id} was killed and is over now, as aborted; --resume would have gone on with it")
    elif left.outcome is not None:
        line(f"note: the last run, {left.run_id}, ended as {left.outcome}; --resume would have gone on with it")
    return None


async def _let_settle(left: Unfinished, line: Callable[[str], None]) -> None:
    """An update that the last run left behind may still be at work: a new run must not take it for its own."""
    if left.progress is None or left.progress.in_flight is None:
        return
    wait_s = left.last_wall_s + CUT_SETTLE_S - SystemClock().wall_s()
    if 0 < wait_s <= CUT_SETTLE_S:
        line(f"note: waiting {wait_s:.0f} s, as an update of run {left.run_id} may still be at work")
        await asyncio.sleep(wait_s)


def _terms(job: _Job) -> dict[str, Any]:
    """What a run that is taken up again must have in common with the one that was left."""
    spec = job.spec
    return {
        "job": job.options.job,
        "business_unit": spec.business_unit,
        "week": spec.week,
        "schedule": spec.schedule,
        "strategy": job.strategy.name,
        "writes": list(spec.writes),
        "publish": spec.publish,
        "batch_size": spec.batch_size,
    }


def _markers(job: _Job) -> MarkerClient | None:
    """Where markers go: never to a monitor that nobody has named when the platform is a simulator."""
    url = job.options.monitor or os.environ.get("MONITOR_URL", "")
    if job.target.simulated and not url:
        return None
    return MarkerClient(url)


def _tell(job: _Job, run_id: str, ended: Ended) -> int:
    about = {
        "simulated": job.target.simulated,
        "job": job.options.job,
        "run_id": run_id,
        "strategy": job.strategy.name,
    }
    if job.options.json:
        print(json.dumps(result_json(ended, **about), indent=2))
    else:
        say_result(ended, job.strategy.name, simulated=job.target.simulated)
    if ended.summary.problem is not None:
        say(f"publish: {failure_words(ended.summary.problem)}")
    return DONE if ended.outcome == OK else FAILED
