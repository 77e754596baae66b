"""The publish flow in virtual time: the arithmetic of the rate limit, and nobody published twice whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from faulty_platform import OURS, Fault, FaultyPlatform, run_script

from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.flow.flow import BatchDone, Ended, FlowEvent, Noted, Overtaken, Published, PublishFlow, PublishSpec
from monitor.publish.flow.ideal import IdealPlatform, run_ideally
from monitor.publish.flow.progress import InFlight, Progress
from monitor.publish.strategy.strategies import PACINGS, RETRIES, strategy
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.scenario import load_scenario

AGENTS = tuple(f"agent-{number}" for number in range(150))
FEW = AGENTS[:6]
THREE_WRITES = ("presence", "routing_status", "presence")
UPDATE, UPLOAD_URL = "schedule_update", "schedule_upload_url"


def flow_of(
    pacing: str = "batch", retry: str = "retry_after", *, resume: Progress | None = None, **job: Any
) -> PublishFlow:
    """A flow; by default small batches, no pause."""
    spec = PublishSpec("bu", "2026-11-23", "s", **{"batch_size": 2, "pause_s": 0.0, "editor": OURS, **job})
    figures = {"window": "00:00-23:59", "tz": "UTC"} if pacing == "off_peak" else {}
    return PublishFlow(spec, strategy(pacing, retry, **figures), resume=resume, wall_offset_s=1_790_000_000.0)  # type: ignore[arg-type]


def played(flow: PublishFlow, platform: FaultyPlatform) -> tuple[Ended, list[FlowEvent]]:
    """Run it to its end; how it ended, and everything it told."""
    run_script(flow, platform)
    events = flow.events()
    ended = events[-1]
    assert isinstance(ended, Ended)
    return ended, events


# --- 450 single writes against 300 a minute ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pacing", "seconds", "longest_stall_s", "refused"),
    [
        ("burst", 60.0, 60.0, True),  # 300 at once, then the rest of the minute
        ("batch_single", 66.0, 50.0, True),  # six batches in ten seconds, the rest of the minute, then three more
        ("paced", 112.5, 0.0, False),  # four a second, the read included
    ],
)
def test_the_stalls_that_arithmetic_predicts(
    pacing: str, seconds: float, longest_stall_s: float, refused: bool
) -> None:
    flow = flow_of(pacing, publish=False, writes=THREE_WRITES, batch_size=50, pause_s=2.0)
    platform = IdealPlatform(AGENTS)
    assert run_ideally(flow, platform) == pytest.approx(seconds, abs=0.01)
    ended = flow.events()[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome == "ok"
    assert ended.summary.longest_stall_s == pytest.approx(longest_stall_s)
    assert ("429" in ended.summary.statuses) is refused
    assert ended.summary.statuses["200"] == 451  # and the schedule's read


def test_a_stall_is_told_with_its_batch() -> None:
    flow = flow_of("batch_single", publish=False, writes=THREE_WRITES, batch_size=50, pause_s=2.0)
    run_ideally(flow, IdealPlatform(AGENTS))
    batches = [event for event in flow.events() if isinstance(event, BatchDone)]
    assert len(batches) == 9
    stalled = [batch for batch in batches if batch.stalled_s]
    assert [batch.stalled_s for batch in stalled] == [50.0]
    assert stalled[0].statuses["429"] == stalled[0].retry_after_s / 50.0  # each refused request waited as long
    assert stalled[0].seconds == 50.0


@pytest.mark.parametrize("pacing", PACINGS)
@pytest.mark.parametrize("retry", RETRIES)
def test_every_strategy_publishes_everybody_once(pacing: str, retry: str) -> None:
    platform = FaultyPlatform(AGENTS, per_minute=10_000)
    ended, _ = played(flow_of(pacing, retry, batch_size=50), platform)
    assert ended.outcome == "ok"
    assert platform.updates == dict.fromkeys(AGENTS, 1)
    assert ended.summary.published == 150


def test_batch_needs_a_fiftieth_of_the_requests() -> None:
    calls = {}
    for pacing in ("batch", "batch_single"):
        platform = FaultyPlatform(AGENTS, per_minute=10_000)
        ended, _ = played(flow_of(pacing, batch_size=50), platform)
        calls[pacing] = {name: one.calls for name, one in ended.summary.operations.items()}
    assert (calls["batch"]["presence_bulk"], calls["batch"]["routing_status_bulk"]) == (3, 3)
    assert (calls["batch_single"]["presence"], calls["batch_single"]["routing_status"]) == (150, 150)
    assert calls["batch"][UPDATE] == calls["batch_single"][UPDATE] == 3


@pytest.mark.parametrize("pacing", ["burst", "batch_single", "paced"])
def test_an_agents_writes_keep_their_order(pacing: str) -> None:
    sent: dict[str, list[str]] = {}

    class Watched(FaultyPlatform):
        def answer(self, request: RestRequest, now_s: float) -> RestReply:
            if request.operation in THREE_WRITES:
                sent.setdefault(request.agents[0], []).append(request.operation)
            return super().answer(request, now_s)

    ended, _ = played(flow_of(pacing, writes=THREE_WRITES, batch_size=50), Watched(AGENTS, per_minute=10_000))
    assert ended.outcome == "ok"
    assert set(map(tuple, sent.values())) == {THREE_WRITES}
    assert len(sent) == 150


def test_burst_keeps_as_many_in_flight_as_it_may() -> None:
    class Counting(FaultyPlatform):
        under_way: list[float]
        most = 0

        def answer(self, request: RestRequest, now_s: float) -> RestReply:
            self.under_way = [end for end in getattr(self, "under_way", []) if end > now_s] + [now_s + self.answers_s]
            self.most = max(self.most, len(self.under_way))
            return super().answer(request, now_s)

    platform = Counting(AGENTS, per_minute=10_000)
    played(flow_of("burst"), platform)
    assert platform.most == 8


# --- an update whose answer is lost, refused, or overtaken ------------------------------------------------------------


@pytest.mark.parametrize("retry", RETRIES)
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("works_s", [0.0, 1.0, 12.0])
def test_a_cut_update_is_asked_about_and_never_applied_twice(retry: str, done: bool, works_s: float) -> None:
    platform = FaultyPlatform(FEW, works_s=works_s, faults={(UPDATE, 2): Fault(done=done)})
    ended, events = played(flow_of("batch", retry), platform)
    again = not done and retry in ("backoff", "sdk_default")
    assert ended.outcome == ("ok" if done or again else "failed")
    expected = dict.fromkeys(FEW if ended.outcome == "ok" else FEW[:2], 1)
    assert platform.updates == expected
    assert platform.errors == 0
    assert platform.calls[UPDATE] == (3 + again if ended.outcome == "ok" else 2)
    assert any(isinstance(event, Noted) and "asking for the version" in event.text for event in events)


@pytest.mark.parametrize("retry", ["backoff", "sdk_default"])
def test_a_cut_update_that_works_longer_than_anybody_waits_is_still_applied_once(retry: str) -> None:
    """It is sent again from the same version, of which the platform can apply but one."""
    platform = FaultyPlatform(FEW, works_s=40.0, faults={(UPDATE, 1): Fault(done=True)})
    ended, _ = played(flow_of("batch", retry), platform)
    assert ended.outcome == "ok"
    assert platform.updates == dict.fromkeys(FEW, 1)
    assert platform.errors == 1


@pytest.mark.parametrize("notified", [True, False])
@pytest.mark.parametrize("retry", ["backoff", "retry_after"])
def test_a_version_conflict_is_tried_again_from_the_new_version(retry: str, notified: bool) -> None:
    platform = FaultyPlatform(FEW, edits=(0.5,))  # while the first batch is being processed
    flow = flow_of("batch", retry)
    if notified:
        played_with_events(flow, platform)
    else:
        run_script(flow, platform)
    events = flow.events()
    assert isinstance(events[-1], Ended)
    assert events[-1].outcome == "ok"
    assert [event.version for event in events if isinstance(event, Overtaken)] == [1]
    assert platform.updates == dict.fromkeys(FEW, 1)
    assert platform.errors == 1


@pytest.mark.parametrize("retry", ["none", "sdk_default"])
def test_a_version_conflict_ends_a_run_that_does_not_retry(retry: str) -> None:
    platform = FaultyPlatform(FEW, edits=(0.5,))
    ended, _ = played(flow_of("batch", retry), platform)
    assert ended.outcome == "failed"
    assert ended.summary.problem is not None
    assert "version conflict: another-editor has made version 2" in ended.summary.problem.detail
    assert platform.updates == {}


def test_a_conflict_in_a_later_batch_is_known_by_the_editors_name() -> None:
    """The schedule is published already, so that only modifiedBy tells their edit from ours."""
    platform = FaultyPlatform(FEW, works_s=1.5, edits=(2.5,))
    ended, events = played(flow_of("batch"), platform)
    assert ended.outcome == "ok"
    assert platform.updates == dict.fromkeys(FEW, 1)
    assert any(isinstance(event, Overtaken) for event in events)


def test_two_edits_at_once_are_not_guessed_about() -> None:
    platform = FaultyPlatform(FEW, published=True, edits=(1.01, 1.02))  # ours comes at 1.0, and is seen after 2 s
    ended, _ = played(flow_of("batch"), platform)
    assert ended.outcome == "failed"
    assert ended.summary.problem is not None
    assert "whether batch 1, made from version 1, was applied cannot be told" in ended.summary.problem.detail
    assert platform.calls[UPDATE] == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_an_unclear_refusal_of_an_update_is_asked_about(status: int) -> None:
    platform = FaultyPlatform(FEW, faults={(UPDATE, 1): Fault(status, 1.0, done=True)})
    ended, _ = played(flow_of("batch", "sdk_default"), platform)
    assert ended.outcome == "ok"
    assert platform.updates == dict.fromkeys(FEW, 1)
    assert platform.calls[UPDATE] == 3


def test_an_update_turned_away_by_the_rate_limit_is_sent_again_as_it_is() -> None:
    platform = FaultyPlatform(FEW, faults={(UPDATE, 1): Fault(429, 5.0)})
    ended, _ = played(flow_of(), platform)
    assert ended.outcome == "ok"
    assert platform.calls[UPLOAD_URL] == 3
    assert ended.summary.retry_after_s == 5.0


def test_an_async_error_without_reason_is_told_as_such() -> None:
    flow = flow_of("batch", "none")

    class Refusing(FaultyPlatform):
        def _apply(self, number: int, packed: bytes) -> None:
            self.events.append({"operationId": f"operation-{number}", "status": "Error"})

    platform = Refusing(FEW)
    played_with_events(flow, platform)
    ended = flow.events()[-1]
    assert isinstance(ended, Ended)
    assert ended.summary.problem is not None
    assert "processed the update and answered Error, without a reason" in ended.summary.problem.detail


def test_without_notifications_an_update_that_changes_nothing_is_given_up() -> None:
    class Silent(FaultyPlatform):
        def _apply(self, number: int, packed: bytes) -> None:
            """Refused, and nobody told."""

    flow = flow_of("batch", "none")
    end_s = run_script(flow, Silent(FEW))
    ended = flow.events()[-1]
    assert isinstance(ended, Ended)
    assert ended.summary.problem is not None
    assert "no new version within 120 s" in ended.summary.problem.detail
    assert 120 < end_s < 130


def test_a_notification_saves_the_polls() -> None:
    calls = []
    for with_events in (True, False):
        platform = FaultyPlatform(FEW, works_s=3.5)
        flow = flow_of()
        played_with_events(flow, platform) if with_events else run_script(flow, platform)
        assert platform.updates == dict.fromkeys(FEW, 1)
        calls.append(platform.calls["schedules"])
    assert calls == [10, 13]


def test_a_run_takes_until_the_event_that_ends_it() -> None:
    platform = FaultyPlatform(FEW, works_s=3.5)
    flow = flow_of("burst", writes=())
    played_with_events(flow, platform)
    assert flow.summary().seconds == pytest.approx(platform.now_s)
    assert flow.summary().seconds >= 3.5


def played_with_events(flow: PublishFlow, platform: FaultyPlatform) -> None:
    """As run_script, with every event of the platform fed into the flow as soon as it is looked at."""

    class Listening:
        done = property(lambda self: flow.done)

        def due_s(self) -> float | None:
            due_s = flow.due_s()
            working = platform._working[0][0] if platform._working else None
            return min((s for s in (due_s, working) if s is not None), default=None)

        def act(self, now_s: float) -> list[RestRequest]:
            platform.pass_time(now_s)
            while platform.events:
                flow.notified(platform.events.pop(0), now_s)
            return flow.act(now_s)

        def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
            flow.hear(request, reply, now_s)

    run_script(Listening(), platform)


# --- what ends a run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "status", "updates"),
    [("schedules", 404, 0), ("schedules", 403, 0), (UPLOAD_URL, 403, 0), ("presence_bulk", 403, 2)],
)
def test_a_refusal_ends_the_run_with_one_clear_failure(operation: str, status: int, updates: int) -> None:
    platform = FaultyPlatform(FEW, faults={(operation, 1): Fault(status)})
    ended, _ = played(flow_of("batch", "backoff"), platform)
    assert ended.outcome == "failed"
    assert ended.summary.problem is not None
    assert (ended.summary.problem.operation, ended.summary.problem.detail) == (operation, f"HTTP {status}")
    assert len(platform.updates) == updates
    assert platform.calls[operation] == 1


def test_a_failed_write_is_counted_and_the_run_goes_on() -> None:
    platform = FaultyPlatform(FEW, faults={("presence", 3): Fault(500)})
    ended, events = played(flow_of("batch_single", "none"), platform)
    assert ended.outcome == "failed"
    assert len(ended.summary.failed_agents) == 1
    assert ended.summary.published == 6
    assert sum(event.failed for event in events if isinstance(event, BatchDone)) == 1


def test_agents_who_are_not_on_the_schedule_are_not_put_there() -> None:
    platform = FaultyPlatform(FEW)
    ended, _ = played(flow_of(agents=("agent-1", "stranger")), platform)
    assert ended.outcome == "failed"
    assert ended.summary.problem is not None
    assert ended.summary.problem.detail == "agent stranger is not on the schedule"
    assert platform.calls.total() == 1


def test_only_the_agents_asked_for_are_published() -> None:
    platform = FaultyPlatform(FEW)
    ended, _ = played(flow_of(agents=("agent-4", "agent-1")), platform)
    assert platform.updates == {"agent-4": 1, "agent-1": 1}
    assert ended.summary.agents == 2


def test_without_a_bulk_route_routing_status_is_written_one_by_one() -> None:
    platform = FaultyPlatform(FEW, faults={("routing_status_bulk", 1): Fault(404)})
    ended, events = played(flow_of(), platform)
    assert ended.outcome == "ok"
    assert (platform.calls["routing_status_bulk"], platform.calls["routing_status"]) == (1, 6)
    assert [e.text for e in events if isinstance(e, Noted)] == [
        "the platform has no bulk route for routing status: it is written agent by agent"
    ]


def test_without_the_agents_versions_the_schedules_is_sent() -> None:
    platform = FaultyPlatform(FEW, faults={("agent_schedules", 1): Fault(404)})
    ended, _ = played(flow_of(), platform)
    assert ended.outcome == "ok"
    assert platform.calls["agent_schedules"] == 1


def test_an_abort_waits_for_what_is_under_way_and_sends_nothing_more() -> None:
    flow, platform = flow_of("burst"), FaultyPlatform(AGENTS, per_minute=10_000)
    run_script(flow, platform, most=60)
    sent = flow.summary().calls
    flow.abort(platform.now_s + 0.01)
    assert not flow.done
    assert flow.act(platform.now_s + 5.0) == []
    assert flow.due_s() is None
    assert flow.summary().calls == sent


def test_an_abort_before_anything_is_sent_ends_at_once() -> None:
    flow = flow_of()
    flow.abort(1.0)
    assert flow.done
    assert [event.outcome for event in flow.events() if isinstance(event, Ended)] == ["aborted"]


def test_off_peak_waits_for_its_window_and_says_so() -> None:
    spec = PublishSpec("bu", "2026-11-23", "s", batch_size=50, pause_s=2.0)
    noon_s = 1_790_000_000.0 - 1_790_000_000.0 % 86400 + 12 * 3600
    flow = PublishFlow(spec, strategy("off_peak", "none", window="22:00-05:00", tz="UTC"), wall_offset_s=noon_s)
    assert run_ideally(flow, IdealPlatform(AGENTS)) == pytest.approx(10 * 3600 + 4.0)
    events = flow.events()
    assert any(isinstance(event, Noted) and "which begin at 2026-09-21T22:00" in event.text for event in events)
    assert isinstance(events[-1], Ended)
    assert events[-1].summary.seconds == pytest.approx(4.0)


# --- killed and resumed -----------------------------------------------------------------------------------------------


def progress_of(flow: PublishFlow, sent: list[RestRequest]) -> Progress | None:
    """What a ledger would know: everything sent, and everything the flow had told."""
    events = flow.events()
    published = frozenset(event.index for event in events if isinstance(event, Published))
    updates = [request for request in sent if request.operation == UPDATE]
    in_flight = InFlight(len(updates) - 1, len(updates)) if len(updates) > len(published) else None
    editor = next((e.editor for e in events if isinstance(e, Published)), "")
    return Progress(FEW, published, frozenset(), in_flight, editor)


@pytest.mark.parametrize("kill", range(1, 28))
@pytest.mark.parametrize("later_s", [0.0, 5.0])
def test_killed_anywhere_and_resumed_nobody_is_published_twice(kill: int, later_s: float) -> None:
    sent: list[RestRequest] = []

    class Watched(FaultyPlatform):
        def answer(self, request: RestRequest, now_s: float) -> RestReply:
            sent.append(request)
            return super().answer(request, now_s)

    platform = Watched(FEW, per_minute=10_000)
    first = flow_of("batch", "retry_after")
    run_script(first, platform, most=kill)
    platform.pass_time(platform.now_s + later_s)
    second = flow_of("batch", "retry_after", resume=progress_of(first, sent))
    ended, _ = played(second, platform)
    assert ended.outcome == "ok"
    assert platform.updates == dict.fromkeys(FEW, 1)
    assert ended.summary.published == 6


def test_a_resumed_run_does_not_pause_after_its_last_batch() -> None:
    flow = flow_of("batch", writes=(), pause_s=100.0, resume=Progress(FEW, published=frozenset({2})))
    assert run_ideally(flow, IdealPlatform(FEW)) == 100.0  # once, between the two batches that were left


@pytest.mark.parametrize(
    "url", ["http://[", "https://[", "https://[::1", "http://192.0.2.7/x", "ftp://127.0.0.1/x", ""]
)
def test_an_upload_url_that_is_none_ends_the_run_in_one_line(url: str) -> None:
    class Hostile(IdealPlatform):
        def body(self, request: RestRequest) -> Any:
            told = {"uploadKey": "key", "url": url, "headers": {}}
            return told if request.operation == UPLOAD_URL else super().body(request)

    flow = flow_of("batch")
    run_ideally(flow, Hostile(FEW))
    ended = flow.events()[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome == "failed"
    assert ended.summary.problem is not None
    assert ended.summary.problem.detail == "the upload URL is neither https nor on loopback"


def test_resuming_after_somebody_else_has_edited_is_not_guessed_about() -> None:
    platform = FaultyPlatform(FEW, published=True, edits=(0.5,))
    platform.pass_time(1.0)
    flow = flow_of("batch", resume=Progress(FEW, in_flight=InFlight(0, 1)))
    ended, _ = played(flow, platform)
    assert ended.outcome == "failed"
    assert ended.summary.problem is not None
    assert "cannot be told" in ended.summary.problem.detail
    assert platform.updates == {}


# --- on the simulated platform ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pacing", ["batch", "batch_single"])
def test_on_the_virtual_platform_everybody_is_published_once(pacing: str) -> None:
    platform = VirtualPlatform(load_scenario("quiet"), seed=3, start_wall_s=1_790_000_000.0)
    spec = PublishSpec(platform.business_unit_id, platform.week_id, platform.schedule_id, writes=("presence",))
    flow = PublishFlow(spec, strategy(pacing, "retry_after"), wall_offset_s=platform.wall_s(0.0))
    platform.run(flow, "token")
    ended = flow.events()[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome == "ok"
    assert {platform.updates_of(user_id) for user_id in platform.user_ids} == {1}
