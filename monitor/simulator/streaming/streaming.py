"""The streaming host: one WebSocket server for XMPP sessions and JSON notification channels, and its faults."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from monitor.genesys.stanzas import LIMIT_BYTES
from monitor.simulator.ice.ice_servers import IceServers
from monitor.simulator.ice.impairments import Impairments
from monitor.simulator.ice.stun_responder import StunResponder
from monitor.simulator.ice.turn_responder import TurnResponder
from monitor.simulator.platform import Platform
from monitor.simulator.streaming import server_stanzas as stanzas
from monitor.simulator.streaming.call import REASONS
from monitor.simulator.streaming.calls import Calls
from monitor.simulator.streaming.client_socket import SimulatedConnection
from monitor.simulator.streaming.clients import Clients
from monitor.simulator.streaming.notification_socket import NotificationSocket
from monitor.simulator.streaming.xmpp_session import XmppSession

XMPP_PATH: Final = re.compile(r"/stream/channels/([A-Za-z0-9_-]{1,128})")
JSON_PATH: Final = re.compile(r"/channels/([A-Za-z0-9_-]{1,128})")
XMPP: Final = Subprotocol("xmpp")
MAX_FRAME: Final = 2 * LIMIT_BYTES  # a stanza over LIMIT_BYTES is told so; a frame over this is cut off with 1009
HANDSHAKE_S: Final = 60.0  # longer than any client waits, so that a black hole looks like one
CLOSE_S: Final = 2.0
CLOSE_CODES: Final = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))


class Streaming:
    """The streaming side of one platform: `Platform.streaming`, and the owner of `Platform.calls`."""

    def __init__(self, platform: Platform, stun: StunResponder, turn: TurnResponder) -> None:
        self.platform = platform
        self.clients = Clients(platform)
        self.calls = Calls(platform, self)
        self.port = 0
        self.ice_servers = IceServers(platform, stun_port=stun.port, turn_port=turn.port, turn_secret=turn.secret)
        self._stun, self._turn = stun, turn
        self._server: Server | None = None
        self._blackholed = False

    @classmethod
    async def start(cls, platform: Platform, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> Streaming:
        """Listen on host:port (0 picks one, then in `.port`) and join the platform. OSError when it is taken."""
        impairments = Impairments(platform)
        stun = await StunResponder.start(host, fate=impairments.stun)
        turn = await TurnResponder.start(host, platform.clock, impairments.turn, impairments.turn_password)
        streaming = cls(platform, stun, turn)
        try:
            await streaming._listen(host, port, tls)
        except BaseException:
            await stun.close()
            await turn.close()
            raise
        platform.streaming, platform.calls = streaming, streaming.calls
        return streaming

    async def close(self) -> None:
        """End every call and connection and free the ports; clients have CLOSE_S to part. Idempotent."""
        await self.reset()
        if self._server is not None:
            for connection in tuple(self.clients.connections):
                if connection.protocol.state is State.CONNECTING:
                    connection.reset()
            self._server.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._server.wait_closed()
            except TimeoutError:
                for connection in tuple(self.clients.connections):
                    connection.reset()
                await self._server.wait_closed()
        await self._stun.close()
        await self._turn.close()

    async def _listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._server = await serve(
            self._serve,
            host,
            port,
            ssl=tls,
            select_subprotocol=_subprotocol,
            process_request=self._admit,
            server_header=None,
            open_timeout=HANDSHAKE_S,
            close_timeout=CLOSE_S,
            ping_interval=None,
            max_size=MAX_FRAME,
            # the factory is called as the class would be
            create_connection=cast(type[ServerConnection], self._new_connection),
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    # Connections

    def _new_connection(self, *args: Any, **options: Any) -> SimulatedConnection:
        connection = SimulatedConnection(*args, **options)
        connection.swallowing = self._blackholed
        connection.refuses = lambda: not self.platform.world.signalling_up(self.platform.arrive())
        self.clients.connections.add(connection)
        return connection

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None for a live channel on a known path; else the HTTP answer that refuses the upgrade."""
        path = request.path.partition("?")[0]
        known = XMPP_PATH.fullmatch(path) or JSON_PATH.fullmatch(path)
        if known is None or known[1] not in self.platform.channels:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such channel\n")
        if self.platform.live_channel(known[1]) is None:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "the channel has expired\n")
        offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        if XMPP_PATH.fullmatch(path) and XMPP not in [name.strip() for name in offered.split(",")]:
            return connection.respond(HTTPStatus.BAD_REQUEST, "the subprotocol xmpp is required\n")
        await self.platform.signalling_turn("connect")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, SimulatedConnection)
        assert connection.request is not None
        path = connection.request.path.partition("?")[0]
        channel = self.platform.live_channel(path.rpartition("/")[2])
        if channel is None:  # evicted while the upgrade waited for its turn
            await connection.part(1008, "no such channel")
        elif XMPP_PATH.fullmatch(path):
            await XmppSession(connection, self.platform, channel, self).run()
        else:
            socket = NotificationSocket(connection, self.platform, channel)
            self.clients.displace_by(socket)
            self.clients.sockets.append(socket)
            try:
                await socket.run()
            finally:
                self.clients.sockets.remove(socket)

    # What sessions need

    def joined(self, session: XmppSession) -> None:
        """A session is bound."""
        self.clients.joined(session)

    def left(self, session: XmppSession) -> None:
        """A session has ended, bound or not."""
        self.clients.left(session)

    def call_message(self, session: XmppSession, name: str, sid: str, *, to_own: bool) -> None:
        """A client's proceed, accept or reject: the call's; sent to its own bare JID, its other clients' as well."""
        self.calls.message(session, name, sid)
        if to_own and name in ("accept", "reject"):
            for other in self.clients.bound(session.user.id):
                if other is not session:
                    other.send(stanzas.call_message(name, session.jid, session.user.jid, sid))

    def call_request(self, session: XmppSession, method: str, params: dict[str, Any]) -> bool:
        """A client's SDP, candidate or word about one of its calls."""
        return self.calls.request(session, method, params)

    def newest(self, user_id: str | None = None) -> XmppSession | None:
        """The newest bound session, of one user or of all."""
        return next(self.clients.bound(user_id), None)

    def users(self) -> set[str]:
        """Who has a bound session."""
        return self.clients.users()

    # Control API and REST

    async def drop_user(self, user_id: str) -> int:
        """End the user's calls and signalling sessions, as without a station there is no softphone; how many sessions.

        Its client is free to connect again.
        """
        await self.calls.end_of(user_id, "gone")
        sessions = list(self.clients.bound(user_id))
        for session in sessions:
            session.finish(1000, "no station")
        return len(sessions)

    async def propose(
        self, *, sdp: bool = True, autoanswer: bool = False, priv: str = "", user: str | None = None
    ) -> dict[str, Any]:
        """Offer a call to the newest XMPP session, of one user or of all; its ids.

        ValueError for the Jingle form (sdp false). LookupError where there is no session.
        """
        if not sdp:
            raise ValueError("sdp: only calls with SDP over XMPP can be offered")
        call = self.calls.propose(autoanswer=autoanswer, priv=priv, user_id=user)
        return {"sid": call.sid, "cid": call.cid}

    async def retract(self, *, sid: str) -> dict[str, Any]:
        """The caller gives up before the call was answered. ValueError once it has been offered."""
        call = self.calls.live(sid)
        if call.state != "proposed":
            raise ValueError(f"sid: call {sid} is {call.state}; only a proposed call can be retracted")
        await call.ask("retract")
        return {"sid": sid}

    async def terminate(self, *, sid: str, reason: str = "success") -> dict[str, Any]:
        """The platform ends a call with a condition of XEP-0166."""
        if reason not in REASONS:
            raise ValueError(f"reason: {reason!r} is not one of {', '.join(sorted(REASONS))}")
        await self.calls.live(sid).ask("hang_up", reason)
        return {"sid": sid}

    async def mediadrop(self, *, sid: str) -> dict[str, Any]:
        """The far end's media and ICE stop, without a goodbye."""
        await self.calls.live(sid).ask("mediadrop")
        return {"sid": sid}

    async def drop(self, *, code: int = 1001, reason: str = "") -> dict[str, Any]:
        """Close the newest XMPP session's WebSocket with this code, without closing its stream."""
        if code not in CLOSE_CODES and not 3000 <= code <= 4999:
            raise ValueError(f"code: {code} cannot be sent in a close frame (RFC 6455 section 7.4)")
        if len(reason.encode()) > 123:
            raise ValueError("reason: at most 123 bytes fit into a close frame")
        session = self._take_newest()
        await session.connection.part(code, reason)
        return {"jid": session.jid}

    async def abort(self) -> dict[str, Any]:
        """Reset the newest XMPP session's TCP connection."""
        session = self._take_newest()
        session.connection.reset()
        return {"jid": session.jid}

    async def blackhole(self) -> dict[str, Any]:
        """From now on nothing is read from and written to any socket, existing or new, until reset."""
        self._blackholed = True
        for connection in tuple(self.clients.connections):
            connection.swallowing = True
        return {"sockets": len(self.clients.sessions) + len(self.clients.sockets)}

    async def cxfr(self) -> dict[str, Any]:
        """A planned move of the newest XMPP session and the newest JSON socket. LookupError when there is neither."""
        moved = [end for end in (self.newest(), next(reversed(self.clients.sockets), None)) if end is not None]
        if not moved:
            raise LookupError("nobody is connected")
        for end in moved:
            end.move()
        return {"jid": moved[0].jid}

    async def reset(self) -> dict[str, Any]:
        """End all calls, and the black hole: what it swallowed is lost, so its connections are cut."""
        self._blackholed = False
        for connection in tuple(self.clients.connections):
            if connection.swallowing:
                connection.reset()
        await self.calls.close()
        return {}

    def state(self) -> dict[str, Any]:
        """The bound sessions' full JIDs, oldest first, and every remembered call."""
        return {
            "sessions": [session.jid for session in self.clients.sessions if session.bound],
            "calls": self.calls.state(),
        }

    def _take_newest(self) -> XmppSession:
        session = self.newest()
        if session is None:
            raise LookupError("no XMPP session is bound")
        self.left(session)  # from now on it is nobody's newest
        return session


def _subprotocol(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return XMPP if XMPP in offered else None
