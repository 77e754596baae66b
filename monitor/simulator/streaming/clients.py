"""Everybody who is connected to the streaming host, and what can happen to many of them at once."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator

from websockets.protocol import State

from monitor.simulator.platform import Platform
from monitor.simulator.streaming.client_socket import SimulatedConnection
from monitor.simulator.streaming.notification_socket import NotificationSocket
from monitor.simulator.streaming.xmpp_session import XmppSession
from monitor.simulator.world.agents import CUT_CODE

End = XmppSession | NotificationSocket


class Clients:
    """Connections of every kind and stage; bound XMPP sessions; JSON sockets. A site None means every site."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.connections: weakref.WeakSet[SimulatedConnection] = weakref.WeakSet()
        self.sessions: list[XmppSession] = []  # newest last
        self.sockets: list[NotificationSocket] = []  # newest last

    def joined(self, session: XmppSession) -> None:
        """A session is bound: it displaces those of the same channel or the same full JID."""
        self.displace_by(session)
        self.sessions.append(session)
        session.connection.user_id = session.user.id
        self._platform.place(session.connection.address, session.user.id)
        if self._platform.live is not None:
            self._platform.live.signed_in(session.user.id)

    def displace_by(self, newcomer: End) -> None:
        """Whoever is on the newcomer's channel, or has its full JID, has to go."""
        others: list[End] = [*self.sessions, *self.sockets]
        for other in others:
            if other.channel is newcomer.channel or other.jid == newcomer.jid:
                other.displace()

    def left(self, session: XmppSession) -> None:
        """A session has ended, bound or not."""
        if session in self.sessions:
            self.sessions.remove(session)

    def bound(self, user_id: str | None = None) -> Iterator[XmppSession]:
        """The bound sessions of a user or of all, newest first."""
        return (s for s in reversed(self.sessions) if s.bound and user_id in (None, s.user.id))

    def users(self) -> set[str]:
        """Who has a bound session."""
        return {session.user.id for session in self.bound()}

    # What the scenario's occurrences do

    def restart(self, site: str | None = None) -> None:
        """The service restarts: every connection ends, those that are whole with CUT_CODE; calls in progress go on.

        Whether new ones are let in is the World's to say.
        """
        for connection in self._at(site):
            if connection.state is State.OPEN and not connection.swallowing:
                self._platform.spawn(connection.part(CUT_CODE, "service restart"))
            else:
                connection.reset()

    def move(self, site: str | None = None) -> None:
        """Every session and JSON socket is asked to connect elsewhere within a minute."""
        ends: list[End] = [*self.bound(), *self.sockets]
        here = self._at(site)
        for end in ends:
            if end.connection in here:
                end.move()

    def cut_idle(self, after_s: float, site: str | None = None) -> None:
        """Reset the connections over which the client has sent nothing for so long."""
        silent_since_s = asyncio.get_running_loop().time() - after_s
        for connection in self._at(site):
            if connection.state is State.OPEN and connection.heard_s <= silent_since_s:
                connection.reset()

    def take_over(self, site: str | None = None) -> None:
        """Somebody else signs in as the user of the newest session, which is told so and closed."""
        here = self._at(site)
        newest = next((session for session in self.bound() if session.connection in here), None)
        if newest is not None:
            newest.displace()

    def _at(self, site: str | None) -> list[SimulatedConnection]:
        return [one for one in self.connections if site in (None, self._site(one))]

    def _site(self, connection: SimulatedConnection) -> str:
        """Of its user; while nobody has signed in on it, of its IP address."""
        platform = self._platform
        return platform.site_of(connection.user_id) if connection.user_id else platform.site_at(connection.address)
