"""REST routes of presence and routing status; every write is an event to whoever subscribed, and costs its fan-out."""

from __future__ import annotations

from starlette.routing import Route

from monitor.simulator.organisation.model import User
from monitor.simulator.organisation.presence_bodies import (
    DEFINITION_IDS,
    Bulk,
    PresenceDefinition,
    PresenceWrite,
    RoutingEvents,
    RoutingWrite,
    event_error,
    presence_body,
    presence_name,
    routing_body,
    write_presence,
    write_routing,
)
from monitor.simulator.organisation.refusal_bodies import invalid, not_found
from monitor.simulator.platform import Platform
from monitor.simulator.rest.gate import Answer, Call, Gate, checked


def routes(gate: Gate) -> list[Route]:
    """Presence one by one and in bulk, presence definitions, routing status."""
    return [
        gate.route("GET", "presencedefinitions", "presence", definitions),
        gate.route("PUT", "users/presences/bulk", "presence_bulk", write_bulk),
        gate.route("GET", "users/{user_id}/presences/{source_id}", "presence", read),
        gate.route("PATCH", "users/{user_id}/presences/{source_id}", "presence", write),
        gate.route("GET", "users/{user_id}/routingstatus", "routing_status", read_routing),
        gate.route("PUT", "users/{user_id}/routingstatus", "routing_status", write_routing_status),
        gate.route("POST", "events/users/routingstatus", "routing_status_bulk", write_routing_bulk),
    ]


async def definitions(_call: Call) -> Answer:
    """Every presence definition."""
    entities = [{"id": i, "systemPresence": n, "primary": True} for n, i in DEFINITION_IDS.items()]
    return Answer({"entities": entities, "total": len(entities), "pageNumber": 1, "pageSize": 25, "pageCount": 1})


async def read(call: Call) -> Answer:
    """A user's presence."""
    return Answer(presence_body(_user_of(call)))


async def write(call: Call) -> Answer:
    """Change a user's presence."""
    user, wanted = _user_of(call), call.read(PresenceWrite)
    _checked_name(wanted.presenceDefinition)
    call.platform.fan_out(1)
    await _write(call.platform, user, wanted)
    return Answer(presence_body(user))


async def write_bulk(call: Call) -> Answer:
    """Change the presence of up to MAX_BULK users: all of them or, when one entry is wrong, none.

    It is one call to REST, and as many events as users to signalling.
    """
    items = checked(Bulk, {"items": call.body}).items
    users = [call.platform.users.get(item.id) for item in items]
    for item in items:
        _checked_name(item.presenceDefinition)
    found = [user for user in users if user is not None]
    if len(found) != len(items):
        raise not_found("user")
    call.platform.fan_out(len(found))
    for user, item in zip(found, items, strict=True):
        await _write(call.platform, user, item)
    return Answer([presence_body(user) for user in found])


async def read_routing(call: Call) -> Answer:
    """A user's routing status."""
    return Answer(routing_body(call.user()))


async def write_routing_status(call: Call) -> Answer:
    """Change a user's routing status."""
    user, wanted = call.user(), call.read(RoutingWrite)
    call.platform.fan_out(1)
    await _write_routing(call.platform, user, wanted)
    return Answer(routing_body(user))


async def write_routing_bulk(call: Call) -> Answer:
    """Change the routing status of up to MAX_BULK users in one call, each by itself: the answer names those it cannot.

    It is one call to REST, and as many events as users to signalling.
    """
    known, errors = list[tuple[User, RoutingWrite]](), []
    for event in call.read(RoutingEvents).userRoutingStatusEvents:
        user = call.platform.users.get(event.agentId)
        if user is None:
            errors.append(event_error(event.eventId, "The agent does not exist."))
        else:
            known.append((user, event))
    call.platform.fan_out(len(known))
    for user, wanted in known:
        await _write_routing(call.platform, user, wanted)
    return Answer({"errors": errors})


def _user_of(call: Call) -> User:
    if call.path["source_id"].lower() != "purecloud":
        raise not_found("presence source")
    return call.user()


def _checked_name(definition: PresenceDefinition | None) -> None:
    """RefusedError 400 for a presence that does not exist."""
    try:
        presence_name(definition)
    except ValueError as error:
        raise invalid(str(error)) from None


async def _write(platform: Platform, user: User, wanted: PresenceWrite) -> None:
    write_presence(user, wanted, platform.clock.wall_s())
    await platform.deliver(f"v2.users.{user.id}.presence", presence_body(user))


async def _write_routing(platform: Platform, user: User, wanted: RoutingWrite) -> None:
    write_routing(user, wanted, platform.clock.wall_s())
    body = routing_body(user)
    event = {"id": user.id, "routingStatus": {"status": body["status"], "startTime": body["startTime"]}}
    await platform.deliver(f"v2.users.{user.id}.routingStatus", event)
