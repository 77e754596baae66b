"""What a diagnosis says: the closed list of causes, the best one, the runner-up, the evidence of each; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NONE: Final = "none"  # nothing is wrong
UNKNOWN: Final = "unknown"  # something is, and no cause stands out
CAUSES: Final = (
    "signalling_saturated",
    "api_rate_limited",
    "api_overloaded",
    "stun_unreachable",
    "stun_overloaded",
    "turn_credentials_expired",
    "turn_unreachable",
    "turn_rate_limited",
    "ice_servers_empty",
    "dns_failure",
    "vpn_split_tunnel",
    "symmetric_nat",
    "nat_binding_expired",
    "network_path_lost",
    "proxy_idle_timeout",
    "edge_restart",
    "reconnect_herd",
    "token_expired",
    "session_takeover",
    "persistent_connection_idle",
    "dtls_failure",
    "monitor_overloaded",
    "clock_step",
    NONE,
    UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class CauseFound:
    """One cause with its score from 0 to 1 and the figures that speak for it, a sentence each."""

    cause: str
    score: float
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The best cause of CAUSES and the next best. missing: measurements that would tell the two apart."""

    cause: str = UNKNOWN
    runner_up: str | None = None
    causes: tuple[CauseFound, ...] = ()
    missing: tuple[str, ...] = ()
