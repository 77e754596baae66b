"""The platform's ICE side: an embedded STUN responder, and the ICE servers that an extdisco answer hands out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from monitor.simulator.ice.stun_messages import Address, binding_response

CREDENTIAL_LIFETIME_S: Final = 86_400  # what a real capture shows: the username expires a day after it was issued

# What becomes of a datagram that came in (source, bytes): seconds until it is answered, None when it is lost.
Fate = Callable[[Address, bytes], float | None]


class TurnSettings(Protocol):
    """A real TURN server to hand out; a scenario's `turn` is one."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def transports(self) -> tuple[str, ...]: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str | None: ...
    @property
    def secret(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class IceService:
    """One <service/> of an extdisco answer (XEP-0215)."""

    type: str  # stun or turn
    host: str
    port: int
    transport: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def turn_credentials(
    username: str, secret: str, wall_s: float, life_s: float = CREDENTIAL_LIFETIME_S
) -> tuple[str, str]:
    """Username `{expiry}:{username}` and its base64 HMAC-SHA1: what coturn's use-auth-secret accepts until expiry."""
    timed = f"{int(wall_s + life_s)}:{username}"
    return timed, _password(timed, secret)


def expiry_of(username: str) -> float:
    """When the credentials of a username that turn_credentials made expire, Unix seconds; 0 when it is no such."""
    expiry = username.partition(":")[0]
    return float(expiry) if expiry.isascii() and expiry.isdigit() and len(expiry) < 13 else 0.0


def valid_password(username: str, secret: str, wall_s: float) -> str | None:
    """The password of a username that turn_credentials made with `secret`; None when it has expired or is no such."""
    return _password(username, secret) if wall_s < expiry_of(username) else None


def _password(timed: str, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), timed.encode(), hashlib.sha1).digest()).decode()


def turn_services(
    turn: TurnSettings | None, wall_s: float, life_s: float = CREDENTIAL_LIFETIME_S
) -> tuple[IceService, ...]:
    """The TURN services to hand out now, one for each transport; none without a TURN server.

    life_s: how long timed credentials are good for from now; of no use with a fixed password.
    """
    if turn is None:
        return ()
    username, password = turn.username, turn.password
    if turn.secret is not None:
        username, password = turn_credentials(turn.username, turn.secret, wall_s, life_s)
    return tuple(IceService("turn", turn.host, turn.port, way, username, password) for way in turn.transports)


class StunResponder(asyncio.DatagramProtocol):
    """A UDP STUN server on one port: answers Binding requests, stays silent on everything else.

    fate: what becomes of each datagram that comes in; without it all are answered at once.
    """

    def __init__(self, fate: Fate = lambda _source, _data: 0.0) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._fate = fate
        self.port = 0
        self.ignored = 0

    @classmethod
    async def start(cls, host: str, port: int = 0, *, fate: Fate = lambda _source, _data: 0.0) -> StunResponder:
        """Bind host:port (0 picks a port, then in `.port`). Raises OSError when it is taken."""
        loop = asyncio.get_running_loop()
        transport, responder = await loop.create_datagram_endpoint(lambda: cls(fate), local_addr=(host, port))
        responder._transport = transport
        responder.port = transport.get_extra_info("sockname")[1]
        return responder

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Answer it, late or not at all where fate says so; or count it as ignored."""
        answer = binding_response(data, addr)
        delay_s = None if answer is None else self._fate(addr, data)
        if answer is None or delay_s is None or self._transport is None:
            self.ignored += 1
        else:
            send_later(self._transport, answer, addr, delay_s)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error for an answer whose asker has gone: not ours to act on."""

    async def close(self) -> None:
        """Release the port. Idempotent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        await asyncio.sleep(0)  # asyncio closes the socket in the next turn of the loop


def send_later(transport: asyncio.DatagramTransport, datagram: bytes, to: Address, delay_s: float) -> None:
    """Send after `delay_s`; at once for 0; not at all once the transport is closed."""
    if delay_s <= 0:
        transport.sendto(datagram, to)
        return

    def send() -> None:
        if not transport.is_closing():
            transport.sendto(datagram, to)

    asyncio.get_running_loop().call_later(delay_s, send)
