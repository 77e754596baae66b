"""Incoming call signalling: proposals, offers without duplicates, candidates that come early. Pure.

Belongs to the agent, not to one stream: a call outlives a reconnect of its signalling.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from monitor.genesys.events import (
    CandidateReceived,
    Event,
    HandledElsewhere,
    OfferReceived,
    Proposed,
    Retracted,
    Terminated,
)
from monitor.genesys.jingle_messages import Propose, SessionMessage
from monitor.genesys.requests import bare
from monitor.genesys.sdp_over_xmpp import CallControl, Offer, RemoteCandidate, Terminate

OFFERS_KEPT, OFFERS_KEPT_S = 5, 180.0  # the gateway repeats an offer until the answer comes
EARLY_SESSIONS_KEPT, EARLY_KEPT_S = 10, 60.0
EARLY_CANDIDATES_KEPT = 64
PROPOSALS_KEPT = 64


class CallSignalling:
    """What is known of an agent's calls. Methods return events; times are monotonic seconds."""

    def __init__(self) -> None:
        self._proposals: OrderedDict[str, Propose] = OrderedDict()
        self._proceeded: set[str] = set()
        self._offered: OrderedDict[str, None] = OrderedDict()
        self._offer_ids: deque[tuple[str, float]] = deque(maxlen=OFFERS_KEPT)
        self._early: OrderedDict[str, tuple[float, list[RemoteCandidate]]] = OrderedDict()

    def proceeded(self, session_id: str) -> None:
        """We have sent a proceed."""
        if session_id in self._proposals:
            self._proceeded.add(session_id)

    def ended(self, session_id: str) -> None:
        """We have ended the session; nothing of it is kept."""
        self._proposals.pop(session_id, None)
        self._proceeded.discard(session_id)
        self._offered.pop(session_id, None)
        self._early.pop(session_id, None)

    def carries_sdp_over_xmpp(self, session_id: str) -> bool:
        """True for a proposal whose Jingle form, if sent too, is to be ignored."""
        proposal = self._proposals.get(session_id)
        return proposal is not None and proposal.sdp_over_xmpp

    def propose(self, proposal: Propose, now: float) -> tuple[tuple[Event, ...], bool]:
        """(events, whether to send proceed again): a repeated proposal after our proceed means that it got lost."""
        if proposal.session_id in self._proposals:
            return (), proposal.session_id in self._proceeded
        self._proposals[proposal.session_id] = proposal
        if len(self._proposals) > PROPOSALS_KEPT:
            self.ended(next(iter(self._proposals)))
        proposed = Proposed(
            session_id=proposal.session_id,
            conversation_id=proposal.conversation_id,
            peer=proposal.peer,
            auto_answer=proposal.auto_answer,
            sdp_over_xmpp=proposal.sdp_over_xmpp,
            persistent=proposal.persistent,
            at_mono_s=now,
        )
        return (proposed,), False

    def follow_up(self, message: SessionMessage, own_jid: str) -> tuple[Event, ...]:
        """A retract, or another client of the same user that accepted or rejected."""
        if message.action == "retract":
            self.ended(message.session_id)
            return (Retracted(message.session_id),)
        from_other_client = bare(message.sender) == bare(own_jid) and message.sender != own_jid
        if message.action in ("accept", "reject") and from_other_client:
            self.ended(message.session_id)
            return (HandledElsewhere(message.session_id, accepted=message.action == "accept"),)
        return ()

    def control(self, call: CallControl, sender: str, now: float) -> tuple[Event, ...]:
        """A JSON-RPC call of the platform."""
        if isinstance(call, Offer):
            return self._offer(call, sender, now)
        if isinstance(call, RemoteCandidate):
            return self._candidate(call, now)
        if isinstance(call, Terminate):
            self.ended(call.session_id)
            return (Terminated(call.session_id, call.reason),)
        return ()

    def _offer(self, offer: Offer, sender: str, now: float) -> tuple[Event, ...]:
        if offer.rpc_id and any(seen == offer.rpc_id and now - at < OFFERS_KEPT_S for seen, at in self._offer_ids):
            return ()
        self._offer_ids.append((offer.rpc_id, now))
        self._offered[offer.session_id] = None
        if len(self._offered) > PROPOSALS_KEPT:
            self._offered.popitem(last=False)
        received = OfferReceived(offer.session_id, offer.conversation_id, offer.sdp, offer.reinvite, now, sender)
        kept_at_s, early = self._early.pop(offer.session_id, (now, []))
        return (received, *(_event(one) for one in early if now - kept_at_s < EARLY_KEPT_S))

    def _candidate(self, candidate: RemoteCandidate, now: float) -> tuple[Event, ...]:
        if not candidate.candidate:  # an end of candidates tells an answerer nothing it waits for
            return ()
        if candidate.session_id in self._offered:
            return (_event(candidate),)
        _, early = self._early.setdefault(candidate.session_id, (now, []))
        if len(early) < EARLY_CANDIDATES_KEPT:
            early.append(candidate)
        if len(self._early) > EARLY_SESSIONS_KEPT:
            self._early.popitem(last=False)
        return ()


def _event(candidate: RemoteCandidate) -> CandidateReceived:
    return CandidateReceived(candidate.session_id, candidate.candidate, candidate.mid)
