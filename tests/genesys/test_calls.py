"""Call signalling's memory is bounded in number and time; the session's requests likewise."""

from __future__ import annotations

from monitor.facts.failures import Reason
from monitor.genesys.calls import CallSignalling
from monitor.genesys.events import CandidateReceived, HandledElsewhere, OfferReceived, Retracted
from monitor.genesys.jingle_messages import Propose, SessionMessage
from monitor.genesys.requests import LATE_KEPT, Reply, Request, Requests, accepted_sender
from monitor.genesys.sdp_over_xmpp import Answer, Info, Offer, RemoteCandidate
from monitor.genesys.stanzas import Iq

PEER = "p@gjoll.x/1"


def offer(session: str = "s", rpc: str = "r1") -> Offer:
    return Offer(rpc, session, "c", "v=0", reinvite=False)


def candidate(session: str = "s", line: str = "candidate:1") -> RemoteCandidate:
    return RemoteCandidate("r2", session, "audio", line)


def proposal(session: str = "s") -> Propose:
    return Propose(session, "c", PEER, auto_answer=False, sdp_over_xmpp=True, persistent=False)


def test_duplicates_are_known_by_id_for_three_minutes() -> None:
    calls = CallSignalling()
    assert len(calls.control(offer(), PEER, 0.0)) == 1
    assert calls.control(offer(), PEER, 179.9) == ()
    assert len(calls.control(offer(), PEER, 180.0)) == 1


def test_only_five_offers_are_remembered_and_an_offer_without_id_never() -> None:
    calls = CallSignalling()
    for n in range(6):
        calls.control(offer(rpc=f"r{n}"), PEER, 0.0)
    assert calls.control(offer(rpc="r1"), PEER, 1.0) == ()
    assert len(calls.control(offer(rpc="r0"), PEER, 1.0)) == 1
    assert len(calls.control(offer(rpc=""), PEER, 1.0)) == 1
    assert len(calls.control(offer(rpc=""), PEER, 1.0)) == 1


def test_early_candidates_wait_a_minute_for_their_offer() -> None:
    calls = CallSignalling()
    assert calls.control(candidate(), PEER, 0.0) == ()
    events = calls.control(offer(), PEER, 59.9)
    assert [type(event) for event in events] == [OfferReceived, CandidateReceived]
    calls.control(candidate("t"), PEER, 0.0)
    assert [type(event) for event in calls.control(offer("t", "r9"), PEER, 60.0)] == [OfferReceived]


def test_early_candidates_are_kept_for_ten_sessions() -> None:
    calls = CallSignalling()
    for n in range(11):
        calls.control(candidate(f"s{n}"), PEER, 0.0)
    assert len(calls.control(offer("s0", "a"), PEER, 1.0)) == 1
    assert len(calls.control(offer("s1", "b"), PEER, 1.0)) == 2


def test_a_flood_of_early_candidates_is_bounded() -> None:
    calls = CallSignalling()
    for n in range(10_000):
        calls.control(candidate(line=f"candidate:{n}"), PEER, 0.0)
    assert len(calls.control(offer(), PEER, 0.0)) == 1 + 64


def test_end_of_candidates_and_calls_for_a_server_are_ignored() -> None:
    calls = CallSignalling()
    calls.control(offer(), PEER, 0.0)
    assert calls.control(candidate(line=""), PEER, 0.0) == ()
    assert calls.control(Answer("r", "s", "v=0"), PEER, 0.0) == ()
    assert calls.control(Info("r", "s", "active"), PEER, 0.0) == ()


def test_a_flood_of_proposals_is_bounded() -> None:
    calls = CallSignalling()
    for n in range(1000):
        calls.propose(proposal(f"s{n}"), 0.0)
    assert not calls.carries_sdp_over_xmpp("s0")
    assert calls.carries_sdp_over_xmpp("s999")


def test_follow_ups() -> None:
    calls = CallSignalling()
    calls.propose(proposal(), 0.0)
    own = "u@d/r"
    assert calls.follow_up(SessionMessage("accept", "s", own), own) == ()
    assert calls.follow_up(SessionMessage("reject", "s", "mallory@evil/x"), own) == ()
    assert calls.follow_up(SessionMessage("reject", "s", "u@d/other"), own) == (HandledElsewhere("s", accepted=False),)
    assert calls.follow_up(SessionMessage("retract", "s", PEER), own) == (Retracted("s"),)
    events, again = calls.propose(proposal(), 1.0)
    assert (len(events), again) == (1, False)


# --- requests


def test_answers_are_accepted_from_few() -> None:
    own, to = "u@d/r", "svc.d/x"
    for sender in ("", "u@d/r", "u@d", "d", "svc.d/x", "svc.d"):
        assert accepted_sender(sender, own, to)
    for sender in ("u@d/other", "evil", "d/x", "x@svc.d", "svc.d/y"):
        assert not accepted_sender(sender, own, to)


def test_requests_end_once_and_late_answers_are_bounded() -> None:
    requests = Requests("p")
    replies: list[Reply] = []
    late: list[float] = []
    for n in range(LATE_KEPT + 10):
        request = Request("op", "", 1.0, lambda reply, _: replies.append(reply), on_late=late.append)
        requests.open(f"i{n}", request, 0.0)
    assert requests.next_deadline() == 1.0
    requests.expire(0.99)
    assert replies == []
    requests.expire(1.0)
    assert {reply.failure.reason for reply in replies if reply.failure} == {Reason.TIMEOUT}
    assert requests.next_deadline() is None
    requests.answer(Iq("i0", "result", ""), "u@d/r", 5.0)
    assert late == []
    requests.answer(Iq("i70", "result", ""), "u@d/r", 5.0)
    requests.answer(Iq("i70", "result", ""), "u@d/r", 6.0)
    assert late == [5.0]


def test_ids_never_repeat_between_connections() -> None:
    one, other = Requests("a"), Requests("b")
    ids = [requests.new_id() for requests in (one, other) for _ in range(100)]
    assert len(set(ids)) == 200
