"""The publish chain: list, read, query, upload URL, signed PUT, update, and the events that tell the outcome."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from simulated_rest import RecordingSocket, RestSide, instant, rest_side

from monitor.simulator.organisation import schedules


class Publisher:
    """A publish script against one REST side."""

    def __init__(self, side: RestSide) -> None:
        self.side = side
        self.unit = side.platform.business_unit_id
        self.schedule = next(iter(side.platform.schedules.schedules.values()))
        self.week = f"workforcemanagement/businessunits/{self.unit}/weeks/{self.schedule.week_id}/schedules"
        self.path = f"{self.week}/{self.schedule.id}"
        self.topic = f"v2.workforcemanagement.businessunits.{self.unit}.schedules"
        self.users = list(side.platform.users)

    def listen(self, *topics: str) -> RecordingSocket:
        """A subscriber to the business unit's schedules, and more."""
        return self.side.listen(self.topic, *topics)

    def document(self, version: int = 1, **fields: Any) -> bytes:
        """A document that publishes without changing any agent, unless told otherwise."""
        return gzip.compress(json.dumps({"published": True, "metadata": {"version": version}, **fields}).encode())

    async def promise(self, length: int) -> dict[str, Any]:
        """POST uploadurl."""
        reply = await self.side.call("POST", f"{self.path}/update/uploadurl", json={"contentLengthBytes": length})
        assert reply.status_code == 200, reply.text
        promised: dict[str, Any] = reply.json()
        return promised

    async def upload(self, content: bytes) -> str:
        """uploadurl and PUT; the upload's key."""
        promised = await self.promise(len(content))
        reply = await self.side.http.put(promised["url"], content=content, headers=promised["headers"])
        assert reply.status_code == 200, reply.text
        return str(promised["uploadKey"])

    async def update(self, key: str) -> httpx.Response:
        """POST update."""
        return await self.side.call("POST", f"{self.path}/update", json={"uploadKey": key})

    async def publish(self, content: bytes) -> dict[str, Any]:
        """The chain up to the 202's body."""
        reply = await self.update(await self.upload(content))
        assert reply.status_code == 202
        accepted: dict[str, Any] = reply.json()
        assert accepted["status"] == "Processing"
        return accepted

    async def outcome(self, socket: RecordingSocket) -> dict[str, Any]:
        """The next event of the business unit that tells how a write ended."""
        while (event := await socket.event(self.topic))["status"] == "Processing":
            pass
        return event


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with rest_side() as side:
        yield Publisher(side)


async def test_the_weeks_schedules_are_listed_read_and_queried(publisher: Publisher) -> None:
    side = publisher.side
    listed = (await side.call("GET", publisher.week)).json()["entities"]
    assert [(s["id"], s["published"], s["metadata"]["version"]) for s in listed] == [(publisher.schedule.id, False, 1)]
    only_published = await side.call("GET", publisher.week, params={"includeOnlyPublished": "true"})
    assert only_published.json()["entities"] == []
    read = (await side.call("GET", publisher.path)).json()
    assert read["managementUnits"][0]["agentCount"] == 3
    asked = {"userIds": [publisher.users[1], "stranger"]}
    query = (await side.call("POST", f"{publisher.path}/agentschedules/query", json=asked)).json()
    assert query["status"] == "Complete"
    assert [a["user"]["id"] for a in query["result"]["agentSchedules"]] == [publisher.users[1]]
    assert len(query["result"]["agentSchedules"][0]["shifts"]) == 5
    recent = publisher.week.replace(publisher.schedule.week_id, "recent")
    assert (await side.call("GET", recent)).json()["entities"] == listed


async def test_a_publish_completes_as_an_event_and_is_told_to_each_changed_agent(publisher: Publisher) -> None:
    changed, untouched = publisher.users[:2], publisher.users[2]
    topics = {user: f"v2.users.{user}.workforcemanagement.schedules" for user in publisher.users}
    socket = publisher.listen(*topics.values())
    agents = [{"userId": user, "shifts": [{"startDate": "2026-09-21T10:00:00Z"}]} for user in changed]
    accepted = await publisher.publish(publisher.document(description="new", agentSchedules=agents))
    event = await publisher.outcome(socket)
    assert (event["status"], event["operationId"]) == ("Complete", accepted["operationId"])
    assert event["eventType"] == "Update"
    result = event["result"]
    assert (result["published"], result["description"], result["metadata"]["version"]) == (True, "new", 2)
    assert result["metadata"]["modifiedBy"]["id"] == publisher.side.platform.client_id
    for user in changed:
        told = await socket.event(topics[user])
        assert told["user"]["id"] == user
        assert told["updates"] == [{"type": "Edited", "shiftStartDates": ["2026-09-21T10:00:00Z"]}]
    assert topics[untouched] not in [topic for topic, _ in socket.events]
    listed = await publisher.side.call("GET", publisher.week, params={"includeOnlyPublished": "true"})
    assert len(listed.json()["entities"]) == 1


async def test_a_stale_version_ends_as_an_error_event_and_changes_nothing(publisher: Publisher) -> None:
    socket = publisher.listen()
    await publisher.publish(publisher.document(version=1))
    assert (await publisher.outcome(socket))["status"] == "Complete"
    accepted = await publisher.publish(publisher.document(version=1, description="lost"))
    event = await publisher.outcome(socket)
    assert event == {"status": "Error", "operationId": accepted["operationId"], "eventType": "Update"}
    assert (publisher.schedule.version, publisher.schedule.description) == (2, "Weekly schedule")


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b"not json"),
        gzip.compress(b"[" * 100_000),
        gzip.compress(b"{}"),
        gzip.compress(b'{"metadata": {"version": "1"}}'),
        gzip.compress(b'{"metadata": {"version": 1}, "agentSchedules": [{"userId": "stranger"}]}'),
        gzip.compress(b'{"metadata": {"version": 1}}')[:-9],
    ],
    ids=["no gzip", "no json", "unfinished", "empty", "version as text", "stranger", "cut off"],
)
async def test_a_document_that_cannot_be_applied_ends_as_an_error_event(publisher: Publisher, content: bytes) -> None:
    socket = publisher.listen()
    await publisher.publish(content)
    assert (await publisher.outcome(socket))["status"] == "Error"
    assert (publisher.schedule.version, publisher.schedule.published) == (1, False)


def test_a_document_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "MAX_DOCUMENT_BYTES", 1000)
    bomb = gzip.compress(b'{"metadata": {"version": 1}}' + b" " * 100_000)
    with pytest.raises(schedules.DocumentError, match="too large"):
        schedules.read_document(bomb)


async def test_agents_are_removed_and_added(publisher: Publisher) -> None:
    gone, kept = publisher.users[:2]
    socket = publisher.listen()
    marker = {"startDate": "2026-09-22", "lengthMinutes": 480}
    agents = [{"userId": gone, "delete": True}, {"userId": kept, "fullDayTimeOffMarkers": [marker]}]
    await publisher.publish(publisher.document(agentSchedules=agents))
    await publisher.outcome(socket)
    query = await publisher.side.call("POST", f"{publisher.path}/agentschedules/query", json={})
    schedules_of = {a["user"]["id"]: a for a in query.json()["result"]["agentSchedules"]}
    assert gone not in schedules_of
    assert schedules_of[kept]["fullDayTimeOffMarkers"] == [marker]
    assert len(schedules_of[kept]["shifts"]) == 5


async def test_an_upload_is_used_once_and_only_after_it_has_arrived(publisher: Publisher) -> None:
    content = publisher.document()
    promised = await publisher.promise(len(content))
    assert (await publisher.update(promised["uploadKey"])).status_code == 400
    key = await publisher.upload(content)
    assert (await publisher.update(key)).status_code == 202
    assert (await publisher.update(key)).status_code == 400
    assert (await publisher.update("made-up")).status_code == 400


@pytest.mark.parametrize(
    "change", ["missing", "other value", "unsigned", "authorization", "length", "signature", "key"]
)
async def test_the_signed_url_takes_exactly_what_was_promised(publisher: Publisher, change: str) -> None:
    content = publisher.document()
    promised = await publisher.promise(len(content))
    url, headers = promised["url"], dict(promised["headers"])
    if change == "missing":
        del headers["x-amz-tagging"]
    elif change == "other value":
        headers["Content-Encoding"] = "identity"
    elif change == "unsigned":
        headers["x-amz-acl"] = "public-read"
    elif change == "authorization":
        headers["Authorization"] = f"Bearer {publisher.side.client_token}"
    elif change == "length":
        content += b"x"
    elif change == "signature":
        url = url[:-1]
    else:
        url = url.replace(promised["uploadKey"], "0" * 32)
    reply = await publisher.side.http.put(url, content=content, headers=headers)
    assert reply.status_code in (400, 403)
    assert "<Error><Code>" in reply.text
    assert (await publisher.update(promised["uploadKey"])).status_code == 400


async def test_the_upload_counts_against_no_rate_limit() -> None:
    async with rest_side(instant("rate_limit: {per_minute: 2}")) as side:
        publisher = Publisher(side)
        assert (await publisher.update(await publisher.upload(publisher.document()))).status_code == 202
        assert (await publisher.update("x")).status_code == 429


@pytest.mark.parametrize(
    ("week", "status", "code"),
    [
        ("2026-13-01", 400, "invalid.date"),
        ("20260921", 400, "invalid.date"),
        ("tuesday", 400, "invalid.date"),
        ("2026-09-14", 404, "not.found"),
    ],
)
async def test_a_week_is_a_date(publisher: Publisher, week: str, status: int, code: str) -> None:
    reply = await publisher.side.call("GET", publisher.path.replace(publisher.schedule.week_id, week))
    assert (reply.status_code, reply.json()["code"]) == (status, code)


async def test_an_agents_own_token_may_not_touch_schedules(publisher: Publisher) -> None:
    reply = await publisher.side.as_user("GET", publisher.week)
    assert (reply.status_code, reply.json()["code"]) == (403, "missing.any.permissions")


async def test_an_unknown_business_unit_schedule_or_management_unit_is_404(publisher: Publisher) -> None:
    side = publisher.side
    assert (await side.call("GET", publisher.week.replace(publisher.unit, "stranger"))).status_code == 404
    assert (await side.call("GET", f"{publisher.week}/stranger")).status_code == 404
    asked = {"managementUnitId": "stranger"}
    reply = await side.call("POST", f"{publisher.path}/agentschedules/query", json=asked)
    assert reply.status_code == 404


async def test_publishing_one_schedule_unpublishes_the_weeks_other(publisher: Publisher) -> None:
    book, users = publisher.side.platform.schedules, publisher.side.platform.users
    other = book.add_week("other", publisher.side.clock.wall_s(), users)
    published = schedules.read_document(publisher.document())
    book.apply(other, published, users, "me", 0.0)
    book.apply(publisher.schedule, published, users, "me", 0.0)
    assert (other.published, publisher.schedule.published) == (False, True)


async def test_a_publish_costs_signalling_its_events_where_the_two_are_coupled() -> None:
    async with rest_side(instant("coupling: 1.0")) as side:
        publisher, signalling = Publisher(side), side.platform.world.signalling
        last_told = f"v2.users.{publisher.users[-1]}.workforcemanagement.schedules"
        socket = publisher.listen(last_told)
        await publisher.publish(publisher.document(agentSchedules=[]))
        await publisher.outcome(socket)
        without_agents_s = signalling.accepted_s
        agents = [{"userId": user, "shifts": []} for user in publisher.users]
        await publisher.publish(publisher.document(version=2, agentSchedules=agents))
        await socket.event(last_told)
        assert signalling.accepted_s - without_agents_s > 1.015 * without_agents_s


# Events in their order


async def test_a_processing_event_comes_first_where_the_scenario_has_it(publisher: Publisher) -> None:
    unit_topic = f"v2.workforcemanagement.managementunits.{publisher.side.platform.management_unit_id}.schedules"
    socket = publisher.listen(unit_topic)
    accepted = await publisher.publish(publisher.document())
    operation = {"operationId": accepted["operationId"], "eventType": "Update"}
    assert await socket.event(publisher.topic) == {"status": "Processing", **operation}
    assert (await socket.event(publisher.topic))["status"] == "Complete"
    for status, percent in (("Processing", 0), ("Complete", 100)):
        assert await socket.event(unit_topic) == {"status": status, "percentComplete": percent, **operation}


async def test_without_processing_events_the_outcome_is_all_there_is() -> None:
    async with rest_side(instant("processing_event: false")) as side:
        publisher = Publisher(side)
        socket = publisher.listen()
        await publisher.publish(publisher.document())
        assert (await socket.event(publisher.topic))["status"] == "Complete"


# New schedules


async def import_schedule(publisher: Publisher, content: bytes) -> dict[str, Any]:
    """The import chain up to its outcome event."""
    socket = publisher.listen()
    promised = await publisher.side.call(
        "POST", f"{publisher.week}/import/uploadurl", json={"contentLengthBytes": len(content)}
    )
    upload = promised.json()
    await publisher.side.http.put(upload["url"], content=content, headers=upload["headers"])
    key = {"uploadKey": upload["uploadKey"]}
    assert (await publisher.update(key["uploadKey"])).status_code == 400  # promised for an import, not for an update
    reply = await publisher.side.call("POST", f"{publisher.week}/import", json=key)
    assert (reply.status_code, reply.json()["status"]) == (202, "Processing")
    return await publisher.outcome(socket)


async def test_an_import_makes_a_schedule_of_its_own(publisher: Publisher) -> None:
    agents = [{"userId": publisher.users[0], "shifts": []}]
    document = {"description": "imported", "weekCount": 1, "published": True, "agentSchedules": agents}
    event = await import_schedule(publisher, gzip.compress(json.dumps(document).encode()))
    assert (event["status"], event["eventType"]) == ("Complete", "Import")
    assert event["result"]["id"] != publisher.schedule.id
    listed = (await publisher.side.call("GET", publisher.week)).json()["entities"]
    told = {s["description"]: (s["published"], s["metadata"]["version"]) for s in listed}
    assert told == {"Weekly schedule": (False, 1), "imported": (True, 1)}


async def test_an_import_that_cannot_be_used_makes_nothing(publisher: Publisher) -> None:
    strangers = {"agentSchedules": [{"userId": "stranger"}]}
    event = await import_schedule(publisher, gzip.compress(json.dumps(strangers).encode()))
    assert (event["status"], event["eventType"]) == ("Error", "Import")
    assert list(publisher.side.platform.schedules.schedules) == [publisher.schedule.id]


async def test_nothing_is_imported_into_the_week_called_recent(publisher: Publisher) -> None:
    recent = publisher.week.replace(publisher.schedule.week_id, "recent")
    reply = await publisher.side.call("POST", f"{recent}/import/uploadurl", json={"contentLengthBytes": 1})
    assert reply.status_code == 400


async def test_a_copy_is_unpublished_and_its_shifts_are_of_its_own_week(publisher: Publisher) -> None:
    socket = publisher.listen()
    wanted = {"description": "next week", "weekDate": "2027-01-04", "includeForecast": False}
    reply = await publisher.side.call("POST", f"{publisher.path}/copy", json=wanted)
    assert reply.status_code == 202
    result = (await publisher.outcome(socket))["result"]
    assert (result["weekDate"], result["published"], result["metadata"]["version"]) == ("2027-01-04", False, 1)
    copy = publisher.side.platform.schedules.schedules[result["id"]]
    days = [shift["startDate"][:10] for shift in copy.agents[publisher.users[0]]["shifts"]]
    assert days == [f"2027-01-0{day}" for day in range(4, 9)]
    assert copy.agents[publisher.users[0]]["shifts"][0]["activities"][0]["startDate"] == "2027-01-04T09:00:00Z"
    wrong = await publisher.side.call("POST", f"{publisher.path}/copy", json={**wanted, "weekDate": "next"})
    assert wrong.status_code == 400


async def test_simulated_clients_are_told_of_a_published_change(publisher: Publisher) -> None:
    told: list[tuple[str, ...]] = []

    class Live:
        def schedule_changed(self, user_ids: tuple[str, ...]) -> None:
            told.append(user_ids)

        def catch_up(self, now_s: float) -> None: ...

    publisher.side.platform.live = Live()  # type: ignore[assignment]
    socket = publisher.listen(f"v2.users.{publisher.users[1]}.workforcemanagement.schedules")
    await publisher.publish(publisher.document(agentSchedules=[{"userId": publisher.users[1], "shifts": []}]))
    await socket.event(f"v2.users.{publisher.users[1]}.workforcemanagement.schedules")
    assert told == [(publisher.users[1],)]
