"""What prober and shard say to each other: requests and answers as values, to and from JSON-ready dicts.

The prober asks `gather` (GatherRequest -> Gathering), `answer` (AnswerRequest -> Answered), `restart` (the same for an
offer within a call), `hang_up` (SessionMessage), `sessions` ({} -> {"sessions": [ids of the calls that are up]}), and
tells `candidate` (CandidateMessage). The shard tells, each with the probe's name behind a slash (`ended/call-1`):
`ice_connected`, `lost`, `resumed`, `ended` (SessionMessage), and `local_candidate` (CandidateMessage).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from monitor.facts.failures import Failure
from monitor.facts.ice import IceServer

ICE_CONNECTED, LOST, RESUMED, ENDED = "ice_connected", "lost", "resumed", "ended"
LOCAL_CANDIDATE = "local_candidate"

T = TypeVar("T")
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherRequest:
    """One gathering against `servers`."""

    servers: tuple[IceServer, ...]
    relay_only: bool
    interface: str | None
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """An offer to answer. `candidates` came before it. Facts about the call carry site, probe, agent, conversation."""

    site: str
    probe: str
    agent: str
    session_id: str
    conversation_id: str
    sdp: str
    candidates: tuple[str, ...] = ()
    servers: tuple[IceServer, ...] = ()
    relay_only: bool = False
    interface: str | None = None
    media: Literal["talk", "dtx", "idle"] = "talk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The SDP answer, or why there is none. waited_s: for other calls' set-ups, so no part of this one's time."""

    sdp: str = ""
    failure: Failure | None = None
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateMessage:
    """A trickled candidate of a call: theirs, or ours after the answer, which END_OF_CANDIDATES ends."""

    session_id: str
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMessage:
    """Something about one call; layer and reason where it is a loss."""

    session_id: str
    layer: str = ""
    reason: str = ""


def to_params(message: object) -> dict[str, Any]:
    """A message as a JSON-ready dict."""
    params: dict[str, Any] = _adapter(type(message)).dump_python(message, mode="json")
    return params


def from_params(kind: type[T], params: dict[str, Any]) -> T:
    """The message that `to_params` wrote. Raises ValueError with the fields at fault; values may be secret."""
    try:
        message: T = _adapter(kind).validate_python(params)
    except ValidationError as error:
        fields = sorted({".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)})
        raise ValueError(f"{kind.__name__}: {', '.join(fields)}") from None
    return message


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
