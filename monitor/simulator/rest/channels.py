"""REST routes of notification channels and their subscriptions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.routing import Route

from monitor.facts.clock import rfc3339
from monitor.simulator.organisation.model import Channel
from monitor.simulator.organisation.refusal_bodies import RefusedError, invalid, not_found
from monitor.simulator.organisation.topics import MAX_TOPICS
from monitor.simulator.rest.gate import Answer, Body, Call, Gate, checked

CONNECTION_TYPES = {"": "notification", "websocket": "notification", "streaming": "streaming"}


class Topic(Body):
    """One subscription."""

    id: Annotated[str, Field(min_length=1, max_length=400)]


class Topics(Body):
    """The list that subscriptions are sent as; its length is checked against the channel's limit."""

    topics: Annotated[list[Topic], Field(max_length=10 * MAX_TOPICS)]


def routes(gate: Gate) -> list[Route]:
    """Create, list, verify; and what a channel is subscribed to."""
    one = "notifications/channels/{channel_id}"
    return [
        gate.route("POST", "notifications/channels", "channel_create", create),
        gate.route("GET", "notifications/channels", "channels", listing),
        gate.route("HEAD", one, "channels", verify),
        gate.route("GET", f"{one}/subscriptions", "subscriptions", subscriptions),
        gate.route("PUT", f"{one}/subscriptions", "subscriptions", replace),
        gate.route("POST", f"{one}/subscriptions", "subscriptions", add),
        gate.route("DELETE", f"{one}/subscriptions", "subscriptions", clear),
    ]


async def create(call: Call) -> Answer:
    """A new channel; `connectionType=streaming` is the XMPP kind."""
    kind = CONNECTION_TYPES.get(call.query.get("connectionType", "").lower())
    if kind is None:
        raise invalid(f"connectionType: not one of {', '.join(k for k in CONNECTION_TYPES if k)}")
    channel = call.platform.create_channel(call.owner(), "streaming" if kind == "streaming" else "notification")
    return Answer(_channel(call, channel))


async def listing(call: Call) -> Answer:
    """The caller's channels."""
    return Answer({"entities": [_channel(call, c) for c in call.platform.owned_channels(call.owner())]})


async def verify(call: Call) -> Answer:
    """200 while the channel lives."""
    _own(call)
    return Answer()


async def subscriptions(call: Call) -> Answer:
    """What the channel is subscribed to."""
    return Answer(_entities(_own(call).topics, {}))


async def replace(call: Call) -> Answer:
    """Replace every subscription."""
    return _subscribe(call, replace=True)


async def add(call: Call) -> Answer:
    """Add subscriptions."""
    return _subscribe(call, replace=False)


async def clear(call: Call) -> Answer:
    """Remove every subscription."""
    _own(call).topics.clear()
    return Answer()


def _subscribe(call: Call, *, replace: bool) -> Answer:
    """Whether a combined topic counts as one or as several against the 1000 is not documented: here it is one."""
    channel = _own(call)
    names = dict.fromkeys(topic.id for topic in checked(Topics, {"topics": call.body}).topics)
    rejected = {name: why for name in names if (why := call.platform.rejection(name)) is not None}
    permitted = [name for name in names if name not in rejected]
    if rejected and not call.flag("ignoreErrors"):
        name, why = next(iter(rejected.items()))
        raise RefusedError(403, "not.authorized", f"Subscription to {name} was rejected: {why}.")
    kept = set() if replace else set(channel.topics)
    if len(kept.union(permitted)) > MAX_TOPICS:
        raise RefusedError(400, "bad.request", f"A channel can have at most {MAX_TOPICS} topics.")
    call.platform.subscribe(channel, permitted, replace=replace)
    return Answer(_entities(permitted, rejected))


def _own(call: Call) -> Channel:
    """The channel that the path names, if it is the caller's; RefusedError 404."""
    channel = call.platform.live_channel(call.path["channel_id"])
    if channel is None or channel.owner != call.owner().owner:
        raise not_found("channel")
    return channel


def _channel(call: Call, channel: Channel) -> dict[str, Any]:
    """`connectUri` is the JSON socket's; the XMPP client builds its own from the id."""
    return {
        "connectUri": f"{call.platform.urls.ws}/channels/{channel.id}",
        "id": channel.id,
        "expires": rfc3339(channel.expires_wall_s),
    }


def _entities(permitted: Any, rejected: dict[str, str]) -> dict[str, Any]:
    good = [{"id": name, "state": "Permitted", "selfUri": f"/api/v2/notifications/topics/{name}"} for name in permitted]
    bad = [
        {"id": name, "state": "Rejected", "rejectionReason": why, "missingPermissions": []}
        for name, why in rejected.items()
    ]
    return {"entities": good + bad}
