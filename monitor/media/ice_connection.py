"""aioice's ICE agent as a browser would do it: every server asked, fair consent, triggered checks, nomination told."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from aioice import Candidate, Connection, TransportPolicy, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol

from monitor.facts.clock import Clock, SystemClock
from monitor.facts.ice import IceServer, ServerResult
from monitor.media.ice_consent import INTERVAL_S, Consent
from monitor.media.ice_gathering import ServerGathering
from monitor.media.ice_question import Question
from monitor.media.impairment import fall_silent, impair
from monitor.media.interfaces import HostAddress, host_addresses
from monitor.media.peer_events import PeerOptions
from monitor.media.stun import asked_of
from monitor.media.udp_transport import open_udp

GATHER_CAP_S = 40.0  # Chromium 156 gives a dead server 39.9 s
FIRST_CANDIDATE_LIMIT_S = 15.0  # without any candidate there is nothing to answer with: as long as checks may take
CONSENT_INTERVAL_S = INTERVAL_S
UNREAD_LIMIT = 256  # datagrams that the handshake has not taken up yet
OPEN_QUESTIONS = 32  # consent checks whose answer still counts
DEFAULTS = PeerOptions()


class IceConnection(Connection):
    """One ICE agent. Its owner sets the attributes below before gathering.

    gather_timeout_s: how long gathering holds up the answer; slower servers are waited for until gather_cap_s, and
    what they give is used while no pair is nominated. on_candidate: told each candidate (`candidate:...`) as it comes;
    on_gathered: that the last server has a result.
    results: of the servers that have one, in the order of `servers`. rtt_s: the last consent check's round trip.
    close_reason tells why it closed by itself: `consent_expired`, or `path_lost` (socket or TURN allocation gone).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock: Clock = SystemClock()
        self.interface: str | None = None
        self.servers: Sequence[IceServer] = ()
        self.gather_timeout_s = DEFAULTS.gather_timeout_s
        self.gather_cap_s = GATHER_CAP_S
        self.consent_timeout_s = DEFAULTS.consent_timeout_s
        self.on_nominated: Callable[[float], None] = lambda at_mono_s: None
        self.on_candidate: Callable[[str], None] = lambda line: None
        self.on_gathered: Callable[[], None] = lambda: None
        self.close_reason = ""
        self._asking: dict[int, asyncio.Task[ServerResult]] = {}
        self._gathering: ServerGathering | None = None
        self._found: list[Candidate] = []
        self._nothing_more = asyncio.Event()  # to wait for: there is a candidate, or no server is left
        self._answered_with = False  # gathering holds up nobody any more
        self._fate: Callable[[bytes], float | None] | None = None
        self._vanished = False
        self._leaving: set[asyncio.Task[None]] = set()
        self._consent: Consent | None = None
        self._questions: deque[Question] = deque()
        self._requests: dict[CandidatePair, stun.Message] = {}
        self._told_nominated = False

    @property
    def consent_mono_s(self) -> float | None:
        """When the other side last agreed to be sent to; None before a pair was nominated."""
        return None if self._consent is None else self._consent.answered_mono_s

    @property
    def rtt_s(self) -> float | None:
        """The round trip of the last consent check that was answered."""
        return None if self._consent is None else self._consent.rtt_s

    @property
    def results(self) -> tuple[ServerResult, ...]:
        """What became of each server, in their order; those still being asked are not in it yet."""
        done = (task for _, task in sorted(self._asking.items()) if task.done() and not task.cancelled())
        return tuple(task.result() for task in done)

    @property
    def gathering(self) -> bool:
        """Whether a server is still being asked."""
        return any(not task.done() for task in self._asking.values())

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int | float = 5
    ) -> list[Candidate]:
        """In place of aioice's: our choice of addresses, all servers, and no longer wait than `gather_timeout_s`."""
        all_of_them = self._transport_policy is TransportPolicy.ALL
        if all_of_them:
            await self._bind_hosts(component)
        self._gathering = ServerGathering(
            clock=self.clock,
            interface=self.interface,
            hosts=tuple(self._protocols),
            protocol_factory=lambda: StunProtocol(self),
            component=component,
            hide_related=not all_of_them,
            timeout_s=self.gather_cap_s,
            found=self._take,
        )
        for index, server in enumerate(asked_of(self.servers)):
            if all_of_them or server.scheme.startswith("turn"):
                task = asyncio.create_task(self._gathering.ask(index, server), name="ice server")
                task.add_done_callback(self._server_done)
                self._asking[index] = task
        await self._held_up()
        self._answered_with = True
        return self._found

    async def _bind_hosts(self, component: int) -> None:
        for address in candidate_addresses(self.interface):
            try:
                _, protocol = await open_udp(lambda: StunProtocol(self), (address.host, 0), self.clock)
            except OSError:
                continue  # it went away
            host, port = protocol.transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=host,
                port=port,
                type="host",
            )
            self._take(protocol.local_candidate, protocol)

    async def _held_up(self) -> None:
        """Wait for the servers, as long as an answer may wait; longer when there is no candidate at all."""
        if not self._asking:
            return
        await asyncio.wait(self._asking.values(), timeout=self.gather_timeout_s)
        if self._found or not self.gathering:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_CANDIDATE_LIMIT_S):
                await self._nothing_more.wait()

    def _take(self, candidate: Candidate, protocol: StunProtocol | None) -> None:
        """A candidate came, with its protocol unless it shares its base's. It may be too late, or known already."""
        if self._closing or (protocol is not None and self._check_list_done):
            self._leave(protocol)
            return
        known = [*self._found, *self._local_candidates]
        if any((one.host, one.port) == (candidate.host, candidate.port) for one in known):
            self._leave(protocol)  # redundant: RFC 8445 section 5.1.3
            return
        (self._local_candidates if self._answered_with else self._found).append(candidate)
        self._nothing_more.set()
        if protocol is not None:
            self._adopt(protocol)
        self.on_candidate(f"candidate:{candidate.to_sdp()}")

    def _adopt(self, protocol: StunProtocol) -> None:
        """Take part in the checks with one more socket."""
        self._protocols.append(protocol)
        if self._fate is not None:
            impair(protocol, self._fate)
        if self._vanished:
            fall_silent(protocol)
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()

    def _leave(self, protocol: StunProtocol | None) -> None:
        """Give back a relay that nobody needs."""
        if protocol is None:
            return
        task = asyncio.create_task(protocol.close(), name="unused relay")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _server_done(self, task: asyncio.Task[ServerResult]) -> None:
        if self.gathering:
            return
        self._nothing_more.set()
        if self._closing:
            return
        self.on_gathered()
        if self._early_checks_done:
            self._check_list_maybe_fail()  # it waited for more candidates of ours

    def _remote_candidates_expected(self) -> bool:
        """Whether more pairs may come: of late candidates of theirs, as aioice, or of ours."""
        return self.gathering or bool(super()._remote_candidates_expected())

    async def close(self) -> None:
        """As aioice, ending gathering and its relays first."""
        self._closing = True
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        if self._gathering is not None:
            await self._gathering.close()
        await super().close()
        await asyncio.gather(*self._leaving, return_exceptions=True)

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

    def data_received(self, data: bytes, component: int) -> None:
        """Let DTLS and media through (RFC 7983 section 7): anybody may send here, and aiortc dies of the rest."""
        wanted = len(data) > 0 and (19 < data[0] < 64 or 127 < data[0] < 192)
        if wanted and self._queue.qsize() < UNREAD_LIMIT:
            super().data_received(data, component)

    def impair(self, fate: Callable[[bytes], float | None]) -> None:
        """Send nothing before `fate` has been asked: seconds to hold a datagram back, None to lose it."""
        self._fate = fate
        for protocol in self._protocols:
            impair(protocol, fate)

    def vanish(self) -> None:
        """Fall silent on every socket, as after a power cut."""
        self._vanished = True
        for protocol in self._protocols:
            fall_silent(protocol)

    async def query_consent(self) -> None:
        """Consent by RFC 7675: lost only when no check at all was answered for `consent_timeout_s`.

        aioice counts six checks in a row that were not answered within 0.5 s, so that a round trip of 0.5 s ends a
        healthy call.
        """
        if self._closing:  # connect() ended while close() ran, and aioice starts this all the same
            return
        self._consent = consent = Consent(self.consent_timeout_s, self.clock.mono_s(), CONSENT_INTERVAL_S)
        varied = 0.0  # the first at once
        try:
            while True:
                wait_s = consent.wait_s(self.clock.mono_s(), varied)
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                    continue
                if consent.expired(self.clock.mono_s()):
                    break
                self._ask_consent(consent)
                varied = random.uniform(0.8, 1.2)  # noqa: S311 - not for secrecy
        finally:
            for question in self._questions:
                question.forget()
        self.close_reason = "consent_expired"
        self._query_consent_task = None  # close() would cancel its caller
        await self.close()

    def _ask_consent(self, consent: Consent) -> None:
        """Send one check on each nominated pair, and leave its answer to whenever it comes."""
        for pair in self._nominated.values():
            question = self._question(pair, consent)
            self._questions.append(question)
            question.send()
        consent.asked(self.clock.mono_s())
        while len(self._questions) > OPEN_QUESTIONS:
            self._questions.popleft().forget()

    def _question(self, pair: CandidatePair, consent: Consent) -> Question:
        """A signed check whose answer `consent` is told. Signing it is no part of the round trip."""
        assert self.remote_password is not None

        def answered(message: stun.Message, addr: tuple[str, int], at_mono_s: float) -> None:
            if message.message_class is stun.Class.RESPONSE:
                consent.answered(question.sent_mono_s, at_mono_s)
                question.forget()
                self._questions.remove(question)

        request = super().build_request(pair, nominate=False)
        question = Question(
            pair.protocol, request, pair.remote_addr, self.clock, answered, self.remote_password.encode()
        )
        return question


def candidate_addresses(interface: str | None) -> tuple[HostAddress, ...]:
    """Where host candidates come from: IPv4 as the real softphone, IPv6 only on a machine without IPv4."""
    addresses = host_addresses(interface)
    return tuple(address for address in addresses if address.version == 4) or addresses
