"""The shard as a real process, spoken to over its two channels as main and prober do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from monitor.facts.clock import SystemClock
from monitor.facts.codec import fact_from_dict
from monitor.facts.failures import Layer, Reason
from monitor.facts.ice import IceServer, ServerOutcome, ServerResult, Signature
from monitor.facts.observations import CallPhaseObserved, Disconnected, MediaSampled, Observation, OwnLagObserved
from monitor.media.gathering import Gathering
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent, PeerEventKind
from monitor.probes import call_losses
from monitor.probes.channel import Channel, ChannelError
from monitor.probes.lag import LagMeter
from monitor.probes.shard_call import ShardCall
from monitor.probes.shard_messages import (
    Answered,
    AnswerRequest,
    CandidateMessage,
    GatherRequest,
    SessionMessage,
    from_params,
    to_params,
)
from monitor.probes.turnstile import SET_UP, Turn, Turnstile
from monitor.simulator.ice.stun_responder import StunResponder

CONVERSATION = {"site": "here", "probe": "call-1", "agent": "synthetic-1", "conversation_id": "conversation"}


class Running:
    """A shard process and what it told."""

    def __init__(self, process: asyncio.subprocess.Process, main: Channel, prober: Channel) -> None:
        self.process = process
        self.main = main
        self.prober = prober
        self.facts: list[Observation] = []
        self.told: list[tuple[str, SessionMessage]] = []
        main.on("fact", self._fact)
        for kind in ("ice_connected", "lost", "resumed", "ended"):
            prober.on(f"{kind}/call-1", self._telling(kind))

    async def _fact(self, params: dict[str, Any]) -> None:
        self.facts.append(fact_from_dict(params))

    def _telling(self, kind: str) -> Callable[[dict[str, Any]], Any]:
        async def told(params: dict[str, Any]) -> None:
            self.told.append((kind, from_params(SessionMessage, params)))

        return told

    def seen(self, kind: type[Observation]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def until(self, condition: Callable[[], object], limit_s: float = 15.0) -> None:
        await until(condition, limit_s)


async def a_turn() -> Turn:
    return await Turnstile(SystemClock()).turn(SET_UP)


async def until(condition: Callable[[], object], limit_s: float = 15.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - conditions are about another process
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_shard(name: str = "shard3") -> AsyncIterator[Running]:
    (ours_main, its_main), (ours_prober, its_prober) = socket.socketpair(), socket.socketpair()
    with its_main, its_prober:
        fds = (its_main.fileno(), its_prober.fileno())
        arguments = (sys.executable, "-W", "error", "-m", "monitor.probes.shard", *map(str, fds), name, "here")
        process = await asyncio.create_subprocess_exec(*arguments, pass_fds=fds, stderr=asyncio.subprocess.PIPE)
    channels = [await Channel.from_socket(ours_main, "main"), await Channel.from_socket(ours_prober, "prober")]
    shard = Running(process, *channels)
    talking = [asyncio.create_task(channel.run()) for channel in channels]
    try:
        await shard.prober.ask("sessions", {})
        yield shard
    finally:
        for channel in channels:
            await channel.close()
        await asyncio.gather(*talking)
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> int:
    """Its exit status; it says nothing on the way out."""
    try:
        async with asyncio.timeout(10):
            _, complaints = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert complaints == b"", complaints.decode()
    assert process.returncode is not None
    return process.returncode


def request(sdp: str, session_id: str = "session", **wishes: Any) -> dict[str, Any]:
    return to_params(AnswerRequest(**CONVERSATION, session_id=session_id, sdp=sdp, **wishes))


def far_end() -> Peer:
    return Peer(ice_servers=(), on_event=lambda event: None, clock=SystemClock())


async def set_up(shard: Running, far: Peer, session_id: str = "session", **wishes: Any) -> str:
    """The answer, which the far end has taken."""
    offer = await far.offer()
    assert isinstance(offer, str)
    answered = from_params(Answered, await shard.prober.ask("answer", request(offer, session_id, **wishes)))
    assert answered.failure is None
    assert await far.accept_answer(answered.sdp) is None
    return answered.sdp


async def test_gathering_is_asked_of_the_shard() -> None:
    responder = await StunResponder.start("127.0.0.1")
    async with running_shard() as shard:
        server = IceServer(f"stun:127.0.0.1:{responder.port}", credential="secret")
        asked = GatherRequest(servers=(server,), relay_only=False, interface=None, timeout_s=5)
        reply = await shard.prober.ask("gather", to_params(asked))
        gathering = from_params(Gathering, reply["gathering"])
        assert gathering.signature is Signature.OK
        assert gathering.results[0].outcome is ServerOutcome.OK
        assert (gathering.seconds or 0.0) > 0
        assert reply["lag_s"] >= 0
        await shard.until(lambda: shard.seen(OwnLagObserved))
        lag = shard.seen(OwnLagObserved)[0]
        assert (lag.site, lag.process) == ("here", "shard3")
        assert lag.lag_samples_s
    await responder.close()


async def test_a_call_is_measured_and_its_normal_end_is_no_loss() -> None:
    far = far_end()
    async with running_shard() as shard:
        await set_up(shard, far)
        await shard.until(lambda: any(one.mos is not None for one in shard.seen(MediaSampled)))
        assert [one.phase for one in shard.seen(CallPhaseObserved)] == ["ice_checks", "dtls", "first_media"]
        assert all((one.seconds or 0.0) > 0 for one in shard.seen(CallPhaseObserved))
        sample = next(one for one in shard.seen(MediaSampled) if one.mos is not None)
        assert 1 < sample.mos < 5
        assert sample.loss_ratio == 0
        assert 0 <= sample.jitter_s < 0.2
        assert sample.packets_received > 0
        assert sample.arrival_clock == ("kernel" if sys.platform == "linux" else "callback")
        assert sample.audible_frames is None
        assert {(one.site, one.probe, one.agent, one.conversation_id) for one in shard.seen(MediaSampled)} == {
            tuple(CONVERSATION[key] for key in ("site", "probe", "agent", "conversation_id"))
        }
        assert shard.told == [("ice_connected", SessionMessage(session_id="session"))]
        await shard.prober.ask("hang_up", to_params(SessionMessage(session_id="session")))
        assert (await shard.prober.ask("sessions", {}))["sessions"] == []
        await shard.prober.ask("hang_up", to_params(SessionMessage(session_id="session")))  # idempotent
        assert not shard.seen(Disconnected)
    await far.close()


async def test_an_ice_restart_goes_on_with_a_new_peer_and_is_no_loss_and_no_second_call() -> None:
    far, again = far_end(), far_end()
    async with running_shard() as shard:
        await set_up(shard, far)
        await shard.until(lambda: shard.seen(MediaSampled))
        offer = await again.offer()
        assert isinstance(offer, str)
        answered = from_params(Answered, await shard.prober.ask("restart", request(offer)))
        assert await again.accept_answer(answered.sdp) is None
        await shard.until(lambda: ("resumed", SessionMessage(session_id="session")) in shard.told)
        heard = len(shard.seen(MediaSampled))
        await shard.until(lambda: len(shard.seen(MediaSampled)) > heard + 1)
        assert [one.ice_restarts for one in shard.seen(MediaSampled)[heard:]][:2] == [1, 0]
        assert not any(one.ice_restarts for one in shard.seen(MediaSampled)[:heard])
        assert again.stats().packets_received > 0
        assert [kind for kind, _ in shard.told] == ["ice_connected", "ice_connected", "resumed"]
        assert [one.phase for one in shard.seen(CallPhaseObserved)] == ["ice_checks", "dtls", "first_media"]
        assert not shard.seen(Disconnected)
        same = from_params(Answered, await shard.prober.ask("restart", request(offer)))
        assert same.failure is not None
        assert same.failure.reason is Reason.UNSUPPORTED
        with pytest.raises(ChannelError, match="no such session"):
            await shard.prober.ask("restart", request(offer, "nobody"))
        assert (await shard.prober.ask("sessions", {}))["sessions"] == ["session"]
        complaint = b"WARNING shard3: synthetic-1: ICE restart 1 of conversation\n"
        assert await shard.process.stderr.readline() == complaint  # type: ignore[union-attr]
        await asyncio.gather(far.close(), again.close())


async def test_a_canary_tells_what_is_to_be_heard() -> None:
    far = far_end()
    async with running_shard("canary") as shard:
        assert "a=inactive" not in await set_up(shard, far, media="idle")  # a canary always talks
        await shard.until(lambda: sum(one.audible_frames or 0 for one in shard.seen(MediaSampled)) > 10)
        assert {one.undecodable_packets for one in shard.seen(MediaSampled)} == {0}
    await far.close()


async def test_an_idle_call_holds_consent_and_is_missed_by_nobody() -> None:
    far = far_end()
    async with running_shard() as shard:
        assert "a=inactive\r\n" in await set_up(shard, far, media="idle")
        await shard.until(lambda: "dtls" in [one.phase for one in shard.seen(CallPhaseObserved)])
        heard = len(shard.seen(OwnLagObserved))
        await shard.until(lambda: len(shard.seen(OwnLagObserved)) > heard + 2)  # longer than any silence may be
        assert [one.phase for one in shard.seen(CallPhaseObserved)] == ["ice_checks", "dtls"]
        assert not shard.seen(Disconnected)
        assert not shard.seen(MediaSampled)
        assert shard.told == [("ice_connected", SessionMessage(session_id="session"))]
        assert far.stats().packets_received == far.stats().packets_sent == 0
    await far.close()


async def test_several_calls_and_their_limits_of_one_session_each() -> None:
    peers = [far_end(), far_end()]
    async with running_shard() as shard:
        for number, far in enumerate(peers):
            await set_up(shard, far, f"session {number}")
        await shard.until(lambda: all(far.stats().packets_received for far in peers))
        with pytest.raises(ChannelError, match="this session is up already"):
            await shard.prober.ask("answer", request("v=0", "session 1"))
        assert sorted((await shard.prober.ask("sessions", {}))["sessions"]) == ["session 0", "session 1"]
        for far in peers:
            await far.close()


async def test_hostile_offers_candidates_and_messages_are_answered_and_forgotten() -> None:
    async with running_shard() as shard:
        answered = from_params(Answered, await shard.prober.ask("answer", request("v=0\r\nm=audio nonsense")))
        assert answered.sdp == ""
        assert answered.failure is not None
        assert answered.failure.reason in (Reason.MALFORMED, Reason.UNSUPPORTED)
        shard.prober.tell("candidate", to_params(CandidateMessage(session_id="nobody", sdp="\x00")))
        with pytest.raises(ChannelError, match="ValueError: AnswerRequest: agent"):
            await shard.prober.ask("answer", {"sdp": 1})
        assert (await shard.prober.ask("sessions", {}))["sessions"] == []


async def test_sigterm_ends_it_and_sigint_does_not() -> None:
    far = far_end()
    async with running_shard() as shard:
        await set_up(shard, far)
        shard.process.send_signal(signal.SIGINT)
        await shard.prober.ask("sessions", {})
        shard.process.send_signal(signal.SIGTERM)
        assert await ended(shard.process) == 0
    await far.close()


async def test_it_tells_of_itself_before_it_is_asked_anything() -> None:
    async with running_shard() as shard:
        await shard.until(lambda: shard.seen(OwnLagObserved))
        told = shard.seen(OwnLagObserved)[0]
        assert (told.process, told.site) == ("shard3", "here")


async def test_a_closed_channel_ends_it() -> None:
    async with running_shard() as shard:
        await shard.main.close()
        assert await ended(shard.process) == 0


async def test_a_shard_whose_parent_vanished_ends() -> None:
    (ours_main, its_main), (ours_prober, its_prober) = socket.socketpair(), socket.socketpair()
    with its_main, its_prober:
        fds = (its_main.fileno(), its_prober.fileno())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor.probes.shard", *map(str, fds), "shard3", "here"),
            pass_fds=fds,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ,
        )
    ours_main.close()
    ours_prober.close()
    assert await ended(process) == 0


class InProcess:
    """A ShardCall in this process, with its facts and messages."""

    def __init__(self, sdp: str, *, relay_only: bool = False) -> None:
        self.facts: list[Observation] = []
        self.told: list[tuple[str, SessionMessage]] = []
        self.call = ShardCall(
            AnswerRequest(**CONVERSATION, session_id="session", sdp=sdp, relay_only=relay_only),
            emit=self.facts.append,
            tell=lambda kind, message: self.told.append((kind, message)),
            clock=SystemClock(),
            lag=LagMeter(SystemClock()),
        )


@pytest.mark.parametrize("explained", [True, False])
async def test_a_close_notify_is_a_loss_only_when_no_hang_up_explains_it(
    explained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_losses, "CLOSE_NOTIFY_GRACE_S", 0.3)
    far = far_end()
    offer = await far.offer()
    assert isinstance(offer, str)
    phone = InProcess(offer)
    answer = await phone.call.answer(await a_turn())
    assert isinstance(answer, str)
    await far.accept_answer(answer)
    await until(lambda: far.stats().packets_received > 5)
    await far.close()
    if explained:
        await asyncio.sleep(0.05)  # the close_notify has arrived
        await phone.call.hang_up()
        await asyncio.sleep(0.4)
        assert not [fact for fact in phone.facts if isinstance(fact, Disconnected)]
        assert [kind for kind, _ in phone.told] == ["ice_connected"]
    else:
        await until(lambda: [kind for kind, _ in phone.told] == ["ice_connected", "lost", "ended"])
        (lost,) = [fact for fact in phone.facts if isinstance(fact, Disconnected)]
        assert (lost.layer, lost.reason) == (Layer.DTLS, "closed_by_peer")
        assert lost.last_good_wall_s <= lost.noticed_wall_s <= lost.at_wall_s
        await phone.call.hang_up()


async def test_candidates_on_the_heels_of_an_ice_restart_are_those_of_the_new_peer() -> None:
    far, again = far_end(), far_end()
    first, second = await far.offer(), await again.offer()
    assert isinstance(first, str)
    assert isinstance(second, str)
    phone = InProcess(first)
    assert isinstance(await phone.call.answer(await a_turn()), str)
    trickling = second.replace("a=end-of-candidates\r\n", "")
    late = "candidate:9 1 udp 1694498815 192.0.2.7 4444 typ srflx raddr 0.0.0.0 rport 9"
    request = AnswerRequest(**CONVERSATION, session_id="session", sdp=trickling, candidates=(late,))
    assert isinstance(await phone.call.restart(request), str)
    remote = phone.call._peer._connection.remote_candidates
    assert ("192.0.2.7", 4444) in [(one.host, one.port) for one in remote]
    await asyncio.gather(phone.call.hang_up(), far.close(), again.close())


async def test_relay_only_without_a_turn_server_is_a_failed_phase_and_a_loss() -> None:
    far = far_end()
    offer = await far.offer()
    assert isinstance(offer, str)
    phone = InProcess(offer, relay_only=True)
    assert isinstance(await phone.call.answer(await a_turn()), str)
    (phase,) = [fact for fact in phone.facts if isinstance(fact, CallPhaseObserved)]
    assert (phase.phase, phase.seconds) == ("ice_checks", None)
    assert phase.failure is not None
    (lost,) = [fact for fact in phone.facts if isinstance(fact, Disconnected)]
    assert (lost.layer, lost.reason) == (Layer.ICE, "no_candidates")
    assert [(kind, message.reason) for kind, message in phone.told] == [
        ("lost", "no_candidates"),
        ("ended", "no_candidates"),
    ]
    await phone.call.hang_up()
    await far.close()


async def test_what_a_browser_calls_disconnected_is_logged_and_is_no_loss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    phone = InProcess("")
    for kind in (PeerEventKind.DISCONNECTED, PeerEventKind.RECONNECTED):
        phone.call._event(PeerEvent(kind, 0.0))
    await phone.call.hang_up()
    phone.call._event(PeerEvent(PeerEventKind.DISCONNECTED, 0.0))
    told = [record.getMessage() for record in caplog.records]
    who, conversation = CONVERSATION["agent"], CONVERSATION["conversation_id"]
    assert told == [
        f"{who}: a browser would say by now that ICE is disconnected in {conversation}",
        f"{who}: ICE is connected again in {conversation}",
    ]
    assert (phone.facts, phone.told) == ([], [])


async def test_ice_servers_that_failed_a_call_are_named_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    phone = InProcess("")
    good = ServerResult("a:3478", "stun", "udp", ServerOutcome.OK, 0.02)
    bad = ServerResult("b:443", "turns", "tls", ServerOutcome.TLS, None, detail="expired")
    for servers in ((good,), (good, bad)):
        phone.call._event(PeerEvent(PeerEventKind.GATHERED, 0.0, servers=servers))
    assert [record.getMessage() for record in caplog.records] == [
        "synthetic-1: in conversation 1 of 2 ICE servers failed: turns b:443 tls: tls (expired)"
    ]
    assert (phone.facts, phone.told) == ([], [])


async def test_a_close_notify_that_comes_while_we_hang_up_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_losses, "CLOSE_NOTIFY_GRACE_S", 0.0)
    phone = InProcess("")
    phone.call._event(PeerEvent(PeerEventKind.FIRST_MEDIA, 0.0, 0.0))
    hanging_up = asyncio.create_task(phone.call.hang_up())
    await asyncio.sleep(0)  # it waits for the sampling to end
    phone.call._event(PeerEvent(PeerEventKind.LOST, 0.0, layer=Layer.DTLS, reason="closed_by_peer"))
    await hanging_up
    await asyncio.sleep(0.01)
    assert not [fact for fact in phone.facts if isinstance(fact, Disconnected)]
    assert phone.told == []
