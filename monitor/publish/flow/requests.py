"""The REST calls of a publish job as values: the WFM upload flow and the writes around it. Pure, shared by all."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from monitor.facts.clock import rfc3339
from monitor.genesys.rest_messages import RestRequest

PRESENCE, ROUTING_STATUS = "presence", "routing_status"
WRITES = (PRESENCE, ROUTING_STATUS)  # the kinds of per-agent write
READ, QUERY = "schedules", "agent_schedules"
UPLOAD_URL, UPLOAD, UPDATE = "schedule_upload_url", "schedule_upload", "schedule_update"
BULK = {PRESENCE: "presence_bulk", ROUTING_STATUS: "routing_status_bulk"}
# Every operation name that a publish job's requests carry.
OPERATIONS = (READ, QUERY, UPLOAD_URL, UPLOAD, UPDATE, *WRITES, *BULK.values())
AVAILABLE = "Available"  # system presence that is written
IDLE = "IDLE"  # routing status that is written
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class ScheduleRef:
    """One schedule: business unit id, week (yyyy-MM-dd, its first day), schedule id."""

    business_unit: str
    week: str
    schedule: str

    @property
    def path(self) -> str:
        """The schedule's path under the REST host."""
        week = f"/api/v2/workforcemanagement/businessunits/{_id(self.business_unit)}/weeks/{quote(self.week, safe='')}"
        return f"{week}/schedules/{_id(self.schedule)}"


class Builder:
    """Builds requests that are numbered from `first_id` on, each number once."""

    def __init__(self, first_id: int = 1) -> None:
        self._ids: Iterator[int] = itertools.count(first_id)

    def read_schedule(self, ref: ScheduleRef) -> RestRequest:
        """GET the schedule: version, published or not, agents."""
        return RestRequest(next(self._ids), READ, "GET", ref.path)

    def query_agents(self, ref: ScheduleRef, agents: Sequence[str]) -> RestRequest:
        """POST agentschedules/query: the agents' schedules with the version that an update must name."""
        body = {"userIds": list(agents)}
        return RestRequest(
            next(self._ids), QUERY, "POST", f"{ref.path}/agentschedules/query", body, agents=tuple(agents)
        )

    def upload_url(self, ref: ScheduleRef, length: int) -> RestRequest:
        """POST update/uploadurl. length: bytes of the gzip."""
        body = {"contentLengthBytes": length}
        return RestRequest(next(self._ids), UPLOAD_URL, "POST", f"{ref.path}/update/uploadurl", body)

    def upload(self, url: str, headers: Mapping[str, str], content: bytes) -> RestRequest:
        """PUT the document to the signed URL with exactly the headers that came with it, and no token."""
        return RestRequest(next(self._ids), UPLOAD, "PUT", url, content=content, headers=dict(headers))

    def update(self, ref: ScheduleRef, upload_key: str, agents: Sequence[str] = ()) -> RestRequest:
        """POST update: have the uploaded document processed."""
        body = {"uploadKey": upload_key}
        return RestRequest(next(self._ids), UPDATE, "POST", f"{ref.path}/update", body, agents=tuple(agents))

    def write(self, kind: str, agent: str) -> RestRequest:
        """One agent's write: PATCH its presence or PUT its routing status. kind: one of WRITES."""
        user = f"/api/v2/users/{_id(agent)}"
        if kind == PRESENCE:
            body: dict[str, Any] = {"presenceDefinition": {"systemPresence": AVAILABLE}}
            return RestRequest(next(self._ids), PRESENCE, "PATCH", f"{user}/presences/purecloud", body, agents=(agent,))
        body = {"userId": agent, "status": IDLE}
        return RestRequest(next(self._ids), ROUTING_STATUS, "PUT", f"{user}/routingstatus", body, agents=(agent,))

    def write_many(self, kind: str, agents: Sequence[str], at_wall_s: float, tag: str) -> RestRequest:
        """Many agents' writes in one request. kind: one of WRITES.

        Presence: PUT users/presences/bulk. Routing status: POST events/users/routingstatus, whose events need a time
        and an id of their own; `tag` makes the ids differ between runs.
        """
        number, users = next(self._ids), tuple(agents)
        if kind == PRESENCE:
            items = [{"id": agent, "presenceDefinition": {"systemPresence": AVAILABLE}} for agent in agents]
            return RestRequest(number, BULK[kind], "PUT", "/api/v2/users/presences/bulk", items, agents=users)
        body = {"userRoutingStatusEvents": [_routing_event(agent, at_wall_s, f"{tag}/{number}") for agent in agents]}
        return RestRequest(number, BULK[kind], "POST", "/api/v2/events/users/routingstatus", body, agents=users)


def document(agents: Mapping[str, int], version: int, *, description: str | None = None) -> bytes:
    """The gzip of an update that publishes these agents' schedules as they are. Equal input gives equal bytes.

    agents: user id -> version of that agent's schedule. version: the schedule's own, which the platform checks, so
    that of two updates made from one version at most one is applied. Shifts are left out: what is not sent stays.
    """
    entries = [{"userId": agent, "metadata": {"version": its}} for agent, its in agents.items()]
    whole: dict[str, Any] = {"published": True, "agentSchedules": entries, "metadata": {"version": version}}
    if description is not None:
        whole["description"] = description
    return gzip.compress(json.dumps(whole, separators=(",", ":")).encode(), mtime=0)


def is_id(text: str) -> bool:
    """Whether a text can be an id: of a user, a schedule, a business unit."""
    return _ID.fullmatch(text) is not None


def _id(text: str) -> str:
    """Part of a path. Raises ValueError for what cannot be an id."""
    if not is_id(text):
        raise ValueError(f"{text!r} is not an id of letters, digits, hyphens and underscores")
    return text


def _routing_event(agent: str, at_wall_s: float, tag: str) -> dict[str, str]:
    """UserRoutingStatusEvent. The id has the form of a UUID and differs between agents and tags."""
    digits = hashlib.sha256(f"{tag}/{agent}".encode()).hexdigest()
    event_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"
    return {"eventId": event_id, "eventDateTime": rfc3339(at_wall_s), "agentId": agent, "status": IDLE}
