"""The plan file: what is written is read back, and what people do to it by hand is refused line by line."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, time
from inspect import signature
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.publish.flow.flow import PublishSpec
from monitor.publish.plan.blocks import draw_replicates
from monitor.publish.plan.draw import simulated_steps, weekly_steps
from monitor.publish.plan.file import PlanError, read_plan
from monitor.publish.plan.model import FIGURES, JOB_FIGURES, Plan, Publish, Step, read_arm
from monitor.publish.plan.text import PACING_WORDS, RETRY_WORDS, arm_words, write_plan
from monitor.publish.plan.times import Slot, moment_of, read_slot, read_when
from monitor.publish.strategy.strategies import PACINGS, RETRIES, strategy

CHICAGO = ZoneInfo("America/Chicago")
ARMS = ("none", "burst+sdk_default", "batch:batch_size=25,pause_s=0.5")
TUESDAY, SUNDAY = read_slot("tue 10:00"), read_slot("sun 01:30")


def simulated(virtual: int = 2, live: int = 1, seed: int = 7) -> Plan:
    """A small plan on the simulator."""
    return Plan(
        plan=1,
        name="small",
        about="Is it the burst: or not? # 'quoted'",
        platform="simulated",
        scenario="publish_saturates_signalling",
        seed=seed,
        reference="none",
        publish=Publish(writes=("presence", "routing_status", "presence")),
        tail_s=45.0,
        arms=tuple(read_arm(text) for text in ARMS),
        blocks=simulated_steps(seed, ARMS, virtual, live),
    )


def weekly(weeks: int = 6, first: date = date(2026, 10, 12)) -> Plan:
    """A plan for a real platform over a DST change."""
    return Plan(
        plan=1,
        name="weekly",
        platform="real",
        timezone="America/Chicago",
        seed=3,
        reference="none",
        publish=Publish(business_unit="bu-1", job="weekly"),
        arms=tuple(read_arm(text) for text in ARMS),
        blocks=weekly_steps(3, ARMS, [TUESDAY, SUNDAY], first, weeks, CHICAGO, ahead_weeks=1),
    )


def problems(text: str) -> list[str]:
    """What `read_plan` says of it."""
    with pytest.raises(PlanError) as caught:
        read_plan(text.encode())
    return caught.value.problems


@pytest.mark.parametrize("plan", [simulated(), simulated(virtual=0, live=1), weekly()])
def test_a_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    assert read_plan(write_plan(plan).encode()) == plan


def test_a_plan_tells_a_person_what_to_do_when() -> None:
    text = write_plan(weekly())
    head = text[: text.index("plan: 1")]
    assert all(line.startswith("#") for line in head.splitlines() if line)
    assert "local time in America/Chicago" in head
    assert 'when: "tue 2026-10-13 10:00", week: "2026-10-19"' in text
    assert "# 2026-10-27 15:00 UTC" in text  # daylight-saving time
    assert "# 2026-11-03 16:00 UTC" in text  # and after it
    assert "2026-11-01 06:30 UTC; 01:30 comes twice that day" in text
    assert "25 agents in one bulk request, 0.5 s between batches" in text


def test_by_hand_the_plan_asks_for_markers() -> None:
    plan = weekly()
    text = write_plan(plan.model_copy(update={"publish": Publish(by="hand", job="weekly")}))
    assert "softphone-monitor mark run --job weekly -- COMMAND" in " ".join(text.replace("#", " ").split())
    assert read_plan(text.encode()).publish.by == "hand"


def test_every_strategy_has_words_and_every_figure_a_kind() -> None:
    assert set(PACING_WORDS) == set(PACINGS)
    assert set(RETRY_WORDS) == set(RETRIES)
    assert set(FIGURES) - set(JOB_FIGURES) == set(signature(strategy).parameters) - {"pacing", "retry"}
    assert set(JOB_FIGURES) <= set(signature(PublishSpec).parameters)
    for pacing in PACINGS:
        window = ":window=22:00-06:00,tz=America/Chicago" if pacing == "off_peak" else ""
        assert arm_words(read_arm(f"{pacing}+backoff{window}"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bursts", "unknown pacing 'bursts'; known: burst, batch"),
        ("burst+never", "unknown retry 'never'; known: none, backoff"),
        ("batch:batch_size=0", "batch"),
        ("batch:batch_size=-5", "batch"),
        ("batch:batch_size=many", "batch_size: 'many': int is needed"),
        ("batch:size=5", "size: one of batch_size, pause_s"),
        ("batch:batch_size", "batch_size: '': int is needed"),
        ("burst+backoff:retry_limit=-1", "retry limit of -1"),
        ("burst+backoff:jitter=1", "jitter: '1': bool is needed"),
        ("", "''"),
        ("burst +none", "'burst +none'"),
    ],
)
def test_an_arm_that_makes_no_sense_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="arm") as caught:
        read_arm(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def edited(plan: Plan, old: str, new: str) -> str:
    """The plan's text with something in it replaced once."""
    text = write_plan(plan)
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed: 7\n", "seed: 7\nsede: 8\n", "sede: there is no such setting"),
        ("seed: 7\n", "", "seed: is missing"),
        ("seed: 7\n", "seed: -7\n", "a whole number from 0"),
        ("tail: 45s", "tail: 45", "a duration such as 15s"),
        ("tail: 45s", "tail: 0s", "a duration from 1s"),
        ("reference: none", "reference: nothing", "reference: 'nothing': one of none, burst+sdk_default"),
        ("scenario: publish_saturates_signalling\n", "", "a simulated platform needs a scenario"),
        ("writes: [presence", "writes: [station", "publish.writes[0]: one of presence, routing_status is needed"),
        ("pacing: burst", "pacing: bursting", "unknown pacing 'bursting'"),
        ("batch_size: 25", "batch_size: 0", "arms[2]"),
        ("batch_size: 25", "batch_size: -1", "arms[2]"),
        ("{name: none}", "{name: none, pacing: burst}", "none is the arm that publishes nothing"),
        ("  - {name: none}\n", "", "reference: 'none'"),
        ("block: 2,", "block: 4,", "blocks[1].block: 4: blocks are numbered in order, so 2 is needed"),
        ("block: 2,", "block: 0,", "blocks[1].block: a whole number from 1"),
        ("mode: live", "mode: lively", "one of virtual, live, real"),
        ("mode: live", "mode: real", "'real' does not go with platform 'simulated'"),
        ("seed: 7002", "seed: 7009", "virtual replicate 2 has several seeds"),
        ("mode: live, seed: 7001", "mode: live", "a simulated block needs one"),
        ("by: driver", "by: hand", "nobody publishes to the simulator by hand"),
        ("plan: 1", "plan: 2", "plan: Input should be 1"),
        ("plan: 1\n", "plan: 1\nplan: 1\n", "the key is there already"),
    ],
)
def test_a_plan_edited_into_nonsense_is_refused_with_line_and_place(old: str, new: str, words: str) -> None:
    found = problems(edited(simulated(), old, new))
    assert any(words in line for line in found), found
    assert all(line.startswith("line ") and "\n" not in line for line in found)


def test_an_arm_that_is_swapped_unbalances_its_replicate() -> None:
    plan = simulated()
    first = plan.blocks[0].model_copy(update={"arm": plan.blocks[1].arm})
    text = write_plan(plan.model_copy(update={"blocks": (first, *plan.blocks[1:])}))
    (line,) = problems(text)
    assert "virtual replicate 1 has" in line
    assert "every arm once is needed" in line


def test_a_block_taken_out_unbalances_its_replicate() -> None:
    lines = write_plan(simulated()).splitlines(keepends=True)
    found = problems("".join(line for line in lines if "block: 9," not in line))
    assert any("live replicate 1 has" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tue 2026-10-13 10:00", "wed 2026-10-13 10:00", "2026-10-13 is a tue, not a wed"),
        ("tue 2026-10-13 10:00", "tue 2026-10-32 10:00", "2026-10-32 is no date of the calendar"),
        ("tue 2026-10-13 10:00", "10:00", "a weekday, date and local time"),
        ("tue 2026-10-13 10:00", "sun 2027-03-14 02:30", "does not exist in America/Chicago"),
        ("tue 2026-10-20 10:00", "sun 2026-10-18 01:35", "at least 11 minutes after the block before it"),
        ('week: "2026-10-19"', 'week: "next week"', "a date such as"),
        ("timezone: America/Chicago", "timezone: America/Chicagoo", "an IANA time zone"),
        ("timezone: America/Chicago\n", "", "needs a timezone"),
        ('business_unit: "bu-1", ', "", "the driver needs to know where"),
    ],
)
def test_times_that_make_no_sense_are_refused(old: str, new: str, words: str) -> None:
    found = problems(edited(weekly(), old, new))
    assert any(words in line for line in found), found


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"plan: [", b"a: &x 1", b"x" * (1 << 21)])
def test_what_is_no_plan_at_all_is_one_line(content: bytes) -> None:
    with pytest.raises(PlanError) as caught:
        read_plan(content)
    assert len(caught.value.problems) == 1


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(1, 5))
def test_each_replicate_holds_every_arm_once_and_the_seed_decides_the_order(seed: int, arms: int, count: int) -> None:
    names = [f"arm{n}" for n in range(arms)]
    drawn = draw_replicates(seed, names, count, "virtual")
    assert len(drawn) == count
    assert all(sorted(order) == names for order in drawn)
    assert draw_replicates(seed, names, count, "virtual") == drawn


def test_every_order_of_three_arms_comes_up_about_equally_often() -> None:
    seen = Counter(order for seed in range(600) for order in draw_replicates(seed, ["a", "b", "c"], 2))
    assert len(seen) == 6
    assert sum((count - 200) ** 2 / 200 for count in seen.values()) < 20.5  # 99.9 % point with 5 degrees of freedom


@pytest.mark.parametrize(
    ("arms", "count", "words"),
    [(["a"], 3, "at least 2"), (["a", "a"], 3, "a is named twice"), (["a", "b"], 0, "at least 1"), ([], -1, "0 arms")],
)
def test_a_senseless_design_is_refused(arms: list[str], count: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw_replicates(1, arms, count)


def test_blocks_of_a_simulated_replicate_share_a_platform() -> None:
    seeds: dict[tuple[str, int], set[int | None]] = defaultdict(set)
    for step in simulated_steps(5, ["a", "b"], 3, 2):
        seeds[step.mode, step.replicate].add(step.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len({seed for (mode, _), found in seeds.items() if mode == "virtual" for seed in found}) == 3


@pytest.mark.parametrize(
    ("virtual", "live", "words"),
    [(0, 0, "no replicates"), (-1, 1, "-1 virtual"), (1, -2, "-2 live"), (5000, 0, "at most 2000")],
)
def test_senseless_counts_are_refused(virtual: int, live: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simulated_steps(1, ["a", "b"], virtual, live)


def test_weeks_are_balanced_by_weekday_and_time() -> None:
    steps = weekly_steps(9, ["a", "b", "c"], [TUESDAY, SUNDAY], date(2026, 9, 1), 6, CHICAGO, ahead_weeks=0)
    counts = Counter((step.when or "")[:3] + step.arm for step in steps)
    assert set(counts.values()) == {2}
    assert len(counts) == 6
    moments = [read_when(step.when or "", CHICAGO).wall_s for step in steps]
    assert moments == sorted(moments)
    assert steps[0].week == "2026-08-31"  # the Monday of the week of tue 2026-09-01


@pytest.mark.parametrize(
    ("slots", "weeks", "words"),
    [
        ([TUESDAY], 7, "7 weeks: a multiple of the 2 arms"),
        ([TUESDAY], 0, "0 weeks"),
        ([TUESDAY], -2, "-2 weeks"),
        ([], 2, "no slot"),
        ([TUESDAY, TUESDAY], 2, "tue 10:00 is named twice"),
        ([read_slot("sun 02:30")], 2, "slot sun 02:30: 2027-03-14 02:30 does not exist in America/Chicago"),
    ],
)
def test_senseless_weeks_are_refused_in_one_line(slots: list[Slot], weeks: int, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        weekly_steps(1, ["a", "b"], slots, date(2027, 3, 9), weeks, CHICAGO, ahead_weeks=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["tuesday 10:00", "tue 24:00", "tue 10:60", "tue 9:00", "", "tue 10:00 "])
def test_a_slot_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a weekday and a time"):
        read_slot(text)


def test_of_a_time_that_comes_twice_the_earlier_one_is_meant() -> None:
    moment = moment_of(date(2026, 11, 1), time(1, 30), CHICAGO)
    assert moment.utc_text() == "2026-11-01 06:30 UTC"
    assert "comes twice" in moment.note
    assert moment_of(date(2026, 11, 2), time(1, 30), CHICAGO).note == ""


def test_a_step_needs_no_more_than_its_mode_does() -> None:
    assert Step(block=1, replicate=1, mode="virtual", arm="none", seed=1).when is None
