"""What the platform shows of a publish, as the detection tests feed it: event bodies, lists, audit entries."""

from __future__ import annotations

from typing import Any

from monitor.facts.clock import parse_rfc3339, rfc3339

T0 = parse_rfc3339("2026-11-24T16:00:00Z")  # a Tuesday, 10:00 in Chicago
SCHEDULE, OPERATION, WHO = "6f0f-schedule", "operation-1", "script-client"


def listed(version: int, at_s: float, *, schedule: str = SCHEDULE, published: bool = True) -> dict[str, Any]:
    """One schedule in a list; at_s: seconds after T0."""
    metadata = {"version": version, "modifiedBy": {"id": WHO}, "dateModified": rfc3339(T0 + at_s)}
    return {"id": schedule, "weekDate": "2026-11-23", "published": published, "metadata": metadata}


def listing(*schedules: dict[str, Any]) -> dict[str, Any]:
    """The answer to GET .../weeks/recent/schedules."""
    return {"entities": list(schedules)}


def event(status: str, *, operation: str = OPERATION, kind: str = "Update", result: Any = None) -> dict[str, Any]:
    """The body of an event on the business unit's topic."""
    body = {"status": status, "operationId": operation, "eventType": kind}
    return body if result is None else {**body, "result": result}


def complete(
    version: int, at_s: float, *, operation: str = OPERATION, agents: int = 150, **others: Any
) -> dict[str, Any]:
    """A Complete event with its result."""
    result = {**listed(version, at_s, **others), "managementUnits": [{"agentCount": agents, "agents": []}]}
    return event("Complete", operation=operation, result=result)


def audited(entry_id: str, at_s: float, *, schedule: str = SCHEDULE, action: str = "Publish") -> dict[str, Any]:
    """One entry of the audit log."""
    return {
        "id": entry_id,
        "serviceName": "WorkforceManagement",
        "entityType": "Schedule",
        "action": action,
        "eventDate": rfc3339(T0 + at_s),
        "entity": {"id": schedule},
        "client": {"id": WHO},
    }
