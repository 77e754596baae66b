"""A softphone's XMPP stream: its options, its states, its table of transitions, and how it may end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from monitor.facts.failures import Failure
from monitor.genesys.stanzas import LIMIT_BYTES

ATTEMPT_TIMEOUT_S = 15.0  # from opening the socket until the session has started


class State(StrEnum):
    """Where a stream stands."""

    NEW = "new"
    OPENING = "opening"
    AUTHENTICATING = "authenticating"
    RESTARTING = "restarting"
    BINDING = "binding"
    STARTING_SESSION = "starting_session"
    FETCHING_ICE = "fetching_ice"
    SUBSCRIBING = "subscribing"  # to the server's pings, where they are wanted
    ONLINE = "online"
    CLOSING = "closing"
    CLOSED = "closed"


class Input(StrEnum):
    """What moves a stream on."""

    START = "start"
    SASL_OFFERED = "sasl_offered"
    SASL_SUCCEEDED = "sasl_succeeded"
    BIND_OFFERED = "bind_offered"
    BOUND = "bound"
    BOUND_WITHOUT_SESSION = "bound_without_session"  # the server wants RFC 3921 session establishment as well
    SESSION_STARTED = "session_started"
    ICE_FETCHED = "ice_fetched"
    ICE_FETCHED_FOR_SERVER_PINGS = "ice_fetched_for_server_pings"
    KEEPALIVE_SETTLED = "keepalive_settled"


# Whatever is not in this table is out of order and ignored; ending is possible from everywhere.
TRANSITIONS: dict[tuple[State, Input], State] = {
    (State.NEW, Input.START): State.OPENING,
    (State.OPENING, Input.SASL_OFFERED): State.AUTHENTICATING,
    (State.AUTHENTICATING, Input.SASL_SUCCEEDED): State.RESTARTING,
    (State.RESTARTING, Input.BIND_OFFERED): State.BINDING,
    (State.BINDING, Input.BOUND_WITHOUT_SESSION): State.STARTING_SESSION,
    (State.BINDING, Input.BOUND): State.FETCHING_ICE,
    (State.STARTING_SESSION, Input.SESSION_STARTED): State.FETCHING_ICE,
    (State.FETCHING_ICE, Input.ICE_FETCHED_FOR_SERVER_PINGS): State.SUBSCRIBING,
    (State.FETCHING_ICE, Input.ICE_FETCHED): State.ONLINE,
    (State.SUBSCRIBING, Input.KEEPALIVE_SETTLED): State.ONLINE,
}

# Every state on the way belongs to a timed phase, so that the phases add up to the whole:
# sasl: first <open> to <success>; bind: second <open> to the started session; ice_servers: both extdisco answers.
PHASE_OF: dict[State, str] = {
    State.OPENING: "sasl",
    State.AUTHENTICATING: "sasl",
    State.RESTARTING: "bind",
    State.BINDING: "bind",
    State.STARTING_SESSION: "bind",
    State.FETCHING_ICE: "ice_servers",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a stream ended. reason: one of DISCONNECT_REASONS[signalling], or "" for an attempt that just failed.

    hard: the next attempt needs a new channel. fatal: the real softphone would not try again. code: the close frame's.
    """

    reason: str
    failure: Failure
    hard: bool = False
    fatal: bool = False
    code: int | None = None


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What one stream needs. keepalive: client or server. detect_after_s: faster loss detection than the softphone's.

    watch_silence: notice a silent stream early, by questions that a softphone would not send; it ends no sooner for it.
    id_prefix: makes request ids unique among connections. attempt_timeout_s: what is left of the attempt's 15 s.
    """

    bare_jid: str
    token: str = field(repr=False)
    resource: str
    pubsub_service: str
    topics: tuple[str, ...] = ()
    keepalive: str = "client"
    detect_after_s: float | None = None
    watch_silence: bool = False
    id_prefix: str = "m"
    attempt_timeout_s: float = ATTEMPT_TIMEOUT_S
    limit_bytes: int = LIMIT_BYTES
