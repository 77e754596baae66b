"""A history as a whole: valid, ordered, repeatable facts; the null model; publishes and what they do or do not do."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from functools import cache
from itertools import groupby, islice, pairwise, takewhile
from statistics import median, stdev
from zoneinfo import ZoneInfo

import pytest

from monitor.facts.codec import FACT_TYPES, fact_from_dict, fact_to_dict
from monitor.facts.failures import DISCONNECT_REASONS
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import (
    ApiObserved,
    ConnectionChanged,
    Disconnected,
    HeartbeatObserved,
    Observation,
    SlotSkipped,
)
from monitor.facts.runs import runs_of
from monitor.genesys.rest_messages import RestReply, RestRequest, RestScript
from monitor.simulator.history.background import mishaps
from monitor.simulator.history.calendar import Shift
from monitor.simulator.history.grid import Schedule, slot_from
from monitor.simulator.history.history import BackgroundDrops, Cadence, HistoryPlan, PublishTimes, facts
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.scenario import load_scenario

pytestmark = pytest.mark.no_cover  # hundreds of histories: counting their lines takes three times as long

CHICAGO = ZoneInfo("America/Chicago")
MONDAY = date(2026, 9, 14)
RARE = Cadence(**dict.fromkeys(Cadence.__slots__, 3600.0))  # where only agents and markers matter
MORNING = (time(9, 30), time(10, 30))

Told = Observation | Marker


def local(wall_s: float) -> datetime:
    return datetime.fromtimestamp(wall_s, CHICAGO)


@cache
def week(scenario: str, seed: int = 3) -> tuple[Told, ...]:
    """One whole week as the plan has it by default."""
    return tuple(facts(load_scenario(scenario), HistoryPlan(start=MONDAY, weeks=1), seed))


@cache
def two_mornings(scenario: str) -> tuple[Told, ...]:
    """An hour of Monday, when most causes are at work, and one of Tuesday, when something is published."""
    plan = HistoryPlan(start=MONDAY, weeks=1, hours=(time(9, 15), time(10, 15)), days="mon-tue")
    told = facts(load_scenario(scenario), plan, 3)
    return tuple(takewhile(lambda fact: local(fact.at_wall_s).date() < date(2026, 9, 16), told))


def drops(told: Iterable[Told]) -> list[Disconnected]:
    return [fact for fact in told if isinstance(fact, Disconnected)]


def markers(told: Iterable[Told]) -> list[Marker]:
    return [fact for fact in told if isinstance(fact, Marker)]


# What every history is


@pytest.mark.parametrize("scenario", ["publish_saturates_signalling", "clock_step", "reconnect_herd"])
def test_facts_come_in_the_order_of_their_times(scenario: str) -> None:
    times = [fact.at_wall_s for fact in two_mornings(scenario)]
    assert times == sorted(times)


@pytest.mark.parametrize("scenario", ["publish_saturates_signalling", "site_path_loss", "reconnect_herd"])
def test_every_drop_is_a_valid_interval_with_a_known_reason(scenario: str) -> None:
    found = drops(two_mornings(scenario))
    assert len(found) > 20
    for drop in found:
        assert drop.reason in DISCONNECT_REASONS[drop.layer]
        assert drop.last_good_wall_s <= drop.noticed_wall_s
        assert drop.noticed_wall_s == pytest.approx(drop.at_wall_s)
        assert drop.agent


def test_the_same_seed_gives_the_same_facts_and_another_seed_others() -> None:
    plan = HistoryPlan(start=MONDAY, weeks=1, hours=MORNING, days="tue")
    scenario = load_scenario("publish_saturates_signalling")
    first, again, other = (tuple(facts(scenario, plan, seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_facts_are_told_lazily() -> None:
    told = facts(load_scenario("quiet"), HistoryPlan(start=MONDAY, weeks=12), 1)
    assert len(list(islice(told, 500))) == 500  # a twelve-week history is not made for these


@pytest.mark.parametrize("scenario", ["publish_saturates_signalling", "shared_token_rate_limit", "site_path_loss"])
def test_the_codec_of_the_journal_brings_every_fact_back(scenario: str) -> None:
    told = [fact for fact in two_mornings(scenario) if isinstance(fact, Observation)]
    kept = told[::10] + [fact for fact in told if fact.kind not in ("heartbeat", "media", "own_lag", "gathering")][::5]
    never = {"slot_skipped", "dropped", "process_ended", "monitor_started", "certificate", "silence"}
    assert {fact.kind for fact in kept} >= set(FACT_TYPES) - never
    for fact in kept:
        assert fact_from_dict(json.loads(json.dumps(fact_to_dict(fact)))) == fact


def test_every_agent_has_a_name_and_each_site_a_measured_softphone() -> None:
    told = list(islice(facts(load_scenario("edge_restart"), HistoryPlan(start=MONDAY), 1), 152))
    agents = [fact for fact in told if isinstance(fact, ConnectionChanged)]
    by_site = {site: [f.agent for f in group] for site, group in groupby(agents, key=lambda f: f.site)}
    assert by_site["chicago"] == [*(f"agent-{n:03d}" for n in range(1, 91)), "synthetic-chicago"]
    assert by_site["dallas"] == [*(f"agent-{n:03d}" for n in range(91, 151)), "synthetic-dallas"]


def test_probes_measure_in_working_hours_alone_and_on_one_grid_for_ever() -> None:
    slots = defaultdict(list)
    for fact in week("publish_innocent"):
        if isinstance(fact, HeartbeatObserved):
            assert 8 <= local(fact.at_wall_s).hour < 18
            assert local(fact.at_wall_s).weekday() < 5
            slots[fact.probe].append(fact.at_wall_s - (fact.rtt_s or 0.0))
    assert {probe: len(times) for probe, times in slots.items()} == {
        "heartbeat-1": 12_000,
        "heartbeat-2": 12_000,
        "heartbeat-3": 3_000,
    }
    for times in slots.values():  # never denser near the publish
        step = 15.0 if len(times) == 12_000 else 60.0
        assert {round((b - a) / step, 6) % 1 for a, b in pairwise(times)} == {0.0}


def test_a_slot_that_comes_while_the_last_one_still_runs_is_skipped_and_told() -> None:
    plan = HistoryPlan(
        start=MONDAY, weeks=1, hours=(time(9, 15), time(9, 30)), days="mon", cadence=Cadence(gathering_s=4)
    )
    skipped = [fact for fact in facts(load_scenario("stun_outage"), plan, 1) if isinstance(fact, SlotSkipped)]
    assert {fact.probe for fact in skipped} == {"gathering-1", "gathering-2", "own-servers"}  # their 5 s timeouts
    assert min(local(fact.at_wall_s).minute for fact in skipped) >= 20


# The null model


@pytest.mark.parametrize("clustered", [0.0, 0.15, 1.0])
def test_mishaps_come_at_the_rate_of_the_plan_however_they_cluster(clustered: float) -> None:
    figures = BackgroundDrops(per_agent_hour=0.02, clustered=clustered)
    days = [Shift(MONDAY, day * 86_400.0, day * 86_400.0 + 36_000.0) for day in range(400)]
    found = mishaps(figures, "chicago", range(90), days, 1)
    assert len(found) == pytest.approx(0.02 * 90 * 10 * 400, rel=0.08)
    assert found == sorted(found, key=lambda mishap: mishap.at_wall_s)


def test_agents_drop_about_as_often_as_the_plan_says_when_nothing_is_wrong() -> None:
    found = [drop for seed in range(4) for drop in drops(week_of_drops(0.02, seed))]
    assert len(found) == pytest.approx(0.02 * 151 * 50 * 4, rel=0.3)
    assert {drop.reason for drop in found if drop.layer == "signalling"} == {"reset", "ping_timeout"}
    silent_s = {round(drop.noticed_wall_s - drop.last_good_wall_s) for drop in found if drop.reason == "ping_timeout"}
    assert silent_s == {58}  # as the real client finds out
    agents = Counter(drop.agent for drop in found)
    assert len(agents) > 140  # anybody's
    assert drops(week_of_drops(0.0, 1)) == []


def test_drops_cluster_and_days_differ_more_than_chance_alone_makes_them() -> None:
    days = Counter(local(d.at_wall_s).date() for seed in range(4) for d in drops(week_of_drops(0.02, seed)))
    counts = [days[day] for day in sorted(days)]
    assert stdev(counts) > math.sqrt(sum(counts) / len(counts))  # more than Poisson
    times = [d.at_wall_s for d in drops(week_of_drops(0.02, 1))]
    close = sum(b - a < 20 for a, b in pairwise(times)) / len(times)
    assert close > 2 * (1 - math.exp(-20 * len(times) / 180_000))


def week_of_drops(per_agent_hour: float, seed: int) -> tuple[Told, ...]:
    background = BackgroundDrops(per_agent_hour=per_agent_hour)
    plan = HistoryPlan(start=MONDAY, weeks=1, publish=None, cadence=RARE, background=background)
    return tuple(facts(load_scenario("quiet"), plan, seed))


def test_quiet_round_trips_are_skewed_about_a_base_and_vary_from_day_to_day() -> None:
    rtts = [f for f in week("publish_innocent") if isinstance(f, HeartbeatObserved) and f.channel == "xmpp" and f.rtt_s]
    of_day = defaultdict(list)
    for fact in rtts:
        of_day[local(fact.at_wall_s).date()].append(fact.rtt_s or 0.0)
    seconds = sorted(fact.rtt_s or 0.0 for fact in rtts)
    low, middle, high = (seconds[int(share * len(seconds))] for share in (0.05, 0.5, 0.95))
    assert 0.022 < middle < 0.030
    assert high - middle > 1.3 * (middle - low)  # a long tail to the slow side
    medians = [median(day) for day in of_day.values()]
    assert max(medians) - min(medians) > 0.0003


# Publishes


def test_a_publish_is_told_by_markers_with_what_it_counted() -> None:
    start, end = markers(week("publish_innocent"))
    assert (start.phase, end.phase) == (MarkerPhase.START, MarkerPhase.END)
    assert start.run_id == end.run_id == "weekly-2026-09-15T10:00-0500"
    assert local(start.at_wall_s).strftime("%a %H:%M:%S") == "Tue 10:00:00"
    assert (start.agents, end.outcome, end.strategy) == (150, "ok", "script")
    counts = {name: float(value) for name, value in end.attributes.items()}
    assert counts["calls"] == sum(n for name, n in counts.items() if name.startswith("status_"))
    assert counts["operation_presence_calls"] >= 150
    assert counts["status_429"] > 0  # two writes for each of 150 agents and the upload are more than 300
    assert counts["retry_after_seconds"] > 0
    assert end.at_wall_s - start.at_wall_s > 55


@pytest.mark.parametrize(
    ("start", "offsets"), [(date(2026, 10, 26), ["-0500", "-0600"]), (date(2027, 3, 8), ["-0600", "-0500"])]
)
def test_publishes_stay_at_ten_local_across_dst(start: date, offsets: list[str]) -> None:
    plan = HistoryPlan(start=start, weeks=2, cadence=RARE)
    told = list(facts(load_scenario("quiet"), plan, 1))
    begun = [local(m.at_wall_s) for m in markers(told) if m.phase is MarkerPhase.START]
    assert [moment.strftime("%a %H:%M") for moment in begun] == ["Tue 10:00"] * 2
    assert [moment.strftime("%z") for moment in begun] == offsets
    heard = [local(f.at_wall_s) for f in told if isinstance(f, HeartbeatObserved)]
    assert len({moment.date() for moment in heard}) == 10
    assert {moment.hour for moment in heard} == set(range(8, 18))


def test_a_publish_that_saturates_signalling_shows_in_drops_and_one_that_does_not_leaves_none() -> None:
    near = {}
    for scenario in ("publish_saturates_signalling", "publish_innocent"):
        plan = HistoryPlan(start=MONDAY, weeks=4, hours=MORNING, cadence=RARE)
        told = list(facts(load_scenario(scenario), plan, 2))
        runs = runs_of(markers(told), now_wall_s=told[-1].at_wall_s)
        near[scenario] = [
            sum((r.start_wall_s or 0) <= d.noticed_wall_s <= (r.end_wall_s or 0) + 300 for d in drops(told))
            for r in runs
        ]
    assert min(near["publish_saturates_signalling"]) > 20
    assert max(near["publish_innocent"]) <= 4


def test_the_daily_peak_is_there_whether_or_not_anything_is_published() -> None:
    plan = HistoryPlan(start=MONDAY, weeks=1, hours=MORNING)
    worst: dict[tuple[str, bool], float] = defaultdict(float)
    for fact in facts(load_scenario("publish_innocent_daily_peak"), plan, 2):
        if isinstance(fact, HeartbeatObserved) and fact.channel == "notification" and fact.rtt_s is not None:
            moment = local(fact.at_wall_s)
            key = (moment.strftime("%a"), time(10) <= moment.time() < time(10, 6))
            worst[key] = max(worst[key], fact.rtt_s)
    assert {day for day, peak in worst if peak and worst[day, True] > 0.2} == {"Mon", "Tue", "Wed", "Thu", "Fri"}
    assert max(seconds for (_, peak), seconds in worst.items() if not peak) < 0.2


class OneCall:
    """A script from outside: one call after `wait_s`."""

    def __init__(self, platform: VirtualPlatform, wait_s: float) -> None:
        self._due_s: float | None = platform.now_s + wait_s
        self.heard: list[RestReply] = []

    @property
    def done(self) -> bool:
        return bool(self.heard)

    def due_s(self) -> float | None:
        return self._due_s

    def act(self, now_s: float) -> list[RestRequest]:
        if self._due_s is None or now_s < self._due_s:
            return []
        self._due_s = None
        return [RestRequest(1, "users_me", "GET", "/api/v2/nothing")]

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        self.heard.append(reply)


def test_the_plan_takes_publishes_from_outside_each_with_a_seed_of_its_own() -> None:
    seeds: list[int] = []

    def script_for(platform: VirtualPlatform, seed: int) -> RestScript:
        seeds.append(seed)
        assert platform.week_id == local(platform.wall_s(platform.now_s)).strftime("2026-09-%d").replace("15", "14")
        return OneCall(platform, 9 * 3600.0)  # until the evening, when nobody measures

    publish = PublishTimes(job="mine", strategy="one call", at=(datetime(2026, 9, 15, 19, 0, tzinfo=UTC),))
    plan = HistoryPlan(start=MONDAY, weeks=1, publish=publish, cadence=RARE, script_for=script_for)
    told = markers(facts(load_scenario("quiet"), plan, 1))
    assert len(set(seeds)) == 2
    runs = runs_of(told, now_wall_s=told[-1].at_wall_s)
    assert [round((run.end_wall_s or 0) - (run.start_wall_s or 0)) for run in runs] == [9 * 3600] * 2
    assert {(run.job, run.strategy, run.outcome) for run in runs} == {("mine", "one call", "ok")}


def test_a_publish_that_the_history_ends_before_has_no_end_marker() -> None:
    plan = HistoryPlan(
        start=MONDAY,
        weeks=1,
        publish=PublishTimes(weekly=("fri 10:00",)),
        cadence=RARE,
        script_for=lambda platform, _seed: OneCall(platform, 4 * 86_400.0),
    )
    assert [marker.phase for marker in markers(facts(load_scenario("quiet"), plan, 1))] == [MarkerPhase.START]


def test_a_script_that_has_something_due_and_does_nothing_is_an_error() -> None:
    class Stuck(OneCall):
        def act(self, now_s: float) -> list[RestRequest]:
            return []

    plan = HistoryPlan(start=MONDAY, weeks=1, cadence=RARE, script_for=lambda platform, _seed: Stuck(platform, 1.0))
    with pytest.raises(RuntimeError, match="due"):
        list(facts(load_scenario("quiet"), plan, 1))


def test_own_calls_are_told_with_status_and_time() -> None:
    calls = [fact for fact in two_mornings("api_overloaded_only") if isinstance(fact, ApiObserved)]
    assert {fact.status for fact in calls} == {"200", "503"}
    for fact in calls:
        assert fact.seconds is not None
        assert (fact.failure is None) == (fact.status == "200")


def test_a_slot_at_the_very_end_of_a_day_is_the_next_days() -> None:
    class Every15:
        next_s = 0.0

        def begin(self, at_s: float) -> None:
            self.next_s = slot_from(at_s, 15.0, 0.0)

        def run(self) -> Iterator[Observation]:
            self.next_s += 15.0
            return iter(())

    schedule, slots = Schedule([Every15()]), []
    schedule.begin(60.0, 120.0)
    while schedule.next_s < math.inf:
        slots.append(schedule.next_s)
        list(schedule.run())
    assert slots == [60.0, 75.0, 90.0, 105.0]
