"""REST routes of work schedules: list, read, query, and the publish chain of upload URL, signed PUT and update."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any

from pydantic import Field
from starlette.routing import Route

from monitor.facts.clock import rfc3339
from monitor.simulator.gate import Answer, Body, Call, Gate, RestError, not_found
from monitor.simulator.platform import Platform
from monitor.simulator.schedules import Change, DocumentError, Schedule, read_document
from monitor.simulator.storage import MAX_UPLOAD_BYTES, Storage, Upload

MAX_NOTIFIED_AGENTS = 1000  # a publish notifies no more of the changed agents than that
TIME_ZONE = "America/Chicago"


class UploadUrl(Body):
    """UploadUrlRequestBody: the length of the gzip."""

    contentLengthBytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)]  # noqa: N815 - the wire's name


class ProcessUpload(Body):
    """ProcessScheduleUpdateUploadRequest."""

    uploadKey: str  # noqa: N815


class AgentQuery(Body):
    """BuQueryAgentSchedulesRequest."""

    managementUnitId: str | None = None  # noqa: N815
    userIds: list[str] | None = None  # noqa: N815


class Wfm:
    """The routes and what they share: the storage of uploads."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._storage = Storage()

    def routes(self) -> list[Route]:
        """Everything under a business unit's weeks, and the signed URLs."""
        week = "workforcemanagement/businessunits/{unit_id}/weeks/{week_id}/schedules"
        one, gate = f"{week}/{{schedule_id}}", self._gate
        return [
            gate.route("GET", week, "schedules", self.listing),
            gate.route("GET", one, "schedules", self.read),
            gate.route("POST", f"{one}/agentschedules/query", "agent_schedules", self.agent_schedules),
            gate.route("POST", f"{one}/update/uploadurl", "schedule_upload_url", self.upload_url),
            gate.route("POST", f"{one}/update", "schedule_update", self.update),
            *self._storage.routes(),
        ]

    async def listing(self, call: Call) -> Answer:
        """The schedules of a week, or of all with `recent`."""
        week_id = _week(call)
        found = call.platform.schedules.of_week(week_id, only_published=call.flag("includeOnlyPublished"))
        return Answer({"entities": [_item(call.platform, schedule) for schedule in found]})

    async def read(self, call: Call) -> Answer:
        """One schedule with its management units."""
        return Answer(_metadata(call.platform, _schedule(call)))

    async def agent_schedules(self, call: Call) -> Answer:
        """The agents' shifts, in the async envelope and complete at once."""
        schedule, wanted = _schedule(call), call.read(AgentQuery)
        if wanted.managementUnitId not in (None, call.platform.management_unit_id):
            raise not_found("management unit")
        users = schedule.agents if wanted.userIds is None else [u for u in wanted.userIds if u in schedule.agents]
        version = {"version": schedule.version}
        entries = [{"user": {"id": u}, **schedule.agents[u], "metadata": version} for u in users]
        result = {"agentSchedules": entries, "businessUnitTimeZone": TIME_ZONE}
        return Answer({"status": "Complete", "operationId": call.platform.new_id(), "result": result})

    async def upload_url(self, call: Call) -> Answer:
        """Where to PUT the document, and with which headers."""
        schedule = _schedule(call)
        upload = self._storage.promise(schedule.id, call.read(UploadUrl).contentLengthBytes)
        url = f"{call.platform.urls.rest}{self._storage.path(upload)}"
        return Answer({"uploadKey": upload.key, "url": url, "headers": upload.headers, "uploadBodySchema": None})

    async def update(self, call: Call) -> Answer:
        """Process an uploaded document: 202 now, the outcome as an event. A stale version ends as an Error event."""
        schedule = _schedule(call)
        upload = self._storage.take(call.read(ProcessUpload).uploadKey, schedule.id)
        if upload is None:
            raise RestError(400, "bad.request", "No upload of that key has arrived for this schedule.")
        operation_id = call.platform.new_id()
        by = call.owner().owner
        call.platform.spawn(_process(call.platform, schedule, upload, operation_id, by))
        return Answer({"status": "Processing", "operationId": operation_id}, 202)


async def _process(platform: Platform, schedule: Schedule, upload: Upload, operation_id: str, by: str) -> None:
    """What happens behind the 202: the work, then one event for the business unit and one for each changed agent."""
    await asyncio.sleep(platform.scenario.publish_s)
    event: dict[str, Any] = {"status": "Error", "operationId": operation_id, "eventType": "Update"}
    change = Change((), {})
    try:
        document = await asyncio.to_thread(read_document, upload.content or b"")
        change = platform.schedules.apply(schedule, document, platform.users, by, platform.clock.wall_s())
        event |= {"status": "Complete", "result": _metadata(platform, schedule)}
    except DocumentError:
        pass  # the real platform gives no reason either
    topic = f"v2.workforcemanagement.businessunits.{platform.business_unit_id}.schedules"
    await platform.deliver(topic, event)
    await _notify_agents(platform, schedule, change)


async def _notify_agents(platform: Platform, schedule: Schedule, change: Change) -> None:
    notified = change.changed_users[:MAX_NOTIFIED_AGENTS] if schedule.published else ()
    platform.world.fan_out(platform.clock.mono_s(), len(notified))
    for user_id in notified:
        update = {"type": "Edited", "shiftStartDates": change.start_dates[user_id]}
        event = {"user": {"id": user_id}, **_span(schedule), "updates": [update]}
        await platform.deliver(f"v2.users.{user_id}.workforcemanagement.schedules", event)


def _week(call: Call) -> str:
    """The path's week, checked; RestError 404 for another business unit, 403 for a user's token, 400 for the date."""
    if call.owner().kind == "user":
        raise RestError(403, "missing.any.permissions", "Unable to perform the requested action. wfm:schedule:view")
    if call.path["unit_id"] != call.platform.business_unit_id:
        raise not_found("business unit")
    week_id = call.path["week_id"]
    if week_id != "recent":
        try:
            if date.fromisoformat(week_id).isoformat() != week_id:
                raise ValueError(week_id)
        except ValueError:
            raise RestError(400, "invalid.date", "weekId must be a date as yyyy-MM-dd") from None
    return week_id


def _schedule(call: Call) -> Schedule:
    week_id = _week(call)
    schedule = call.platform.schedules.schedules.get(call.path["schedule_id"])
    if schedule is None or schedule.week_id != week_id:
        raise not_found("schedule")
    return schedule


def _item(platform: Platform, schedule: Schedule) -> dict[str, Any]:
    """BuScheduleListItem."""
    uri = f"/api/v2/workforcemanagement/businessunits/{platform.business_unit_id}/weeks/{schedule.week_id}/schedules"
    return {
        "id": schedule.id,
        "weekDate": schedule.week_id,
        "weekCount": 1,
        "description": schedule.description,
        "published": schedule.published,
        "metadata": {
            "version": schedule.version,
            "modifiedBy": {"id": schedule.modified_by},
            "dateModified": rfc3339(schedule.modified_wall_s),
        },
        "selfUri": f"{uri}/{schedule.id}",
    }


def _metadata(platform: Platform, schedule: Schedule) -> dict[str, Any]:
    """BuScheduleMetadata: one management unit with every agent."""
    unit = {
        "managementUnit": {
            "id": platform.management_unit_id,
            "selfUri": f"/api/v2/workforcemanagement/managementunits/{platform.management_unit_id}",
        },
        "agentCount": len(schedule.agents),
        **_span(schedule),
        "agents": [{"id": user_id} for user_id in schedule.agents],
    }
    return {**_item(platform, schedule), "managementUnits": [unit]}


def _span(schedule: Schedule) -> dict[str, str]:
    """First and last moment of the schedule's week, UTC."""
    monday = date.fromisoformat(schedule.week_id)
    sunday = date.fromordinal(monday.toordinal() + 6)
    return {"startDate": f"{monday.isoformat()}T00:00:00Z", "endDate": f"{sunday.isoformat()}T23:59:59Z"}
