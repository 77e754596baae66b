"""What outcomes say of arms: who is blamed, who is recommended, and when nobody can be."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest

from monitor.analysis.experiment.arm_report import HARMS, MEASURES, ArmsReport, Outcome, report_on

ARMS = ("none", "burst", "batch", "paced")
Values = Callable[[int], Mapping[str, float]]


def seen(drops: float = 0.0, missed: float = 0.0, ping_s: float = 0.024, **more: float) -> dict[str, float]:
    """A block's figures."""
    return {"drops": drops, "pings_missed": missed, "ping_p95_s": ping_s, **more}


def outcomes(values: Mapping[str, Values], replicates: int = 10, mode: str = "virtual") -> list[Outcome]:
    """One block an arm and replicate, in turn."""
    rows = [(replicate, arm) for replicate in range(1, replicates + 1) for arm in values]
    return [
        Outcome(number, replicate, mode, arm, "ok", values[arm](replicate))
        for number, (replicate, arm) in enumerate(rows, start=1)
    ]


def harmful(replicates: int = 10) -> list[Outcome]:
    """Burst drops agents, batch slows pings, paced does next to nothing."""
    return outcomes(
        {
            "none": lambda _: seen(),
            "burst": lambda n: seen(100.0 + n, 200.0 + n, 14.0, publish_s=60.0, failed_writes=0.0),
            "batch": lambda n: seen(0.0, 0.0, 1.0 + n / 100, publish_s=8.0, failed_writes=0.0),
            "paced": lambda n: seen(0.0, 0.0, 0.025, publish_s=118.0, failed_writes=0.0),
        },
        replicates,
    )


def report(found: list[Outcome], arms: tuple[str, ...] = ARMS, reference: str = "none") -> ArmsReport:
    """The report of a test."""
    return report_on(found, arms, reference, seed=1)


def test_the_least_harmful_arm_is_named_and_the_others_are_blamed_for_what_they_do() -> None:
    advice = report(harmful()).recommendation
    assert advice.least == "paced"
    assert advice.baseline == "none"
    assert set(advice.blamed) == {"burst", "batch"}
    assert [harm.measure for harm in advice.blamed["burst"]] == list(HARMS)
    assert [harm.measure for harm in advice.blamed["batch"]] == ["ping_p95_s"]
    assert set(advice.worse) == {"burst", "batch"}
    assert advice.unsettled == ()


def test_a_ping_that_is_a_little_slower_is_no_harm() -> None:
    """paced is 4 % slower than none in every replicate: certain, and nothing that anybody could notice."""
    assert "paced" not in report(harmful()).recommendation.blamed


def test_an_innocent_platform_blames_nobody() -> None:
    noise = random.Random(4)

    def jitter(_: int) -> dict[str, float]:
        return seen(float(noise.random() < 0.1), 0.0, 0.024 + noise.uniform(0, 0.001), publish_s=9.0, failed_writes=0.0)

    advice = report(outcomes(dict.fromkeys(ARMS, jitter), 20)).recommendation
    assert advice.blamed == {}
    assert advice.worse == {}
    assert advice.least in ARMS[1:]
    assert len(advice.unsettled) == 2


def test_three_replicates_establish_nothing_and_the_report_says_so() -> None:
    found = report(harmful(3))
    assert found.recommendation.blamed == {}
    assert any("3 complete replicates in 9 comparisons" in line for line in found.warnings)
    assert report(harmful(10)).warnings == ()


def test_an_arm_that_leaves_its_work_undone_is_not_recommended() -> None:
    found = outcomes(
        {
            "none": lambda _: seen(),
            "burst": lambda n: seen(publish_s=5.0, failed_writes=150.0),
            "batch": lambda n: seen(5.0 + n, 5.0, 0.5, publish_s=8.0, failed_writes=0.0),
        }
    )
    advice = report(found, ARMS[:3]).recommendation
    assert advice.least == "batch"
    assert advice.undone == {"burst": 150.0}
    assert advice.quickest == "batch"


def test_without_the_arm_none_blame_is_against_the_least_harmful_arm() -> None:
    found = [outcome for outcome in harmful() if outcome.arm != "none"]
    advice = report(found, ARMS[1:], "burst").recommendation
    assert advice.baseline == "paced"
    assert set(advice.blamed) == {"burst", "batch"}


def test_live_rows_stand_beside_and_are_tested_with_nothing() -> None:
    live = outcomes({arm: lambda _: seen(500.0) for arm in ARMS}, 1, "live")
    alone, both = report(harmful()), report([*harmful(), *live])
    assert both.rows == alone.rows
    assert both.differences == alone.differences
    assert [row.estimates["drops"].mean for row in both.live] == [500.0] * 4


def test_live_rows_alone_make_a_table_and_no_claim() -> None:
    found = report(outcomes({arm: lambda _: seen(5.0) for arm in ARMS}, 1, "live"))
    assert found.rows == ()
    assert len(found.live) == 4
    assert found.recommendation.least is None
    assert found.recommendation.blamed == {}
    (warning,) = found.warnings  # and not that no block has been run
    assert warning == "there are live blocks only, which are tested with nothing: no difference can be established"


def test_blocks_that_were_not_run_as_planned_compare_nothing() -> None:
    found = harmful()
    spoiled = [
        Outcome(o.block, o.replicate, o.mode, o.arm, "aborted", {}, "killed")
        if (o.replicate, o.arm) == (1, "batch")
        else o
        for o in found
    ]
    result = report(spoiled)
    row = next(row for row in result.rows if row.arm == "batch")
    assert (row.blocks, row.unusable) == (9, 1)
    assert result.differences["batch", "drops"].n == 9
    assert any(line.startswith("batch: 1 blocks aborted") for line in result.warnings)


def test_an_arm_that_was_never_run_is_said_to_be_missing() -> None:
    found = [outcome for outcome in harmful() if outcome.arm != "paced"]
    assert any(line.startswith("paced: no block") for line in report(found).warnings)


def test_nothing_at_all_makes_an_empty_report() -> None:
    empty = report([])
    assert empty.rows == ()
    assert empty.recommendation.least is None


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="reference 'best' is not one of none"):
        report([], reference="best")


def test_the_harms_are_measures() -> None:
    assert set(HARMS) <= {measure.name for measure in MEASURES}
