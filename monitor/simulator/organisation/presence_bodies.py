"""Presence and routing status as the wire has them: what may be written, and the bodies that tell of it; pure.

presence.py (live) and virtual_rest.py (virtual) both read and build from here.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.facts.clock import rfc3339
from monitor.simulator.organisation.model import User

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
MAX_BULK: Final = 500
OID_NAMESPACE: Final = bytes.fromhex("6ba7b8129dad11d180b400c04fd430c8")  # RFC 9562 section 6.6


def _definition_id(name: str) -> str:
    """A version 5 UUID (RFC 9562 section 5.5): the same in every run, as a real organisation's are over time."""
    digest = bytearray(hashlib.sha1(OID_NAMESPACE + f"presence:{name}".encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


DEFINITION_IDS: Final = {name: _definition_id(name) for name in SYSTEM_PRESENCES}


class Body(BaseModel):
    """A request body: what it names is checked strictly, what it does not name is ignored, as the platform does."""

    model_config = ConfigDict(strict=True, extra="ignore")


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


class RoutingEvent(RoutingWrite):
    """UserRoutingStatusEvent."""

    eventId: str  # noqa: N815 - the wire's name
    agentId: str  # noqa: N815


class RoutingEvents(Body):
    """BatchUserRoutingStatusEventRequest: POST events/users/routingstatus."""

    userRoutingStatusEvents: Annotated[list[RoutingEvent], Field(min_length=1, max_length=MAX_BULK)]  # noqa: N815


def event_error(event_id: str, message: str) -> dict[str, Any]:
    """EventError, one of the `errors` of a BatchEventResponse: the event was not applied."""
    return {"eventId": event_id, "message": message, "retryable": False}


def presence_name(definition: PresenceDefinition | None) -> str | None:
    """The system presence that is meant, None when none is; ValueError for one that does not exist."""
    if definition is None or (definition.id is None and definition.systemPresence is None):
        return None
    by_id = {value: name for name, value in DEFINITION_IDS.items()}
    by_name = {name.upper().replace("_", " "): name for name in SYSTEM_PRESENCES}
    wanted = (definition.systemPresence or "").upper().replace("_", " ")
    name = by_id.get(definition.id) if definition.id is not None else by_name.get(wanted)
    if name is None:
        raise ValueError(f"presenceDefinition: not one of {', '.join(SYSTEM_PRESENCES)}")
    return name


def write_presence(user: User, wanted: PresenceWrite, wall_s: float) -> None:
    """Change a user's presence; ValueError for a definition that does not exist."""
    user.presence = presence_name(wanted.presenceDefinition) or user.presence
    user.presence_message = wanted.message if wanted.message is not None else user.presence_message
    user.presence_since_wall_s = wall_s


def write_routing(user: User, wanted: RoutingWrite, wall_s: float) -> None:
    """Change a user's routing status."""
    user.routing_status = wanted.status
    user.routing_since_wall_s = wall_s


def presence_body(user: User) -> dict[str, Any]:
    """UserPresence; also the body of the event that tells of a change."""
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


def routing_body(user: User) -> dict[str, Any]:
    """RoutingStatus."""
    return {
        "userId": user.id,
        "status": user.routing_status,
        "startTime": rfc3339(user.routing_since_wall_s),
    }
