"""What the report says in words, and that the documents say what the stored results do."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.analysis.experiment.arm_report import Outcome, report_on
from monitor.commands.experiment import load_plan
from monitor.commands.experiment_results import read_results, results_path
from monitor.commands.experiment_text import figure, markdown, sentences
from monitor.commands.rehearsal import rehearse
from monitor.publish.plan.draw import simulated_steps
from monitor.publish.plan.model import Plan, read_arm
from monitor.simulator.world.scenario import load_scenario

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "experiment"
ARMS = ("none", "burst", "batch", "paced")


def told(
    drops: dict[str, float],
    pings_s: dict[str, float],
    replicates: int = 10,
    arms: tuple[str, ...] = ARMS,
    failed: float = 0.0,
) -> str:
    """Everything that is said of arms with these means, one line each."""
    plan = Plan(
        plan=1,
        name="words",
        platform="simulated",
        scenario="quiet",
        seed=1,
        reference="none",
        arms=tuple(read_arm(text) for text in arms),
        blocks=simulated_steps(1, arms, replicates, 0),
    )
    outcomes = [
        Outcome(
            step.block,
            step.replicate,
            "virtual",
            step.arm,
            "ok",
            {
                "drops": drops.get(step.arm, 0.0),
                "pings_missed": 0.0,
                "ping_p95_s": pings_s.get(step.arm, 0.02),
                "publish_s": 9.0,
                "failed_writes": failed,
            },
        )
        for step in plan.blocks
    ]
    report = report_on(outcomes, arms, "none")
    assert markdown(report, plan).count("SIMULATED") == 2
    return "\n".join(sentences(report, plan))


def test_losing_connections_and_slowing_pings_are_said_apart() -> None:
    words = told({"burst": 120.0}, {"burst": 14.0, "batch": 1.3})
    assert "burst is blamed: against publishing nothing drops +120.0" in words
    assert "batch slows pings, and loses none: against publishing nothing ping RTT p95 +1.28 s" in words
    assert "paced is blamed" not in words
    (advice,) = [line for line in words.splitlines() if line.startswith("recommendation")]
    assert "SIMULATED, scenario quiet: publish with paced, which harms least" in advice
    assert "established to lose more connections or pings: burst" in advice
    assert "without losing more of them: batch" in advice


def test_a_publish_against_none_is_judged_and_not_recommended() -> None:
    advice = told({"burst": 120.0}, {"burst": 14.0}, arms=("none", "burst")).splitlines()[-1]
    assert "none, as burst is the only way of publishing that was tried; established to lose connections" in advice
    assert "not established" not in advice
    advice = told({}, {}, arms=("none", "burst")).splitlines()[-1]
    assert advice.endswith("was tried; that it does harm is not established")


def test_where_no_arm_did_its_work_the_recommendation_says_so() -> None:
    advice = told({"burst": 120.0}, {}, failed=3.0).splitlines()[-1]
    assert "though no way of publishing did all of its work" in advice


def test_where_nothing_differs_nobody_is_blamed_and_nothing_is_claimed() -> None:
    words = told({}, {})
    assert "no arm is blamed: drops and pings missed and ping RTT p95 are not established to be worse" in words
    assert "the difference is not established" in words.splitlines()[-1]


def test_too_few_replicates_are_warned_about() -> None:
    assert told({"burst": 120.0}, {}, 3).startswith("warning: 3 complete replicates in 9 comparisons")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.0, "", "0.0"), (12.34, "", "12.3"), (0.0234, "s", "0.023"), (1.234, "s", "1.23"), (62.94, "s", "62.9")],
)
def test_figures(value: float, unit: str, text: str) -> None:
    assert figure(value, unit) == text


def test_signed_figures_have_no_negative_zero() -> None:
    assert figure(-0.0001, "s", sign=True) == "0.000"
    assert figure(3.0, sign=True) == "+3.0"
    assert figure(-3.0, sign=True) == "-3.0"


@pytest.mark.parametrize("plan", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_plan_can_be_run(plan: Path) -> None:
    assert load_plan(plan).blocks


@pytest.mark.parametrize("results", sorted(EXAMPLES.glob("*.results.jsonl")), ids=lambda path: path.stem)
def test_the_tables_in_the_documents_are_those_of_the_stored_results(results: Path) -> None:
    plan_file = results.with_name(results.name.replace(".results.jsonl", ".yaml"))
    plan = load_plan(plan_file)
    assert results_path(plan_file) == results
    outcomes = read_results(results, plan).outcomes
    assert len(outcomes) == len(plan.blocks)
    report = report_on([*outcomes.values()], plan.arm_names(), plan.reference, seed=plan.seed)
    assert markdown(report, plan) in (DOCS / "experiments.md").read_text()


@pytest.mark.parametrize("name", ["publish_saturates_signalling", "publish_innocent"])
def test_the_stored_results_are_what_the_rehearsal_shows_today(name: str) -> None:
    """Where this fails the platform model has changed: run both experiments again and renew docs/experiments.md."""
    plan = load_plan(EXAMPLES / f"{name}.yaml")
    outcomes = read_results(results_path(EXAMPLES / f"{name}.yaml"), plan).outcomes
    for step in plan.blocks[: len(plan.arms)]:
        values = rehearse(plan, step, load_scenario(name)).values
        assert values == pytest.approx(outcomes[step.block].values, rel=1e-6), f"{name} block {step.block}: {step.arm}"


def test_there_are_examples_with_results() -> None:
    assert {path.name.partition(".")[0] for path in EXAMPLES.glob("*.results.jsonl")} == {
        "publish_saturates_signalling",
        "publish_innocent",
    }
