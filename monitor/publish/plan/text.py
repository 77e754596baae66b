"""An experiment's plan as a YAML file for people: what it is for, what each arm does, what is done when; pure."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping

from monitor.config.rules import duration_text
from monitor.publish.plan.model import Arm, Figure, Plan, Step
from monitor.publish.plan.times import read_when

WIDTH = 118
PACING_WORDS = {
    "burst": "everything at once, as fast as answers come",
    "batch": "{batch_size} agents in one bulk request, {pause_s:g} s between batches",
    "batch_single": "{batch_size} single-agent requests, {pause_s:g} s between batches: same words, 50 times the load",
    "paced": "single-agent requests below the rate limit that the platform's own headers tell",
    "off_peak": "waits for the quiet hours of the day, then as `batch`",
}
RETRY_WORDS = {
    "none": "what fails has failed",
    "backoff": "tries again after 1, 2, 4 s, deaf to Retry-After",
    "retry_after": "waits as long as Retry-After says",
    "sdk_default": "as the Python SDK: waits as long as Retry-After says, ten times",
}


def write_plan(plan: Plan) -> str:
    """The plan as YAML; `read_plan` reads exactly this plan back."""
    return "\n".join([*_header(plan), "", *_settings(plan), "", *_arms(plan), "", *_blocks(plan), ""])


def arm_words(arm: Arm) -> str:
    """What an arm does, for a person."""
    if not arm.publishes:
        return "publishes nothing: what the platform is like without"
    sizes = {"batch_size": 50, "pause_s": 2.0, **arm.figures}
    own = [f"{name} {value}" for name, value in arm.figures.items() if f"{{{name}" not in PACING_WORDS[arm.pacing]]
    words = f"{PACING_WORDS[arm.pacing].format(**sizes)}; retry: {RETRY_WORDS[arm.retry]}"
    return "; ".join([words, *own])


def _header(plan: Plan) -> list[str]:
    arms, blocks = len(plan.arms), len(plan.blocks)
    replicates = len({(step.mode, step.replicate) for step in plan.blocks})
    text = [
        f"Experiment {plan.name}: {blocks} blocks, {replicates} replicates of {arms} arms"
        + (", on the built-in simulator (SIMULATED)." if plan.simulated else ", on a real platform."),
        *([plan.about] if plan.about else []),
        "Each replicate holds every arm once, in an order that chance (the seed) decided. Keep to that order: it is "
        "what lets a difference be blamed on the arm and not on the day.",
        *(_for_people(plan) if not plan.simulated else _for_machines(plan)),
    ]
    return [line for part in text for line in _comment_lines(part)]


def _for_machines(plan: Plan) -> Iterator[str]:
    yield (
        "virtual: the publish is rehearsed against the simulated platform in virtual time; blocks of one replicate "
        "share a seed and are compared pair by pair. live: the simulator as a process, the real monitor and the real "
        "publish driver, in real time."
    )
    yield "Run: softphone-monitor experiment run FILE      Report: softphone-monitor experiment report FILE"


def _for_people(plan: Plan) -> Iterator[str]:
    yield f"Every time is local time in {plan.timezone}. What to do at each of them:"
    if plan.publish.by == "hand":
        yield (
            "Publish exactly at the time of a block and exactly as its arm says, with a start and an end marker of "
            f"job {plan.publish.job} (softphone-monitor mark run --job {plan.publish.job} -- COMMAND). Where the arm "
            "is none, publish nothing. A block that cannot be done as planned is better left out than done otherwise."
        )
    else:
        yield (
            "Keep `softphone-monitor experiment run FILE -c CONFIG --yes-publish BU_ID` running; it waits for each "
            "time. Without --yes-publish it only says what it would do."
        )
    yield "A change of a block's date is fine while its arm stays; every line is checked when the plan is read."


def _settings(plan: Plan) -> Iterator[str]:
    yield "plan: 1"
    yield f"name: {_scalar(plan.name)}"
    if plan.about:
        yield f"about: {_scalar(plan.about)}"
    yield f"platform: {plan.platform}"
    if plan.scenario is not None:
        yield f"scenario: {_scalar(plan.scenario)}"
    if plan.timezone is not None:
        yield f"timezone: {plan.timezone}"
    yield f"seed: {plan.seed}"
    yield f"reference: {_scalar(plan.reference)}  # the arm that the others are compared with in the table"
    unit = {} if plan.publish.business_unit is None else {"business_unit": plan.publish.business_unit}
    by: Mapping[str, Figure] = {"by": plan.publish.by, "job": plan.publish.job, **unit}
    writes = ", ".join(plan.publish.writes)
    yield f"publish: {{{_pairs(by)}, writes: [{writes}]}}"
    yield f"tail: {duration_text(plan.tail_s)}  # what happens so long after a publish still counts as its effect"
    yield f"settle: {duration_text(plan.settle_s)}  # how long agents may take to be connected again"
    yield f"none_for: {duration_text(plan.none_s)}  # how long a block without a publish lasts, its tail not counted"


def _arms(plan: Plan) -> Iterator[str]:
    yield "arms:"
    for arm in plan.arms:
        parts: dict[str, Figure] = {"name": arm.name}
        if arm.publishes:
            parts |= {"pacing": arm.pacing, "retry": arm.retry}
        figures = f", figures: {{{_pairs(arm.figures)}}}" if arm.figures else ""
        yield from _comment_lines(arm_words(arm), "  # ")
        yield f"  - {{{_pairs(parts)}{figures}}}"


def _blocks(plan: Plan) -> Iterator[str]:
    yield "blocks:"
    for step in plan.blocks:
        yield f"  - {{{_step(plan, step)}}}{_comment(plan, step)}"


def _step(plan: Plan, step: Step) -> str:
    width = len(str(len(plan.blocks)))
    parts = [f"block: {step.block:>{width}}", f"replicate: {step.replicate:>{width}}", f"mode: {step.mode}"]
    if step.seed is not None:
        parts.append(f"seed: {step.seed}")
    if step.when is not None:
        parts.append(f"when: {json.dumps(step.when)}")
    if step.week is not None:
        parts.append(f'week: "{step.week}"')
    if step.schedule:
        parts.append(f"schedule: {_scalar(step.schedule)}")
    return ", ".join([*parts, f"arm: {_scalar(step.arm)}"])


def _comment(plan: Plan, step: Step) -> str:
    if step.when is None:
        return ""
    moment = read_when(step.when, plan.zone)
    return f"  # {'; '.join(part for part in (moment.utc_text(), moment.note) if part)}"


def _comment_lines(text: str, start: str = "# ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False)


def _pairs(values: Mapping[str, Figure]) -> str:
    return ", ".join(f"{name}: {_scalar(value)}" for name, value in values.items())


def _scalar(value: Figure) -> str:
    """A value that strict YAML reads back as itself: text in quotes unless it is a plain word."""
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0") + ("0" if value == round(value) else "")  # no exponent, and still a float
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    return json.dumps(value)


_PLAIN = re.compile(r"[A-Za-z][A-Za-z_+]*")
_NOT_PLAIN = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
