"""REST routes of the organisation and its users, and the clients' own log uploads."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from monitor.simulator.organisation.model import User
from monitor.simulator.rest.gate import Answer, Call, Gate, page_of
from monitor.simulator.rest.stations import stations_of


def routes(gate: Gate) -> list[Route]:
    """GET organizations/me and users; POST of logs and telemetry."""
    return [
        gate.route("GET", "organizations/me", "organizations_me", organization),
        gate.route("GET", "users", "users", users),
        gate.route("GET", "users/me", "users_me", user),
        gate.route("GET", "users/{user_id}", "users", user),
        gate.route("POST", "diagnostics/trace", "telemetry", accepted, any_type=True),
        gate.route("POST", "diagnostics/newrelic/insights", "telemetry", accepted, any_type=True),
    ]


async def organization(call: Call) -> Answer:
    """The one organisation."""
    organization_id = call.platform.organization_id
    name = "Simulated organisation"
    return Answer({"id": organization_id, "name": name, "state": "active", "selfUri": "/api/v2/organizations/me"})


async def users(call: Call) -> Answer:
    """One page of the users."""
    return Answer(page_of(call, [_user(one) for one in call.platform.users.values()]))


async def user(call: Call) -> Answer:
    """One user; `expand=station` adds the stations."""
    found = call.user()
    body = _user(found)
    if "station" in call.query.get("expand", "").split(","):
        body["station"] = stations_of(found)
    return Answer(body)


async def accepted(_call: Call) -> Answer:
    """A client's log or telemetry upload: taken and thrown away."""
    return Answer(status=202)


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
