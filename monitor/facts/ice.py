"""ICE in values: servers, candidate types, per-server results, and the signature of a gathering."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

SLOW_SERVER_S = 0.5  # one lost UDP packet costs 500 ms (RFC 8489 RTO), so a server over this needed a retransmission


class CandidateType(StrEnum):
    """RFC 8445 section 5.1.1: where a candidate comes from."""

    HOST = "host"
    SRFLX = "srflx"
    RELAY = "relay"


class ServerOutcome(StrEnum):
    """How one STUN or TURN server answered: the `outcome` of softphone_ice_server_results_total."""

    OK = "ok"
    TIMEOUT = "timeout"
    DNS = "dns"
    AUTH = "auth"
    REFUSED = "refused"
    TLS = "tls"
    UNREACHABLE = "unreachable"
    UNSUPPORTED = "unsupported"


class Signature(StrEnum):
    """What a whole gathering looked like; the first that holds, in this order."""

    ERROR = "error"
    EMPTY = "empty"
    HOST_ONLY = "host_only"
    NO_RELAY = "no_relay"
    NO_SRFLX = "no_srflx"
    SLOW = "slow"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class IceServer:
    """One STUN or TURN server as an RFC 7064/7065 URI, e.g. `turn:host:3478?transport=tcp`."""

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)

    @property
    def scheme(self) -> str:
        """`stun`, `stuns`, `turn` or `turns`."""
        return self.url.partition(":")[0].lower()

    @property
    def gives(self) -> CandidateType:
        """The candidate type this server is asked for."""
        return CandidateType.RELAY if self.scheme.startswith("turn") else CandidateType.SRFLX


@dataclass(frozen=True, slots=True)
class ServerResult:
    """One transaction with one server: `seconds` is measured when the outcome is ok, else None."""

    server: str  # host:port as given
    scheme: str  # stun, stuns, turn, turns
    transport: str  # udp, tcp, tls
    outcome: ServerOutcome
    seconds: float | None
    address: str = ""  # mapped or relayed address, host:port
    detail: str = ""


def wanted_types(servers: Iterable[IceServer], *, relay_only: bool = False) -> frozenset[CandidateType]:
    """The candidate types that these servers should yield. Relay-only policy wants relay alone."""
    if relay_only:
        return frozenset({CandidateType.RELAY})
    return frozenset({CandidateType.HOST}) | {server.gives for server in servers}


def signature_of(
    wanted: frozenset[CandidateType], obtained: frozenset[CandidateType], results: Iterable[ServerResult]
) -> Signature:
    """Classify a gathering that ran to its end (one that itself failed is Signature.ERROR)."""
    if not obtained:
        return Signature.EMPTY
    if obtained == {CandidateType.HOST} and wanted - obtained:
        return Signature.HOST_ONLY
    if CandidateType.RELAY in wanted - obtained:
        return Signature.NO_RELAY
    if CandidateType.SRFLX in wanted - obtained:
        return Signature.NO_SRFLX
    if any(r.outcome is not ServerOutcome.OK or (r.seconds or 0.0) > SLOW_SERVER_S for r in results):
        return Signature.SLOW
    return Signature.OK
