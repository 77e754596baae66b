"""REST routes of stations: each user's WebRTC softphone, and the writes that take it away and give it back."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from monitor.simulator.organisation.model import User
from monitor.simulator.organisation.refusal_bodies import RefusedError, not_found
from monitor.simulator.rest.gate import Answer, Call, Gate, page_of


def routes(gate: Gate) -> list[Route]:
    """Reading, and association by either end."""
    associated = "users/{user_id}/station/associatedstation"
    return [
        gate.route("GET", "users/{user_id}/station", "stations", of_user),
        gate.route("GET", "stations", "stations", listing),
        gate.route("GET", "stations/{station_id}", "stations", read),
        gate.route("DELETE", "stations/{station_id}/associateduser", "stations", disassociate),
        gate.route("DELETE", associated, "stations", leave),
        gate.route("PUT", f"{associated}/{{station_id}}", "stations", associate),
    ]


async def of_user(call: Call) -> Answer:
    """The stations of a user."""
    return Answer(stations_of(call.user()))


async def listing(call: Call) -> Answer:
    """One page of the stations: each user has one."""
    force_turn = call.platform.scenario.force_turn
    return Answer(page_of(call, [_station(user, force_turn) for user in call.platform.users.values()]))


async def read(call: Call) -> Answer:
    """One station."""
    return Answer(_station(_owner(call), call.platform.scenario.force_turn))


async def disassociate(call: Call) -> Answer:
    """Take the station from whoever uses it: that softphone's calls and signalling sessions end for real."""
    _no_agents(call)
    await _release(call, _owner(call))
    return Answer(status=202)


async def leave(call: Call) -> Answer:
    """As disassociate, from the user's end."""
    user = call.user()
    if call.owner().user_id != user.id:
        _no_agents(call)
    await _release(call, user)
    return Answer(status=202)


async def associate(call: Call) -> Answer:
    """Give a user their station back; 409 for somebody else's."""
    user, owner = call.user(), _owner(call)
    if owner is not user:
        raise RefusedError(409, "conflict", "The station belongs to another user.")
    await _set(call, user, True)
    return Answer(status=202)


def stations_of(user: User) -> dict[str, Any]:
    """UserStations: the WebRTC softphone is the associated, the effective and the default station."""
    reference = {
        "id": user.station_id,
        "name": f"{user.name} WebRTC",
        "type": "inin_webrtc_softphone",
        "associatedUser": {"id": user.id, "selfUri": f"/api/v2/users/{user.id}"},
        "webRtcCallAppearances": 100,
    }
    in_use = {"associatedStation": reference, "effectiveStation": reference} if user.has_station else {}
    return {**in_use, "defaultStation": reference, "lastAssociatedStation": reference}


async def _release(call: Call, user: User) -> None:
    await _set(call, user, False)
    if call.platform.streaming is not None:
        await call.platform.streaming.drop_user(user.id)


async def _set(call: Call, user: User, has_station: bool) -> None:
    user.has_station = has_station
    reference = stations_of(user).get("associatedStation")
    await call.platform.deliver(f"v2.users.{user.id}.station", {"associatedStation": reference})


def _owner(call: Call) -> User:
    for owner in call.platform.users.values():
        if owner.station_id == call.path["station_id"]:
            return owner
    raise not_found("station")


def _no_agents(call: Call) -> None:
    if call.owner().kind == "user":
        text = "Unable to perform the requested action. telephony:station:disassociate"
        raise RefusedError(403, "missing.any.permissions", text)


def _station(user: User, force_turn: bool) -> dict[str, Any]:
    body = {
        "id": user.station_id,
        "name": f"{user.name} WebRTC",
        "type": "inin_webrtc_softphone",
        "status": "ASSOCIATED" if user.has_station else "AVAILABLE",
        "webRtcUserId": user.id,
        "webRtcPersistentEnabled": False,
        "webRtcForceTurn": force_turn,
        "webRtcCallAppearances": 100,
        "webRtcRequireMediaHelper": False,
        "selfUri": f"/api/v2/stations/{user.station_id}",
    }
    return body | ({"userId": user.id} if user.has_station else {})
