"""The simulated platform's shared state: users, tokens, channels, the World's delays, and who gets which event."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any, Literal

from monitor.facts.clock import Clock
from monitor.simulator.organisation.audit_log import AuditLog
from monitor.simulator.organisation.model import (
    CallControl,
    Channel,
    ChannelSocket,
    Grant,
    LiveControl,
    Refusal,
    StreamingControl,
    Urls,
    User,
)
from monitor.simulator.organisation.refusal_bodies import overloaded
from monitor.simulator.organisation.schedules import ScheduleBook
from monitor.simulator.organisation.topics import plain_topics, rejection
from monitor.simulator.world.limits import RateLimiter
from monitor.simulator.world.network import Network
from monitor.simulator.world.occurrences import Occurrence, Timeline
from monitor.simulator.world.scenario import Scenario
from monitor.simulator.world.world import World

__all__ = [
    "CallControl",
    "Channel",
    "ChannelSocket",
    "Grant",
    "Platform",
    "Refusal",
    "StreamingControl",
    "Urls",
    "User",
]

CHANNELS_PER_OWNER = 20
CHANNEL_LIFE_S = 86_400.0
GIVEN_LIFE_S = 3650 * 86_400.0  # of a token from outside: who holds it has no way to renew it
DELIVERY_DEADLINE_S = 1.0  # for one event to one socket
JID_DOMAIN = "simulated-5f0c2b1e.orgspan.com"

log = logging.getLogger(__name__)


class Platform:
    """One simulated organisation. Belongs to one event loop."""

    def __init__(self, scenario: Scenario, *, seed: int, clock: Clock) -> None:
        self.seed = seed
        self.clock = clock
        self.rng = random.Random(seed)  # noqa: S311 - reproducible ids, not secrets
        self.urls = Urls()
        self.organization_id = self.new_id()
        self.client_id = self.new_id()
        self.client_secret = secrets.token_urlsafe(24)
        self.business_unit_id = self.new_id()
        self.management_unit_id = self.new_id()
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, User] = {}
        self.audits = AuditLog()
        self.limiter = RateLimiter()
        self.calls: CallControl | None = None
        self.streaming: StreamingControl | None = None
        self.live: LiveControl | None = None
        self._grants: dict[str, Grant] = {}
        self._users_of_addresses: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.use_scenario(scenario)
        self.schedules = ScheduleBook()
        self.schedules.add_week(self.new_id(), clock.wall_s(), self.users)

    def use_scenario(self, scenario: Scenario) -> None:
        """Make `scenario` the platform's nature: fresh empty queues, its time at 0, users added where it has more."""
        self.scenario = scenario
        self.started_mono_s, self.started_wall_s = self.clock.mono_s(), self.clock.wall_s()
        self.world = World(scenario, self.seed)
        self.timeline = Timeline(scenario, self.started_wall_s)
        self.network = Network(scenario, self.timeline, self.seed)
        self.limiter.clear()
        while len(self.users) < scenario.agents:
            self._add_user()
        if self.live is not None:
            self.live.restart()

    def new_id(self) -> str:
        """A random id in UUID form, reproducible by seed."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    @property
    def first_user(self) -> User:
        """The user that the start-up line names."""
        return next(iter(self.users.values()))

    # The scenario's time, places and causes

    def now_s(self) -> float:
        """Seconds since the scenario began, by the monotonic clock: the time of the World and its queues."""
        return self.clock.mono_s() - self.started_mono_s

    def arrive(self) -> float:
        """`now_s` for something that reaches the queues now: what the simulated agents did before it is in them."""
        now_s = self.now_s()
        if self.live is not None:
            self.live.catch_up(now_s)
        return now_s

    def scenario_wall_s(self) -> float:
        """Unix seconds of the scenario's present: of the wall clock as it was at the start, unmoved by its steps."""
        return self.started_wall_s + self.now_s()

    def active(self, kind: str, site: str | None = None) -> Occurrence | None:
        """The occurrence of that kind which is in force now, at a site or anywhere."""
        return self.timeline.active(kind, self.scenario_wall_s(), site)

    def site_of(self, user_id: str) -> str:
        """Where a user works: the scenario's sites take the users in order."""
        position = next((at for at, known in enumerate(self.users) if known == user_id), 0)
        for site, size in self.scenario.site_sizes.items():
            if position < size:
                return site
            position -= size
        return next(iter(self.scenario.site_sizes))

    def place(self, address: str, user_id: str) -> None:
        """Note that a user's softphone signals from that IP address: what comes from there comes from their site."""
        self._users_of_addresses[address] = user_id

    def site_at(self, address: str) -> str:
        """The site that an IP address belongs to: of the softphone that last signalled from there, else the first."""
        return self.site_of(self._users_of_addresses.get(address, ""))

    def is_second_interface(self, address: str) -> bool:
        """Whether an IP address is one that no softphone signals from, while others are."""
        return bool(self._users_of_addresses) and address not in self._users_of_addresses

    # Tokens

    def issue_client_token(self) -> tuple[str, int]:
        """A new client-credentials token and its life in seconds."""
        return self._issue("client", None, self.scenario.tokens.client_s)

    def issue_user_token(self, user_id: str) -> tuple[str, int]:
        """A new token of a user and its life in seconds."""
        occurrence = self.active("token", self.site_of(user_id))
        life_s = self.scenario.tokens.user_s if occurrence is None else max(1, int(occurrence.life_s))
        return self._issue("user", user_id, life_s)

    def accept_user_token(self, user_id: str, token: str) -> None:
        """Take a token that somebody holds already as this user's."""
        self._grants[token] = Grant("user", user_id, self.client_id, self.clock.wall_s() + GIVEN_LIFE_S)

    def end_user_tokens(self, at_wall_s: float, site: str | None = None) -> None:
        """Every token of a user, at one site or at all, is worth nothing from then on, if it was until then."""
        for text, grant in self._grants.items():
            if grant.user_id is not None and site in (None, self.site_of(grant.user_id)):
                self._grants[text] = replace(grant, expires_wall_s=min(grant.expires_wall_s, at_wall_s))

    def grant(self, token_text: str) -> Grant | None:
        """What a token allows; None when it is unknown or has expired."""
        grant = self._grants.get(token_text)
        return grant if grant is not None and grant.expires_wall_s > self.clock.wall_s() else None

    def knows_token(self, token_text: str) -> bool:
        """Whether this token was ever issued: tells an expired one from a made-up one."""
        return token_text in self._grants

    # Channels

    def create_channel(self, grant: Grant, kind: Literal["notification", "streaming"]) -> Channel:
        """A new channel; the owner's 21st evicts the one longest unused, those without a live socket first."""
        owned = self.owned_channels(grant)
        if len(owned) >= CHANNELS_PER_OWNER:
            self._evict(min(owned, key=lambda c: (c.socket is not None, c.last_used_mono_s)))
        suffix = "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=26))
        expires_wall_s = self.clock.wall_s() + CHANNEL_LIFE_S
        channel = Channel(f"streaming-0-{suffix}", grant.owner, kind, expires_wall_s, self.clock.mono_s())
        self.channels[channel.id] = channel
        return channel

    def owned_channels(self, grant: Grant) -> list[Channel]:
        """The owner's channels, oldest first; expired ones are forgotten here."""
        now_s = self.clock.wall_s()
        for expired in [c for c in self.channels.values() if c.expires_wall_s <= now_s and c.socket is None]:
            del self.channels[expired.id]
        return [c for c in self.channels.values() if c.owner == grant.owner and c.expires_wall_s > now_s]

    def live_channel(self, channel_id: str) -> Channel | None:
        """The channel of that id, unless it never was, was evicted, or is past its 24 hours."""
        channel = self.channels.get(channel_id)
        return channel if channel is not None and channel.expires_wall_s > self.clock.wall_s() else None

    def touch(self, channel: Channel) -> None:
        """Note that the channel is in use, which is what eviction goes by."""
        channel.last_used_mono_s = self.clock.mono_s()

    def rejection(self, subscription: str) -> str | None:
        """Why this organisation would not permit a subscription, or None."""
        return rejection(subscription, self.users, (self.business_unit_id, self.management_unit_id))

    def subscribe(self, channel: Channel, names: Iterable[str], *, replace: bool = False) -> None:
        """Add subscriptions, or replace all there were; either extends the channel's life to 24 hours from now."""
        if replace:
            channel.topics.clear()
        channel.topics.update((name, plain_topics(name)) for name in names)
        channel.expires_wall_s = self.clock.wall_s() + CHANNEL_LIFE_S
        self.touch(channel)

    async def deliver(self, topic: str, event_body: dict[str, Any]) -> int:
        """Send an event to every subscribed channel with a live socket; how many that were.

        `topic` is a plain one; a subscription `v2.users.{id}?conversations&station` receives both of its topics.
        """
        sockets = [
            channel.socket
            for channel in self.channels.values()
            if channel.socket is not None and any(topic in plain for plain in channel.topics.values())
        ]
        await asyncio.gather(*(_hand_over(socket, topic, event_body) for socket in sockets))
        return len(sockets)

    # The World's delays

    async def signalling_turn(self, work: str) -> None:
        """Wait as long as one signalling operation takes now; `work` is a key of world.SIGNALLING_WORK."""
        await asyncio.sleep(self.signalling_delay_s(work))

    def signalling_delay_s(self, work: str) -> float:
        """One signalling operation arrives: seconds until its answer."""
        return self.world.signalling_turn(self.arrive(), work)

    def fan_out(self, events: int) -> None:
        """`events` notifications leave for agents' clients, which costs signalling as far as the queues are coupled."""
        self.world.fan_out(self.arrive(), events)

    async def rest_turn(self, operation: str) -> Refusal | None:
        """Wait as long as one REST call takes now; a Refusal when the service is too full to serve it."""
        admission = self.world.rest_call(self.arrive(), operation)
        await asyncio.sleep(admission.delay_s)
        return None if admission.refused is None else overloaded(admission.refused)

    # Background work

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else until it ends or the platform is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End background work (evictions, publish runs). Idempotent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _issue(self, kind: Literal["user", "client"], user_id: str | None, life_s: int) -> tuple[str, int]:
        token = secrets.token_urlsafe(48)
        self._grants[token] = Grant(kind, user_id, self.client_id, self.clock.wall_s() + life_s)
        return token, life_s

    def _add_user(self) -> None:
        name = f"Agent {len(self.users) + 1:03d}"
        jid = f"{self.rng.getrandbits(96):024x}@{JID_DOMAIN}"
        user = User(self.new_id(), name, jid, self.new_id(), self.clock.wall_s())
        self.users[user.id] = user

    def _evict(self, channel: Channel) -> None:
        del self.channels[channel.id]
        if channel.socket is not None:
            self.spawn(_tell_and_close(channel, channel.socket))


async def _hand_over(socket: ChannelSocket, topic: str, body: dict[str, Any]) -> None:
    """One event to one client: a broken or stalled socket must not keep it from the others."""
    try:
        async with asyncio.timeout(DELIVERY_DEADLINE_S):
            await socket.deliver(topic, body)
    except Exception:
        log.debug("an event on %s could not be delivered", topic, exc_info=True)


async def _tell_and_close(channel: Channel, socket: ChannelSocket) -> None:
    await _hand_over(socket, f"system.v2.no_longer_subscribed.{channel.id}", {"channelId": channel.id})
    try:
        async with asyncio.timeout(DELIVERY_DEADLINE_S):
            await socket.close(1000, "no longer subscribed")
    except Exception:
        log.debug("the socket of evicted channel %s could not be closed", channel.id, exc_info=True)
