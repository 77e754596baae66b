"""Bodies of answers and events about work schedules, the same live and in virtual time; pure.

wfm.py (live) and virtual_rest.py (virtual) both build what they send from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from monitor.facts.clock import rfc3339
from monitor.simulator.organisation.schedules import Change, Schedule

MAX_NOTIFIED_AGENTS: Final = 1000  # a publish notifies no more of the changed agents than that
UPLOAD_HEADERS: Final = {"Content-Type": "application/json", "Content-Encoding": "gzip", "x-amz-tagging": "ttl=1"}


@dataclass(frozen=True, slots=True)
class Unit:
    """The business unit, and the one management unit in it."""

    business_unit_id: str
    management_unit_id: str


def schedules_topic(unit: Unit) -> str:
    """The topic that tells of every change to the business unit's schedules."""
    return f"v2.workforcemanagement.businessunits.{unit.business_unit_id}.schedules"


def agent_topic(user_id: str) -> str:
    """The topic that tells an agent's client that the agent's schedule changed."""
    return f"v2.users.{user_id}.workforcemanagement.schedules"


def listing(unit: Unit, schedules: Sequence[Schedule]) -> dict[str, Any]:
    """BuScheduleListing."""
    return {"entities": [schedule_item(unit, schedule) for schedule in schedules]}


def schedule_item(unit: Unit, schedule: Schedule) -> dict[str, Any]:
    """BuScheduleListItem."""
    uri = f"/api/v2/workforcemanagement/businessunits/{unit.business_unit_id}/weeks/{schedule.week_id}/schedules"
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


def schedule_metadata(unit: Unit, schedule: Schedule) -> dict[str, Any]:
    """BuScheduleMetadata: one management unit with every agent."""
    part = {
        "managementUnit": {
            "id": unit.management_unit_id,
            "selfUri": f"/api/v2/workforcemanagement/managementunits/{unit.management_unit_id}",
        },
        "agentCount": len(schedule.agents),
        **week_span(schedule),
        "agents": [{"id": user_id} for user_id in schedule.agents],
    }
    return {**schedule_item(unit, schedule), "managementUnits": [part]}


def week_span(schedule: Schedule) -> dict[str, str]:
    """First and last moment of the schedule's week, UTC."""
    monday = date.fromisoformat(schedule.week_id)
    sunday = date.fromordinal(monday.toordinal() + 6)
    return {"startDate": f"{monday.isoformat()}T00:00:00Z", "endDate": f"{sunday.isoformat()}T23:59:59Z"}


def agent_schedules(
    schedule: Schedule, user_ids: Sequence[str] | None, operation_id: str, timezone: str
) -> dict[str, Any]:
    """The agents' shifts in the async envelope, complete at once; user_ids None: of everybody."""
    users = schedule.agents if user_ids is None else [u for u in user_ids if u in schedule.agents]
    version = {"version": schedule.version}
    entries = [{"user": {"id": u}, **schedule.agents[u], "metadata": version} for u in users]
    result = {"agentSchedules": entries, "businessUnitTimeZone": timezone}
    return {"status": "Complete", "operationId": operation_id, "result": result}


def upload_promise(key: str, url: str, headers: dict[str, str]) -> dict[str, Any]:
    """Where to PUT a document, and with exactly which headers."""
    return {"uploadKey": key, "url": url, "headers": dict(headers), "uploadBodySchema": None}


def processing(operation_id: str) -> dict[str, Any]:
    """The 202 of an update that will be told of as an event."""
    return {"status": "Processing", "operationId": operation_id}


def schedule_event(
    status: str, operation_id: str, event_type: str, result: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The business unit's event. status: Processing, Complete (with a result) or Error, which tells no reason."""
    event: dict[str, Any] = {"status": status, "operationId": operation_id, "eventType": event_type}
    return event if result is None else event | {"result": result}


def agent_event(schedule: Schedule, change: Change, user_id: str) -> dict[str, Any]:
    """What one agent's clients are told of a published change."""
    update = {"type": "Edited", "shiftStartDates": change.start_dates[user_id]}
    return {"user": {"id": user_id}, **week_span(schedule), "updates": [update]}


def notified_agents(schedule: Schedule, change: Change) -> tuple[str, ...]:
    """Whom a change is told to: the changed agents of a published schedule, no more than the platform notifies."""
    return change.changed_users[:MAX_NOTIFIED_AGENTS] if schedule.published else ()
