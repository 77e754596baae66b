"""The network between a site and the platform's media side: what a STUN, TURN, ICE, DTLS or media attempt yields; pure.

Each answer follows from the occurrences that are going on at that moment and from seeded chance.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Final, Protocol

from monitor.facts.ice import (
    CandidateType,
    IceServer,
    ServerOutcome,
    ServerResult,
    Signature,
    signature_of,
    wanted_types,
)
from monitor.simulator.world.occurrences import Timeline

STUN_HOST: Final = "stun.simulated.invalid:3478"
TURN_HOST: Final = "turn.simulated.invalid:3478"
SERVER_TIMEOUT_S: Final = 5.0  # what a gathering waits for one silent server
RTO_S: Final = 0.5  # RFC 8489 section 6.2.1: the first retransmission, doubled each time
FULL_BUFFER_S: Final = 0.25  # what an overloaded server's socket buffer holds
DNS_S: Final = 0.003  # a name that does not exist is told at once
CHECKS_TIMEOUT_S: Final = 15.05  # the real client on an unreachable peer
CONSENT_S: Final = (5.2, 7.8)  # the real client's ICE is disconnected after this, and failed ten seconds later
ICE_FAILED_S: Final = 10.0


class NetworkSettings(Protocol):
    """What the network is told; a Scenario is one."""

    @property
    def turn_credential_life_s(self) -> float: ...
    @property
    def force_turn(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class IceList:
    """The ICE servers one softphone holds, and when they were handed out (Unix seconds)."""

    issued_wall_s: float
    stun: bool = True
    turn: bool = True

    @property
    def servers(self) -> tuple[IceServer, ...]:
        """As the monitor's own facts name servers."""
        stun = (IceServer(f"stun:{STUN_HOST}"),) if self.stun else ()
        return ((IceServer(f"turn:{TURN_HOST}", "simulated"),) if self.turn else ()) + stun

    @property
    def relay_only(self) -> bool:
        """No STUN service tells a softphone to use relay candidates alone."""
        return not self.stun


EMPTY_LIST: Final = IceList(0.0, stun=False, turn=False)


@dataclass(frozen=True, slots=True)
class Gathered:
    """One gathering. seconds: None when a server ran into its timeout."""

    signature: Signature
    seconds: float | None
    wanted: frozenset[CandidateType]
    obtained: frozenset[CandidateType]
    results: tuple[ServerResult, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Media:
    """A moment of a call's media; None figures and loss 1.0 when nothing gets through."""

    rtt_s: float | None
    jitter_s: float | None
    loss_ratio: float


class Network:
    """Asked by site (a name of the scenario), interface (None: the ordinary one) and Unix seconds."""

    def __init__(self, scenario: NetworkSettings, timeline: Timeline, seed: int) -> None:
        self._scenario = scenario
        self._timeline = timeline
        self._rng = random.Random(f"{seed}:network")  # noqa: S311 - reproducible chance, not a secret

    # The list of servers

    def hand_out(self, wall_s: float) -> IceList:
        """What an ICE-server fetch that is answered now brings."""
        if self._timeline.active("ice_list_empty", wall_s) is not None:
            return IceList(wall_s, stun=False, turn=False)
        return IceList(wall_s, stun=not self._scenario.force_turn)

    def credential_life_s(self, wall_s: float) -> float:
        """How long TURN credentials are worth anything after they were handed out, as the TURN server sees it now."""
        cut = self._timeline.active("turn_credentials", wall_s)
        return self._scenario.turn_credential_life_s if cut is None else cut.life_s

    # Single transactions

    def stun_binding(self, wall_s: float, site: str, interface: str | None = None, *, server: int = 0) -> ServerResult:
        """One STUN transaction over UDP. server: which of several STUN servers, for the mapping that a NAT gives."""
        if self._timeline.active("dns", wall_s, site) is not None:
            return _result("stun", STUN_HOST, ServerOutcome.DNS)
        loss, delay_s = self.stun_service(wall_s, site)
        loss = 1 - (1 - loss) * (1 - self.path_loss("stun", wall_s, site))
        vpn = self._timeline.active("vpn", wall_s, site)
        if vpn is not None and interface == vpn.interface:
            loss = 1.0
        seconds = self._transaction(loss, self._rtt_s(0.022) + delay_s)
        if seconds is None:
            return _result("stun", STUN_HOST, ServerOutcome.TIMEOUT)
        return _result("stun", STUN_HOST, ServerOutcome.OK, seconds, self._mapped(wall_s, site, server))

    def turn_allocate(
        self, wall_s: float, site: str, issued_wall_s: float, interface: str | None = None
    ) -> ServerResult:
        """One TURN allocation over UDP: two round trips, the first of which is refused with a nonce."""
        if self._timeline.active("dns", wall_s, site) is not None:
            return _result("turn", TURN_HOST, ServerOutcome.DNS)
        seconds = self._transaction(self.turn_loss(wall_s, site, interface), 2 * self._rtt_s(0.024))
        if seconds is None:
            return _result("turn", TURN_HOST, ServerOutcome.TIMEOUT)
        if wall_s - issued_wall_s > self.credential_life_s(wall_s):
            return _result("turn", TURN_HOST, ServerOutcome.AUTH)
        return _result("turn", TURN_HOST, ServerOutcome.OK, seconds, "198.51.100.7:49170")

    # What is made of them

    def gather(self, wall_s: float, site: str, held: IceList, interface: str | None = None) -> Gathered:
        """One gathering with the servers that the softphone holds; an empty list makes an empty gathering at once."""
        wanted = wanted_types(held.servers, relay_only=held.relay_only)
        results = []
        if held.turn:
            results.append(self.turn_allocate(wall_s, site, held.issued_wall_s, interface))
        if held.stun:
            results.append(self.stun_binding(wall_s, site, interface))
        kinds = {"turn": CandidateType.RELAY, "stun": CandidateType.SRFLX}
        obtained = {kinds[r.scheme] for r in results if r.outcome is ServerOutcome.OK}
        if not held.relay_only:
            obtained.add(CandidateType.HOST)
        signature = signature_of(wanted, frozenset(obtained), results)
        return Gathered(signature, _whole_s(results), wanted, frozenset(obtained), tuple(results))

    def ice_checks(self, wall_s: float, site: str, gathered: Gathered) -> float | None:
        """Seconds until a candidate pair worked, or None: no pair does within the client's patience.

        Behind a symmetric NAT only a relay reaches the platform; without a path for media nothing does.
        """
        nat = self._timeline.active("nat", wall_s, site)
        usable = gathered.obtained
        if nat is not None and nat.symmetric:
            usable = usable & {CandidateType.RELAY}
        return self._transaction(self.path_loss("media", wall_s, site), self._rtt_s(0.08)) if usable else None

    def dtls(self, wall_s: float, site: str) -> float | None:
        """Seconds of the DTLS handshake, None when it takes longer than the client's patience."""
        trouble = self._timeline.active("dtls", wall_s, site)
        if trouble is None:
            return self._rtt_s(0.09)
        seconds = math.inf if trouble.silent else self._rtt_s(0.09) + trouble.slow_s
        return seconds if seconds <= CHECKS_TIMEOUT_S else None

    def media(self, wall_s: float, site: str) -> Media:
        """A second of a call's media at this moment."""
        loss = self.path_loss("media", wall_s, site)
        if loss >= 1.0:
            return Media(None, None, 1.0)
        lost = sum(self._rng.random() < max(loss, 0.0005) for _ in range(50)) / 50
        return Media(self._rtt_s(0.045), abs(self._rng.gauss(0.002, 0.0008)), lost)

    def media_lost_after_s(self, wall_s: float, site: str, silent_s: float = 0.0) -> float | None:
        """Seconds from this moment until a call notices that its media is gone; None while all is well.

        silent_s: how long the call has sent nothing, such as on hold without consent checks behind a NAT whose
        bindings end.
        """
        nat = self._timeline.active("nat", wall_s, site)
        expired = nat is not None and nat.binding_s is not None and silent_s >= nat.binding_s
        if self.path_loss("media", wall_s, site) < 1.0 and not expired:
            return None
        return self._rng.uniform(*CONSENT_S) + ICE_FAILED_S

    # How they come about

    def stun_service(self, wall_s: float, site: str) -> tuple[float, float]:
        """Loss and added seconds of the STUN service: what exceeds its capacity is lost from a full buffer."""
        trouble = self._timeline.active("stun", wall_s, site)
        if trouble is None:
            return 0.0, 0.0
        if trouble.capacity is None:
            return trouble.loss, trouble.delay_s
        use = trouble.requests_per_s / trouble.capacity
        if use >= 1.0:
            return max(trouble.loss, 1.0 - 1.0 / use), trouble.delay_s + FULL_BUFFER_S
        waiting_s = use / (1.0 - use) / trouble.capacity
        return trouble.loss, trouble.delay_s + min(FULL_BUFFER_S, waiting_s)

    def turn_loss(self, wall_s: float, site: str, interface: str | None) -> float:
        loss = self.path_loss("turn", wall_s, site)
        trouble = self._timeline.active("turn", wall_s, site)
        if trouble is None:
            return loss
        if trouble.silent:
            return 1.0
        # A limit per source address answers so many and keeps silent to the rest; another address has its own.
        if trouble.allocations_per_s is not None and interface is None:
            use = trouble.requests_per_s / trouble.allocations_per_s
            loss = max(loss, 1.0 - 1.0 / use if use > 1.0 else 0.0)
        return loss

    def path_loss(self, what: str, wall_s: float, site: str) -> float:
        path = self._timeline.active("path", wall_s, site)
        return path.loss if path is not None and what in path.blocks else 0.0

    def _transaction(self, loss: float, rtt_s: float) -> float | None:
        """Seconds of a transaction whose datagrams are lost at that rate, with its retransmissions; None: in vain.

        A lost round trip costs a wait that doubles (RFC 8489 section 6.2.1).
        """
        waited_s, rto_s = 0.0, RTO_S
        while waited_s + rtt_s < SERVER_TIMEOUT_S:
            if self._rng.random() >= loss:
                return waited_s + rtt_s
            waited_s, rto_s = waited_s + rto_s, rto_s * 2
        return None

    def _rtt_s(self, typical_s: float) -> float:
        return typical_s * math.exp(self._rng.gauss(0.0, 0.08))

    def _mapped(self, wall_s: float, site: str, server: int) -> str:
        """The mapped address: an endpoint-dependent NAT gives every server another port."""
        nat = self._timeline.active("nat", wall_s, site)
        port = 50_000 + (server * 137 if nat is not None and nat.symmetric else 0)
        return f"203.0.113.9:{port}"


def _result(
    scheme: str, server: str, outcome: ServerOutcome, seconds: float | None = None, address: str = ""
) -> ServerResult:
    return ServerResult(server, scheme, "udp", outcome, seconds, address)


def _whole_s(results: list[ServerResult]) -> float | None:
    """Servers are asked side by side, so the slowest decides; a name that does not exist takes no time to tell."""
    if any(result.outcome is ServerOutcome.TIMEOUT for result in results):
        return None
    return max((result.seconds or DNS_S for result in results), default=DNS_S)
