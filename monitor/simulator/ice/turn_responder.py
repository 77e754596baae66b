"""The embedded TURN server's socket: one UDP port, and one more for each allocation, through which nothing is relayed.

It is used where a scenario is about TURN and names no real server; what it answers is turn_allocations' business.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable

from monitor.facts.clock import Clock
from monitor.simulator.ice.stun_messages import Address
from monitor.simulator.ice.stun_responder import Fate, send_later, valid_password
from monitor.simulator.ice.turn_allocations import TurnAllocations


class TurnResponder(asyncio.DatagramProtocol):
    """A TURN server over UDP on one port. `secret` makes the timed credentials it accepts (see ice.turn_credentials).

    fate: what becomes of each datagram that comes in, asked with where it came from and what it is. password_of: the
    password of a username, made with a secret, at a Unix time; None when it is worth nothing.
    """

    def __init__(self, clock: Clock, fate: Fate, password_of: Callable[[str, str, float], str | None]) -> None:
        self.secret = secrets.token_urlsafe(24)
        self._password_of = password_of
        self.port = 0
        self._clock = clock
        self._fate = fate
        self._transport: asyncio.DatagramTransport | None = None
        self._ports: dict[Address, socket.socket] = {}
        self._allocations = TurnAllocations(self._password, self._open_port, self._close_port, secrets.token_bytes(16))

    @classmethod
    async def start(
        cls,
        host: str,
        clock: Clock,
        fate: Fate = lambda _source, _data: 0.0,
        password_of: Callable[[str, str, float], str | None] = valid_password,
    ) -> TurnResponder:
        """Bind a port that is free, then in `.port`. Raises OSError when the host is not one of ours."""
        loop = asyncio.get_running_loop()
        responder = cls(clock, fate, password_of)
        transport, _ = await loop.create_datagram_endpoint(lambda: responder, local_addr=(host, 0))
        responder._transport = transport
        responder.port = transport.get_extra_info("sockname")[1]
        return responder

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Answer it, late or not at all where fate says so."""
        transport, delay_s = self._transport, self._fate(addr, data)
        if transport is None or delay_s is None:
            return
        answer = self._allocations.answer(data, addr[:2], self._clock.mono_s(), self._clock.wall_s())
        if answer is not None:
            send_later(transport, answer, addr, delay_s)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error for an answer whose asker has gone: not ours to act on."""

    async def close(self) -> None:
        """Release every port. Idempotent."""
        self._allocations.close()
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        await asyncio.sleep(0)  # asyncio closes the socket in the next turn of the loop

    def _password(self, username: str, wall_s: float) -> str | None:
        return self._password_of(username, self.secret, wall_s)

    def _open_port(self) -> Address | None:
        """A port of its own for one allocation; nobody reads from it."""
        assert self._transport is not None
        served = self._transport.get_extra_info("socket")
        port = socket.socket(served.family, socket.SOCK_DGRAM)
        try:
            port.bind((served.getsockname()[0], 0))
        except OSError:
            port.close()
            return None
        address: Address = port.getsockname()[:2]
        self._ports[address] = port
        return address

    def _close_port(self, address: Address) -> None:
        with contextlib.suppress(KeyError):
            self._ports.pop(address).close()
