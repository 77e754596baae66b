"""REST routes of work schedules: list, read, query, copy; upload URL, signed PUT, and update or import."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field
from starlette.routing import Route

from monitor.simulator.organisation import schedule_bodies as bodies
from monitor.simulator.organisation.refusal_bodies import RefusedError, not_found
from monitor.simulator.organisation.schedules import Schedule
from monitor.simulator.rest.gate import Answer, Body, Call, Gate
from monitor.simulator.rest.publishing import Origin, begin, copying, importing, unit_of, updating
from monitor.simulator.rest.storage import MAX_UPLOAD_BYTES, Storage


class UploadUrl(Body):
    """UploadUrlRequestBody: the length of the gzip."""

    contentLengthBytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)]  # noqa: N815 - the wire's name


class ProcessUpload(Body):
    """ProcessScheduleUpdateUploadRequest, and the import's."""

    uploadKey: str  # noqa: N815


class CopySchedule(Body):
    """BuCopyScheduleRequest; a forecast is never there to be included."""

    description: Annotated[str, Field(min_length=1, max_length=1000)]
    weekDate: str  # noqa: N815


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
            gate.route("POST", f"{week}/import/uploadurl", "schedule_upload_url", self.import_url),
            gate.route("POST", f"{week}/import", "schedule_update", self.import_new),
            gate.route("GET", one, "schedules", self.read),
            gate.route("POST", f"{one}/agentschedules/query", "agent_schedules", self.agent_schedules),
            gate.route("POST", f"{one}/update/uploadurl", "schedule_upload_url", self.upload_url),
            gate.route("POST", f"{one}/update", "schedule_update", self.update),
            gate.route("POST", f"{one}/copy", "schedule_update", self.copy),
            *self._storage.routes(),
        ]

    async def listing(self, call: Call) -> Answer:
        """The schedules of a week, or of all with `recent`."""
        week_id = _week(call)
        found = call.platform.schedules.of_week(week_id, only_published=call.flag("includeOnlyPublished"))
        return Answer(bodies.listing(unit_of(call.platform), found))

    async def read(self, call: Call) -> Answer:
        """One schedule with its management units."""
        return Answer(bodies.schedule_metadata(unit_of(call.platform), _schedule(call)))

    async def agent_schedules(self, call: Call) -> Answer:
        """The agents' shifts, in the async envelope and complete at once."""
        schedule, wanted, platform = _schedule(call), call.read(AgentQuery), call.platform
        if wanted.managementUnitId not in (None, platform.management_unit_id):
            raise not_found("management unit")
        timezone = platform.scenario.timezone
        return Answer(bodies.agent_schedules(schedule, wanted.userIds, platform.new_id(), timezone))

    async def upload_url(self, call: Call) -> Answer:
        """Where to PUT the document of an update, and with which headers."""
        return self._promise(call, _schedule(call).id)

    async def import_url(self, call: Call) -> Answer:
        """Where to PUT the document of an import."""
        return self._promise(call, f"import {_dated_week(call)}")

    async def update(self, call: Call) -> Answer:
        """Process an uploaded document: 202 now, the outcome as an event. A stale version ends as an Error event."""
        schedule = _schedule(call)
        content, origin = self._uploaded(call, schedule.id), Origin.of(call)
        work = updating(call.platform, schedule, content, origin)
        return Answer(begin(call.platform, "Update", origin, work), 202)

    async def import_new(self, call: Call) -> Answer:
        """Make a schedule of an uploaded document: 202 now, the outcome as an event."""
        week_id = _dated_week(call)
        content, origin = self._uploaded(call, f"import {week_id}"), Origin.of(call)
        work = importing(call.platform, week_id, content, origin)
        return Answer(begin(call.platform, "Import", origin, work), 202)

    async def copy(self, call: Call) -> Answer:
        """Copy a schedule to another week, or to its own: 202 now, the outcome as an event."""
        schedule, wanted, origin = _schedule(call), call.read(CopySchedule), Origin.of(call)
        week_id = _date(wanted.weekDate)
        work = copying(call.platform, schedule, week_id, wanted.description, origin)
        return Answer(begin(call.platform, "Copy", origin, work), 202)

    def _promise(self, call: Call, purpose: str) -> Answer:
        upload = self._storage.promise(purpose, call.read(UploadUrl).contentLengthBytes)
        url = f"{call.platform.urls.rest}{self._storage.path(upload)}"
        return Answer(bodies.upload_promise(upload.key, url, upload.headers))

    def _uploaded(self, call: Call, purpose: str) -> bytes:
        """Use up what was uploaded for that purpose; RefusedError 400 when nothing has arrived."""
        upload = self._storage.take(call.read(ProcessUpload).uploadKey, purpose)
        if upload is None or upload.content is None:
            raise RefusedError(400, "bad.request", "No upload of that key has arrived for this schedule.")
        return upload.content


def _week(call: Call) -> str:
    """The path's week; RefusedError 404 for another business unit, 403 for a user's token, 400 for a bad date."""
    if call.owner().kind == "user":
        raise RefusedError(403, "missing.any.permissions", "Unable to perform the requested action. wfm:schedule:view")
    if call.path["unit_id"] != call.platform.business_unit_id:
        raise not_found("business unit")
    week_id = call.path["week_id"]
    return week_id if week_id == "recent" else _date(week_id)


def _dated_week(call: Call) -> str:
    """As _week, but `recent` is no week that something could be put into."""
    return _date(_week(call))


def _date(week_id: str) -> str:
    try:
        if date.fromisoformat(week_id).isoformat() != week_id:
            raise ValueError(week_id)
    except ValueError:
        raise RefusedError(400, "invalid.date", "weekId must be a date as yyyy-MM-dd") from None
    return week_id


def _schedule(call: Call) -> Schedule:
    week_id = _week(call)
    schedule = call.platform.schedules.schedules.get(call.path["schedule_id"])
    if schedule is None or schedule.week_id != week_id:
        raise not_found("schedule")
    return schedule
