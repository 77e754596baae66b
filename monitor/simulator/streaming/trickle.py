"""Trickled ICE candidates as the gateway sends them: taken out of an offer, each in a message of its own; pure."""

from __future__ import annotations

import re
from typing import Final

MEDIA_LINE: Final = re.compile(r"^(m=\S+) \d+ ", re.MULTILINE)
CONNECTION_LINE: Final = re.compile(r"^c=IN IP[46] \S+", re.MULTILINE)


def split_candidates(sdp: str) -> tuple[str, tuple[str, ...]]:
    """An offer without its candidates, addressed to nowhere yet (RFC 8840 section 4.1.1), and those candidates."""
    lines = [line for line in sdp.splitlines() if line]
    found = tuple(line[2:] for line in lines if line.startswith("a=candidate:"))
    gone = ("a=candidate:", "a=end-of-candidates", "a=rtcp:")
    bare = "".join(f"{line}\r\n" for line in lines if not line.startswith(gone))
    return CONNECTION_LINE.sub("c=IN IP4 0.0.0.0", MEDIA_LINE.sub(r"\1 9 ", bare)), found


def candidate_fragment(mid: str, candidate: str) -> str:
    """The `sdp` of an iceCandidate message; the real client reads the mid from the media line."""
    return f"m={mid} 9 RTP/AVP 0\r\na={candidate}\r\n"
