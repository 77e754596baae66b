"""The platform in virtual time: the publish chain as it is live, limits, full queues, and what load does to agents."""

from __future__ import annotations

import gzip
import json
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from simulated_rest import instant, rest_side

from monitor.facts.failures import Reason
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.agents import AgentEvent, agent_token
from monitor.simulator.world.scenario import Queue, Scenario, load_scenario

START = 1_790_000_000.0
SATURATES = "publish_saturates_signalling"


class Writes:
    """Sends requests in order, so many in flight and no faster than every `gap_s`; waits out a Retry-After."""

    def __init__(self, requests: list[RestRequest], *, in_flight: int = 8, gap_s: float = 0.0) -> None:
        self.statuses: Counter[int | None] = Counter()
        self.seconds: list[float] = []
        self._queue = deque(requests)
        self._in_flight, self._gap_s, self._room, self._next_s = in_flight, gap_s, in_flight, 0.0

    @property
    def done(self) -> bool:
        return not self._queue and self._room == self._in_flight

    def due_s(self) -> float | None:
        return self._next_s if self._queue and self._room else None

    def act(self, now_s: float) -> list[RestRequest]:
        sent = []
        while self._queue and self._room and now_s >= self._next_s:
            sent.append(self._queue.popleft())
            self._room -= 1
            self._next_s = now_s + self._gap_s
        return sent

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        self._room += 1
        self.statuses[reply.status] += 1
        self.seconds.append(reply.seconds or 0.0)
        if reply.status == 429:
            assert reply.retry_after_s is not None
            self._queue.appendleft(request)
            self._next_s = now_s + reply.retry_after_s


def platform(name: str | Scenario = "quiet", *, seed: int = 7) -> VirtualPlatform:
    scenario = load_scenario(name) if isinstance(name, str) else name
    return VirtualPlatform(scenario, seed=seed, start_wall_s=START)


def presence(number: int, user: str) -> RestRequest:
    body = {"presenceDefinition": {"systemPresence": "Busy"}}
    return RestRequest(number, "presence", "PATCH", f"/api/v2/users/{user}/presences/purecloud", body)


def single_writes(users: tuple[str, ...], each: int = 3) -> list[RestRequest]:
    """Presence, routing status, presence, ... of every agent, one by one."""
    ids: Iterator[int] = count()
    found = []
    for user in users:
        for write in range(each):
            if write % 2 == 0:
                found.append(presence(next(ids), user))
            else:
                path = f"/api/v2/users/{user}/routingstatus"
                found.append(RestRequest(next(ids), "routing_status", "PUT", path, {"status": "IDLE"}))
    return found


def bulk_writes(users: tuple[str, ...], calls: int = 15, size: int = 50) -> list[RestRequest]:
    """As many bulk calls, each for 50 agents."""
    found = []
    for number in range(calls):
        some = [users[(number * size + at) % len(users)] for at in range(size)]
        body = [{"id": user, "presenceDefinition": {"systemPresence": "Busy"}} for user in some]
        found.append(RestRequest(number, "presence_bulk", "PUT", "/api/v2/users/presences/bulk", body))
    return found


# The publish chain


class Chain:
    """A publish script's calls, one after the other, on a virtual platform."""

    def __init__(self, made: VirtualPlatform, token: str = "publisher") -> None:
        self.made, self.token = made, token
        self.ids = count()
        week = f"/api/v2/workforcemanagement/businessunits/{made.business_unit_id}/weeks/{made.week_id}/schedules"
        self.week, self.one = week, f"{week}/{made.schedule_id}"

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> RestReply:
        request = RestRequest(next(self.ids), "test", method, path, body, **more)
        done_s, reply = self.made.request(request, self.token, self.made.now_s)
        self.made.advance(done_s)
        return reply

    def upload(self, content: bytes) -> dict[str, Any]:
        promised = self.call("POST", f"{self.one}/update/uploadurl", {"contentLengthBytes": len(content)})
        assert promised.ok
        stored = self.call("PUT", promised.body["url"], content=content, headers=promised.body["headers"])
        assert stored.status == 200
        return dict(promised.body)

    def publish(self, version: int, users: tuple[str, ...] = (), **fields: Any) -> RestReply:
        agents = [{"userId": user} for user in users]
        document = {"published": True, "agentSchedules": agents, "metadata": {"version": version}, **fields}
        promised = self.upload(gzip.compress(json.dumps(document).encode()))
        return self.call("POST", f"{self.one}/update", {"uploadKey": promised["uploadKey"]})


def test_an_update_is_accepted_at_once_and_complete_later_as_version_and_event() -> None:
    made = platform()
    chain, users = Chain(made), made.user_ids[:3]
    accepted = chain.publish(1, users)
    assert (accepted.status, accepted.body["status"]) == (202, "Processing")
    assert chain.call("GET", chain.one).body["metadata"]["version"] == 1
    assert [e.body["status"] for e in made.events()] == ["Processing"]
    assert not made.quiet(made.now_s)
    made.advance(made.now_s + 1.0)
    read = chain.call("GET", chain.one).body
    assert (read["metadata"]["version"], read["published"]) == (2, True)
    assert read["metadata"]["modifiedBy"]["id"] == made.organisation.client_id
    told = made.events()
    assert (told[0].body["status"], told[0].body["operationId"]) == ("Complete", accepted.body["operationId"])
    assert [e.topic for e in told[1:]] == [f"v2.users.{user}.workforcemanagement.schedules" for user in users]
    assert [made.updates_of(user) for user in made.user_ids[:4]] == [1, 1, 1, 0]
    assert [(p.version, p.users) for p in made.published] == [(2, users)]
    only = chain.call("GET", f"{chain.week}?includeOnlyPublished=true").body["entities"]
    assert [schedule["id"] for schedule in only] == [made.schedule_id]


def test_without_processing_events_only_the_end_is_told() -> None:
    made = platform(load_scenario("quiet").model_copy(update={"processing_event": False}))
    Chain(made).publish(1)
    made.advance(made.now_s + 2.0)
    assert [e.body["status"] for e in made.events()] == ["Complete"]


def test_a_stale_version_ends_as_an_error_event_and_changes_nothing() -> None:
    made = platform()
    chain = Chain(made)
    first, second = chain.publish(1, made.user_ids[:1]), chain.publish(1, made.user_ids[1:2])
    made.advance(made.now_s + 5.0)
    assert first.status == second.status == 202
    outcomes = [e.body["status"] for e in made.events() if "businessunits" in e.topic]
    assert outcomes == ["Processing", "Processing", "Complete", "Error"]
    assert made.updates_of(made.user_ids[1]) == 0
    assert len(made.published) == 1


def test_an_upload_must_be_exactly_what_was_promised_and_serves_once() -> None:
    made = platform()
    chain = Chain(made)
    promised = chain.call("POST", f"{chain.one}/update/uploadurl", {"contentLengthBytes": 5}).body
    key = {"uploadKey": promised["uploadKey"]}
    assert chain.call("POST", f"{chain.one}/update", key).status == 400
    for content, headers in ((b"1234", promised["headers"]), (b"12345", {}), (b"12345", {"x-amz-tagging": "no"})):
        assert chain.call("PUT", promised["url"], content=content, headers=headers).status == 403
    assert chain.call("PUT", promised["url"] + "x", content=b"12345", headers=promised["headers"]).status == 403
    assert chain.call("PUT", promised["url"], content=b"12345", headers=promised["headers"]).status == 200
    assert chain.call("POST", f"{chain.one}/update", key).status == 202
    assert chain.call("POST", f"{chain.one}/update", key).status == 400


def test_the_audit_knows_saved_changes_alone() -> None:
    made = platform()
    chain = Chain(made)
    chain.publish(1)
    chain.publish(1)  # comes to nothing
    made.advance(made.now_s + 5.0)
    query = {"interval": "2026-09-21T00:00:00Z/2026-09-22T00:00:00Z", "serviceName": "WorkforceManagement"}
    found = chain.call("POST", "/api/v2/audits/query/realtime", query).body["entities"]
    assert [(e["action"], e["entityType"], e["entity"]["id"]) for e in found] == [
        ("Publish", "Schedule", made.schedule_id)
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v2/wfm/schedules/publish", None, 404),
        ("POST", "{one}", None, 405),
        ("GET", "{week}/nonsense", None, 404),
        ("GET", "/api/v2/workforcemanagement/businessunits/other/weeks/recent/schedules", None, 404),
        ("GET", "/api/v2/workforcemanagement/businessunits/{unit}/weeks/tuesday/schedules", None, 400),
        ("POST", "{one}/update/uploadurl", {"contentLengthBytes": 0}, 400),
        ("POST", "{one}/update", {}, 400),
        ("PATCH", "/api/v2/users/stranger/presences/purecloud", {}, 404),
        ("PATCH", "/api/v2/users/{user}/presences/teams", {}, 404),
        ("PATCH", "/api/v2/users/{user}/presences/purecloud", {"presenceDefinition": {"systemPresence": "X"}}, 400),
        ("PUT", "/api/v2/users/{user}/routingstatus", {"status": "ASLEEP"}, 400),
        ("PUT", "/api/v2/users/presences/bulk", [{"id": "stranger"}], 404),
        ("PUT", "/api/v2/users/presences/bulk", [], 400),
        ("POST", "/api/v2/events/users/routingstatus", {}, 400),
        ("POST", "/api/v2/audits/query/realtime", {"interval": "yesterday", "serviceName": "X"}, 400),
        ("GET", "/api/v2/users/me/routingstatus", None, 404),
    ],
)
def test_what_cannot_be_served_is_refused_in_the_platforms_words(
    method: str, path: str, body: Any, status: int
) -> None:
    made = platform()
    chain = Chain(made)
    names = {"one": chain.one, "week": chain.week, "unit": made.business_unit_id, "user": made.user_ids[0]}
    reply = chain.call(method, path.format(**names), body)
    assert reply.status == status
    assert reply.failure is not None
    assert reply.body["status"] == status
    assert reply.body["contextId"] == reply.correlation_id
    assert reply.failure.detail.startswith(f"HTTP {status} {reply.body['code']}")


def test_an_agents_token_may_not_touch_schedules() -> None:
    made = platform()
    assert Chain(made, agent_token(3, shared=False)).call("GET", Chain(made).one).status == 403


async def test_the_same_calls_get_the_same_answers_as_from_the_live_simulator() -> None:
    scenario = instant()
    made = VirtualPlatform(scenario, seed=7, start_wall_s=START)
    chain = Chain(made)
    user = made.user_ids[1]
    event = {"eventId": "1", "agentId": user, "status": "IDLE"}
    stranger = {**event, "agentId": "stranger"}
    calls: list[tuple[str, str, Any]] = [
        ("GET", chain.week, None),
        ("GET", chain.one, None),
        ("GET", f"{chain.week}x", None),
        ("DELETE", chain.one, None),
        ("GET", f"{chain.week}/x", None),
        ("POST", f"{chain.one}/update", {"uploadKey": "x"}),
        ("POST", f"{chain.one}/update/uploadurl", {"contentLengthBytes": -1}),
        ("PATCH", f"/api/v2/users/{user}/presences/purecloud", {"presenceDefinition": {"systemPresence": "MEAL"}}),
        ("PATCH", f"/api/v2/users/{user}/presences/purecloud", {"presenceDefinition": {"systemPresence": "no"}}),
        ("PUT", "/api/v2/users/presences/bulk", [{"id": user, "message": "hi"}]),
        ("PUT", f"/api/v2/users/{user}/routingstatus", {"status": "IDLE"}),
        ("PUT", f"/api/v2/users/{user}/routingstatus", {"status": 3}),
        ("POST", "/api/v2/events/users/routingstatus", {"userRoutingStatusEvents": [event, stranger]}),
    ]
    async with rest_side(scenario) as side:
        for method, path, body in calls:
            live = await side.call(method, path.removeprefix("/api/v2/"), json=body)
            virtual = chain.call(method, path, body)
            assert (virtual.status, comparable(virtual.body)) == (live.status_code, comparable(live.json())), path
            assert headers_of(virtual) == headers_of(live)


def comparable(body: Any) -> Any:
    """Without what differs from moment to moment."""
    if isinstance(body, list):
        return [comparable(part) for part in body]
    if isinstance(body, dict):
        return {k: comparable(v) for k, v in body.items() if k not in ("contextId", "modifiedDate", "startTime")}
    return body


def headers_of(answer: RestReply | httpx.Response) -> tuple[int, int] | None:
    if isinstance(answer, RestReply):
        return (answer.rate_limit.count, answer.rate_limit.allowed) if answer.rate_limit is not None else None
    told = answer.headers.get("inin-ratelimit-count")
    return (int(told), int(answer.headers["inin-ratelimit-allowed"])) if told is not None else None


# Limits and full queues


def test_the_301st_call_of_a_minute_is_told_to_wait_and_another_token_is_not() -> None:
    made = platform()
    replies = [made.request(presence(n, made.user_ids[0]), "one", n / 100)[1] for n in range(301)]
    assert [reply.status for reply in replies] == [200] * 300 + [429]
    assert replies[41].rate_limit is not None
    assert (replies[41].rate_limit.count, replies[41].rate_limit.allowed) == (42, 300)
    last = replies[300]
    assert last.retry_after_s == 57.0
    assert last.failure is not None
    assert last.failure.reason is Reason.RATE_LIMITED
    assert "[57] seconds" in last.body["message"]
    assert made.request(presence(302, made.user_ids[0]), "another", 3.1)[1].status == 200
    assert made.request(presence(303, made.user_ids[0]), "one", 60.0)[1].status == 200


def test_a_full_queue_refuses_and_a_slow_one_times_out_at_the_gateway() -> None:
    slow = load_scenario("quiet").model_copy(update={"rest": Queue(capacity=5.0, backlog_limit_s=30.0)})
    made = platform(slow)
    answers = [made.request(presence(n, made.user_ids[0]), f"t{n}", 0.0) for n in range(200)]
    statuses = Counter(reply.status for _, reply in answers)
    assert statuses == {200: 75, 504: 76, 503: 49}
    assert {done_s for done_s, reply in answers if reply.status == 504} == {15.0}


def test_a_script_that_waits_for_nothing_is_an_error() -> None:
    class Stuck(Writes):
        @property
        def done(self) -> bool:
            return False

    with pytest.raises(RuntimeError, match="waits for nothing"):
        platform().run(Stuck([]), "t")


def test_whoever_runs_a_script_may_hear_the_notifications_in_time() -> None:
    made = platform()
    Chain(made).publish(1)
    heard: list[tuple[float, str]] = []
    made.run(
        Writes(single_writes(made.user_ids[:20]), gap_s=0.1), "t", on_event=lambda e: heard.append((e.at_s, e.topic))
    )
    assert len(heard) == 2
    assert heard[1][0] - heard[0][0] == pytest.approx(1.0, abs=0.2)


# What load does to softphones


def publish(
    name: str, script: Writes, *, seed: int = 1, watch_s: float = 400.0
) -> tuple[list[AgentEvent], list[float], VirtualPlatform]:
    """Run a script after half a minute of calm; what happened from then on, and how long every answered ping took."""
    made = platform(name, seed=seed)
    made.advance(30.0)
    events = made.run(script, "publisher")
    while made.now_s < 30.0 + watch_s:
        events += made.advance(made.now_s + 1.0)
    waits = [event.seconds or 0.0 for event in events if event.kind == "ping_ok"]
    return events, waits, made


def drops(events: list[AgentEvent]) -> list[AgentEvent]:
    return [event for event in events if event.kind == "dropped" and event.layer == "signalling"]


def users_of(name: str) -> tuple[str, ...]:
    return platform(name, seed=1).user_ids


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_450_single_writes_in_a_burst_drop_a_substantial_part_and_the_herd_comes_back_in_waves(seed: int) -> None:
    script = Writes(single_writes(platform(SATURATES, seed=seed).user_ids))
    events, _, made = publish(SATURATES, script, seed=seed)
    assert script.statuses == {200: 450, 429: 1}
    lost = drops(events)
    assert {event.reason for event in lost} == {"ping_timeout"}
    assert 50 <= len({event.agent for event in lost}) <= 150
    assert all(25.0 < event.at_s - 30.0 < 90.0 for event in lost)
    attempts = [event for event in events if event.kind == "connecting"]
    assert len(attempts) > len(lost)  # not everybody succeeds at once
    assert {"ice_servers", "timeout"} & {event.reason for event in attempts}
    assert made.population.online == 150  # in the end all are back
    assert made.quiet(made.now_s)


def test_the_same_writes_at_four_a_second_drop_nobody() -> None:
    script = Writes(single_writes(users_of(SATURATES)), gap_s=0.25)
    events, waits, _ = publish(SATURATES, script)
    assert script.statuses == {200: 450}
    assert drops(events) == []
    assert max(waits) < 1.0


def test_fifteen_bulk_calls_drop_nobody() -> None:
    script = Writes(bulk_writes(users_of(SATURATES)))
    events, waits, _ = publish(SATURATES, script)
    assert script.statuses == {200: 15}
    assert drops(events) == []
    assert max(waits) < 15.0


def test_on_the_innocent_platform_a_burst_slows_rest_and_no_ping() -> None:
    script = Writes(single_writes(users_of("publish_innocent")))
    events, waits, _ = publish("publish_innocent", script)
    assert max(script.seconds) > 1.0
    assert drops(events) == []
    assert max(waits) < 0.05


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    def run(seed: int) -> list[AgentEvent]:
        return publish(SATURATES, Writes(single_writes(platform(SATURATES, seed=seed).user_ids)), seed=seed)[0]

    assert run(1) == run(1) != run(2)


def test_gathering_is_empty_only_while_the_list_is_being_fetched() -> None:
    empty = 0
    for seed in range(1, 5):
        script = Writes(single_writes(platform(SATURATES, seed=seed).user_ids))
        events, _, _ = publish(SATURATES, script, seed=seed)
        for event in events:
            if event.kind == "gathered" and event.reason == "empty":
                empty += 1
                before = [e.kind for e in events if e.agent == event.agent and e.at_s <= event.at_s]
                assert "dropped" in before
    assert empty > 0


# Quiet stretches


def test_a_quiet_week_is_skipped_and_everybody_is_still_there() -> None:
    made = platform()
    events = made.fast_forward(7 * 86_400.0)
    assert made.now_s == 7 * 86_400.0
    assert {event.kind for event in events} == {"extdisco_ok"}
    assert made.population.online == 150
    assert len([e for e in made.advance(made.now_s + 14.5) if e.kind == "ping_ok"]) >= 150


def test_fast_forward_slows_down_where_something_happens() -> None:
    made = platform("edge_restart")
    events = made.fast_forward(3600.0)
    lost = drops(events)
    assert {round(event.at_s) for event in lost} <= {45, 400}  # 400 s after the start it is Monday 09:20 in Chicago
    assert len([event for event in lost if round(event.at_s) == 45]) == 150
    assert made.population.online == 150
    slow = platform("edge_restart").advance(3600.0)
    assert [(e.at_s, e.agent) for e in drops(slow)] == [(e.at_s, e.agent) for e in lost]


def test_fast_forward_finds_what_pings_alone_would_find() -> None:
    events = platform("proxy_idle_60s").fast_forward(900.0)
    assert len(drops(events)) > 20


def test_fast_forward_meets_a_load_that_makes_pings_fail() -> None:
    made = platform("publish_innocent_daily_peak")
    assert [e for e in made.fast_forward(120.0) if e.kind == "ping_missed"]
