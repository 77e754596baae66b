"""aioice's ICE agent with what a measuring peer needs: fair consent, triggered checks, the moment of nomination."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from aioice import Candidate, Connection, TransportPolicy, stun
from aioice.ice import CandidatePair, StunProtocol

from monitor.facts.clock import Clock, SystemClock
from monitor.media.interfaces import HostAddress, host_addresses
from monitor.media.private_names import fall_silent, impair, limit_receive_buffer

CONSENT_INTERVAL_S = 5.0  # RFC 7675 section 5.1, each varied by 0.8 to 1.2
CONSENT_RETRANSMISSIONS = 3  # an answer is accepted for 7.5 s; stock aioice gives up after 0.5 s


class IceConnection(Connection):
    """One ICE agent. Its owner sets the attributes below before gathering.

    close_reason tells why it closed by itself: `consent_expired`, or `path_lost` (socket or TURN allocation gone).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock: Clock = SystemClock()
        self.interface: str | None = None
        self.gather_timeout_s = 5.0
        self.consent_timeout_s = 30.0
        self.on_nominated: Callable[[float], None] = lambda at_mono_s: None
        self.consent_mono_s: float | None = None
        self.close_reason = ""
        self._requests: dict[CandidatePair, stun.Message] = {}
        self._told_nominated = False

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int | float = 5
    ) -> list[Candidate]:
        """As aioice, but on our choice of addresses and with our own limit."""
        if self._transport_policy is TransportPolicy.ALL:
            addresses = [address.host for address in candidate_addresses(self.interface)]
        candidates: list[Candidate] = await super().get_component_candidates(
            component,
            addresses,
            self.gather_timeout_s,  # type: ignore[arg-type]
        )
        for protocol in self._protocols:
            limit_receive_buffer(protocol.transport)
        return candidates

    def build_request(self, pair: CandidatePair, nominate: bool) -> stun.Message:
        """Remember the request of a check under way, for `check_incoming`."""
        request = super().build_request(pair, nominate)
        self._requests[pair] = request
        return request

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check that came in proves the path: send our own, still unanswered one again at once.

        RFC 8445 section 7.3.1.4 triggers a new check for a pair In-Progress; aioice does not. Without it a first check
        that a TURN server or NAT dropped costs 500 ms on every relayed call.
        """
        for pair, request in self._requests.items():
            waiting = pair.state is CandidatePair.State.IN_PROGRESS
            if waiting and pair.protocol is protocol and pair.remote_addr == addr:
                protocol.send_stun(request, addr)
        super().check_incoming(message, addr, protocol)

    def check_complete(self, pair: CandidatePair) -> None:
        """As aioice, telling the moment of nomination, which connect() notices up to 20 ms later."""
        super().check_complete(pair)
        if self._nominated and not self._told_nominated:
            self._told_nominated = True
            self.on_nominated(self.clock.mono_s())

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """Note that the socket under the nominated pair is gone."""
        if not self._closing and any(pair.protocol is protocol for pair in self._nominated.values()):
            self.close_reason = self.close_reason or "path_lost"
        super().protocol_lost(protocol)

    def impair(self, fate: Callable[[bytes], float | None]) -> None:
        """Send nothing before `fate` has been asked: seconds to hold a datagram back, None to lose it."""
        for protocol in self._protocols:
            impair(protocol, fate)

    def vanish(self) -> None:
        """Fall silent on every socket, as after a power cut."""
        for protocol in self._protocols:
            fall_silent(protocol)

    async def query_consent(self) -> None:
        """Consent by RFC 7675: lost only when no check at all was answered for `consent_timeout_s`.

        aioice counts six checks in a row that were not answered within 0.5 s, so that a round trip of 0.5 s ends a
        healthy call.
        """
        if self._closing:  # connect() ended while close() ran, and aioice starts this all the same
            return
        self.consent_mono_s = self.clock.mono_s()
        asking: set[asyncio.Task[None]] = set()
        try:
            while self.clock.mono_s() - self.consent_mono_s < self.consent_timeout_s:
                for pair in self._nominated.values():
                    task = asyncio.create_task(self._ask_consent(pair))
                    asking.add(task)
                    task.add_done_callback(asking.discard)
                await asyncio.sleep(CONSENT_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311 - not for secrecy
        finally:
            for task in asking:
                task.cancel()
        self.close_reason = "consent_expired"
        self._query_consent_task = None  # close() would cancel its caller
        await self.close()

    async def _ask_consent(self, pair: CandidatePair) -> None:
        assert self.remote_password is not None
        request = super().build_request(pair, nominate=False)
        try:
            await pair.protocol.request(
                request,
                pair.remote_addr,
                integrity_key=self.remote_password.encode(),
                retransmissions=CONSENT_RETRANSMISSIONS,
            )
        except stun.TransactionError:
            return  # the time since the last answer decides
        self.consent_mono_s = self.clock.mono_s()


def candidate_addresses(interface: str | None) -> tuple[HostAddress, ...]:
    """Where host candidates come from: IPv4 as the real softphone, IPv6 only on a machine without IPv4."""
    addresses = host_addresses(interface)
    return tuple(address for address in addresses if address.version == 4) or addresses
