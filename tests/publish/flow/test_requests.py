"""The publish job's requests: real paths, real bodies, and nothing that could leave its path."""

from __future__ import annotations

import gzip
import json
import uuid

import pytest

from monitor.publish.flow.requests import (
    BULK,
    OPERATIONS,
    PRESENCE,
    ROUTING_STATUS,
    WRITES,
    Builder,
    ScheduleRef,
    document,
)

REF = ScheduleRef("bu-1", "2026-11-23", "s-1")
BASE = "/api/v2/workforcemanagement/businessunits/bu-1/weeks/2026-11-23/schedules/s-1"


def test_the_upload_flow_has_the_real_paths_and_bodies() -> None:
    build = Builder()
    read, query = build.read_schedule(REF), build.query_agents(REF, ["a", "b"])
    url, update = build.upload_url(REF, 321), build.update(REF, "key-1", ("a", "b"))
    assert (read.method, read.path) == ("GET", BASE)
    assert (query.method, query.path, query.body) == (
        "POST",
        f"{BASE}/agentschedules/query",
        {"userIds": ["a", "b"]},
    )
    assert (url.method, url.path, url.body) == ("POST", f"{BASE}/update/uploadurl", {"contentLengthBytes": 321})
    assert (update.method, update.path, update.body) == ("POST", f"{BASE}/update", {"uploadKey": "key-1"})
    assert update.agents == ("a", "b")


def test_the_signed_upload_carries_exactly_the_headers_it_was_given() -> None:
    request = Builder().upload("https://storage.example/u?sig=1", {"x-amz-tagging": "ttl=1"}, b"gzip")
    assert (request.method, request.path, dict(request.headers), request.content) == (
        "PUT",
        "https://storage.example/u?sig=1",
        {"x-amz-tagging": "ttl=1"},
        b"gzip",
    )
    assert "sig=1" not in repr(request.headers)
    assert "ttl" not in repr(request)


def test_the_document_publishes_the_named_agents_from_one_version() -> None:
    packed = document({"a": 7, "b": 8}, 41)
    assert json.loads(gzip.decompress(packed)) == {
        "published": True,
        "agentSchedules": [
            {"userId": "a", "metadata": {"version": 7}},
            {"userId": "b", "metadata": {"version": 8}},
        ],
        "metadata": {"version": 41},
    }
    assert packed == document({"a": 7, "b": 8}, 41)


def test_single_writes() -> None:
    build = Builder()
    presence, routing = (build.write(kind, "agent-1") for kind in WRITES)
    assert (presence.method, presence.path) == ("PATCH", "/api/v2/users/agent-1/presences/purecloud")
    assert presence.body == {"presenceDefinition": {"systemPresence": "Available"}}
    assert (routing.method, routing.path) == ("PUT", "/api/v2/users/agent-1/routingstatus")
    assert routing.body == {"userId": "agent-1", "status": "IDLE"}
    assert presence.agents == routing.agents == ("agent-1",)


def test_bulk_writes_name_every_agent_once() -> None:
    build = Builder()
    presence = build.write_many(PRESENCE, ["a", "b"], 1_790_000_000.0, "run")
    assert (presence.method, presence.path) == ("PUT", "/api/v2/users/presences/bulk")
    assert [item["id"] for item in presence.body] == ["a", "b"]
    routing = build.write_many(ROUTING_STATUS, ["a", "b"], 1_790_000_000.0, "run")
    assert (routing.method, routing.path) == ("POST", "/api/v2/events/users/routingstatus")
    events = routing.body["userRoutingStatusEvents"]
    assert [event["agentId"] for event in events] == ["a", "b"]
    assert events[0]["eventDateTime"] == "2026-09-21T14:13:20.000Z"
    ids = {event["eventId"] for event in events}
    ids |= {
        event["eventId"]
        for event in build.write_many(ROUTING_STATUS, ["a"], 1.0, "other run").body["userRoutingStatusEvents"]
    }
    assert len({uuid.UUID(one) for one in ids}) == 3


def test_every_request_has_its_own_number_and_a_known_operation() -> None:
    build = Builder(first_id=5)
    requests = [build.read_schedule(REF), build.write(PRESENCE, "a"), build.write_many(PRESENCE, ["a"], 1.0, "t")]
    assert [request.id for request in requests] == [5, 6, 7]
    assert {request.operation for request in requests} <= set(OPERATIONS)
    assert set(BULK.values()) < set(OPERATIONS)


@pytest.mark.parametrize("agent", ["", "a/b", "../../x", "a?b", "a b", "x" * 65, "ä"])
def test_what_is_no_id_builds_no_path(agent: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        Builder().write(PRESENCE, agent)


def test_a_week_cannot_leave_its_place_in_the_path() -> None:
    assert "/weeks/..%2F../" in ScheduleRef("bu", "../..", "s").path
