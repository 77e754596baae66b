"""The JSON notification channel: made over REST, one WebSocket at a time, renewed before it expires."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure
from monitor.genesys.account import Account, Channel, Setback
from monitor.genesys.attempts import Attempts, Outcome, Sleep, dropped, outcome_of
from monitor.genesys.backoff import BackoffOptions
from monitor.genesys.channel_stream import RENEWED, ChannelStream
from monitor.genesys.events import Connected, Event, GaveUp, PingResult, RequestFailed
from monitor.genesys.owned_task import OwnedTask
from monitor.genesys.pings import not_connected
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest import Rest
from monitor.genesys.timed_socket import SocketOptions, open_websocket

SILENCE_LIMIT_S = 35.0  # heartbeats come every 30 s
CHANNEL_LIFE_S = 24 * 3600.0
RENEW_BEFORE_S = 600.0
SHORTEST_LIFE_S = 60.0  # whatever a server, or a wrong clock of ours, makes of `expires`
OPEN_TIMEOUT_S = 15.0
LIMIT_BYTES = 1_048_576
SHORT_LIFE_S = 10.0  # a socket that is told to move so soon is not reopened at once
_NEW_CHANNEL = frozenset({Reason.AUTH, Reason.NOT_FOUND, Reason.FORBIDDEN, Reason.MALFORMED})


@dataclass(frozen=True, slots=True)
class NotificationOptions:
    """topics: subscribed from the start and again on every new channel."""

    topics: tuple[str, ...] = ()
    silence_limit_s: float = SILENCE_LIMIT_S
    backoff: BackoffOptions = field(default_factory=BackoffOptions)
    interface: str | None = None
    ssl_context: ssl.SSLContext | None = None


class NotificationConnection:
    """Connects, watches, reconnects. `run` it once; everything else may be called from any task of the same loop.

    Emits PhaseTimed, Connected, Dropped, Notified, PongReceived, RequestFailed and GaveUp. sleep: how to wait between
    attempts; tests pass their own.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        rest: Rest,
        options: NotificationOptions,
        on_event: Callable[[Event], None],
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._secure = urlsplit(endpoints.streaming).scheme == "wss"
        self._options = options
        self._rest = rest
        self._on_event = on_event
        self._clock = clock
        self._topics = dict.fromkeys(options.topics)
        self._account = Account(rest, rest.tokens, on_event)
        self._attempts = Attempts(options.backoff, clock, sleep)
        self._channel: Channel | None = None
        self._subscribed = False
        self._renew_mono_s = 0.0
        self._stream: ChannelStream | None = None
        self._ping_lock = asyncio.Lock()
        self._since_s = clock.mono_s()
        self._ever_connected = False
        self._task = OwnedTask()

    @property
    def connected(self) -> bool:
        """True while the channel's socket is open."""
        return self._stream is not None

    async def run(self) -> None:
        """Run until cancelled, closed, or the client credentials are refused (GaveUp)."""
        self._since_s = self._clock.mono_s()
        await self._task.run(self._loop())

    async def close(self) -> None:
        """Close the socket in order, within about two seconds; safe to call twice."""
        await self._task.stop()

    async def ping(self, timeout_s: float) -> PingResult:
        """One measuring ping; a second one waits for the first."""
        async with self._ping_lock:
            stream = self._stream
            return not_connected("notification") if stream is None else await stream.ping(timeout_s)

    async def subscribe(self, topics: Sequence[str]) -> Failure | None:
        """Add topics, kept over every reconnect. NOT_CONNECTED: they are subscribed once there is a channel."""
        self._topics.update(dict.fromkeys(topics))
        self._subscribed = False
        if self._channel is None:
            return failure("subscriptions", Reason.NOT_CONNECTED)
        return await self._put_subscriptions(self._channel)

    # --- the loop -------------------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        self._on_event(GaveUp(await self._attempts.run(self._attempt)))

    async def _attempt(self) -> Outcome:
        kind = "soft"
        if self._channel is None or self._clock.mono_s() >= self._renew_mono_s:
            kind = "hard"
            setback = await self._make_channel()
            if setback is not None:
                return setback
        assert self._channel is not None
        return await self._connect(self._channel, kind)

    async def _make_channel(self) -> Outcome | None:
        """A new channel, or why there is none. Only refused credentials are final: a refused token can be renewed."""
        self._channel = None
        token = await self._account.token()
        if isinstance(token, Setback):
            return outcome_of(token, fatal=token.refused)
        channel = await self._account.create_channel(streaming=False)
        if isinstance(channel, Setback):
            return outcome_of(channel, fatal=False)
        life_s = CHANNEL_LIFE_S
        if channel.expires_wall_s is not None:
            life_s = min(CHANNEL_LIFE_S, channel.expires_wall_s - self._clock.wall_s())
        self._renew_mono_s = self._clock.mono_s() + max(life_s - RENEW_BEFORE_S, life_s / 2, SHORTEST_LIFE_S)
        self._channel, self._subscribed = channel, False
        return None

    async def _connect(self, channel: Channel, kind: str) -> Outcome:
        if self._secure and urlsplit(channel.connect_uri).scheme != "wss":
            self._channel = None
            return Outcome(failure("upgrade", Reason.MALFORMED, "the channel's connectUri is not wss"))
        websocket = await open_websocket(self._socket_options(channel), self._clock, self._on_event)
        if isinstance(websocket, Failure):
            if websocket.reason in _NEW_CHANNEL:
                self._channel = None
            return Outcome(websocket)
        stream = ChannelStream(websocket, self._clock, self._options.silence_limit_s, self._on_event)
        try:
            return await self._serve(stream, channel, kind)
        finally:
            self._stream = None
            await stream.close()

    async def _serve(self, stream: ChannelStream, channel: Channel, kind: str) -> Outcome:
        self._stream = stream
        connected_s = self._clock.mono_s()
        self._on_event(Connected(kind if self._ever_connected else "", connected_s - self._since_s))
        self._ever_connected = True
        subscribing = asyncio.create_task(self._subscribe_once(channel))
        try:
            ending = await stream.run(self._renew_mono_s)
        finally:
            subscribing.cancel()
            await asyncio.wait({subscribing})
        if not subscribing.cancelled():
            subscribing.result()  # a defect of ours must not vanish
        self._stream = None
        self._since_s = self._clock.mono_s()
        if ending.hard:
            self._channel = None
        if ending.reason == "auth":
            self._rest.tokens.invalidate()
        if ending is not RENEWED:
            self._on_event(dropped(ending, stream.heard_mono_s, self._clock))
        lived_long = self._since_s - connected_s >= SHORT_LIFE_S
        at_once = ending is RENEWED or (ending.reason == "moved" and lived_long)
        return Outcome(ending.failure, at_once=at_once, was_connected=True)

    def _socket_options(self, channel: Channel) -> SocketOptions:
        return SocketOptions(
            url=channel.connect_uri,
            interface=self._options.interface,
            ssl_context=self._options.ssl_context,
            limit_bytes=LIMIT_BYTES,
            timeout_s=OPEN_TIMEOUT_S,
        )

    # --- subscriptions --------------------------------------------------------------------------------------------

    async def _subscribe_once(self, channel: Channel) -> None:
        if self._topics and not self._subscribed:
            refused = await self._put_subscriptions(channel)
            if refused is not None:
                self._on_event(RequestFailed(refused))

    async def _put_subscriptions(self, channel: Channel) -> Failure | None:
        """Replace the channel's subscriptions by ours; topics that are refused do not hinder the others."""
        path = f"notifications/channels/{channel.id}/subscriptions"
        topics = [{"id": topic} for topic in self._topics]
        reply = await self._rest.call("subscriptions", "PUT", path, json=topics, params={"ignoreErrors": "true"})
        if reply.failure is not None:
            return reply.failure
        self._subscribed = True
        rejected = _rejected(reply.body)
        if rejected:
            return failure("subscriptions", Reason.FORBIDDEN, f"rejected: {', '.join(rejected)}")
        return None


def _rejected(body: Any) -> list[str]:
    entities = body.get("entities") if isinstance(body, dict) else None
    if not isinstance(entities, list):
        return []
    return [str(e.get("id")) for e in entities if isinstance(e, dict) and e.get("state") == "Rejected"]
