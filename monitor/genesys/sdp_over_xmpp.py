"""The `genesys-webrtc` payload: JSON-RPC in an IQ that carries SDP, candidates and call control. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from monitor.genesys.client_stanzas import child, iq, text_of
from monitor.genesys.jingle_messages import CONVERSATION_ID_CHARS
from monitor.genesys.json_values import as_object, flag_field, load_json, string_field
from monitor.genesys.stanzas import Iq, StanzaError, identifier

NS_GENESYS = "genesys"
TAG = f"{{{NS_GENESYS}}}genesys-webrtc"
END_OF_CANDIDATES = "a=end-of-candidates\r\n"

_MID = re.compile(r"^m=([^\s\\]{1,64})", re.MULTILINE)
_CANDIDATE = re.compile(r"^a=(candidate:[^\r\n\\]{1,1024})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A call's SDP offer. A reinvite replaces the media path of a running call."""

    rpc_id: str
    session_id: str
    conversation_id: str
    sdp: str
    reinvite: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An SDP answer (a client sends it; a server that sends one is ignored)."""

    rpc_id: str
    session_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """One trickled candidate; candidate is "" at the end of candidates."""

    rpc_id: str
    session_id: str
    mid: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Info:
    """`info`: the sender's media status, such as `active`."""

    rpc_id: str
    session_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """The end of a call with an XEP-0166 condition."""

    rpc_id: str
    session_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OtherCall:
    """A method that a softphone without a user does not act on (mute, unmute, ...)."""

    rpc_id: str
    method: str


CallControl = Offer | Answer | RemoteCandidate | Info | Terminate | OtherCall


def read_call_control(request: Iq) -> CallControl:
    """The JSON-RPC call in an IQ whose payload is `genesys-webrtc`. Raises StanzaError."""
    assert request.payload is not None
    call = as_object(load_json(request.payload.text))
    method = string_field(call, "method")
    rpc_id = _rpc_id(call)
    reader = _READERS.get(method)
    if reader is None:
        return OtherCall(rpc_id, method[:64])
    return reader(rpc_id, as_object(call.get("params")))


def _rpc_id(call: dict[str, Any]) -> str:
    """JSON-RPC ids are strings or numbers; a call without one is a notification."""
    value = call.get("id")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise StanzaError("malformed", "field id is not a string")
    return str(value)[:256]


def _session_id(params: dict[str, Any]) -> str:
    return identifier(params.get("sessionId"))


def _read_offer(rpc_id: str, params: dict[str, Any]) -> Offer:
    return Offer(
        rpc_id,
        _session_id(params),
        string_field(params, "conversationId", "")[:CONVERSATION_ID_CHARS],
        string_field(params, "sdp"),
        flag_field(params, "reinvite"),
    )


def _read_answer(rpc_id: str, params: dict[str, Any]) -> Answer:
    return Answer(rpc_id, _session_id(params), string_field(params, "sdp"))


def _read_candidate(rpc_id: str, params: dict[str, Any]) -> RemoteCandidate:
    sdp = string_field(params, "sdp")
    mid, candidate = _MID.search(sdp), _CANDIDATE.search(sdp)
    if candidate is None and "a=end-of-candidates" not in sdp:
        raise StanzaError("malformed", "an iceCandidate without candidate")
    return RemoteCandidate(
        rpc_id, _session_id(params), mid.group(1) if mid else "", candidate.group(1).rstrip() if candidate else ""
    )


def _read_info(rpc_id: str, params: dict[str, Any]) -> Info:
    return Info(rpc_id, _session_id(params), string_field(params, "status", "")[:64])


def _read_terminate(rpc_id: str, params: dict[str, Any]) -> Terminate:
    return Terminate(rpc_id, _session_id(params), string_field(params, "reason", "success")[:64])


_READERS: dict[str, Callable[[str, dict[str, Any]], CallControl]] = {
    "offer": _read_offer,
    "answer": _read_answer,
    "iceCandidate": _read_candidate,
    "info": _read_info,
    "terminate": _read_terminate,
}


def build_call_control(iq_id: str, sender: str, peer: str, method: str, params: dict[str, Any]) -> str:
    """An IQ set with one JSON-RPC call; the JSON id is the IQ's. Raises StanzaError for what XML cannot hold."""
    made = iq(iq_id, "set", to=peer, sender=sender)
    call = {"jsonrpc": "2.0", "method": method, "params": params, "id": iq_id}
    child(made, "genesys-webrtc", NS_GENESYS).text = json.dumps(call)
    return text_of(made)


def candidate_sdp(candidate: str, mid: str) -> str:
    """The `sdp` parameter of an iceCandidate call; `candidate` with or without `a=` in front."""
    line = candidate.strip().removeprefix("a=")
    return f"m={mid} 9 RTP/AVP 0\r\na={line}\r\n"
