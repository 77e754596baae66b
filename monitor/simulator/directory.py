"""REST routes of the organisation, its users, their stations, and the limits that are published."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from monitor.simulator.gate import Answer, Call, Gate, not_found
from monitor.simulator.model import User
from monitor.simulator.topics import MAX_TOPICS

MAX_PAGE = 500


def routes(gate: Gate) -> list[Route]:
    """GET organizations/me, limits, users, stations; and the clients' own log uploads."""
    return [
        gate.route("GET", "organizations/me", "organizations_me", organization),
        gate.route("GET", "organizations/limits/namespaces/{namespace}", "limits", limits),
        gate.route("GET", "users", "users", users),
        gate.route("GET", "users/me", "users_me", user),
        gate.route("GET", "users/{user_id}", "users", user),
        gate.route("GET", "users/{user_id}/station", "stations", user_station),
        gate.route("GET", "stations", "stations", stations),
        gate.route("GET", "stations/{station_id}", "stations", station),
        gate.route("POST", "diagnostics/trace", "telemetry", accepted, any_type=True),
        gate.route("POST", "diagnostics/newrelic/insights", "telemetry", accepted, any_type=True),
    ]


async def organization(call: Call) -> Answer:
    """The one organisation."""
    organization_id = call.platform.organization_id
    name = "Simulated organisation"
    return Answer({"id": organization_id, "name": name, "state": "active", "selfUri": "/api/v2/organizations/me"})


async def limits(call: Call) -> Answer:
    """The limits of a namespace that this simulator enforces."""
    namespace = call.path["namespace"]
    per_minute = call.platform.scenario.rate_limit.per_minute
    known = {
        "platform.api": {
            "client.credentials.token.rate.per.minute": per_minute,
            "token.rate.per.minute": per_minute,
        },
        "notifications": {"channels.max": 20, "topics.per.channel.max": MAX_TOPICS},
    }
    if namespace not in known:
        raise not_found("limit namespace")
    return Answer({"entities": [{"key": k, "namespace": namespace, "value": v} for k, v in known[namespace].items()]})


async def users(call: Call) -> Answer:
    """One page of the users."""
    page, size = call.number("pageNumber", 1, 1_000_000), call.number("pageSize", 25, MAX_PAGE)
    return Answer(_page([_user(u) for u in call.platform.users.values()], page, size))


async def user(call: Call) -> Answer:
    """One user; `expand=station` adds the stations."""
    found = call.user()
    body = _user(found)
    if "station" in call.query.get("expand", "").split(","):
        body["station"] = _stations_of(found)
    return Answer(body)


async def user_station(call: Call) -> Answer:
    """The stations of a user."""
    return Answer(_stations_of(call.user()))


async def stations(call: Call) -> Answer:
    """One page of the stations: each user has one."""
    page, size = call.number("pageNumber", 1, 1_000_000), call.number("pageSize", 25, MAX_PAGE)
    return Answer(
        _page([_station(u, call.platform.scenario.force_turn) for u in call.platform.users.values()], page, size)
    )


async def station(call: Call) -> Answer:
    """One station."""
    for owner in call.platform.users.values():
        if owner.station_id == call.path["station_id"]:
            return Answer(_station(owner, call.platform.scenario.force_turn))
    raise not_found("station")


async def accepted(_call: Call) -> Answer:
    """A client's log or telemetry upload: taken and thrown away."""
    return Answer(status=202)


def _page(entities: list[dict[str, Any]], page: int, size: int) -> dict[str, Any]:
    return {
        "entities": entities[(page - 1) * size : page * size],
        "pageSize": size,
        "pageNumber": page,
        "total": len(entities),
        "pageCount": -(-len(entities) // size),
    }


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "chat": {"jabberId": user.jid},
        "username": f"{user.name.lower().replace(' ', '.')}@simulated.invalid",
        "state": "active",
        "version": 1,
        "selfUri": f"/api/v2/users/{user.id}",
    }


def _stations_of(user: User) -> dict[str, Any]:
    """UserStations: the WebRTC softphone is the associated, the effective and the default station."""
    reference = {
        "id": user.station_id,
        "name": f"{user.name} WebRTC",
        "type": "inin_webrtc_softphone",
        "associatedUser": {"id": user.id, "selfUri": f"/api/v2/users/{user.id}"},
        "webRtcCallAppearances": 100,
    }
    return {
        "associatedStation": reference,
        "effectiveStation": reference,
        "defaultStation": reference,
        "lastAssociatedStation": reference,
    }


def _station(user: User, force_turn: bool) -> dict[str, Any]:
    return {
        "id": user.station_id,
        "name": f"{user.name} WebRTC",
        "type": "inin_webrtc_softphone",
        "status": "ASSOCIATED",
        "userId": user.id,
        "webRtcUserId": user.id,
        "webRtcPersistentEnabled": False,
        "webRtcForceTurn": force_turn,
        "webRtcCallAppearances": 100,
        "webRtcRequireMediaHelper": False,
        "selfUri": f"/api/v2/stations/{user.station_id}",
    }
