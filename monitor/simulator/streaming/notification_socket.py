"""The JSON notification channel: heartbeats, message pings, subscribe frames, planned moves, displacement, expiry."""

from __future__ import annotations

import json
from typing import Any, Final

from monitor.simulator.organisation.topics import MAX_TOPICS
from monitor.simulator.platform import Channel, Platform
from monitor.simulator.streaming.client_socket import Outbox, SimulatedConnection, serve_frames
from monitor.simulator.streaming.server_stanzas import notification

METADATA: Final = "channel.metadata"
SOCKET_CLOSING: Final = "v2.system.socket_closing"
MAX_TOPIC_CHARS: Final = 200  # of one topic
MOVE_GRACE_S: Final = 60.0  # a client has up to a minute to move after being asked to


class NotificationSocket:
    """One client on `/channels/{id}`; the live end of its channel."""

    def __init__(self, connection: SimulatedConnection, platform: Platform, channel: Channel) -> None:
        self.connection = connection
        self.channel = channel
        self._platform = platform
        self._outbox = Outbox(connection, platform)
        self._next_heartbeat_s = platform.clock.mono_s() + platform.scenario.heartbeat_period_s
        self._move_by_s: float | None = None

    @property
    def jid(self) -> str:
        """How the control API names this socket: it has no JID, so its channel."""
        return self.channel.id

    async def run(self) -> None:
        """Serve the client until the connection ends."""
        self.channel.socket = self
        try:
            await serve_frames(self.connection, self._platform, self._outbox, self)
        finally:
            if self.channel.socket is self:
                self.channel.socket = None

    async def deliver(self, topic: str, body: dict[str, Any]) -> None:
        """Queue one event."""
        self._outbox.put(notification(topic, body, self._platform.new_id()), "message")

    async def close(self, code: int, reason: str) -> None:
        """Close the connection once what is queued has been sent."""
        self._outbox.finish(code, reason)

    def displace(self) -> None:
        """Another connection opened the channel; this one is closed."""
        self._outbox.finish(1000, "another connection opened this channel")

    def move(self) -> None:
        """Announce that this socket closes within a minute."""
        self._move_by_s = self._platform.clock.mono_s() + MOVE_GRACE_S
        self._tell(SOCKET_CLOSING, "The server is about to close this socket; please reconnect")

    def receive(self, message: str | bytes) -> None:
        """Answer one frame: a ping, a subscribe, or an error for anything else."""
        self._platform.touch(self.channel)
        if isinstance(message, bytes):
            self._outbox.finish(1003, "text frames only")
            return
        try:
            frame = json.loads(message)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict):
            self._answer({"result": "400", "status": "error"}, None)
        elif frame.get("message") == "ping":
            self._tell(METADATA, "pong", "ping")
        elif frame.get("message") == "subscribe":
            self._subscribe(frame)
        else:
            self._answer({"result": "404"}, frame)

    def tick(self, now_s: float) -> float:
        """Send the heartbeat when it is due; end what has expired or should have moved."""
        if self._platform.live_channel(self.channel.id) is None:
            self._outbox.finish(1000, "channel expired")
            return 1.0
        if self._move_by_s is not None and now_s >= self._move_by_s:
            self._outbox.finish(1001, "moved")
            return 1.0
        if now_s >= self._next_heartbeat_s:
            self._tell(METADATA, "WebSocket Heartbeat", "ping")
            self._next_heartbeat_s = now_s + self._platform.scenario.heartbeat_period_s
        return max(0.0, min(1.0, self._next_heartbeat_s - now_s))

    def _subscribe(self, frame: dict[str, Any]) -> None:
        topics = frame.get("topics")
        if (
            isinstance(topics, list)
            and len(topics) <= MAX_TOPICS
            and all(self._permits(topic) for topic in topics)
            and self._has_room(topics)
        ):
            self._platform.subscribe(self.channel, topics)
            self._answer({"result": "200", "status": "subscribed"}, frame)
        else:
            self._answer({"result": "400", "status": "failure"}, frame)

    def _permits(self, topic: object) -> bool:
        is_name = isinstance(topic, str) and 0 < len(topic) <= MAX_TOPIC_CHARS
        return is_name and self._platform.rejection(str(topic)) is None

    def _has_room(self, topics: list[str]) -> bool:
        return len(self.channel.topics.keys() | set(topics)) <= MAX_TOPICS

    def _answer(self, reply: dict[str, Any], frame: dict[str, Any] | None) -> None:
        correlation = frame.get("correlationId") if frame is not None else None
        if isinstance(correlation, str):
            reply["correlationId"] = correlation[:MAX_TOPIC_CHARS]
        self._outbox.put(json.dumps(reply), "pubsub")

    def _tell(self, topic: str, message: str, work: str = "message") -> None:
        self._outbox.put(json.dumps({"topicName": topic, "eventBody": {"message": message}}), work)
