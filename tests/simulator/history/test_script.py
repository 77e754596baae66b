"""The built-in publish script: the whole chain, four calls in flight, Retry-After slept, each agent published once."""

from __future__ import annotations

import gzip
import json

import pytest

from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.simulator.history.script import MOST_TRIES, THREADS, ScriptTarget, WeeklyScript
from monitor.simulator.virtual.platform import VirtualPlatform
from monitor.simulator.world.scenario import load_scenario

USERS = tuple(f"user-{n}" for n in range(6))
UPLOAD = {"uploadKey": "key", "url": "https://storage.example.com/1", "headers": {"x-amz-tagging": "ttl=1"}}


def script() -> WeeklyScript:
    return WeeklyScript(ScriptTarget("unit", "2026-09-14", "schedule", USERS))


def reply(
    request: RestRequest, status: int = 200, body: object = None, retry_after_s: float | None = None
) -> RestReply:
    trouble = None if status < 300 else failure(request.operation, Reason.SERVER_ERROR)
    return RestReply(request.operation, status, body, 0.02, retry_after_s, failure=trouble)


def through_the_chain(made: WeeklyScript) -> list[RestRequest]:
    """Answer the four steps of the upload; the requests they were."""
    asked = []
    for body in ({"metadata": {"version": 7}}, UPLOAD, None, {"status": "Processing"}):
        (request,) = made.act(0.0)
        asked.append(request)
        made.hear(request, reply(request, body=body), 0.0)
    return asked


def test_the_schedule_goes_first_through_the_upload_chain() -> None:
    read, url, put, update = through_the_chain(script())
    assert [r.method for r in (read, url, put, update)] == ["GET", "POST", "PUT", "POST"]
    document = json.loads(gzip.decompress(put.content or b""))
    assert document["published"] is True
    assert document["metadata"] == {"version": 7}
    assert [entry["userId"] for entry in document["agentSchedules"]] == list(USERS)
    assert url.body == {"contentLengthBytes": len(put.content or b"")}
    assert (put.path, put.headers) == (UPLOAD["url"], UPLOAD["headers"])
    assert update.body == {"uploadKey": "key"}


def test_then_two_writes_for_each_agent_with_four_calls_in_flight() -> None:
    made = script()
    through_the_chain(made)
    flying = made.act(1.0)
    assert len(flying) == THREADS
    assert made.act(1.0) == []
    assert made.due_s() is None
    asked = []
    while flying:
        asked.append(request := flying.pop(0))
        made.hear(request, reply(request), 2.0)
        flying += made.act(2.0)
        assert len(flying) <= THREADS
    assert made.done
    assert [r.agents for r in asked] == [(user,) for user in USERS for _ in range(2)]
    assert [r.operation for r in asked[:2]] == ["presence", "routing_status"]
    assert len({r.id for r in asked}) == 2 * len(USERS)


def test_a_worker_sleeps_where_it_is_told_to_wait() -> None:
    made = script()
    through_the_chain(made)
    first, *_others = made.act(0.0)
    made.hear(first, reply(first, 429, retry_after_s=40.0), 5.0)
    assert made.act(5.0) == []  # three are in flight, the fourth sleeps
    assert made.due_s() == 45.0
    assert made.act(45.0) == [first]


def test_it_gives_up_on_a_call_as_the_sdk_does_and_goes_on() -> None:
    made = script()
    through_the_chain(made)
    first, *others = made.act(0.0)
    for request in others:
        made.hear(request, reply(request, 500), 0.0)  # not retried
    now_s, again = 0.0, [first]
    for _ in range(MOST_TRIES):
        assert first in again
        made.hear(first, reply(first, 429, retry_after_s=1.0), now_s)
        again, now_s = made.act(now_s + 1.0), now_s + 1.0
    assert first not in again


@pytest.mark.parametrize("step", range(4))
def test_a_step_of_the_chain_that_fails_ends_it(step: int) -> None:
    made = script()
    for number, body in enumerate(({"metadata": {"version": 7}}, UPLOAD, None, None)):
        (request,) = made.act(0.0)
        made.hear(request, reply(request, 500 if number == step else 200, body), 0.0)
        if number == step:
            break
    assert made.done
    assert made.failed
    assert made.act(1.0) == []


def test_against_the_platform_each_agent_is_published_once() -> None:
    platform = VirtualPlatform(load_scenario("quiet"), seed=1, start_wall_s=1_789_394_400.0)
    target = ScriptTarget(platform.business_unit_id, platform.week_id, platform.schedule_id, platform.user_ids)
    made = WeeklyScript(target)
    platform.run(made, "publish")
    platform.advance(platform.now_s + 10.0)
    assert made.done
    assert not made.failed
    assert {platform.updates_of(user) for user in platform.user_ids} == {1}
    assert [publication.published for publication in platform.published] == [True]
