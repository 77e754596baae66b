"""SDP as text: checks a remote description before it reaches aiortc, and writes the far end's offer. Pure.

The other side's bytes are hostile: what is not one plain audio section is a Failure, and candidates that could not
serve (TCP, host names, broken ones) are left out.
"""

from __future__ import annotations

import ipaddress
import re

from aioice import Candidate

from monitor.facts.failures import Failure, Reason, failure

SDP_LIMIT = 65_536
LINE_LIMIT = 2048
CANDIDATE_LIMIT = 64
END_OF_CANDIDATES = "end-of-candidates"
TELEPHONE_EVENT = 101
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")  # RFC 8866 section 6.7

_ICE_CHARS = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")  # RFC 8839 section 5.4, and what gateways add to it
_REQUIRED = ("fingerprint", "setup", "ice-ufrag", "ice-pwd", "rtcp-mux")
_CANDIDATE = re.compile(r"(?:a=)?candidate:(.+)", re.IGNORECASE)
_OPUS = re.compile(r"a=rtpmap:(\d+) opus/", re.IGNORECASE)
_TYPES = ("host", "srflx", "prflx", "relay")


def checked_description(sdp: str) -> str | Failure:
    """`sdp` with only the candidates we can use, or why it cannot be taken."""
    if len(sdp) > SDP_LIMIT:
        return failure("sdp", Reason.TOO_LARGE, f"{len(sdp)} characters, allowed are {SDP_LIMIT}")
    lines = sdp.splitlines()
    problem = _problem(sdp, lines)
    if problem is not None:
        return problem
    kept, candidates = [], 0
    for line in lines:
        if line.startswith("a=candidate:"):
            candidates += 1
            if candidates > CANDIDATE_LIMIT or not isinstance(read_candidate(line), str):
                continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def read_candidate(text: str) -> str | Failure:
    """The candidate attribute's value in `text`, or END_OF_CANDIDATES, or why it is of no use.

    Accepted are `candidate:...`, `a=candidate:...`, and either after an `m=` line, as the signalling carries them.
    """
    if len(text) > LINE_LIMIT:
        return failure("candidate", Reason.TOO_LARGE, f"{len(text)} characters")
    for line in re.split(r"[\r\n]+", text):
        if line.strip().lower().removeprefix("a=") == END_OF_CANDIDATES:
            return END_OF_CANDIDATES
        match = _CANDIDATE.fullmatch(line.strip())
        if match is not None:
            return _usable(match[1])
    return failure("candidate", Reason.MALFORMED, "no candidate attribute")


def direction_of(sdp: str) -> str:
    """`sendrecv`, `sendonly`, `recvonly` or `inactive` as whoever wrote `sdp` sees it; sendrecv if it says nothing."""
    said = [line[2:] for line in sdp.splitlines() if line[2:] in DIRECTIONS and line.startswith("a=")]
    return said[-1] if said else DIRECTIONS[0]  # the section's own comes after the session's


def to_be_continued(sdp: str) -> str:
    """A description whose candidates are not all: more follow one by one (RFC 8840)."""
    return sdp.replace(f"a={END_OF_CANDIDATES}\r\n", "")


def ice_ufrag_of(sdp: str) -> str:
    """The ICE user name fragment: another one in a later offer is an ICE restart (RFC 8839 section 4.4.3.1.1)."""
    return next((line[12:].strip() for line in sdp.splitlines() if line.startswith("a=ice-ufrag:")), "")


def far_end_offer(sdp: str, mid: str) -> str:
    """aiortc's own offer as the platform's look: its section named `mid`, no sdes:mid extension, Opus parameters.

    With the extension a browser would discard RTP whose mid it cannot route.
    """
    renamed = (_renamed(line, mid) for line in sdp.splitlines())
    return "".join(f"{line}\r\n" for line in renamed if line is not None)


def platform_offer(sdp: str) -> str:
    """The offer as it goes out: with telephone-event and the Opus parameters that real offers carry."""
    lines = []
    for line in sdp.splitlines():
        lines.append(f"{line} {TELEPHONE_EVENT}" if line.startswith("m=audio ") else line)
        opus = _OPUS.match(line)
        if opus is not None:
            lines.append(f"a=fmtp:{opus[1]} minptime=10;useinbandfec=1")
            lines.append(f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/48000")
    return "\r\n".join(lines) + "\r\n"


def _renamed(line: str, mid: str) -> str | None:
    if line.startswith("a=mid:"):
        return f"a=mid:{mid}"
    if line.startswith("a=group:BUNDLE"):
        return f"a=group:BUNDLE {mid}"
    if line.startswith("a=extmap:") and line.endswith("sdes:mid"):
        return None
    return line


def _problem(sdp: str, lines: list[str]) -> Failure | None:
    """Why a description cannot be taken, or None."""
    if any(len(line) > LINE_LIMIT for line in lines) or not _plain_text(sdp):
        return failure("sdp", Reason.MALFORMED, "a line is too long or holds control characters")
    sections = [line for line in lines if line.startswith("m=")]
    if len(sections) != 1 or not sections[0].startswith("m=audio "):
        return failure("sdp", Reason.UNSUPPORTED, f"{len(sections)} media sections, wanted is one of audio")
    attributes = dict(_attribute(line) for line in lines if line.startswith("a="))
    missing = [name for name in _REQUIRED if name not in attributes]
    if missing:
        return failure("sdp", Reason.MALFORMED, f"no a={missing[0]}")
    if not all(_ICE_CHARS.fullmatch(attributes[name]) for name in ("ice-ufrag", "ice-pwd")):
        return failure("sdp", Reason.MALFORMED, "ice-ufrag or ice-pwd holds characters that are not allowed")
    return None


def _plain_text(sdp: str) -> bool:
    return sdp.replace("\r", "").replace("\n", "").replace("\t", "").isprintable()


def _attribute(line: str) -> tuple[str, str]:
    name, _, value = line[2:].partition(":")
    return name, value.strip()


def _usable(value: str) -> str | Failure:
    try:
        candidate = Candidate.from_sdp(value)
        address = ipaddress.ip_address(candidate.host)
    except ValueError as error:  # mDNS and other names end here: the platform sends addresses
        return failure("candidate", Reason.MALFORMED, error)
    fits = candidate.transport.lower() == "udp" and candidate.component == 1 and candidate.type in _TYPES
    if not fits or not 0 < candidate.port < 65536 or not 0 <= candidate.priority < 1 << 32:
        return failure("candidate", Reason.UNSUPPORTED, f"{candidate.transport} {candidate.type} {candidate.port}")
    if address.is_multicast or address.is_unspecified:
        return failure("candidate", Reason.UNSUPPORTED, f"address {address}")
    return value.strip()
