"""The platform's shared state: tokens, channels and their eviction, and which sockets an event reaches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from simulated_rest import RecordingSocket, instant

from monitor.facts.clock import ManualClock
from monitor.simulator.organisation.topics import plain_topics, rejection
from monitor.simulator.platform import CHANNEL_LIFE_S, CHANNELS_PER_OWNER, Grant, Platform


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    return Platform(instant("tokens: {client_s: 100, user_s: 50}"), seed=1, clock=clock)


def grant_of(platform: Platform, user: int = 0) -> Grant:
    """A fresh grant of the n-th user."""
    grant = platform.grant(platform.issue_user_token(list(platform.users)[user])[0])
    assert grant is not None
    return grant


class StalledSocket(RecordingSocket):
    """Takes an event and never comes back."""

    async def deliver(self, topic: str, body: dict[str, Any]) -> None:
        await asyncio.Event().wait()


class BrokenSocket(RecordingSocket):
    """Its connection is gone."""

    async def deliver(self, topic: str, body: dict[str, Any]) -> None:
        raise ConnectionResetError("gone")


def test_the_same_seed_makes_the_same_organisation_and_another_seed_another(clock: ManualClock) -> None:
    one, same, other = (Platform(instant(), seed=seed, clock=clock) for seed in (1, 1, 2))
    assert list(one.users.values()) == list(same.users.values())
    assert one.client_id == same.client_id != other.client_id
    assert set(one.users).isdisjoint(other.users)


def test_every_user_has_ids_and_a_jid_of_its_own(platform: Platform) -> None:
    users = list(platform.users.values())
    assert len({u.jid for u in users}) == len({u.id for u in users}) == len({u.station_id for u in users}) == 3


def test_every_grant_is_a_new_token_that_ends_with_its_life(platform: Platform, clock: ManualClock) -> None:
    (one, life_s), (two, _) = platform.issue_client_token(), platform.issue_client_token()
    assert one != two
    assert life_s == 100
    clock.advance(99.9)
    grant = platform.grant(one)
    assert grant is not None
    assert (grant.kind, grant.user_id) == ("client", None)
    clock.advance(0.2)
    assert platform.grant(one) is None
    assert platform.knows_token(one)
    assert platform.grant("made up") is None
    assert not platform.knows_token("made up")


def test_a_user_token_carries_its_user_and_its_own_life(platform: Platform, clock: ManualClock) -> None:
    token, life_s = platform.issue_user_token(platform.first_user.id)
    grant = platform.grant(token)
    assert grant is not None
    assert (grant.kind, grant.user_id, life_s) == ("user", platform.first_user.id, 50)
    clock.advance(51)
    assert platform.grant(token) is None


async def test_the_21st_channel_evicts_the_longest_unused_without_a_socket(
    platform: Platform, clock: ManualClock
) -> None:
    grant = grant_of(platform)
    channels = []
    for _ in range(CHANNELS_PER_OWNER):
        channels.append(platform.create_channel(grant, "notification"))
        clock.advance(1)
    channels[0].socket = RecordingSocket()  # oldest, but alive
    platform.touch(channels[1])  # older, but used since
    platform.create_channel(grant, "notification")
    assert channels[2].id not in platform.channels
    assert len(platform.owned_channels(grant)) == CHANNELS_PER_OWNER
    await platform.close()


async def test_where_every_channel_is_alive_the_longest_unused_is_told_and_closed(
    platform: Platform, clock: ManualClock
) -> None:
    grant = grant_of(platform)
    sockets = []
    for _ in range(CHANNELS_PER_OWNER):
        channel = platform.create_channel(grant, "streaming")
        channel.socket = RecordingSocket()
        sockets.append((channel, channel.socket))
        clock.advance(1)
    platform.create_channel(grant, "streaming")
    evicted, socket = sockets[0]
    await socket.event(f"system.v2.no_longer_subscribed.{evicted.id}")
    await socket.ended.wait()
    assert socket.closed == (1000, "no longer subscribed")
    assert all(other.closed is None and not other.events for _, other in sockets[1:])
    await platform.close()


def test_another_owners_channels_are_not_evicted(platform: Platform) -> None:
    other = platform.create_channel(grant_of(platform, 1), "notification")
    for _ in range(2 * CHANNELS_PER_OWNER):
        platform.create_channel(grant_of(platform, 0), "notification")
    assert other.id in platform.channels


def test_a_channel_lives_24_hours_and_subscribing_extends_that(platform: Platform, clock: ManualClock) -> None:
    grant = grant_of(platform)
    extended, left = (platform.create_channel(grant, "notification") for _ in range(2))
    clock.advance(CHANNEL_LIFE_S - 1)
    platform.subscribe(extended, ["channel.metadata"])
    clock.advance(2)
    assert platform.live_channel(left.id) is None
    assert platform.live_channel(extended.id) is extended
    assert platform.owned_channels(grant) == [extended]
    assert left.id not in platform.channels


async def test_an_event_reaches_plain_and_combined_subscriptions_and_nobody_else(platform: Platform) -> None:
    user = platform.first_user.id
    subscriptions = {
        "plain": [f"v2.users.{user}.station"],
        "combined": [f"v2.users.{user}?conversations&station", f"v2.users.{user}.station"],
        "other topic": [f"v2.users.{user}.presence"],
        "other user": [f"v2.users.{list(platform.users)[1]}.station"],
    }
    sockets = {}
    for name, topics in subscriptions.items():
        channel = platform.create_channel(grant_of(platform), "notification")
        channel.socket = sockets[name] = RecordingSocket()
        platform.subscribe(channel, topics)
    assert await platform.deliver(f"v2.users.{user}.station", {"a": 1}) == 2
    received = {name: socket.events for name, socket in sockets.items()}
    event = [(f"v2.users.{user}.station", {"a": 1})]  # once, though two subscriptions cover it
    assert received == {"plain": event, "combined": event, "other topic": [], "other user": []}


async def test_a_stalled_or_broken_client_keeps_no_event_from_the_others(platform: Platform) -> None:
    healthy = RecordingSocket()
    for socket in (StalledSocket(), BrokenSocket(), healthy):
        channel = platform.create_channel(grant_of(platform), "notification")
        channel.socket = socket
        platform.subscribe(channel, ["channel.metadata"])
    delivering = asyncio.create_task(platform.deliver("channel.metadata", {}))
    await healthy.event("channel.metadata")
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering


def test_replacing_subscriptions_forgets_the_old_ones(platform: Platform) -> None:
    channel = platform.create_channel(grant_of(platform), "notification")
    platform.subscribe(channel, ["a", "b"])
    platform.subscribe(channel, ["c"])
    assert set(channel.topics) == {"a", "b", "c"}
    platform.subscribe(channel, ["d"], replace=True)
    assert set(channel.topics) == {"d"}


def test_a_scenario_with_more_agents_adds_users_and_empties_the_queues(platform: Platform, clock: ManualClock) -> None:
    before = list(platform.users)
    platform.world.add_load(platform.now_s(), 1000.0, 10.0)
    platform.use_scenario(instant().model_copy(update={"agents": 5}))
    assert list(platform.users)[:3] == before
    assert len(platform.users) == 5
    clock.advance(5)
    assert platform.world.backlogs_s(platform.now_s()) == (0.0, 0.0)


async def test_close_ends_background_work_and_may_be_called_twice(platform: Platform) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    platform.spawn(work())
    await asyncio.sleep(0)
    await platform.close()
    await platform.close()
    assert ended.is_set()


def test_a_combined_topic_stands_for_each_of_its_names() -> None:
    assert plain_topics("v2.users.u?presence&station") == ("v2.users.u.presence", "v2.users.u.station")
    assert plain_topics("v2.users.u.presence") == ("v2.users.u.presence",)


@pytest.mark.parametrize(
    ("topic", "permitted"),
    [
        ("v2.users.u.conversations", True),
        ("v2.users.u.workforcemanagement.schedules", True),
        ("v2.users.u?conversations&station", True),
        ("v2.users.stranger.conversations", False),
        ("v2.users.stranger?conversations&station", False),
        ("v2.users.u?" + "&".join(["conversations"] * 30), False),
        ("v2.workforcemanagement.businessunits.b.schedules", True),
        ("v2.workforcemanagement.businessunits.stranger.schedules", False),
        ("v2.workforcemanagement.managementunits.b.schedules", True),
        ("v2.system.socket_closing", True),
        ("channel.metadata", True),
        ("enable.server.side.pings", True),
        ("no topic at all", False),
        ("", False),
    ],
)
def test_which_topics_are_permitted(topic: str, permitted: bool) -> None:
    assert (rejection(topic, {"u"}, {"b"}) is None) is permitted
