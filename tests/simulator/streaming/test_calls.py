"""Calls offered by the simulator: signalling word for word, and a real media peer at each end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from lxml import etree
from raw_softphone import RawSoftphone, rpc_of
from streaming_bench import Bench, bench

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Failure
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent, PeerEventKind
from monitor.simulator.streaming.trickle import candidate_fragment, split_candidates
from monitor.simulator.world.occurrences import Occurrence

PROPOSE = "{urn:xmpp:jingle-message:0}propose"


class Answerer:
    """A softphone with a media peer: proceeds, answers the offer, trickles, tells when it is active."""

    def __init__(self, softphone: RawSoftphone) -> None:
        self.softphone = softphone
        self.events: list[PeerEvent] = []
        self._news = asyncio.Event()
        self.peer = Peer(ice_servers=(), on_event=self._event, clock=SystemClock())
        self.sid = self.cid = self.far_jid = ""

    def _event(self, event: PeerEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def happened(self, kind: PeerEventKind) -> PeerEvent:
        async with asyncio.timeout(20):
            while True:
                for event in self.events:
                    if event.kind is kind:
                        return event
                self._news.clear()
                await self._news.wait()

    async def take_propose(self) -> etree._Element:
        """Wait for a propose and proceed; the propose's element."""
        message = await self.softphone.until("propose")
        propose = message.find(PROPOSE)
        assert propose is not None
        self.far_jid, self.sid = str(message.get("from")), str(propose.get("id"))
        self.cid = str(propose.get("inin-cid"))
        await self.softphone.call_message(self.far_jid, "proceed", self.sid)
        return propose

    async def answer(self) -> dict[str, Any]:
        """Take the offer and its candidates, answer, and tell active once ICE is through; the offer's parameters."""
        offer = rpc_of(await self.softphone.until("genesys-webrtc"))
        assert offer["method"] == "offer"
        sdp = await self.peer.answer(offer["params"]["sdp"])
        assert not isinstance(sdp, Failure), sdp
        candidate = rpc_of(await self.softphone.until("genesys-webrtc"))
        assert candidate["method"] == "iceCandidate"
        assert await self.peer.add_candidate(candidate["params"]["sdp"]) is None
        await self.softphone.call_message(self.softphone.jid.partition("/")[0], "accept", self.sid)
        bare, candidates = split_candidates(sdp)
        await self.tell("answer", sdp=bare)
        for line in candidates:
            await self.tell("iceCandidate", sdp=candidate_fragment("audio", line))
        await self.tell("iceCandidate", sdp="a=end-of-candidates\r\n")
        return dict(offer["params"])

    async def tell(self, method: str, **params: Any) -> None:
        reply = await self.softphone.webrtc(self.far_jid, method, {"sessionId": self.sid, **params})
        assert (reply.get("type"), reply.get("from")) == ("result", self.far_jid)

    async def established(self) -> None:
        await self.happened(PeerEventKind.FIRST_MEDIA)
        await self.tell("info", status="active")


def call_of(at: Bench, sid: str) -> dict[str, Any]:
    return dict(at.streaming.state()["calls"][sid])


async def until_state(at: Bench, sid: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while call_of(at, sid)["state"] != state:  # noqa: ASYNC110 - the product has no event for a test to wait on
            await asyncio.sleep(0.005)
    return call_of(at, sid)


def leg(event: etree._Element) -> dict[str, Any]:
    body = json.loads(event.findtext(".//{urn:xmpp:json:0}json") or "")["eventBody"]
    return dict(body["participants"][0]["calls"][0])


# Signalling


async def test_propose_carries_what_the_real_client_reads() -> None:
    async with bench() as at:
        softphone = await at.softphone()
        ids = await at.streaming.propose(sdp=True, autoanswer=True, priv="Auto")
        message = await softphone.until("propose")
        assert message.get("to") == at.jid()
        assert "@gjoll." in str(message.get("from"))
        propose = message.find(PROPOSE)
        assert propose is not None
        assert dict(propose.attrib) == {
            "id": ids["sid"],
            "inin-cid": ids["cid"],
            "inin-autoanswer": "true",
            "inin-sdp-over-xmpp": "true",
            "inin-persistent-cid": ids["cid"],
            "inin-priv-answer-mode": "Auto",
        }
        assert etree.tostring(propose[0]) == (b'<description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/>')


async def test_a_call_is_offered_to_a_given_user_or_to_the_newest_session() -> None:
    async with bench() as at:
        first, newest = await at.softphone(0), await at.softphone(1)
        users = list(at.platform.users)
        ids = await at.streaming.propose(user=users[0])
        assert str((await first.until("propose")).get("to")).startswith(at.platform.users[users[0]].jid)
        assert at.streaming.state()["calls"][ids["sid"]]["user"] == users[0]
        await at.streaming.propose()
        await newest.until("propose")
        with pytest.raises(LookupError):
            await at.streaming.propose(user=users[2])


async def test_the_jingle_form_is_refused() -> None:
    async with bench() as at:
        await at.softphone()
        with pytest.raises(ValueError, match="sdp"):
            await at.streaming.propose(sdp=False)


async def test_retract_before_and_not_after_the_offer() -> None:
    async with bench() as at:
        softphone = await at.softphone()
        ids = await at.streaming.propose()
        await softphone.until("propose")
        await at.streaming.retract(sid=ids["sid"])
        retract = (await softphone.until("retract"))[0]
        assert (retract.tag, retract.get("id")) == ("{urn:xmpp:jingle-message:0}retract", ids["sid"])
        assert call_of(at, ids["sid"])["state"] == "ended"
        with pytest.raises(LookupError):
            await at.streaming.retract(sid=ids["sid"])
        ids = await at.streaming.propose()
        await Answerer(softphone).take_propose()
        await until_state(at, ids["sid"], "offered")
        with pytest.raises(ValueError, match="offered"):
            await at.streaming.retract(sid=ids["sid"])


async def test_reject_ends_the_call_and_tells_the_users_other_client() -> None:
    async with bench() as at:
        other, softphone = await at.softphone(0, "other"), await at.softphone(0, "own")
        ids = await at.streaming.propose()
        await softphone.until("propose")
        await softphone.call_message(at.jid(), "reject", ids["sid"])
        rejected = await other.until("reject")
        assert (rejected[0].get("id"), rejected.get("from")) == (ids["sid"], softphone.jid)
        assert (await until_state(at, ids["sid"], "ended"))["reason"] == "decline"


async def test_somebody_elses_call_cannot_be_touched() -> None:
    async with bench() as at:
        stranger, softphone = await at.softphone(1), await at.softphone(0)
        ids = await at.streaming.propose()
        message = await softphone.until("propose")
        far = str(message.get("from"))
        await stranger.call_message(far, "proceed", ids["sid"])
        refused = await stranger.webrtc(far, "terminate", {"sessionId": ids["sid"], "reason": "success"})
        assert refused.get("type") == "error"
        assert call_of(at, ids["sid"])["state"] == "proposed"


@pytest.mark.parametrize(
    "params",
    [
        {"sdp": "nonsense"},
        {"sdp": 7},
        {},
        {"sdp": "v=0\r\n" + "a=x\r\n" * 10_000},
    ],
)
async def test_an_answer_that_makes_no_sense_ends_that_call_alone(params: dict[str, Any]) -> None:
    async with bench() as at:
        softphone = await at.softphone()
        ids, others = await at.streaming.propose(), await at.streaming.propose()
        answerer = Answerer(softphone)
        await answerer.take_propose()
        await until_state(at, ids["sid"], "offered")
        await answerer.tell("answer", **params)
        assert (await until_state(at, ids["sid"], "ended"))["reason"] == "general-error"
        assert call_of(at, others["sid"])["state"] == "proposed"
        assert (await softphone.ping()).get("type") == "result"


async def test_conversation_events_and_rest_follow_a_placed_call() -> None:
    async with bench() as at:
        softphone = await at.softphone()
        user = at.platform.first_user
        await softphone.subscribe(f"v2.users.{user.id}.conversations")
        calls = at.streaming.calls
        conversation_id = await calls.place_call(user.id, "+13175550100")
        propose = (await softphone.until("propose"))[0]
        assert propose.get("inin-autoanswer") == "true"
        ringing = leg(await softphone.until("event"))
        assert (ringing["state"], ringing["direction"]) == ("contacting", "outbound")
        conversation = calls.conversation(conversation_id)
        assert conversation is not None
        agent = conversation["participants"][0]
        assert agent["userId"] == user.id
        assert await calls.set_participant_state(conversation_id, agent["id"], {"muted": True})
        assert leg(await softphone.until("event"))["muted"] is True
        assert await calls.set_participant_state(conversation_id, agent["id"], {"state": "disconnected"})
        await softphone.until("retract")
        assert leg(await softphone.until("event"))["state"] == "disconnected"
        assert not await calls.set_participant_state(conversation_id, "nobody", {"muted": True})
        assert not await calls.set_participant_state("no conversation", agent["id"], {"muted": True})
        assert calls.conversation("no conversation") is None


async def test_a_call_for_a_user_without_a_softphone_is_refused() -> None:
    async with bench() as at:
        with pytest.raises(LookupError):
            await at.streaming.calls.place_call(at.platform.first_user.id, "+1")


# Media


async def test_a_whole_call_with_media_both_ways_until_the_platform_ends_it() -> None:
    async with bench() as at:
        answerer = Answerer(await at.softphone())
        ids = await at.streaming.propose()
        await answerer.take_propose()
        offer = await answerer.answer()
        assert (offer["sessionId"], offer["conversationId"], offer["reinvite"]) == (ids["sid"], ids["cid"], False)
        assert "a=mid:audio\r\n" in offer["sdp"]
        assert "a=setup:actpass\r\n" in offer["sdp"]
        assert "a=candidate" not in offer["sdp"]  # candidates are trickled
        assert "sdes:mid" not in offer["sdp"]
        await answerer.established()
        await until_state(at, ids["sid"], "active")
        assert answerer.peer.stats().packets_received > 0
        await at.streaming.terminate(sid=ids["sid"], reason="success")
        ended = rpc_of(await answerer.softphone.until("genesys-webrtc"))
        while ended["method"] == "iceCandidate":  # the far end's further candidates come first
            ended = rpc_of(await answerer.softphone.until("genesys-webrtc"))
        assert (ended["method"], ended["params"]) == ("terminate", {"sessionId": ids["sid"], "reason": "success"})
        assert call_of(at, ids["sid"]) | {"cid": "", "user": ""} == {
            "state": "ended",
            "reason": "success",
            "cid": "",
            "user": "",
        }
        await answerer.peer.close()


async def test_two_calls_at_once_and_each_ended_by_the_client() -> None:
    async with bench() as at:
        answerers = [Answerer(await at.softphone(agent)) for agent in range(2)]
        sids = []
        for agent, answerer in enumerate(answerers):
            user = list(at.platform.users.values())[agent]
            await at.streaming.calls.place_call(user.id, "+1")
            sids.append(list(at.streaming.state()["calls"])[-1])
            await answerer.take_propose()
        await asyncio.gather(*(answerer.answer() for answerer in answerers))
        await asyncio.gather(*(answerer.established() for answerer in answerers))
        for sid, answerer in zip(sids, answerers, strict=True):
            await answerer.tell("terminate", reason="success")
            assert (await until_state(at, sid, "ended"))["reason"] == "success"
            await answerer.peer.close()


async def test_a_call_survives_the_loss_of_its_signalling() -> None:
    async with bench() as at:
        channel = at.channel()
        answerer = Answerer(await at.softphone(channel=channel))
        ids = await at.streaming.propose()
        await answerer.take_propose()
        await answerer.answer()
        await answerer.established()
        await until_state(at, ids["sid"], "active")
        await at.streaming.abort()
        again = await at.softphone(channel=channel)
        before = answerer.peer.stats().packets_received
        assert before > 0
        assert not [event for event in answerer.events if event.kind is PeerEventKind.LOST]
        await at.streaming.terminate(sid=ids["sid"], reason="gone")  # its close_notify may come before its message
        assert rpc_of(await again.until("genesys-webrtc"))["params"]["reason"] == "gone"
        await answerer.peer.close()


async def test_a_client_that_hangs_up_its_media_is_an_error_of_the_endpoint() -> None:
    async with bench() as at:
        answerer = Answerer(await at.softphone())
        ids = await at.streaming.propose()
        await answerer.take_propose()
        await answerer.answer()
        await answerer.established()
        await answerer.peer.close()  # DTLS close_notify, no terminate
        assert (await until_state(at, ids["sid"], "ended"))["reason"] == "failed-transport"
        conversation = at.streaming.calls.conversation(ids["cid"])
        assert conversation is not None
        error = conversation["participants"][0]["calls"][0]["errorInfo"]["code"]
        assert error.endswith("disconnect.dtlsPeerDisconnect")


async def test_mediadrop_silences_the_far_end_without_a_goodbye() -> None:
    async with bench() as at:
        answerer = Answerer(await at.softphone())
        ids = await at.streaming.propose()
        await answerer.take_propose()
        await answerer.answer()
        await answerer.established()
        await until_state(at, ids["sid"], "active")
        await at.streaming.mediadrop(sid=ids["sid"])
        lost = await answerer.happened(PeerEventKind.LOST)
        assert (lost.layer, lost.reason) == ("media", "silence")  # the softphone's own 5 s; no DTLS close, no terminate
        assert call_of(at, ids["sid"])["state"] == "active"
        await answerer.peer.close()


async def test_reset_ends_every_call() -> None:
    async with bench() as at:
        softphone = await at.softphone()
        await at.streaming.propose()
        await softphone.until("propose")
        await at.streaming.reset()
        assert at.streaming.state()["calls"] == {}
        assert (await softphone.ping()).get("type") == "result"


# What the scenario does to the far end


async def test_a_slow_dtls_handshake_takes_the_time_the_scenario_says() -> None:
    async with bench(occurrences=(Occurrence(kind="dtls", slow_s=0.4),)) as at:
        answerer = Answerer(await at.softphone())
        await at.streaming.propose()
        await answerer.take_propose()
        await answerer.answer()
        shaken = await answerer.happened(PeerEventKind.DTLS_CONNECTED)
        assert shaken.seconds is not None
        assert shaken.seconds >= 0.4
        await answerer.established()
        await answerer.peer.close()


@pytest.mark.parametrize(
    ("occurrence", "gets_to"),
    [
        (Occurrence(kind="dtls", silent=True), PeerEventKind.ICE_COMPLETED),
        (Occurrence(kind="path", loss=1.0, blocks=("media",)), PeerEventKind.ICE_CHECKING),
        (Occurrence(kind="path", loss=1.0, blocks=("stun", "turn")), PeerEventKind.FIRST_MEDIA),
    ],
)
async def test_how_far_a_call_gets(occurrence: Occurrence, gets_to: PeerEventKind) -> None:
    async with bench(occurrences=(occurrence,)) as at:
        answerer = Answerer(await at.softphone())
        await at.streaming.propose()
        await answerer.take_propose()
        await answerer.answer()
        await answerer.happened(gets_to)
        await asyncio.sleep(0.5)
        assert answerer.events[-1].kind is gets_to
        await answerer.peer.close()
