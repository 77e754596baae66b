"""An experiment's plan file, read strictly: every problem on a line of its own, with its place and what is allowed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.config.document import Document, KeyPath, read
from monitor.config.rules import FROM_FILE
from monitor.publish.plan.blocks import FEWEST_ARMS, NONE
from monitor.publish.plan.model import REAL, Plan, Step
from monitor.publish.plan.times import read_when

LONGEST_VALUE = 60
_Problem = tuple[KeyPath, str]


class PlanError(ValueError):
    """A plan that cannot be used; `problems` has one line each, without the file's name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_plan(content: bytes) -> Plan:
    """The plan that the YAML says. Raises PlanError with everything that is wrong with it."""
    document = read(content)
    problems = [_line(document, flaw.path, flaw.allowed, flaw.line) for flaw in document.flaws]
    if not problems and not isinstance(document.data, dict):
        problems = ["line 1: a plan is a mapping of settings; `experiment plan` writes one"]
    if problems:
        raise PlanError(problems)
    try:
        plan = Plan.model_validate_json(json.dumps(document.data), context=FROM_FILE, by_alias=True, by_name=False)
    except ValidationError as errors:
        raise PlanError([_of_error(document, error) for error in errors.errors(include_url=False)]) from None
    found = sorted((document.line_of(path), path, words) for path, words in problems_of(plan))
    if found:
        raise PlanError([_line(document, path, words) for _, path, words in found])
    return plan


def problems_of(plan: Plan) -> Iterator[_Problem]:
    """What is wrong with a plan whose single values are right: where and what, in no order."""
    yield from _arm_problems(plan)
    yield from _platform_problems(plan)
    yield from _block_problems(plan)
    yield from _balance_problems(plan)
    if not plan.simulated:
        yield from _time_problems(plan)


def _arm_problems(plan: Plan) -> Iterator[_Problem]:
    names = plan.arm_names()
    if len(names) < FEWEST_ARMS:
        yield ("arms",), f"{len(names)} arms: at least {FEWEST_ARMS} are needed"
    for index, arm in enumerate(plan.arms):
        if arm.name in names[:index]:
            yield ("arms", index, "name"), f"{arm.name!r} is the name of an arm before it"
        if not arm.publishes:
            if arm.pacing or arm.retry or arm.figures:
                yield ("arms", index), f"{NONE} is the arm that publishes nothing: no pacing, retry or figures"
            continue
        try:
            arm.strategy()
            arm.job("any", "2026-01-05", "any", plan.publish.writes)
        except ValueError as error:
            yield ("arms", index), str(error)
    if plan.reference not in names:
        yield ("reference",), f"{plan.reference!r}: one of {', '.join(names)} is needed"


def _platform_problems(plan: Plan) -> Iterator[_Problem]:
    needed = ("scenario",) if plan.simulated else ("timezone",)
    for name in needed:
        if getattr(plan, name) is None:
            yield (name,), f"a {plan.platform} platform needs a {name}"
    if plan.simulated and plan.publish.by == "hand":
        yield ("publish", "by"), "nobody publishes to the simulator by hand: driver is needed"
    if not plan.simulated and plan.publish.by == "driver" and plan.publish.business_unit is None:
        yield ("publish",), "business_unit: the driver needs to know where it is to publish"
    if not plan.publish.writes and plan.simulated:
        yield ("publish", "writes"), "at least one kind of write is needed"


def _block_problems(plan: Plan) -> Iterator[_Problem]:
    if not plan.blocks:
        yield ("blocks",), "there is no block: nothing would be done"
    names = plan.arm_names()
    for index, step in enumerate(plan.blocks):
        where = ("blocks", index)
        if step.block != index + 1:
            yield (*where, "block"), f"{step.block}: blocks are numbered in order, so {index + 1} is needed"
        if step.arm not in names:
            yield (*where, "arm"), f"{step.arm!r}: one of {', '.join(names)} is needed"
        if (step.mode == REAL) == plan.simulated:
            yield (*where, "mode"), f"{step.mode!r} does not go with platform {plan.platform!r}"
        elif plan.simulated and step.seed is None:
            yield where, "seed: a simulated block needs one"


def _balance_problems(plan: Plan) -> Iterator[_Problem]:
    """Arms are compared within a replicate, so each must hold every arm once, on the same platform."""
    groups: dict[tuple[str, int], list[tuple[int, Step]]] = defaultdict(list)
    for index, step in enumerate(plan.blocks):
        groups[step.mode, step.replicate].append((index, step))
    for (mode, replicate), steps in groups.items():
        counts = Counter(step.arm for _, step in steps)
        wrong = [f"{arm} {counts[arm]} times" for arm in plan.arm_names() if counts[arm] != 1]
        if wrong:
            where = ("blocks", steps[0][0])
            yield where, f"{mode} replicate {replicate} has {', '.join(wrong)}: every arm once is needed"
        if len({step.seed for _, step in steps}) > 1:
            yield ("blocks", steps[0][0], "seed"), f"{mode} replicate {replicate} has several seeds: one is needed"


def _time_problems(plan: Plan) -> Iterator[_Problem]:
    starts: list[tuple[int, float]] = []
    for index, step in enumerate(plan.blocks):
        where = ("blocks", index)
        try:
            starts.append((index, read_when(step.when or "", plan.zone).wall_s))
        except ValueError as error:
            yield (*where, "when"), f"{step.when!r}: {error}"
        if step.week is not None and not _is_date(step.week):
            yield (*where, "week"), f"{step.week!r}: a date such as '2026-03-09' is needed"
        elif step.week is None and plan.publish.by == "driver" and step.arm != NONE:
            yield where, "week: the first day of the schedule's week is needed"
    apart_s = plan.tail_s + plan.settle_s
    for (_, before), (index, after) in pairwise(starts):
        if after - before < apart_s:
            allowed = f"at least {apart_s / 60:.0f} minutes after the block before it are needed (tail and settle)"
            yield ("blocks", index, "when"), f"{plan.blocks[index].when!r}: {allowed}"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _of_error(document: Document, problem: ErrorDetails) -> str:
    hidden = problem["type"] in ("missing", "extra_forbidden") or isinstance(problem["input"], dict | list)
    shown = "" if hidden else f" (got {repr(problem['input'])[:LONGEST_VALUE]})"
    words = {"missing": "is missing", "extra_forbidden": "there is no such setting"}
    return _line(document, problem["loc"], words.get(problem["type"], problem["msg"]) + shown)


def _line(document: Document, path: KeyPath, words: str, line: int | None = None) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"line {line or document.line_of(path)}: {where}: {words}" if where else f"line {line or 1}: {words}"
