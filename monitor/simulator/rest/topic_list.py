"""REST route that lists the notification topics there are, with what each asks of who subscribes."""

from __future__ import annotations

from typing import Any, Final

from starlette.routing import Route

from monitor.simulator.rest.gate import Answer, Call, Gate

WFM: Final = "v2.workforcemanagement"
# Topic, the permission it needs ("" for none but being the user), what it tells.
TOPICS: Final = (
    ("v2.users.{id}.presence", "", "Presence of a user"),
    ("v2.users.{id}.routingStatus", "", "Routing status of a user"),
    ("v2.users.{id}.station", "", "Station of a user"),
    ("v2.users.{id}.conversations", "", "Conversations of a user"),
    ("v2.users.{id}.persistentconnection", "", "State of a user's persistent connection"),
    ("v2.users.{id}.workforcemanagement.schedules", "", "Changes of a user's published shifts"),
    (f"{WFM}.businessunits.{{id}}.schedules", "wfm:publishedSchedule:view", "Schedules of a business unit"),
    (f"{WFM}.managementunits.{{id}}.schedules", "wfm:publishedSchedule:view", "Schedules of a management unit"),
    ("v2.system.socket_closing", "", "The socket is about to close"),
)


def routes(gate: Gate) -> list[Route]:
    """GET notifications/availabletopics."""
    return [gate.route("GET", "notifications/availabletopics", "available_topics", listing)]


async def listing(call: Call) -> Answer:
    """Every topic that this simulator sends; the details asked for by `expand` as well."""
    wanted = set(call.query.get("expand", "").replace(" ", "").split(","))
    return Answer({"entities": [_topic(*topic, wanted) for topic in TOPICS]})


def _topic(name: str, permission: str, description: str, wanted: set[str]) -> dict[str, Any]:
    details = {
        "description": description,
        "requiresPermissions": [permission] if permission else [],
        "enforced": True,
        "visibility": "Public",
        "transports": ["All"],
        "topicParameters": ["id"] if "{id}" in name else [],
    }
    return {"id": name, **{key: value for key, value in details.items() if key in wanted or key == "description"}}
