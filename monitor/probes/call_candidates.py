"""Trickled candidates of a call on their way between the platform and the shard, each held back until its time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from monitor.media.sdp_text import END_OF_CANDIDATES
from monitor.probes.agent import AgentSession
from monitor.probes.channel import Params
from monitor.probes.link import Replaceable
from monitor.probes.open_call import OpenCall
from monitor.probes.shard_messages import CandidateMessage, from_params, to_params

EARLY_CANDIDATES = 64


class CallCandidates:
    """Both ways, for the calls of one probe by their session ids. own: runs a coroutine as a task of that name."""

    def __init__(
        self,
        calls: Mapping[str, OpenCall],
        shard: Replaceable,
        agent: AgentSession,
        own: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self._calls = calls
        self._shard = shard
        self._agent = agent
        self._own = own

    def theirs(self, call: OpenCall, sdp: str) -> None:
        """One of the platform's: kept while the shard has not been asked about the offer that it belongs to."""
        if call.asked and not call.offered_again:
            self._shard.tell("candidate", to_params(CandidateMessage(session_id=call.session_id, sdp=sdp)))
        elif len(call.candidates) < EARLY_CANDIDATES:
            call.candidates.append(sdp)

    async def ours(self, params: Params) -> None:
        """The shard tells one of ours: kept until the answer is sent."""
        message = from_params(CandidateMessage, params)
        call = self._calls.get(message.session_id)
        if call is not None:
            call.local_candidates.append(message.sdp)
            self.answered(call)

    def answered(self, call: OpenCall) -> None:
        """Send what has come of ours, if the answer is sent."""
        to = (call.session_id, call.peer)
        while call.answered and call.local_candidates:
            line = call.local_candidates.pop(0)
            send = self._agent.connection
            ended = line == END_OF_CANDIDATES
            self._own(send.end_of_candidates(*to) if ended else send.candidate(*to, line), f"candidate {to[0]}")
