"""`experiment plan|run|report`: a randomised comparison of ways to publish, from the plan on paper to the table."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.analysis.experiment.arm_report import NONE, report_on
from monitor.commands.experiment_results import ResultsError, read_results, results_path
from monitor.commands.experiment_run import BadInput, RunError, RunSettings, run_blocks
from monitor.commands.experiment_text import markdown, report_json, say_report
from monitor.config.document import LARGEST_BYTES
from monitor.config.rules import duration_s
from monitor.publish.plan.draw import simulated_steps, weekly_steps
from monitor.publish.plan.file import PlanError, read_plan
from monitor.publish.plan.model import Plan, Publish, Step, read_arm
from monitor.publish.plan.text import write_plan
from monitor.publish.plan.times import read_slot
from monitor.simulator.world.scenario import load_scenario

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """`experiment plan FILE`.

    arms: as typed, such as `batch`, `burst+backoff:retry_limit=5` or `none`. With a scenario the plan is for the
    simulator, with `virtual` and `live` replicates; without one it is for a real platform, with slots (`tue 10:00`), a
    first day (yyyy-mm-dd), weeks, a time zone, and a business unit unless somebody publishes by hand. ahead_weeks: how
    far after the publish the published week lies. tail, settle, none_for: durations such as `60s`. reference: by
    default the arm none, else the first one.
    """

    file: Path
    arms: tuple[str, ...]
    name: str = ""
    about: str = ""
    seed: int = 1
    reference: str = ""
    scenario: str | None = None
    virtual: int = 20
    live: int = 1
    slots: tuple[str, ...] = ()
    start: str = ""
    weeks: int = 0
    timezone: str = ""
    ahead_weeks: int = 1
    business_unit: str | None = None
    by_hand: bool = False
    job: str = "experiment"
    writes: tuple[str, ...] = ("presence", "routing_status")
    tail: str = "60s"
    settle: str = "10m"
    none_for: str = "60s"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`experiment run PLAN`. resume: go on with results that are there. config and yes_publish: for a real platform."""

    plan: Path
    resume: bool = False
    config: Path | None = None
    yes_publish: str | None = None


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """`experiment report PLAN`. as_json: one JSON object on stdout; as_markdown: tables for a document."""

    plan: Path
    as_json: bool = False
    as_markdown: bool = False


def run_plan(options: PlanOptions) -> int:
    """Draw the design and write the plan. 2, with one line a problem, for what makes no sense or cannot be written."""
    try:
        plan = _drawn(options)
        text = write_plan(plan)
        read_plan(text.encode())  # what is handed out must be a plan that `run` takes
        with options.file.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return _refuse("plan", [f"{options.file}: is there already; a plan is not overwritten"])
    except OSError as error:
        return _refuse("plan", [f"{options.file}: cannot be written: {error.strerror}"])
    except PlanError as error:
        return _refuse("plan", error.problems)
    except ValidationError as errors:
        return _refuse("plan", [_of_error(error) for error in errors.errors(include_url=False)])
    except ValueError as error:
        return _refuse("plan", [str(error)])
    print(f"{options.file}: {len(plan.blocks)} blocks; read it, then: softphone-monitor experiment run {options.file}")
    return OK


def run_run(options: RunOptions) -> int:
    """Run what the plan says and results do not have yet. 130 after Ctrl-C, 1 when it cannot go on, 2 for bad input."""
    try:
        plan = load_plan(options.plan)
        settings = RunSettings(options.plan, plan, options.resume, options.config, options.yes_publish)
        return run_blocks(settings)
    except (PlanError, ResultsError, BadInput) as error:
        return _refuse("run", str(error).splitlines())
    except (RunError, OSError) as error:
        print(f"experiment run: {error}", file=sys.stderr)
        return FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; finished blocks are kept. Go on with --resume.", file=sys.stderr)
        return INTERRUPTED


def run_report(options: ReportOptions) -> int:
    """Print what the results say so far. 2 for a plan or results that cannot be used."""
    try:
        plan = load_plan(options.plan)
        results = read_results(results_path(options.plan), plan)
    except (PlanError, ResultsError) as error:
        return _refuse("report", str(error).splitlines())
    report = report_on([*results.outcomes.values()], plan.arm_names(), plan.reference, seed=plan.seed)
    missing = len(plan.blocks) - len(results.outcomes)
    if missing:
        print(f"{missing} of {len(plan.blocks)} blocks have not been run yet", file=sys.stderr)
    if options.as_json:
        print(json.dumps(report_json(report, plan), indent=2, allow_nan=False))
    elif options.as_markdown:
        print(markdown(report, plan))
    else:
        say_report(report, plan)
    return OK


def load_plan(path: Path) -> Plan:
    """The plan in a file. Raises PlanError, each line with the file's name."""
    try:
        with path.open("rb") as file:
            return read_plan(file.read(LARGEST_BYTES + 1))
    except OSError as error:
        raise PlanError([f"{path}: cannot be read: {error.strerror}"]) from None
    except PlanError as error:
        raise PlanError([f"{path}: {line}" for line in error.problems]) from None


def _drawn(options: PlanOptions) -> Plan:
    """The plan that the options ask for. Raises ValueError (ValidationError and PlanError among them)."""
    arms = tuple(read_arm(text) for text in options.arms)
    names = tuple(arm.name for arm in arms)
    reference = options.reference or (NONE if NONE in names else names[0] if names else NONE)
    publish = Publish(
        writes=options.writes,
        job=options.job,
        business_unit=options.business_unit,
        by="hand" if options.by_hand else "driver",
    )
    name = options.name or options.file.stem
    simulated = options.scenario is not None
    return Plan(
        plan=1,
        name=name,
        about=options.about,
        platform="simulated" if simulated else "real",
        scenario=options.scenario,
        timezone=None if simulated else options.timezone,
        seed=options.seed,
        reference=reference,
        publish=publish,
        tail_s=_seconds("tail", options.tail),
        settle_s=_seconds("settle", options.settle),
        none_s=_seconds("none-for", options.none_for),
        arms=arms,
        blocks=_simulated(options, names) if simulated else _weekly(options, names),
    )


def _simulated(options: PlanOptions, names: tuple[str, ...]) -> tuple[Step, ...]:
    assert options.scenario is not None
    load_scenario(options.scenario)
    if options.slots or options.weeks or options.start:
        raise ValueError("a scenario is rehearsed by replicates: slots, start and weeks are for a real platform")
    if options.timezone or options.business_unit:
        raise ValueError("a scenario brings its own: time zone and business unit are for a real platform")
    return simulated_steps(options.seed, names, options.virtual, options.live)


def _weekly(options: PlanOptions, names: tuple[str, ...]) -> tuple[Step, ...]:
    if not options.timezone:
        raise ValueError("a plan for a real platform needs a time zone such as America/Chicago")
    try:
        zone = ZoneInfo(options.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time zone {options.timezone!r}: one such as America/Chicago is needed") from None
    try:
        first = date.fromisoformat(options.start)
    except ValueError:
        raise ValueError(f"start {options.start!r}: a date such as 2026-03-03 is needed") from None
    slots = [read_slot(text) for text in options.slots]
    return weekly_steps(options.seed, names, slots, first, options.weeks, zone, ahead_weeks=options.ahead_weeks)


def _seconds(name: str, text: str) -> float:
    try:
        return duration_s(text)
    except ValueError:
        raise ValueError(f"{name} {text!r}: a duration such as 60s is needed") from None


def _of_error(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where} {error['input']!r}: {error['msg']}"


def _refuse(command: str, lines: list[str]) -> int:
    for line in lines:
        print(f"experiment {command}: {line}", file=sys.stderr)
    return USAGE
