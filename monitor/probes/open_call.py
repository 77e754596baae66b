"""One call as the call probe knows it, from its proposal to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from monitor.genesys.events import OfferReceived


@dataclass(eq=False)
class OpenCall:
    """A session. offer: its SDP offer; None when the call ended before one came. over: it has ended."""

    session_id: str
    conversation_id: str
    peer: str
    proposed_mono_s: float
    offer: asyncio.Future[OfferReceived | None]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    candidates: list[str] = field(default_factory=list)  # those that came before the shard was asked
    asked: bool = False
    offered_again: bool = False  # with an offer that the shard has not been asked about yet
    local_candidates: list[str] = field(default_factory=list)  # ours that come after the answer, until that is sent
    answered: bool = False
    waited_s: float = 0.0  # for other calls' set-ups in the shard: no part of this one's time
    lost: bool = False  # told already, or our own doing: the platform's own `terminate` is not to be told as a loss
    end_reason: str | None = None  # what we still have to tell the platform; None when it knows
