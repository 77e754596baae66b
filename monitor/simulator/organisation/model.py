"""What the simulated organisation consists of: users, tokens, channels, and what its parts promise each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a REST call is not served, in the words of ErrorBody."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None


@dataclass(slots=True)
class User:
    """One agent with a WebRTC softphone; presence and routing are what REST writes change."""

    id: str
    name: str
    jid: str  # bare
    station_id: str
    since_wall_s: float
    presence: str = "Available"
    presence_message: str = ""
    presence_since_wall_s: float = 0.0
    routing_status: str = "OFF_QUEUE"
    routing_since_wall_s: float = 0.0
    has_station: bool = True

    def __post_init__(self) -> None:
        self.presence_since_wall_s = self.routing_since_wall_s = self.since_wall_s


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: a user's token carries user_id, a client-credentials token does not."""

    kind: Literal["user", "client"]
    user_id: str | None
    client_id: str
    expires_wall_s: float

    @property
    def owner(self) -> str:
        """Whose channels these are: the user's, or the client's where there is no user."""
        return self.user_id or self.client_id


class ChannelSocket(Protocol):
    """The live end of a channel: an XMPP stream or a JSON notification socket."""

    async def deliver(self, topic: str, body: dict[str, Any]) -> None:
        """Send one event; `body` is the eventBody, the socket wraps it in its own frame."""

    async def close(self, code: int, reason: str) -> None:
        """End the connection."""


@dataclass(slots=True, eq=False)
class Channel:
    """One notification channel. `topics` maps each subscription as it was given to the plain topics it stands for."""

    id: str
    owner: str
    kind: Literal["notification", "streaming"]
    expires_wall_s: float
    last_used_mono_s: float
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict)
    socket: ChannelSocket | None = None


class CallControl(Protocol):
    """Calls as REST sees them; `Platform.calls`."""

    async def place_call(self, user_id: str, number: str) -> str:
        """Ring `number` for the user; the conversation's id. The user's softphone is offered the leg."""
        ...

    async def set_participant_state(self, conversation_id: str, participant_id: str, changes: dict[str, Any]) -> bool:
        """Apply `{state?, muted?, held?}` to a participant; False when there is no such participant."""
        ...

    def conversation(self, conversation_id: str) -> dict[str, Any] | None:
        """The conversation as GET conversations/{id} answers it, or None."""
        ...


class StreamingControl(Protocol):
    """Faults and calls on the streaming side; `Platform.streaming`.

    LookupError: no session or call to act on. ValueError: an argument that cannot be used.
    """

    async def propose(self, *, sdp: bool, autoanswer: bool, priv: str, user: str | None = None) -> dict[str, Any]: ...
    async def retract(self, *, sid: str) -> dict[str, Any] | None: ...
    async def terminate(self, *, sid: str, reason: str) -> dict[str, Any] | None: ...
    async def drop(self, *, code: int, reason: str) -> dict[str, Any] | None: ...
    async def abort(self) -> dict[str, Any] | None: ...
    async def blackhole(self) -> dict[str, Any] | None: ...
    async def cxfr(self) -> dict[str, Any] | None: ...
    async def mediadrop(self, *, sid: str) -> dict[str, Any] | None: ...
    async def reset(self) -> object: ...
    async def drop_user(self, user_id: str) -> int: ...
    def state(self) -> dict[str, Any]: ...


class LiveControl(Protocol):
    """The scenario's agents and occurrences while the simulator runs; `Platform.live`."""

    def restart(self) -> None:
        """The platform has a new scenario, or the same one from its beginning."""
        ...

    def catch_up(self, now_s: float) -> None:
        """Let the simulated agents do all that is due by `now_s` (the platform's)."""
        ...

    def schedule_changed(self, user_ids: tuple[str, ...]) -> None:
        """These users' clients have been told of changed shifts."""
        ...

    def signed_in(self, user_id: str) -> None:
        """A real client is this user's softphone now."""
        ...

    def state(self) -> dict[str, Any]: ...


@dataclass(slots=True)
class Urls:
    """Where the simulator listens, known after binding: `http://host:port` and `ws://host:port`, no path.

    advertised: the host that clients are told instead of the address they came to; None for none.
    """

    rest: str = ""
    ws: str = ""
    advertised: str | None = None
