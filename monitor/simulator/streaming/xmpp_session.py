"""One XMPP session over WebSocket (RFC 7395): stream, SASL PLAIN, bind, then the stanzas of a softphone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from monitor.genesys.stanzas import StanzaError, parse
from monitor.simulator.ice.ice_servers import IceServers
from monitor.simulator.ice.stun_responder import IceService
from monitor.simulator.platform import Channel, Platform, User
from monitor.simulator.streaming import server_stanzas as stanzas
from monitor.simulator.streaming.client_socket import Outbox, SimulatedConnection, serve_frames
from monitor.simulator.streaming.iq_services import answer_iq

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

LOGIN_S: Final = 30.0  # from the upgrade to a bound session
IDLE_S: Final = 90.0  # a softphone sends at least each 15 s, or answers each server ping
MOVE_GRACE_S: Final = 60.0  # a client has up to a minute to move after being asked to
MAX_SASL_ATTEMPTS: Final = 3
MAX_TAGS: Final = 4096  # in one stanza: a softphone's has a dozen, and 256 KiB of tags take 70 ms to parse
CALL_MESSAGES: Final = ("proceed", "accept", "reject", "retract")


class Stage(StrEnum):
    """How far the stream has come."""

    OPENING = "opening"
    SASL = "sasl"
    RESTART = "restart"
    BINDING = "binding"
    BOUND = "bound"
    CLOSED = "closed"


class Softphones(Protocol):
    """What a session needs of the streaming host it belongs to."""

    @property
    def ice_servers(self) -> IceServers:
        """What is handed out as ICE servers."""
        ...

    def joined(self, session: XmppSession) -> None:
        """The session is bound; sessions of the same channel or full JID have to go."""
        ...

    def left(self, session: XmppSession) -> None:
        """The session has ended."""
        ...

    def call_message(self, session: XmppSession, name: str, sid: str, *, to_own: bool) -> None:
        """The client sent proceed, accept, reject or retract; to_own: to its own bare JID, not to the peer."""
        ...

    def call_request(self, session: XmppSession, method: str, params: dict[str, Any]) -> bool:
        """The client sent an answer, iceCandidate, info, ... of a call; False when there is no such call."""
        ...


class XmppSession:
    """One softphone on `/stream/channels/{id}`; the live end of its channel once it is bound."""

    def __init__(self, connection: SimulatedConnection, platform: Platform, channel: Channel, host: Softphones) -> None:
        self.connection = connection
        self.channel = channel
        self.platform = platform
        self.host = host
        self.jid = ""  # full, once bound
        self.pubsub_host = "notifications.simulated"  # as the client addressed it
        self.wants_pings = False
        self._outbox = Outbox(connection, platform)
        self._stage = Stage.OPENING
        self._user: User | None = None
        self._token = ""
        self._stream_id = platform.new_id()
        self._domain = ""
        self._sasl_attempts = 0
        now = platform.clock.mono_s()
        self._login_by_s = now + LOGIN_S
        self._heard_s = now
        self._next_ping_s = now
        self._move_by_s: float | None = None

    @property
    def user(self) -> User:
        """Who authenticated; only once somebody has."""
        assert self._user is not None
        return self._user

    def ice_services(self) -> tuple[IceService, ...]:
        """The ICE servers that this client is handed out now, ours at the address that it reached us at."""
        return self.host.ice_servers.now(str(self.connection.local_address[0]), self.platform.site_of(self.user.id))

    @property
    def bound(self) -> bool:
        """Whether stanzas can be exchanged."""
        return self._stage is Stage.BOUND

    async def run(self) -> None:
        """Serve the client until the connection ends."""
        try:
            await serve_frames(self.connection, self.platform, self._outbox, self)
        finally:
            self._stage = Stage.CLOSED
            if self.channel.socket is self:
                self.channel.socket = None
            self.host.left(self)

    def send(self, stanza: str, work: str = "message") -> None:
        """Queue one stanza behind those before it, after the World's turn for `work`."""
        self._outbox.put(stanza, work)

    async def deliver(self, topic: str, body: dict[str, Any]) -> None:
        """Queue one event."""
        self.send(stanzas.event(topic, body, self.user.jid, self.pubsub_host, self.platform.new_id()))

    async def close(self, code: int, reason: str) -> None:
        """End the stream and the connection once what is queued has been sent."""
        self.finish(code, reason)

    def finish(self, code: int, reason: str) -> None:
        """As close, for those who cannot wait."""
        if self._stage is not Stage.CLOSED:
            self._stage = Stage.CLOSED
            self.send(stanzas.closing())
            self._outbox.finish(code, reason)

    def displace(self) -> None:
        """Another session took this one's place: tell, then close."""
        topic = f"system.v2.duplicate_id.{self.channel.id}"
        body = {"channelId": self.channel.id}
        self.send(stanzas.event(topic, body, self.user.jid, self.pubsub_host, self.platform.new_id()))
        self.finish(1000, "duplicate id")

    def move(self) -> None:
        """Ask the client to connect again elsewhere; it is closed if it has not within a minute."""
        self._move_by_s = self.platform.clock.mono_s() + MOVE_GRACE_S
        self.send(stanzas.connection_transfer(self.platform.new_id(), self.jid))

    def subscribe_to_pings(self) -> None:
        """Ping this client from now on; it relies on that to notice a dead connection."""
        self.wants_pings = True
        self._next_ping_s = self.platform.clock.mono_s() + self.platform.scenario.server_ping_period_s

    def call_request(self, method: str, params: dict[str, Any]) -> bool:
        """Pass on a word about a call; False when there is no such call."""
        return self.host.call_request(self, method, params)

    def receive(self, message: str | bytes) -> None:
        """Take one frame: exactly one XML element (RFC 7395 section 3.3.3)."""
        self._heard_s = self.platform.clock.mono_s()
        if self._stage is Stage.CLOSED:
            return
        try:
            text = message if isinstance(message, str) else message.decode()
            if text.count("<") > MAX_TAGS:
                self._stream_error("policy-violation", f"more than {MAX_TAGS} tags in one stanza")
                return
            element = parse(text)
        except (StanzaError, UnicodeDecodeError) as error:
            self._stream_error("not-well-formed", str(error))
            return
        namespace, _, name = element.tag.rpartition("}")
        self._take(element, namespace.removeprefix("{"), name)

    def tick(self, now_s: float) -> float:
        """Send the server-side ping when it is due; end what is overdue."""
        period_s = self.platform.scenario.server_ping_period_s
        if self._stage is not Stage.BOUND:
            if now_s >= self._login_by_s:
                self._stream_error("connection-timeout", "authentication took too long")
        elif self.platform.live_channel(self.channel.id) is None:
            self._expire()
        elif self.platform.grant(self._token) is None:
            self._stream_error("not-authorized", "the token has expired")
        elif self._move_by_s is not None and now_s >= self._move_by_s:
            self.finish(1001, "moved")
        elif now_s - self._heard_s >= max(IDLE_S, 3 * period_s):
            self.finish(1001, "idle timeout")
        elif self.wants_pings and now_s >= self._next_ping_s:
            self.send(stanzas.ping(self.platform.new_id(), self.jid, self._domain), "ping")
            self._next_ping_s = now_s + period_s
        pings = self.wants_pings and self.bound
        return max(0.0, min(1.0, self._next_ping_s - now_s)) if pings else 1.0

    # Negotiation: what each stage accepts

    def _take(self, element: Element, namespace: str, name: str) -> None:
        if (namespace, name) == (stanzas.FRAMING, "close"):
            self.finish(1000, "")
            return
        accepted: dict[tuple[Stage, str, str], Callable[[Element], None]] = {
            (Stage.OPENING, stanzas.FRAMING, "open"): self._open,
            (Stage.SASL, stanzas.SASL, "auth"): self._authenticate,
            (Stage.RESTART, stanzas.FRAMING, "open"): self._open,
            (Stage.BINDING, stanzas.CLIENT, "iq"): self._bind,
            (Stage.BOUND, stanzas.CLIENT, "iq"): self._iq,
            (Stage.BOUND, stanzas.CLIENT, "message"): self._message,
            (Stage.BOUND, stanzas.CLIENT, "presence"): lambda _: None,
        }
        handle = accepted.get((self._stage, namespace, name))
        if handle is not None:
            handle(element)
        elif self._stage is Stage.BOUND:
            self._stream_error("unsupported-stanza-type", f"{name} is not a stanza")
        else:
            self._stream_error("not-authorized", f"{name} cannot come at the stage of {self._stage}")

    def _open(self, element: Element) -> None:
        self._domain = element.get("to") or self._domain
        self.send(stanzas.opening(self._stream_id))
        if self._stage is Stage.OPENING:
            self._stage = Stage.SASL
            self.send(stanzas.sasl_features())
        else:
            self._stage = Stage.BINDING
            self.send(stanzas.bind_features())

    def _authenticate(self, element: Element) -> None:
        self._sasl_attempts += 1
        if element.get("mechanism") != "PLAIN":
            self.send(stanzas.sasl_failure("invalid-mechanism"), "sasl")
        elif (user := self._authenticated(element.text or "")) is None:
            self.send(stanzas.sasl_failure("not-authorized"), "sasl")
        else:
            self._user = user
            self._stage = Stage.RESTART
            self.send(stanzas.sasl_success(), "sasl")
            return
        if self._sasl_attempts >= MAX_SASL_ATTEMPTS:
            self._stream_error("policy-violation", "too many attempts to authenticate")

    def _authenticated(self, initial_response: str) -> User | None:
        """The user whose bare JID and token these are (RFC 4616: NUL-separated), and who owns the channel."""
        try:
            authzid, username, password = base64.b64decode(initial_response, validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            return None
        grant = self.platform.grant(password.removeprefix("authKey:"))
        if grant is None or grant.user_id is None or not password.startswith("authKey:"):
            return None
        user = self.platform.users.get(grant.user_id)
        ours = user is not None and username == user.jid and authzid in ("", username)
        if not ours or self.channel.owner != grant.owner:
            return None
        self._token = password.removeprefix("authKey:")
        return user

    def _bind(self, element: Element) -> None:
        iq_id = element.get("id") or ""
        request = element.find(f"{{{stanzas.BIND}}}bind")
        if request is None or element.get("type") != "set":
            self.send(stanzas.error(iq_id, None, None, "not-allowed"), "bind")
            return
        resource = (request.findtext(f"{{{stanzas.BIND}}}resource") or "").strip() or self.platform.new_id()
        if len(resource.encode()) > 1023:  # RFC 7622 section 3.4
            self.send(stanzas.error(iq_id, None, None, "bad-request", "modify"), "bind")
            return
        self.jid = f"{self.user.jid}/{resource}"
        self._stage = Stage.BOUND
        self.channel.socket = self
        self.platform.touch(self.channel)
        self.host.joined(self)
        self.send(stanzas.result(iq_id, self.jid, None, stanzas.bound(self.jid)), "bind")

    # A bound session

    def _iq(self, element: Element) -> None:
        answered = answer_iq(self, element)
        if answered is not None:
            self.send(*answered)

    def _message(self, element: Element) -> None:
        for name in CALL_MESSAGES:
            told = element.find(f"{{{stanzas.JINGLE_MESSAGE}}}{name}")
            if told is not None:
                to_own = element.get("to") in (None, self.user.jid)
                self.host.call_message(self, name, told.get("id") or "", to_own=to_own)

    def _expire(self) -> None:
        topic = f"system.v2.no_longer_subscribed.{self.channel.id}"
        body = {"channelId": self.channel.id}
        self.send(stanzas.event(topic, body, self.user.jid, self.pubsub_host, self.platform.new_id()))
        self.finish(1000, "channel expired")

    def _stream_error(self, condition: str, text: str) -> None:
        """RFC 6120 section 4.9: tell, close the stream, close the connection; nobody else notices."""
        self.send(stanzas.stream_error(condition, text[:200]))
        self.finish(1008, condition)
