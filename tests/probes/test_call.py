from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.config.probes import CallProbe as Settings
from monitor.facts.clock import ManualClock
from monitor.facts.failures import Failure, Layer, Reason, failure
from monitor.facts.ice import IceServer
from monitor.facts.observations import CallPhaseObserved, Disconnected, Observation
from monitor.genesys.events import (
    CandidateReceived,
    Dropped,
    Event,
    HandledElsewhere,
    OfferReceived,
    Proposed,
    Retracted,
    Terminated,
)
from monitor.media.sdp_text import END_OF_CANDIDATES
from monitor.probes import call as call_module
from monitor.probes.base import Context
from monitor.probes.call import CallProbe
from monitor.probes.channel import ChannelError
from monitor.probes.lag import LagMeter
from monitor.probes.shard_messages import Answered, CandidateMessage, SessionMessage, to_params

PEER = "+15550100@gjoll.example.com/edge"
SERVERS = (IceServer("turn:turn.example.com", "user", "secret"),)


class Connection:
    """Records what the probe has the platform told."""

    relay_only = True

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.sent: list[tuple[str, ...]] = []
        self.refusals: dict[str, Failure] = {}

    def _send(self, *words: str) -> Failure | None:
        self.sent.append(words)
        self.clock.advance(0.1)
        return self.refusals.get(words[0])

    async def proceed(self, session_id: str, peer: str) -> Failure | None:
        return self._send("proceed", session_id, peer)

    async def accept(self, session_id: str) -> Failure | None:
        return self._send("accept", session_id)

    async def answer(self, session_id: str, peer: str, sdp: str) -> Failure | None:
        return self._send("answer", session_id, peer, sdp)

    async def candidate(self, session_id: str, peer: str, candidate: str) -> Failure | None:
        return self._send("candidate", session_id, peer, candidate)

    async def end_of_candidates(self, session_id: str, peer: str) -> Failure | None:
        return self._send("no more", session_id, peer)

    async def info_active(self, session_id: str, peer: str) -> Failure | None:
        return self._send("active", session_id, peer)

    async def terminate(self, session_id: str, peer: str, reason: str = "success") -> Failure | None:
        return self._send("terminate", session_id, peer, reason)


class Shard:
    """Answers offers, and can tell what the real shard tells."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.answer = Answered(sdp="the answer")
        self.sessions: list[str] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False
        self.losses: list[Callable[[], None]] = []

    def when_lost(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.losses.append(listener)
        return lambda: self.losses.clear()

    def dies(self) -> None:
        self.away = True
        for listener in tuple(self.losses):
            listener()

    def on(self, method: str, handler: Callable[[dict[str, Any]], Any]) -> None:
        self.handlers[method] = handler

    def off(self, method: str, handler: Callable[[dict[str, Any]], Any]) -> None:
        if self.handlers.get(method) == handler:
            del self.handlers[method]

    def tell(self, method: str, params: dict[str, Any]) -> bool:
        self.told.append((method, params))
        return True

    async def ask(self, method: str, params: dict[str, Any], timeout_s: float = 30.0) -> dict[str, Any]:
        if self.away:
            raise ChannelError("shard0: not connected")
        self.asked.append((method, params))
        if method in ("answer", "restart"):
            await self.gate.wait()
            return to_params(self.answer)
        return {"sessions": self.sessions} if method == "sessions" else {}

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    async def says(self, kind: str, session_id: str = "s1") -> None:
        await self.handlers[f"{kind}/call-1"](to_params(SessionMessage(session_id=session_id)))


class Probing:
    """A call probe with everything around it made up."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.facts: list[Observation] = []
        self.shard = Shard()
        self.connection = Connection(self.clock)
        self.listeners: list[Callable[[Event], None]] = []
        self.agent = SimpleNamespace(
            name="synthetic-1",
            connected=True,
            ice_servers=SERVERS,
            connection=self.connection,
            subscribe=self._subscribe,
        )
        context = Context("here", self.facts.append, self.clock, LagMeter(self.clock))
        chosen = Settings(name="call-1", agent="synthetic-1", **{"answer": "any", **settings})
        self.probe = CallProbe(chosen, context, self.shard, self.agent)  # type: ignore[arg-type]

    def _subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.clear()

    async def hear(self, *events: Event) -> None:
        for event in events:
            for listener in self.listeners:
                listener(event)
        await settled()

    def proposed(self, session_id: str = "s1", **changes: Any) -> Proposed:
        values: dict[str, Any] = {
            "session_id": session_id,
            "conversation_id": f"conversation of {session_id}",
            "peer": PEER,
            "auto_answer": False,
            "sdp_over_xmpp": True,
            "persistent": False,
            "at_mono_s": self.clock.mono_s(),
        }
        return Proposed(**{**values, **changes})

    def offer(self, session_id: str = "s1", sdp: str = "the offer", *, reinvite: bool = False) -> OfferReceived:
        self.clock.advance(0.5)
        return OfferReceived(session_id, "", sdp, reinvite, self.clock.mono_s(), PEER)

    async def set_up(self, session_id: str = "s1") -> None:
        await self.hear(self.proposed(session_id))
        await self.hear(self.offer(session_id))

    def phases(self) -> list[tuple[str, float | None]]:
        return [(one.phase, one.seconds) for one in self.facts if isinstance(one, CallPhaseObserved)]

    def failures(self) -> list[Reason]:
        return [one.failure.reason for one in self.facts if isinstance(one, CallPhaseObserved) and one.failure]

    def losses(self) -> list[tuple[Layer, str, str]]:
        return [(one.layer, one.reason, one.detail) for one in self.facts if isinstance(one, Disconnected)]

    def sent(self) -> list[str]:
        return [words[0] for words in self.connection.sent]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def probing() -> AsyncIterator[Probing]:
    made = Probing()
    yield made
    made.shard.gate.set()
    await made.probe.close()


async def test_a_call_from_its_proposal_to_its_normal_end(probing: Probing) -> None:
    await probing.set_up()
    assert probing.connection.sent == [
        ("proceed", "s1", PEER),
        ("accept", "s1"),
        ("answer", "s1", PEER, "the answer"),
    ]
    assert probing.phases() == [("propose", pytest.approx(0.6)), ("offer", pytest.approx(0.2))]
    (method, asked) = probing.shard.asked[0]
    assert method == "answer"
    assert (asked["sdp"], asked["conversation_id"], asked["relay_only"]) == ("the offer", "conversation of s1", True)
    assert asked["servers"] == [{"url": "turn:turn.example.com", "username": "user", "credential": "secret"}]
    await probing.shard.says("ice_connected")
    await settled()
    assert probing.connection.sent[-1] == ("active", "s1", PEER)
    assert probing.probe.open_calls == 1
    await probing.hear(Terminated("s1", "success"))
    assert probing.probe.open_calls == 0
    assert probing.shard.methods() == ["answer", "hang_up"]
    assert probing.losses() == []
    assert "terminate" not in probing.sent()
    assert {(one.site, one.probe) for one in probing.facts} == {("here", "call-1")}


async def test_the_shard_is_asked_for_the_media_of_the_settings() -> None:
    probing = Probing(media="idle")
    await probing.set_up()
    assert probing.shard.asked[0][1]["media"] == "idle"
    await probing.probe.close()


async def test_candidates_go_with_the_offer_or_follow_it(probing: Probing) -> None:
    await probing.hear(probing.proposed())
    await probing.hear(
        CandidateReceived("s1", "candidate:0"),
        probing.offer(),
        CandidateReceived("s1", "candidate:1"),
        CandidateReceived("nobody", "candidate:x"),
    )
    assert probing.shard.asked[0][1]["candidates"] == ["candidate:0", "candidate:1"]
    await probing.hear(CandidateReceived("s1", "candidate:2"))
    assert probing.shard.told == [("candidate", {"session_id": "s1", "sdp": "candidate:2"})]


async def test_our_own_late_candidates_follow_the_answer(probing: Probing) -> None:
    probing.shard.gate.clear()
    await probing.set_up()
    tell = probing.shard.handlers["local_candidate/call-1"]
    for line in ("candidate:1", "candidate:2"):
        await tell(to_params(CandidateMessage(session_id="s1", sdp=line)))
    await tell(to_params(CandidateMessage(session_id="nobody", sdp="candidate:x")))
    await settled()
    assert probing.sent() == ["proceed"]
    probing.shard.gate.set()
    await settled()
    await tell(to_params(CandidateMessage(session_id="s1", sdp=END_OF_CANDIDATES)))
    await settled()
    assert probing.connection.sent[2:] == [
        ("answer", "s1", PEER, "the answer"),
        ("candidate", "s1", PEER, "candidate:1"),
        ("candidate", "s1", PEER, "candidate:2"),
        ("no more", "s1", PEER),
    ]


async def test_an_offer_within_a_call_is_answered_and_its_candidates_follow_it(probing: Probing) -> None:
    await probing.set_up()
    again = probing.offer(sdp="another offer", reinvite=True)
    probing.shard.answer = Answered(sdp="another answer")
    await probing.hear(again, CandidateReceived("s1", "candidate:1"))
    await probing.hear(CandidateReceived("s1", "candidate:2"))
    method, asked = probing.shard.asked[-1]
    assert (method, asked["sdp"], asked["candidates"]) == ("restart", "another offer", ["candidate:1"])
    assert [params["sdp"] for _, params in probing.shard.told] == ["candidate:2"]
    assert probing.sent()[2:] == ["answer", "answer"]
    assert probing.connection.sent[-1] == ("answer", "s1", PEER, "another answer")
    assert [phase for phase, _ in probing.phases()] == ["propose", "offer"]  # no second call
    assert probing.probe.open_calls == 1


async def test_an_offer_within_a_call_that_cannot_be_answered_leaves_the_call_as_it_is(probing: Probing) -> None:
    await probing.set_up()
    probing.shard.answer = Answered(failure=failure("offer", Reason.UNSUPPORTED, "no restart"))
    for _ in range(2):
        await probing.hear(probing.offer(reinvite=True))
    await probing.hear(probing.offer())  # a repeated one is none
    assert probing.shard.methods() == ["answer", "restart", "restart"]
    assert (probing.probe.open_calls, probing.failures(), probing.losses()) == (1, [], [])


async def test_several_calls_at_once(probing: Probing) -> None:
    await probing.set_up("s1")
    await probing.set_up("s2")
    assert probing.probe.open_calls == 2
    await probing.hear(Terminated("s1", "success"))
    assert probing.probe.open_calls == 1
    await probing.hear(*(probing.proposed(f"more {n}") for n in range(call_module.CALLS_LIMIT + 5)))
    assert probing.probe.open_calls == call_module.CALLS_LIMIT


@pytest.mark.parametrize(
    ("event", "loss"),
    [
        (Terminated("s1", "connectivity-error"), (Layer.PLATFORM, "terminated", "connectivity-error")),
        (Retracted("s1"), (Layer.PLATFORM, "retracted", "")),
    ],
)
async def test_an_end_that_is_not_a_success_is_a_drop_by_the_platform(
    probing: Probing, event: Event, loss: tuple[Layer, str, str]
) -> None:
    await probing.set_up()
    await probing.hear(event)
    assert probing.losses() == [loss]
    (fact,) = [one for one in probing.facts if isinstance(one, Disconnected)]
    assert (fact.agent, fact.conversation_id) == ("synthetic-1", "conversation of s1")
    assert probing.probe.open_calls == 0


async def test_a_loss_that_the_media_told_is_not_told_again(probing: Probing) -> None:
    await probing.set_up()
    await probing.shard.says("lost")
    await probing.hear(Terminated("s1", "timeout"))
    assert probing.losses() == []
    await probing.set_up("s2")
    await probing.shard.says("lost", "s2")
    await probing.shard.says("resumed", "s2")
    await probing.hear(Terminated("s2", "timeout"))
    assert probing.losses() == [(Layer.PLATFORM, "terminated", "timeout")]


async def test_media_that_is_gone_for_good_ends_the_session(probing: Probing) -> None:
    await probing.set_up()
    await probing.shard.says("ended")
    await settled()
    assert probing.connection.sent[-1] == ("terminate", "s1", PEER, "failed-transport")
    assert probing.probe.open_calls == 0


async def test_media_goes_on_while_signalling_is_down(probing: Probing) -> None:
    await probing.set_up()
    probing.agent.connected = False
    await probing.hear(Dropped("ping_timeout", None, "", 1.0, 2.0, True))
    assert probing.probe.open_calls == 1
    assert "hang_up" not in probing.shard.methods()
    await probing.shard.says("ended")
    await settled()
    assert probing.probe.open_calls == 0
    assert "terminate" not in probing.sent()  # there is nobody to tell


async def test_a_retract_before_the_offer_and_a_call_taken_elsewhere(probing: Probing) -> None:
    await probing.hear(probing.proposed("s1"), probing.proposed("s2"))
    await probing.hear(Retracted("s1"), HandledElsewhere("s2", True))
    assert probing.probe.open_calls == 0
    assert probing.losses() == [(Layer.PLATFORM, "retracted", "")]
    assert probing.phases() == []
    assert probing.shard.asked == []


async def test_an_offer_that_never_comes_is_a_timeout() -> None:
    probing = Probing(timeout_s=1.0)
    await probing.hear(probing.proposed())
    async with asyncio.timeout(5):
        while probing.probe.open_calls:  # noqa: ASYNC110 - real time: it is the probe's own limit
            await asyncio.sleep(0.05)
    assert probing.phases() == [("propose", None)]
    assert probing.failures() == [Reason.TIMEOUT]
    await probing.probe.close()


async def test_repeated_proposals_and_offers_are_one_call(probing: Probing) -> None:
    await probing.hear(probing.proposed(), probing.proposed())
    await probing.hear(probing.offer(), probing.offer(sdp="again"))
    await probing.hear(probing.offer(sdp="and again"))
    assert probing.shard.methods() == ["answer"]
    assert probing.sent() == ["proceed", "accept", "answer"]


async def test_the_jingle_form_is_not_supported_and_says_so(probing: Probing) -> None:
    await probing.hear(probing.proposed(sdp_over_xmpp=False))
    assert probing.failures() == [Reason.UNSUPPORTED]
    assert probing.connection.sent == []


async def test_answer_none_leaves_calls_alone() -> None:
    probing = Probing(answer="none")
    await probing.hear(probing.proposed())
    assert (probing.connection.sent, probing.probe.open_calls) == ([], 0)


@pytest.mark.parametrize("step", ["proceed", "accept", "answer"])
async def test_a_platform_that_does_not_take_our_words(probing: Probing, step: str) -> None:
    probing.connection.refusals[step] = failure(step, Reason.NOT_CONNECTED)
    await probing.set_up()
    assert probing.failures() == [Reason.NOT_CONNECTED]
    assert probing.probe.open_calls == 0
    assert ("terminate" in probing.sent()) is (step != "proceed")


async def test_an_offer_the_shard_cannot_answer(probing: Probing) -> None:
    probing.shard.answer = Answered(failure=failure("sdp", Reason.MALFORMED, "no a=setup"))
    await probing.set_up()
    assert probing.phases()[-1] == ("offer", None)
    assert probing.failures() == [Reason.MALFORMED]
    assert probing.connection.sent[-1] == ("terminate", "s1", PEER, "general-error")


async def test_a_shard_that_is_away(probing: Probing) -> None:
    probing.shard.away = True
    await probing.set_up()
    assert probing.failures() == [Reason.ERROR]
    assert probing.probe.open_calls == 0


async def test_a_call_that_ends_while_it_is_being_answered(probing: Probing) -> None:
    probing.shard.gate.clear()
    await probing.set_up()
    await probing.hear(Terminated("s1", "success"))
    probing.shard.gate.set()
    await settled()
    assert "answer" not in probing.sent()
    assert probing.phases() == [("propose", pytest.approx(0.6))]
    assert probing.shard.methods() == ["answer", "hang_up"]


async def test_calls_that_the_shard_no_longer_holds_are_ended(probing: Probing) -> None:
    await probing.set_up("s1")
    await probing.set_up("s2")
    probing.shard.sessions = ["s2"]
    assert await probing.probe.run() == ()
    await settled()
    assert probing.connection.sent[-1] == ("terminate", "s1", PEER, "failed-transport")
    assert probing.probe.open_calls == 1
    probing.shard.away = True
    assert await probing.probe.run() == ()
    assert probing.probe.open_calls == 1


async def test_a_shard_that_dies_takes_its_calls_along_at_once_and_that_is_no_drop(probing: Probing) -> None:
    await probing.set_up("s1")
    await probing.hear(probing.proposed("s2"))  # no offer yet, so the shard knows nothing of it
    probing.shard.dies()
    # the platform may be quicker to say what it thinks of it
    await probing.hear(Terminated("s1", "connectivity-error"))
    await settled()
    assert probing.losses() == []
    assert probing.failures() == []
    assert probing.connection.sent[-1] == ("terminate", "s1", PEER, "failed-transport")
    assert probing.probe.open_calls == 1
    probing.shard.away = False
    await probing.hear(probing.offer("s2"))
    assert probing.sent()[-1] == "answer"


async def test_a_shard_that_dies_while_it_answers_is_no_failed_offer(probing: Probing) -> None:
    probing.shard.gate.clear()
    await probing.set_up()
    probing.shard.dies()
    probing.shard.answer = Answered(failure=failure("sdp", Reason.MALFORMED, "as good as any"))
    probing.shard.gate.set()
    await settled()
    assert probing.failures() == []
    assert probing.probe.open_calls == 0
    assert probing.connection.sent[-1] == ("terminate", "s1", PEER, "failed-transport")


async def test_waiting_for_other_calls_is_no_part_of_the_offers_time(probing: Probing) -> None:
    probing.shard.answer = Answered(sdp="the answer", waited_s=0.15)
    await probing.set_up()
    assert probing.phases()[1] == ("offer", pytest.approx(0.05))


async def test_goodbye_comes_before_the_media_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    probing = Probing()
    await probing.set_up()
    media_asked_before: list[list[str]] = []

    async def terminate(session_id: str, peer: str, reason: str) -> None:
        media_asked_before.append(probing.shard.methods())

    monkeypatch.setattr(probing.connection, "terminate", terminate)
    await probing.probe.close()
    assert media_asked_before == [["answer"]]
    assert probing.shard.methods() == ["answer", "hang_up"]


async def test_close_hangs_up_and_stops_listening() -> None:
    probing = Probing()
    await probing.set_up("s1")
    await probing.set_up("s2")
    await probing.probe.close()
    assert probing.sent().count("terminate") == 2
    assert probing.shard.methods().count("hang_up") == 2
    assert probing.listeners == probing.shard.losses == []
    await probing.probe.close()
