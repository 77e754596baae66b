"""REST routes of presence and routing status; every write is an event to whoever subscribed."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.routing import Route

from monitor.facts.clock import rfc3339
from monitor.simulator.gate import Answer, Body, Call, Gate, checked, invalid, not_found
from monitor.simulator.model import User
from monitor.simulator.platform import Platform

SYSTEM_PRESENCES: Final = (
    "Available",
    "Away",
    "Break",
    "Busy",
    "Idle",
    "Meal",
    "Meeting",
    "Offline",
    "On Queue",
    "Training",
)
# The same in every run, as a real organisation's are over time.
DEFINITION_IDS: Final = {name: str(uuid.uuid5(uuid.NAMESPACE_OID, f"presence:{name}")) for name in SYSTEM_PRESENCES}
MAX_BULK = 500


class PresenceDefinition(Body):
    """By id or by name."""

    id: str | None = None
    systemPresence: str | None = None  # noqa: N815 - the wire's name


class PresenceWrite(Body):
    """UserPresence as clients send it."""

    presenceDefinition: PresenceDefinition | None = None  # noqa: N815
    message: Annotated[str, Field(max_length=1000)] | None = None


class BulkItem(PresenceWrite):
    """MutableUserPresence: `id` is the user's."""

    id: str


class Bulk(Body):
    """The bulk route's list."""

    items: Annotated[list[BulkItem], Field(min_length=1, max_length=MAX_BULK)]


class RoutingWrite(Body):
    """RoutingStatus as clients send it."""

    status: Literal["OFF_QUEUE", "IDLE", "INTERACTING", "NOT_RESPONDING", "COMMUNICATING"]


def routes(gate: Gate) -> list[Route]:
    """Presence one by one and in bulk, presence definitions, routing status."""
    return [
        gate.route("GET", "presencedefinitions", "presence", definitions),
        gate.route("PUT", "users/presences/bulk", "presence_bulk", write_bulk),
        gate.route("GET", "users/{user_id}/presences/{source_id}", "presence", read),
        gate.route("PATCH", "users/{user_id}/presences/{source_id}", "presence", write),
        gate.route("GET", "users/{user_id}/routingstatus", "routing_status", read_routing),
        gate.route("PUT", "users/{user_id}/routingstatus", "routing_status", write_routing),
    ]


async def definitions(_call: Call) -> Answer:
    """Every presence definition."""
    entities = [{"id": i, "systemPresence": n, "primary": True} for n, i in DEFINITION_IDS.items()]
    return Answer({"entities": entities, "total": len(entities), "pageNumber": 1, "pageSize": 25, "pageCount": 1})


async def read(call: Call) -> Answer:
    """A user's presence."""
    return Answer(_presence(_user_of(call)))


async def write(call: Call) -> Answer:
    """Change a user's presence."""
    user, wanted = _user_of(call), call.read(PresenceWrite)
    await _write(call.platform, user, wanted)
    return Answer(_presence(user))


async def write_bulk(call: Call) -> Answer:
    """Change the presence of up to MAX_BULK users: all of them or, when one entry is wrong, none."""
    items = checked(Bulk, {"items": call.body}).items
    users = [call.platform.users.get(item.id) for item in items]
    for item in items:
        _name_of(item.presenceDefinition)
    found = [user for user in users if user is not None]
    if len(found) != len(items):
        raise not_found("user")
    for user, item in zip(found, items, strict=True):
        await _write(call.platform, user, item)
    return Answer([_presence(user) for user in found])


async def read_routing(call: Call) -> Answer:
    """A user's routing status."""
    return Answer(_routing(call.user()))


async def write_routing(call: Call) -> Answer:
    """Change a user's routing status."""
    user, wanted = call.user(), call.read(RoutingWrite)
    user.routing_status = wanted.status
    user.routing_since_wall_s = call.platform.clock.wall_s()
    body = _routing(user)
    event = {"id": user.id, "routingStatus": {"status": body["status"], "startTime": body["startTime"]}}
    await call.platform.deliver(f"v2.users.{user.id}.routingStatus", event)
    return Answer(body)


def _user_of(call: Call) -> User:
    if call.path["source_id"].lower() != "purecloud":
        raise not_found("presence source")
    return call.user()


def _name_of(definition: PresenceDefinition | None) -> str | None:
    """The system presence that is meant, None when none is; RestError 400 for one that does not exist."""
    if definition is None or (definition.id is None and definition.systemPresence is None):
        return None
    by_id = {value: name for name, value in DEFINITION_IDS.items()}
    by_name = {name.upper().replace("_", " "): name for name in SYSTEM_PRESENCES}
    wanted = (definition.systemPresence or "").upper().replace("_", " ")
    name = by_id.get(definition.id) if definition.id is not None else by_name.get(wanted)
    if name is None:
        raise invalid(f"presenceDefinition: not one of {', '.join(SYSTEM_PRESENCES)}")
    return name


async def _write(platform: Platform, user: User, wanted: PresenceWrite) -> None:
    user.presence = _name_of(wanted.presenceDefinition) or user.presence
    user.presence_message = wanted.message if wanted.message is not None else user.presence_message
    user.presence_since_wall_s = platform.clock.wall_s()
    await platform.deliver(f"v2.users.{user.id}.presence", _presence(user))


def _presence(user: User) -> dict[str, Any]:
    definition_id = DEFINITION_IDS[user.presence]
    return {
        "id": user.id,
        "source": "PURECLOUD",
        "primary": True,
        "presenceDefinition": {
            "id": definition_id,
            "systemPresence": user.presence,
            "selfUri": f"/api/v2/presencedefinitions/{definition_id}",
        },
        "message": user.presence_message,
        "modifiedDate": rfc3339(user.presence_since_wall_s),
        "selfUri": f"/api/v2/users/{user.id}/presences/PURECLOUD",
    }


def _routing(user: User) -> dict[str, Any]:
    return {
        "userId": user.id,
        "status": user.routing_status,
        "startTime": rfc3339(user.routing_since_wall_s),
    }
