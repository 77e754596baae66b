"""REST routes of the organisation's limits: what this simulator enforces, as far as the platform publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.routing import Route

from monitor.simulator.organisation.refusal_bodies import not_found
from monitor.simulator.organisation.topics import MAX_TOPICS
from monitor.simulator.platform import CHANNELS_PER_OWNER
from monitor.simulator.rest.gate import Answer, Call, Gate

DEFAULT_PER_MINUTE: Final = 300  # documented for tokens of either kind
# Documented sizes; the platform's own names for them are not known, nor any limit on the rate of schedule updates.
WORKFORCE: Final = {
    "business.unit.agents.max": 5000,
    "management.unit.agents.max": 1500,
    "publish.notified.agents.max": 1000,
}


def routes(gate: Gate) -> list[Route]:
    """GET of a namespace's limits, and of its defaults."""
    namespace = "organizations/limits/namespaces/{namespace}"
    return [
        gate.route("GET", namespace, "limits", limits),
        gate.route("GET", f"{namespace}/defaults", "limits", defaults),
    ]


async def limits(call: Call) -> Answer:
    """The limits in force."""
    return _listing(call, call.platform.scenario.rate_limit.per_minute)


async def defaults(call: Call) -> Answer:
    """What an organisation has that never asked for more."""
    return _listing(call, DEFAULT_PER_MINUTE)


def _listing(call: Call, per_minute: int) -> Answer:
    namespace = call.path["namespace"]
    known: Mapping[str, Mapping[str, int]] = {
        "platform.api": {
            "client.credentials.token.rate.per.minute": per_minute,
            "token.rate.per.minute": per_minute,
        },
        "notifications": {"channels.max": CHANNELS_PER_OWNER, "topics.per.channel.max": MAX_TOPICS},
        "workforce.management": WORKFORCE,
    }
    if namespace not in known:
        raise not_found("limit namespace")
    return Answer({"entities": [{"key": k, "namespace": namespace, "value": v} for k, v in known[namespace].items()]})
