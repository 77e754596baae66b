"""The audit finds what was saved, who saved it and when; and nothing that was not."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from simulated_rest import RestSide, rest_side

from monitor.facts.clock import rfc3339

QUERY = "audits/query/realtime"


async def publish(side: RestSide, **fields: Any) -> str:
    """One update from upload URL to outcome; its status."""
    schedule = next(iter(side.platform.schedules.schedules.values()))
    unit = side.platform.business_unit_id
    path = f"workforcemanagement/businessunits/{unit}/weeks/{schedule.week_id}/schedules/{schedule.id}/update"
    topic = f"v2.workforcemanagement.businessunits.{unit}.schedules"
    socket = side.listen(topic)
    content = gzip.compress(json.dumps({"metadata": {"version": schedule.version}, **fields}).encode())
    promised = (await side.call("POST", f"{path}/uploadurl", json={"contentLengthBytes": len(content)})).json()
    await side.http.put(promised["url"], content=content, headers=promised["headers"])
    await side.call("POST", path, json={"uploadKey": promised["uploadKey"]})
    while (event := await socket.event(topic))["status"] == "Processing":
        pass
    return str(event["status"])


def query(side: RestSide, **fields: Any) -> dict[str, Any]:
    now_s = side.clock.wall_s()
    interval = f"{rfc3339(now_s - 60)}/{rfc3339(now_s + 60)}"
    return {"interval": interval, "serviceName": "WorkforceManagement", **fields}


async def found(side: RestSide, **fields: Any) -> list[dict[str, Any]]:
    reply = await side.call("POST", QUERY, json=query(side, **fields))
    assert reply.status_code == 200, reply.text
    entities: list[dict[str, Any]] = reply.json()["entities"]
    return entities


async def test_a_publish_is_found_with_its_client_time_and_action() -> None:
    async with rest_side() as side:
        assert await publish(side, published=True) == "Complete"
        (entry,) = await found(side)
    assert (entry["serviceName"], entry["entityType"], entry["action"]) == (
        "WorkforceManagement",
        "Schedule",
        "Publish",
    )
    assert entry["client"]["id"] == side.platform.client_id
    assert "user" not in entry  # client credentials have none
    assert entry["eventDate"] == rfc3339(side.clock.wall_s())
    assert entry["remoteIp"] == ["127.0.0.1"]


async def test_what_failed_or_is_pending_is_not_there() -> None:
    async with rest_side() as side:
        assert await publish(side, metadata={"version": 99}) == "Error"
        assert await found(side) == []


async def test_an_update_that_publishes_nothing_is_an_update_and_filters_tell_it_apart() -> None:
    async with rest_side() as side:
        await publish(side, published=True)
        await publish(side, description="draft")
        actions = [entry["action"] for entry in await found(side)]
        assert actions == ["Update", "Publish"]  # newest first
        ascending = await found(side, sort=[{"name": "Timestamp", "sortOrder": "ascending"}])
        assert [entry["action"] for entry in ascending] == ["Publish", "Update"]
        only = await found(side, filters=[{"property": "Action", "value": "Publish"}])
        assert [entry["action"] for entry in only] == ["Publish"]
        other = await found(side, filters=[{"property": "entityId", "value": "another"}])
        assert other == []
        second = await found(side, pageSize=1, pageNumber=2)
        assert [entry["action"] for entry in second] == ["Publish"]
        assert await found(side, serviceName="Routing") == []


async def test_agents_may_not_see_the_audit() -> None:
    async with rest_side() as side:
        reply: httpx.Response = await side.as_user("POST", QUERY, json=query(side))
    assert (reply.status_code, reply.json()["code"]) == (403, "missing.any.permissions")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"interval": "today"}, "interval"),
        ({"interval": "2026-09-01T00:00:00Z/2026-08-01T00:00:00Z"}, "interval"),
        ({"interval": "2001-01-01T00:00:00Z/2026-08-01T00:00:00Z"}, "interval"),
        ({"filters": [{"property": "Weather", "value": "fine"}]}, "filters.property"),
        ({"sort": [{"name": "Timestamp", "sortOrder": "sideways"}]}, "sort"),
        ({"pageSize": 0}, "pageSize"),
        ({"serviceName": ""}, "serviceName"),
    ],
)
async def test_a_query_that_cannot_be_used_is_400_and_says_why(wrong: dict[str, Any], named: str) -> None:
    async with rest_side() as side:
        reply = await side.call("POST", QUERY, json=query(side, **wrong))
    assert reply.status_code == 400
    assert reply.json()["message"].startswith(named)
