"""Candidates that come too early, both ways; that they arrive in a call is tested in test_call."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from monitor.media.sdp_text import END_OF_CANDIDATES
from monitor.probes.call_candidates import EARLY_CANDIDATES, CallCandidates
from monitor.probes.open_call import OpenCall
from monitor.probes.shard_messages import CandidateMessage, to_params


class Carrying:
    """One call, and what went to the shard and to the platform."""

    def __init__(self) -> None:
        self.call = OpenCall("s1", "conversation", "peer", 0.0, asyncio.get_running_loop().create_future())
        self.told: list[str] = []
        self.sent: list[tuple[str, ...]] = []
        connection = SimpleNamespace(
            candidate=lambda *words: words, end_of_candidates=lambda *words: (*words, "no more")
        )
        shard = SimpleNamespace(tell=lambda method, params: self.told.append(params["sdp"]))
        agent: Any = SimpleNamespace(connection=connection)
        own: Any = lambda words, name: self.sent.append(words)  # noqa: E731
        self.candidates = CallCandidates({"s1": self.call}, shard, agent, own)  # type: ignore[arg-type]


async def test_theirs_are_kept_until_the_shard_is_asked_about_their_offer_and_no_more_than_so_many() -> None:
    carrying = Carrying()
    for number in range(EARLY_CANDIDATES + 1):
        carrying.candidates.theirs(carrying.call, f"candidate:{number}")
    assert (len(carrying.call.candidates), carrying.told) == (EARLY_CANDIDATES, [])
    carrying.call.asked = True
    carrying.candidates.theirs(carrying.call, "candidate:late")
    assert carrying.told == ["candidate:late"]


async def test_ours_are_kept_until_the_answer_is_sent() -> None:
    carrying = Carrying()
    for session_id, line in (("s1", "candidate:1"), ("nobody", "candidate:x"), ("s1", END_OF_CANDIDATES)):
        await carrying.candidates.ours(to_params(CandidateMessage(session_id=session_id, sdp=line)))
    assert carrying.sent == []
    carrying.call.answered = True
    carrying.candidates.answered(carrying.call)
    assert carrying.sent == [("s1", "peer", "candidate:1"), ("s1", "peer", "no more")]
