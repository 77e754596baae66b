"""The REST routes that a publish job uses, answered in virtual time as the live simulator does; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, Field, ValidationError

from monitor.genesys.rest_messages import RestRequest
from monitor.simulator.organisation import audit_bodies, presence_bodies, schedule_bodies
from monitor.simulator.organisation.audit_log import AuditLog
from monitor.simulator.organisation.model import User
from monitor.simulator.organisation.presence_bodies import PresenceWrite, RoutingWrite
from monitor.simulator.organisation.refusal_bodies import RefusedError, invalid, not_found
from monitor.simulator.organisation.schedules import Schedule, ScheduleBook
from monitor.simulator.organisation.seeded import Organisation
from monitor.simulator.rest.faults import CODES

MAX_UPLOAD_BYTES: Final = 20_000_000
STORAGE: Final = "https://storage.simulated.invalid"

BodyT = TypeVar("BodyT", bound=BaseModel)


class UploadUrl(presence_bodies.Body):
    """UploadUrlRequestBody: the length of the gzip."""

    contentLengthBytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)]  # noqa: N815 - the wire's name


class ProcessUpload(presence_bodies.Body):
    """ProcessScheduleUpdateUploadRequest."""

    uploadKey: str  # noqa: N815


class AgentQuery(presence_bodies.Body):
    """BuQueryAgentSchedulesRequest."""

    managementUnitId: str | None = None  # noqa: N815
    userIds: list[str] | None = None  # noqa: N815


@dataclass(slots=True)
class VirtualUpload:
    """One promised upload: where to, with which headers, and what came."""

    schedule_id: str
    length: int
    url: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """An accepted update that is still to be processed."""

    operation_id: str
    schedule: Schedule
    content: bytes
    by: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call that got past limit and queue. user: whose token it is, None for client credentials."""

    request: RestRequest
    path: Mapping[str, str]
    query: Mapping[str, str]
    wall_s: float
    user: User | None

    def read(self, model: type[BodyT], value: Any = None) -> BodyT:
        """The body (or `value`) as `model`; RefusedError 400 names the first field at fault."""
        try:
            return model.model_validate(self.request.body if value is None else value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise invalid(f"{where}: {first['msg']}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers. told: users whose clients get an event of it. update: what it set going."""

    body: Any = None
    status: int = 200
    told: tuple[str, ...] = ()
    update: Update | None = None


Handler = Callable[[Call], Answer]


class VirtualRest:
    """The routes over one organisation's state."""

    def __init__(self, organisation: Organisation, schedules: ScheduleBook, audits: AuditLog, timezone: str) -> None:
        self._timezone = timezone
        self._organisation = organisation
        self._unit = organisation.unit
        self._users = organisation.users
        self._new_id = organisation.new_id
        self._schedules = schedules
        self._audits = audits
        self._uploads: dict[str, VirtualUpload] = {}
        week = r"workforcemanagement/businessunits/(?P<unit_id>[^/]+)/weeks/(?P<week_id>[^/]+)/schedules"
        one, user = rf"{week}/(?P<schedule_id>[^/]+)", r"users/(?P<user_id>[^/]+)"
        self._routes: list[tuple[str, re.Pattern[str], str, Handler]] = [
            (method, re.compile(f"/api/v2/{path}"), operation, handler)
            for method, path, operation, handler in (
                ("GET", week, "schedules", self._listing),
                ("GET", one, "schedules", self._read),
                ("POST", rf"{one}/agentschedules/query", "agent_schedules", self._agent_schedules),
                ("POST", rf"{one}/update/uploadurl", "schedule_upload_url", self._upload_url),
                ("POST", rf"{one}/update", "schedule_update", self._update),
                ("PUT", "users/presences/bulk", "presence_bulk", self._write_presences),
                ("PATCH", rf"{user}/presences/(?P<source_id>[^/]+)", "presence", self._write_presence),
                ("GET", rf"{user}/presences/(?P<source_id>[^/]+)", "presence", self._read_presence),
                ("PUT", rf"{user}/routingstatus", "routing_status", self._write_routing),
                ("GET", rf"{user}/routingstatus", "routing_status", self._read_routing),
                ("POST", "events/users/routingstatus", "routing_status_bulk", self._write_routings),
                ("POST", "audits/query/realtime", "audits", self._query_audits),
            )
        ]

    def find(self, request: RestRequest) -> tuple[str, Callable[[float, User | None], Answer]]:
        """The World's name for a request's work, and its handler, of Unix seconds and user.

        RefusedError 404 for a path and 405 for a method that is not there.
        """
        parts = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        refused = RefusedError(404, *CODES[404])
        for method, pattern, operation, handler in self._routes:
            match = pattern.fullmatch(parts.path)
            if match is not None and method == request.method:
                return operation, partial(_serve, handler, request, match.groupdict(), query)
            if match is not None:
                refused = RefusedError(405, "method.not.allowed", "HTTP 405 Method Not Allowed")
        raise refused

    def store(self, request: RestRequest) -> int:
        """PUT to a signed URL; the status: 200, or 403 for what is not what was signed."""
        upload = next((u for u in self._uploads.values() if u.url == request.path), None)
        content = request.content or b""
        signed = {name.lower(): value for name, value in schedule_bodies.UPLOAD_HEADERS.items()}
        given = {name.lower(): value for name, value in request.headers.items()}
        if upload is None or request.method != "PUT" or len(content) != upload.length or given != signed:
            return 403
        upload.content = content
        return 200

    # Schedules

    def _listing(self, call: Call) -> Answer:
        only = call.query.get("includeOnlyPublished", "").lower() == "true"
        found = self._schedules.of_week(self._week(call), only_published=only)
        return Answer(schedule_bodies.listing(self._unit, found))

    def _read(self, call: Call) -> Answer:
        return Answer(schedule_bodies.schedule_metadata(self._unit, self._schedule(call)))

    def _agent_schedules(self, call: Call) -> Answer:
        schedule, wanted = self._schedule(call), call.read(AgentQuery)
        if wanted.managementUnitId not in (None, self._unit.management_unit_id):
            raise not_found("management unit")
        return Answer(schedule_bodies.agent_schedules(schedule, wanted.userIds, self._new_id(), self._timezone))

    def _upload_url(self, call: Call) -> Answer:
        schedule, length = self._schedule(call), call.read(UploadUrl).contentLengthBytes
        key = self._new_id().replace("-", "")
        url = f"{STORAGE}/uploads/{key}?X-Amz-Signature={self._new_id()}"
        self._uploads[key] = VirtualUpload(schedule.id, length, url)
        return Answer(schedule_bodies.upload_promise(key, url, schedule_bodies.UPLOAD_HEADERS))

    def _update(self, call: Call) -> Answer:
        schedule, key = self._schedule(call), call.read(ProcessUpload).uploadKey
        upload = self._uploads.get(key)
        if upload is None or upload.content is None or upload.schedule_id != schedule.id:
            raise RefusedError(400, "bad.request", "No upload of that key has arrived for this schedule.")
        del self._uploads[key]
        update = Update(self._new_id(), schedule, upload.content, self._organisation.client_id)
        return Answer(schedule_bodies.processing(update.operation_id), 202, update=update)

    def _week(self, call: Call) -> str:
        """The path's week, checked, as the live simulator checks it."""
        if call.user is not None:
            text = "Unable to perform the requested action. wfm:schedule:view"
            raise RefusedError(403, "missing.any.permissions", text)
        if call.path["unit_id"] != self._unit.business_unit_id:
            raise not_found("business unit")
        week_id = call.path["week_id"]
        if week_id != "recent" and not _is_day(week_id):
            raise RefusedError(400, "invalid.date", "weekId must be a date as yyyy-MM-dd")
        return week_id

    def _schedule(self, call: Call) -> Schedule:
        week_id = self._week(call)
        schedule = self._schedules.schedules.get(call.path["schedule_id"])
        if schedule is None or schedule.week_id != week_id:
            raise not_found("schedule")
        return schedule

    # Presence and routing status

    def _user(self, call: Call) -> User:
        user_id = call.path["user_id"]
        user = call.user if user_id == "me" else self._users.get(user_id)
        if user is None:
            raise not_found("user")
        if call.path.get("source_id", "purecloud").lower() != "purecloud":
            raise not_found("presence source")
        return user

    def _read_presence(self, call: Call) -> Answer:
        return Answer(presence_bodies.presence_body(self._user(call)))

    def _write_presence(self, call: Call) -> Answer:
        user = self._user(call)
        self._apply_presence(user, call.read(PresenceWrite), call.wall_s)
        return Answer(presence_bodies.presence_body(user), told=(user.id,))

    def _write_presences(self, call: Call) -> Answer:
        """All of them or, when one entry is wrong, none."""
        items = call.read(presence_bodies.Bulk, {"items": call.request.body}).items
        for item in items:
            self._check_presence(item)
        users = [self._known(item.id) for item in items]
        for user, item in zip(users, items, strict=True):
            self._apply_presence(user, item, call.wall_s)
        return Answer([presence_bodies.presence_body(u) for u in users], told=tuple(user.id for user in users))

    def _read_routing(self, call: Call) -> Answer:
        return Answer(presence_bodies.routing_body(self._user(call)))

    def _write_routing(self, call: Call) -> Answer:
        user = self._user(call)
        presence_bodies.write_routing(user, call.read(RoutingWrite), call.wall_s)
        return Answer(presence_bodies.routing_body(user), told=(user.id,))

    def _write_routings(self, call: Call) -> Answer:
        """Each event by itself: those that cannot be applied are named in the answer."""
        events = call.read(presence_bodies.RoutingEvents).userRoutingStatusEvents
        errors, told = [], []
        for event in events:
            user = self._users.get(event.agentId)
            if user is None:
                errors.append(presence_bodies.event_error(event.eventId, "The agent does not exist."))
            else:
                presence_bodies.write_routing(user, event, call.wall_s)
                told.append(user.id)
        return Answer({"errors": errors}, told=tuple(told))

    # Audit

    def _query_audits(self, call: Call) -> Answer:
        if call.user is not None:
            text = "Unable to perform the requested action. audits:audit:view"
            raise RefusedError(403, "missing.any.permissions", text)
        wanted = call.read(audit_bodies.AuditQuery)
        try:
            page = audit_bodies.audit_page(self._audits, wanted, self._organisation.organization_id, call.wall_s)
        except ValueError as error:
            raise invalid(str(error)) from None
        return Answer(page)

    def _check_presence(self, wanted: PresenceWrite) -> None:
        try:
            presence_bodies.presence_name(wanted.presenceDefinition)
        except ValueError as error:
            raise invalid(str(error)) from None

    def _apply_presence(self, user: User, wanted: PresenceWrite, wall_s: float) -> None:
        self._check_presence(wanted)
        presence_bodies.write_presence(user, wanted, wall_s)

    def _known(self, user_id: str) -> User:
        user = self._users.get(user_id)
        if user is None:
            raise not_found("user")
        return user


def _serve(
    handler: Handler,
    request: RestRequest,
    path: dict[str, str],
    query: dict[str, str],
    wall_s: float,
    user: User | None,
) -> Answer:
    return handler(Call(request, path, query, wall_s, user))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
