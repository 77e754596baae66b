"""One agent's softphone connection: token, channel, socket and stream, again and again as the real client would."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure
from monitor.facts.ice import IceServer
from monitor.genesys import stanzas
from monitor.genesys.account import Account, Setback
from monitor.genesys.attempts import Attempts, Outcome, Sleep, dropped, outcome_of
from monitor.genesys.auth import Token, TokenSource
from monitor.genesys.backoff import BackoffOptions
from monitor.genesys.calls import CallSignalling
from monitor.genesys.events import Connected, Event, GaveUp, IceServersFetched, Online, PingResult
from monitor.genesys.owned_task import OwnedTask
from monitor.genesys.pings import not_connected
from monitor.genesys.reconnect import ReconnectPlan
from monitor.genesys.regions import Endpoints
from monitor.genesys.requests import IQ_TIMEOUT_S, bare
from monitor.genesys.rest import Rest
from monitor.genesys.sdp_over_xmpp import END_OF_CANDIDATES, build_call_control, candidate_sdp
from monitor.genesys.session import Session
from monitor.genesys.states import ATTEMPT_TIMEOUT_S, Ending, SessionOptions
from monitor.genesys.timed_socket import SocketOptions, open_websocket
from monitor.genesys.xmpp_stream import XmppStream

TERMINATE_TIMEOUT_S = 2.0
# an attempt that got as far as a stream counts as a drop when the stream itself was at fault
_DROPS_BEFORE_CONNECTED = frozenset({"malformed", "ice_servers"})


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """keepalive: client (the SDK's default) or server. detect_after_s: ends a silent session sooner than the softphone.

    watch_silence: tell a silence within silence.NOTICED_AFTER_S, and end the session no sooner for it.
    topics: subscribed over the stream; `{id}` stands for the agent's user id. interface: the network interface to bind.
    resource: the XMPP resource, kept over every reconnect; a random one when empty, as the real client makes it.
    """

    name: str = "agent"
    keepalive: str = "client"
    detect_after_s: float | None = None
    watch_silence: bool = False
    resource: str = ""
    topics: tuple[str, ...] = ("v2.users.{id}.conversations",)
    backoff: BackoffOptions = field(default_factory=BackoffOptions)
    interface: str | None = None
    ssl_context: ssl.SSLContext | None = None
    limit_bytes: int = stanzas.LIMIT_BYTES


class SoftphoneConnection:
    """Connects, keeps alive, reconnects. `run` it once; everything else may be called from any task of the same loop.

    sleep: how to wait between attempts; tests pass their own.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        rest: Rest,
        tokens: TokenSource,
        options: ConnectionOptions,
        on_event: Callable[[Event], None],
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._endpoints = endpoints
        self._options = options
        self._on_event = on_event
        self._clock = clock
        self._account = Account(rest, tokens, on_event)
        self._calls = CallSignalling()
        self._plan = ReconnectPlan()
        self._attempts = Attempts(options.backoff, clock, sleep)
        self._resource = options.resource or str(uuid.uuid4())
        self._stream: XmppStream | None = None
        self._online = False
        self._was_connected = False
        self._kind = ""  # how the attempt going on connects: "" the first time, then soft or hard
        self._since_s = clock.mono_s()
        self._ever_connected = False
        self._ping_locks = {"xmpp": asyncio.Lock(), "websocket": asyncio.Lock()}
        self._task = OwnedTask()

    @property
    def connected(self) -> bool:
        """True from `Connected` until the end of the stream."""
        return self._online

    @property
    def jid(self) -> str:
        """The full JID of the stream, or "" before the first one was bound."""
        return self._stream.session.jid if self._stream is not None else ""

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """The list the softphone would use now; empty while there is no stream, as in the real client."""
        return self._stream.session.ice_servers if self._stream is not None else ()

    @property
    def relay_only(self) -> bool:
        """True when the platform offered no STUN service."""
        return self._stream.session.relay_only if self._stream is not None else False

    async def run(self) -> None:
        """Run until cancelled, closed, or told off for good (GaveUp). Never raises for a failed connection."""
        self._since_s = self._clock.mono_s()
        await self._task.run(self._loop())

    async def close(self) -> None:
        """End the stream in order (`<close/>`, close frame, at most about two seconds); safe to call twice."""
        await self._task.stop()

    # --- measurements ---------------------------------------------------------------------------------------------

    async def ping(self, kind: str, timeout_s: float) -> PingResult:
        """One measuring ping, kind `xmpp` or `websocket`; a second one of the same kind waits for the first."""
        async with self._ping_locks[kind]:
            stream = self._stream
            if stream is None or not self._online:
                return not_connected(kind)
            return await (stream.ping_xmpp(timeout_s) if kind == "xmpp" else stream.ping_websocket(timeout_s))

    async def fetch_ice_servers(self, timeout_s: float) -> IceServersFetched:
        """One fresh fetch, measured; the list in use stays, as the real client keeps its own for six hours."""
        stream = self._stream
        if stream is None or not self._online:
            return IceServersFetched((), None, failure("ice_servers", Reason.NOT_CONNECTED))
        return await stream.fetch_ice_servers(timeout_s)

    # --- call signalling: None, or why it was not accepted --------------------------------------------------------

    async def proceed(self, session_id: str, peer: str) -> Failure | None:
        """Tell the proposer to send its offer."""
        self._calls.proceeded(session_id)
        return self._message("proceed", peer, session_id)

    async def accept(self, session_id: str) -> Failure | None:
        """Tell the user's other clients that the call is answered here."""
        return self._message("accept", bare(self.jid), session_id)

    async def reject(self, session_id: str, peer: str) -> Failure | None:
        """Refuse a proposal: first to the own account, then to the proposer."""
        self._calls.ended(session_id)
        return self._message("reject", bare(self.jid), session_id) or self._message("reject", peer, session_id)

    async def answer(self, session_id: str, peer: str, sdp: str) -> Failure | None:
        """Send the SDP answer."""
        return await self._control("answer", peer, {"sdp": sdp, "sessionId": session_id})

    async def candidate(self, session_id: str, peer: str, candidate: str, mid: str = "audio") -> Failure | None:
        """Send one local candidate (`candidate:...`); IPv6 host and TCP candidates are not for sending."""
        sdp = candidate_sdp(candidate, mid)
        return await self._control("iceCandidate", peer, {"sessionId": session_id, "sdp": sdp})

    async def end_of_candidates(self, session_id: str, peer: str) -> Failure | None:
        """There are no more local candidates."""
        return await self._control("iceCandidate", peer, {"sessionId": session_id, "sdp": END_OF_CANDIDATES})

    async def info_active(self, session_id: str, peer: str) -> Failure | None:
        """ICE is connected."""
        return await self._control("info", peer, {"sessionId": session_id, "status": "active"})

    async def terminate(self, session_id: str, peer: str, reason: str = "success") -> Failure | None:
        """End the call; reason: an XEP-0166 condition. Waits two seconds for the result, as the real client does."""
        self._calls.ended(session_id)
        params = {"sessionId": session_id, "reason": reason}
        return await self._control("terminate", peer, params, timeout_s=TERMINATE_TIMEOUT_S)

    def _message(self, action: str, to: str, session_id: str) -> Failure | None:
        if self._stream is None or not self._online:
            return failure(action, Reason.NOT_CONNECTED)
        return self._stream.send_jingle_message(action, to, session_id)

    async def _control(
        self, method: str, peer: str, params: dict[str, str], timeout_s: float = IQ_TIMEOUT_S
    ) -> Failure | None:
        stream = self._stream
        if stream is None or not self._online:
            return failure(method, Reason.NOT_CONNECTED)
        jid = stream.session.jid
        return await stream.request(
            method, peer, timeout_s, lambda iq_id: build_call_control(iq_id, jid, peer, method, params)
        )

    # --- the loop -------------------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        self._on_event(GaveUp(await self._attempts.run(self._attempt)))

    async def _attempt(self) -> Outcome:
        self._kind = self._plan.begin_attempt()
        token = await self._account.token()
        if isinstance(token, Setback):
            return outcome_of(token, fatal=token.refused)
        if self._kind == "hard":
            setback = await self._account.identify()
            if setback is not None:
                return outcome_of(setback, fatal=setback.refused)
            channel = await self._account.create_channel(streaming=True)
            if isinstance(channel, Setback):
                return outcome_of(channel, fatal=channel.refused)
            self._plan.created(channel.id)
        return await self._connect(token)

    async def _connect(self, token: Token) -> Outcome:
        started_s = self._clock.mono_s()
        websocket = await open_websocket(self._socket_options(), self._clock, self._on_event)
        if isinstance(websocket, Failure):
            return Outcome(websocket)
        session = Session(self._session_options(token, self._clock.mono_s() - started_s), self._calls)
        stream = XmppStream(websocket, session, self._clock, self._hear, self._note_ending)
        self._stream = stream
        self._was_connected = False
        try:
            ending = await stream.run()
        finally:
            self._stream = None
            self._online = False
        if ending.hard:
            self._plan.require_hard()
        return Outcome(ending.failure, ending.fatal, was_connected=self._was_connected)

    def _socket_options(self) -> SocketOptions:
        return SocketOptions(
            url=f"{self._endpoints.streaming}/stream/channels/{self._plan.channel_id}",
            subprotocol="xmpp",
            interface=self._options.interface,
            ssl_context=self._options.ssl_context,
            limit_bytes=self._options.limit_bytes,
            timeout_s=ATTEMPT_TIMEOUT_S,
        )

    def _session_options(self, token: Token, spent_s: float) -> SessionOptions:
        return SessionOptions(
            bare_jid=self._account.jid,
            token=token.value,
            resource=self._resource,
            pubsub_service=self._endpoints.notifications,
            topics=tuple(topic.replace("{id}", self._account.user_id) for topic in self._options.topics),
            keepalive=self._options.keepalive,
            detect_after_s=self._options.detect_after_s,
            watch_silence=self._options.watch_silence,
            id_prefix=secrets.token_hex(6),
            attempt_timeout_s=max(0.0, ATTEMPT_TIMEOUT_S - spent_s),
            limit_bytes=self._options.limit_bytes,
        )

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Online):
            self._on_event(event)
            return
        self._online = self._was_connected = True
        reconnect = self._kind if self._ever_connected else ""
        self._ever_connected = True
        self._on_event(Connected(reconnect, self._clock.mono_s() - self._since_s))

    def _note_ending(self, ending: Ending) -> None:
        was_connected, self._online = self._online, False
        if not was_connected and ending.reason not in _DROPS_BEFORE_CONNECTED:
            return
        assert self._stream is not None
        if was_connected:
            self._since_s = self._clock.mono_s()
        heard_s, noticed_s = self._stream.heard_mono_s, self._stream.session.silence_noticed_s
        self._on_event(dropped(ending, heard_s, self._clock, was_connected=was_connected, noticed_mono_s=noticed_s))
