"""Work schedules of the business unit and the documents that change them: state and rules, no wire; pure."""

from __future__ import annotations

import contextlib
import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.facts.clock import as_utc
from monitor.simulator.organisation.model import User

MAX_DOCUMENT_BYTES = 64_000_000  # unpacked
SHIFT_DAYS = 5
SHIFT_MINUTES = 480


class DocumentError(ValueError):
    """A document that cannot be applied; the platform itself tells the client no reason."""


class Section(BaseModel):
    """Strict about what it names, silent about the rest."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Version(Section):
    """WfmVersionedEntityMetadata as far as it prevents lost updates."""

    version: int


class AgentDocument(Section):
    """One agent in an uploaded document. `shifts` None leaves them, `delete` removes the agent from the schedule."""

    userId: str  # noqa: N815 - the wire's name
    shifts: list[dict[str, Any]] | None = None
    fullDayTimeOffMarkers: list[dict[str, Any]] | None = None  # noqa: N815
    delete: bool | None = None


class Document(Section):
    """UpdateScheduleUploadSchema."""

    description: str | None = None
    published: bool | None = None
    agentSchedules: list[AgentDocument] | None = None  # noqa: N815
    metadata: Version


@dataclass(slots=True)
class Schedule:
    """One schedule of one week; `agents` maps user ids to their agent schedules as the wire has them."""

    id: str
    week_id: str
    description: str
    modified_wall_s: float
    modified_by: str
    published: bool = False
    version: int = 1
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What applying a document did."""

    changed_users: tuple[str, ...]
    start_dates: dict[str, list[str]]  # user id -> start dates of the shifts now


class ScheduleBook:
    """Every schedule of the business unit."""

    def __init__(self) -> None:
        self.schedules: dict[str, Schedule] = {}

    def add_week(self, schedule_id: str, wall_s: float, users: dict[str, User]) -> Schedule:
        """A draft for the week that `wall_s` lies in, with five day shifts for every user."""
        monday = monday_of(wall_s)
        schedule = Schedule(schedule_id, monday.date().isoformat(), "Weekly schedule", wall_s, "System")
        for user_id in users:
            shifts = [_shift(monday + timedelta(days=day), schedule_id) for day in range(SHIFT_DAYS)]
            schedule.agents[user_id] = {"shifts": shifts, "fullDayTimeOffMarkers": []}
        self.schedules[schedule.id] = schedule
        return schedule

    def add_new(self, schedule_id: str, week_id: str, by: str, wall_s: float) -> Schedule:
        """An empty schedule, version 0: an import is applied to it."""
        schedule = Schedule(schedule_id, week_id, "", wall_s, by, version=0)
        self.schedules[schedule_id] = schedule
        return schedule

    def add_copy(
        self, schedule_id: str, of: Schedule, week_id: str, description: str, by: str, wall_s: float
    ) -> Schedule:
        """An unpublished copy for a week, its shifts on the same days of that week."""
        later = date.fromisoformat(week_id) - date.fromisoformat(of.week_id)
        agents = {user_id: _moved(entry, later) for user_id, entry in of.agents.items()}
        schedule = Schedule(schedule_id, week_id, description, wall_s, by, agents=agents)
        self.schedules[schedule_id] = schedule
        return schedule

    def of_week(self, week_id: str, *, only_published: bool) -> list[Schedule]:
        """The schedules of a week; `recent` is every week."""
        return [
            s
            for s in self.schedules.values()
            if week_id in (s.week_id, "recent") and (s.published or not only_published)
        ]

    def apply(self, schedule: Schedule, document: Document, users: dict[str, User], by: str, wall_s: float) -> Change:
        """Apply an uploaded document. DocumentError: another edit came first, or it names an unknown user."""
        if document.metadata.version != schedule.version:
            raise DocumentError(f"version {document.metadata.version} is not the current {schedule.version}")
        agents = document.agentSchedules or []
        if unknown := [a.userId for a in agents if a.userId not in users]:
            raise DocumentError(f"unknown user {unknown[0]}")
        for agent in agents:
            _apply_agent(schedule, agent)
        schedule.description = schedule.description if document.description is None else document.description
        if document.published:
            for other in self.of_week(schedule.week_id, only_published=True):
                other.published = False
            schedule.published = True
        schedule.version += 1
        schedule.modified_by, schedule.modified_wall_s = by, wall_s
        changed = tuple(dict.fromkeys(a.userId for a in agents))
        return Change(changed, {user_id: _start_dates(schedule, user_id) for user_id in changed})


def read_document(packed: bytes, *, new: bool = False) -> Document:
    """The document in a gzip upload. DocumentError: not gzip, too large, not JSON, or not this schema.

    new: it is to become a schedule of its own, so it names no version; what is new has version 0.
    """
    try:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: gzip framing (zlib manual, inflateInit2)
        text = unpacker.decompress(packed, MAX_DOCUMENT_BYTES)
        if not unpacker.eof:
            raise DocumentError("not one whole gzip stream, or too large unpacked")
        content = json.loads(text)
        if new and isinstance(content, dict):
            content["metadata"] = {"version": 0}
        return Document.model_validate(content)
    except (zlib.error, ValidationError, RecursionError, ValueError) as error:
        raise DocumentError(str(error)) from None


def monday_of(wall_s: float) -> datetime:
    """Midnight UTC of the Monday of that week: the business unit's week starts on Mondays."""
    moment = as_utc(wall_s)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC) - timedelta(days=moment.weekday())


def _apply_agent(schedule: Schedule, agent: AgentDocument) -> None:
    if agent.delete:
        schedule.agents.pop(agent.userId, None)
        return
    entry = schedule.agents.setdefault(agent.userId, {"shifts": [], "fullDayTimeOffMarkers": []})
    if agent.shifts is not None:
        entry["shifts"] = agent.shifts
    if agent.fullDayTimeOffMarkers is not None:
        entry["fullDayTimeOffMarkers"] = agent.fullDayTimeOffMarkers


def _start_dates(schedule: Schedule, user_id: str) -> list[str]:
    shifts = schedule.agents.get(user_id, {}).get("shifts", [])
    return [str(shift["startDate"]) for shift in shifts if "startDate" in shift]


def _moved(value: Any, later: timedelta) -> Any:
    """A deep copy in which every `startDate` is that much later."""
    if isinstance(value, list):
        return [_moved(one, later) for one in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _moved(one, later) for key, one in value.items()}
    if isinstance(start := moved.get("startDate"), str):
        with contextlib.suppress(ValueError):  # a document may carry any text there
            moved["startDate"] = (datetime.fromisoformat(start) + later).isoformat().replace("+00:00", "Z")
    return moved


def _shift(day: datetime, schedule_id: str) -> dict[str, Any]:
    start = (day + timedelta(hours=9)).isoformat().replace("+00:00", "Z")
    work = {"startDate": start, "lengthMinutes": SHIFT_MINUTES, "activityCodeId": "0", "paid": True}
    return {
        "id": f"{schedule_id[:8]}-{day.date().isoformat()}",
        "startDate": start,
        "lengthMinutes": SHIFT_MINUTES,
        "activities": [work],
    }
