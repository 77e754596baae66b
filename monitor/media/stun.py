"""STUN Binding and TURN Allocate transactions of our own: one server, one transport, one interface at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aioice import stun

from monitor.facts.clock import SystemClock
from monitor.facts.ice import CandidateType, IceServer, ServerOutcome, ServerResult
from monitor.media.ice_outcomes import ResponseError, detail_of, outcome_of
from monitor.media.resolver import RESOLVER
from monitor.media.server_url import ServerUrl, host_port, read_server_url
from monitor.media.wires import NotStunError, Tls, UdpWire, Wire, open_stream, trusting_the_system

RTO_S = 0.5  # RFC 8489 section 6.2.1, doubled at every retransmission
DNS_LIMIT_S = 5.0
RELEASE_LIMIT_S = 1.0
REQUESTED_TRANSPORT_UDP = 0x11000000  # RFC 8656 section 18.8
ALLOCATION_LIFETIME_S = 60  # we release it ourselves; if that is lost, the server soon does
UNAUTHENTICATED, STALE_NONCE = 401, 438
SERVERS_LIMIT = 32  # a longer list is not a configuration; the rest is left out, and said so
SCHEMES = ("stun", "stuns", "turn", "turns")

CLOCK = SystemClock()

log = logging.getLogger(__name__)


def asked_of(servers: Sequence[IceServer]) -> tuple[IceServer, ...]:
    """Those that are asked: the first SERVERS_LIMIT, and a line in the log when there are more."""
    if len(servers) > SERVERS_LIMIT:
        log.warning("%d ICE servers: the first %d are asked", len(servers), SERVERS_LIMIT)
    return tuple(servers[:SERVERS_LIMIT])


@dataclass(frozen=True, slots=True)
class Asked:
    """A server's result and the monotonic time it was known; releasing an allocation comes after that."""

    result: ServerResult
    known_mono_s: float


async def ask_server(server: IceServer, *, interface: str | None = None, timeout_s: float = 5.0) -> Asked:
    """Ask a STUN server for our mapped address, a TURN server for an allocation, which is released. Never raises.

    Requests are sent again until `timeout_s`. The result's seconds run from the first packet (for TCP and TLS: the
    connect) to the answer, a challenge included; name resolution and release are not in them.
    """
    question = _allocate if server.gives is CandidateType.RELAY else _bind
    return await _ask(server, interface, timeout_s, question)


class _Conversation:
    """Requests and answers over one wire, with long-term credentials once the server has asked for them."""

    def __init__(self, url: ServerUrl, server: IceServer) -> None:
        self.url = url
        self.server = server
        self.doing = "dns"
        self.unreadable = 0
        self.started_mono_s = 0.0
        self.answered_mono_s = 0.0
        self.allocated = False
        self._wire: Wire | None = None
        self._key: bytes | None = None
        self._credentials: dict[str, Any] = {}

    async def open(self, interface: str | None, timeout_s: float) -> None:
        """Resolve the name and open the wire."""
        dns_limit_s = min(DNS_LIMIT_S, 0.9 * timeout_s)
        address = await RESOLVER.resolve(self.url.host, self.url.port, timeout_s=dns_limit_s)
        tls = Tls(self.url.host, trusting_the_system()) if self.url.transport == "tls" else None
        self.started_mono_s = CLOCK.mono_s()
        if self.url.transport == "udp":
            self._wire = UdpWire(address, interface, CLOCK)
        else:
            self.doing = "tcp and tls handshake" if tls else "tcp handshake"
            self._wire = await open_stream(address, interface=interface, tls=tls, clock=CLOCK)

    async def request(self, method: stun.Method, **attributes: Any) -> stun.Message:
        """The success response to one request. Raises ResponseError for an error response, OSError, NotStunError."""
        assert self._wire is not None
        message = stun.Message(method, stun.Class.REQUEST, attributes={**attributes, **self._credentials})
        if self._key is None:
            message.add_fingerprint()
        else:
            message.add_message_integrity(self._key)
        self.doing = method.name.lower()
        rto_s = RTO_S
        while True:
            self._wire.send(bytes(message))
            try:
                async with asyncio.timeout(rto_s if self._wire.unreliable else None) as waiting:
                    return await self._answer_to(message)
            except TimeoutError:
                if not waiting.expired():
                    raise  # the network's own ETIMEDOUT
            rto_s *= 2

    def authenticate(self, challenge: stun.Message) -> bool:
        """Take realm and nonce of a 401 or 438 (RFC 8489 section 9.2.5). False when there is nothing to answer with."""
        realm = challenge.attributes.get("REALM", self._credentials.get("REALM"))
        nonce = challenge.attributes.get("NONCE")
        username, password = self.server.username, self.server.credential
        if realm is None or nonce is None or username is None or password is None:
            return False
        self._credentials = {"USERNAME": username, "REALM": realm, "NONCE": nonce}
        self._key = hashlib.md5(f"{username}:{realm}:{password}".encode(), usedforsecurity=False).digest()
        return True

    async def close(self) -> None:
        """Close the wire, if it was opened."""
        if self._wire is not None:
            await self._wire.close()

    async def _answer_to(self, message: stun.Message) -> stun.Message:
        assert self._wire is not None
        while True:
            arrival = await self._wire.receive()
            answer = self._read(arrival.data, message)
            if answer is None:
                self.unreadable += 1
                await asyncio.sleep(0)  # a flood of garbage must not keep the loop
                continue
            self.answered_mono_s = arrival.at_mono_s
            if answer.message_class is stun.Class.ERROR:
                raise ResponseError(answer)
            return answer

    def _read(self, data: bytes, request: stun.Message) -> stun.Message | None:
        """The answer to `request`, or None for anything else: the other side's bytes are hostile."""
        try:
            answer = stun.parse_message(data)
        except (ValueError, struct.error):
            return None
        if answer.transaction_id != request.transaction_id or answer.message_method is not request.message_method:
            return None
        if answer.message_class is stun.Class.ERROR:
            return answer  # a 401 or 438 cannot be signed, and others often are not
        signed = self._key is None or answer.check_message_integrity(self._key)
        return answer if signed and answer.message_class is stun.Class.RESPONSE else None


_Question = Callable[[_Conversation], Awaitable[tuple[str, int]]]


async def _bind(talk: _Conversation) -> tuple[str, int]:
    answer = await talk.request(stun.Method.BINDING)
    return _address(answer, "XOR-MAPPED-ADDRESS", "MAPPED-ADDRESS")


async def _allocate(talk: _Conversation) -> tuple[str, int]:
    wish = {"LIFETIME": ALLOCATION_LIFETIME_S, "REQUESTED-TRANSPORT": REQUESTED_TRANSPORT_UDP}
    answer = await _authenticated(talk, stun.Method.ALLOCATE, **wish)
    talk.allocated = True
    return _address(answer, "XOR-RELAYED-ADDRESS")


async def _authenticated(talk: _Conversation, method: stun.Method, **attributes: Any) -> stun.Message:
    """One request; a challenge (401) and a stale nonce (438) are each answered once."""
    answerable = {UNAUTHENTICATED, STALE_NONCE}
    while True:
        try:
            return await talk.request(method, **attributes)
        except ResponseError as refused:
            if refused.code not in answerable or not talk.authenticate(refused.response):
                raise
            answerable.remove(refused.code)


async def _release(talk: _Conversation) -> None:
    """Give the allocation back (RFC 8656 section 7); if that fails the server ends it after its lifetime."""
    with contextlib.suppress(TimeoutError, OSError, NotStunError, ResponseError):
        async with asyncio.timeout(RELEASE_LIMIT_S):
            await _authenticated(talk, stun.Method.REFRESH, LIFETIME=0)


async def _ask(server: IceServer, interface: str | None, timeout_s: float, question: _Question) -> Asked:
    try:
        url = read_server_url(server.url)
    except ValueError as error:
        scheme = server.scheme if server.scheme in SCHEMES else "stun"
        result = ServerResult(server.url[:100], scheme, "udp", ServerOutcome.UNSUPPORTED, None, detail=str(error))
        return Asked(result, CLOCK.mono_s())
    talk = _Conversation(url, server)
    try:
        return await _hold(talk, interface, timeout_s, question)
    finally:
        await talk.close()


async def _hold(talk: _Conversation, interface: str | None, timeout_s: float, question: _Question) -> Asked:
    try:
        async with asyncio.timeout(timeout_s):
            await talk.open(interface, timeout_s)
            address = await question(talk)
    except Exception as error:
        return Asked(_result(talk, outcome_of(error), detail=_detail(talk, error, timeout_s)), CLOCK.mono_s())
    asked = Asked(_result(talk, ServerOutcome.OK, address=host_port(*address)), talk.answered_mono_s)
    if talk.allocated:
        await _release(talk)
    return asked


def _result(talk: _Conversation, outcome: ServerOutcome, address: str = "", detail: str = "") -> ServerResult:
    seconds = talk.answered_mono_s - talk.started_mono_s if outcome is ServerOutcome.OK else None
    return ServerResult(talk.url.name, talk.url.scheme, talk.url.transport, outcome, seconds, address, detail)


def _address(answer: stun.Message, *names: str) -> tuple[str, int]:
    for name in names:
        if name in answer.attributes:
            host, port = answer.attributes[name]
            return host, port
    raise NotStunError(f"the answer carries no {names[0]}")


def _detail(talk: _Conversation, error: Exception, timeout_s: float) -> str:
    words = detail_of(error, talk.doing, timeout_s)
    return f"{words} ({talk.unreadable} messages were not an answer)" if talk.unreadable else words
