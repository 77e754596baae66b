"""Two real peers in one process: ICE, DTLS and Opus over this machine's own interface."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Failure, Layer, Reason
from monitor.facts.ice import IceServer, ServerOutcome
from monitor.media import ice_connection
from monitor.media import peer as peer_module
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent, PeerEventKind, PeerOptions
from monitor.media.private_names import sockets_of

UNREACHABLE = "a=candidate:1 1 udp 2130706431 192.0.2.199 9 typ host"


class Side:
    """A peer and what it told."""

    def __init__(self, options: PeerOptions | None = None, servers: tuple[IceServer, ...] = ()) -> None:
        self.events: list[PeerEvent] = []
        self.peer = Peer(ice_servers=servers, on_event=self.events.append, clock=SystemClock(), options=options)

    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]

    def of(self, kind: PeerEventKind) -> PeerEvent:
        return next(event for event in self.events if event.kind is kind)


async def until(condition: Callable[[], object], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - conditions are about several objects
            await asyncio.sleep(0.01)


@asynccontextmanager
async def two(
    options: PeerOptions | None = None, far_end: PeerOptions | None = None
) -> AsyncIterator[tuple[Side, Side]]:
    """A far end and a softphone, not yet introduced."""
    far, phone = Side(far_end), Side(options)
    try:
        yield far, phone
    finally:
        await asyncio.gather(far.peer.close(), phone.peer.close())


async def call(far: Side, phone: Side) -> tuple[str, str]:
    offer = await far.peer.offer()
    assert isinstance(offer, str)
    answer = await phone.peer.answer(offer)
    assert isinstance(answer, str)
    assert await far.peer.accept_answer(answer) is None
    return offer, answer


async def talking(far: Side, phone: Side) -> None:
    await call(far, phone)
    await until(lambda: "first_media" in far.kinds() and "first_media" in phone.kinds())


async def test_a_call_with_sound_both_ways() -> None:
    async with two() as (far, phone):
        offer, answer = await call(far, phone)
        assert "a=mid:audio\r\n" in offer
        assert "a=setup:actpass\r\n" in offer
        assert "a=setup:active\r\n" in answer
        assert "a=mid:audio\r\n" in answer
        await until(lambda: min(side.peer.stats().packets_received for side in (far, phone)) >= 60)
        for side in (far, phone):
            assert side.kinds() == ["ice_checking", "ice_completed", "dtls_connected", "first_media"]
            assert all((event.seconds or 0.0) > 0 for event in side.events[1:3])
            assert (side.events[3].seconds or 0.0) >= 0
            stats = side.peer.stats()
            assert stats.packets_lost == 0
            assert stats.packets_sent >= 60
            assert stats.jitter_s is not None
            assert 0 < stats.jitter_s < 0.1
            assert stats.last_rtp_mono_s is not None
        await until(lambda: phone.peer.stats().rtt_s is not None)
        assert 0 <= (phone.peer.stats().rtt_s or 0.0) < 1
        assert not [thread for thread in threading.enumerate() if "decoder" in thread.name]


async def test_a_close_by_the_far_end_is_told_at_once_and_ours_is_not() -> None:
    async with two() as (far, phone):
        await talking(far, phone)
        await far.peer.close()
        await until(lambda: "ended" in phone.kinds())
        lost = phone.of(PeerEventKind.LOST)
        assert (lost.layer, lost.reason) == (Layer.DTLS, "closed_by_peer")
        assert (lost.last_good_mono_s or 0.0) >= (phone.peer.stats().last_rtp_mono_s or 0.0)
        assert far.kinds()[-1] == "first_media"
        await far.peer.close()  # idempotent


@pytest.mark.parametrize("datagram", [b"", b"\x16", b"\x80", b"\xff" * 20, b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_strangers_send_ends_no_call(datagram: bytes) -> None:
    async with two() as (far, phone):
        await talking(far, phone)
        doors = [transport.get_extra_info("sockname") for transport in sockets_of(phone.peer._connection)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for door in doors:
                stranger.sendto(datagram, door)
        heard = phone.peer.stats().packets_received
        await until(lambda: phone.peer.stats().packets_received > heard + 10)
        assert not {"lost", "ended"} & {*phone.kinds()}


async def test_a_flood_before_the_handshake_is_not_kept() -> None:
    async with two() as (far, _):
        await far.peer.offer()
        for _ in range(3 * ice_connection.UNREAD_LIMIT):
            far.peer._connection.data_received(b"\x16 no handshake", 1)
        assert far.peer._connection._queue.qsize() == ice_connection.UNREAD_LIMIT


async def test_a_path_that_dies_is_silence_first_and_ends_with_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_connection, "CONSENT_INTERVAL_S", 0.2)
    async with two(PeerOptions(silence_timeout_s=0.6, consent_timeout_s=2.0)) as (far, phone):
        await talking(far, phone)
        far.peer.vanish()
        await until(lambda: "ended" in phone.kinds())
        assert phone.kinds()[4:] == ["lost", "ended"]
        lost, ended = phone.of(PeerEventKind.LOST), phone.of(PeerEventKind.ENDED)
        assert (lost.layer, lost.reason) == (Layer.MEDIA, "silence")
        assert lost.last_good_mono_s == phone.peer.stats().last_rtp_mono_s
        assert lost.at_mono_s - (lost.last_good_mono_s or 0.0) >= 0.6
        assert (ended.layer, ended.reason) == (Layer.ICE, "consent_expired")


async def test_a_path_that_dies_one_way_is_told_by_the_far_ends_reports() -> None:
    async with two(PeerOptions(silence_timeout_s=0.6)) as (far, phone):
        await talking(far, phone)
        await until(lambda: phone.peer.stats().rtt_s is not None)
        first_s = phone.peer.stats().rtt_s
        await until(lambda: phone.peer.stats().rtt_s != first_s)  # two reports, so that the number was seen to rise
        cut_mono_s = SystemClock().mono_s()
        phone.peer.impair(lambda datagram: None)
        await until(lambda: "lost" in phone.kinds())
        lost = phone.of(PeerEventKind.LOST)
        assert (lost.layer, lost.reason) == (Layer.MEDIA, "silence")
        assert "by its reports" in lost.detail
        assert lost.last_good_mono_s == pytest.approx(cut_mono_s, abs=0.5)
        assert "media_resumed" not in phone.kinds()  # RTP goes on coming in
        phone.peer.impair(lambda datagram: 0.0)
        await until(lambda: "media_resumed" in phone.kinds())


async def test_checks_without_an_answer_fail_by_our_own_timer() -> None:
    async with two(PeerOptions(checks_timeout_s=0.6)) as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        assert isinstance(await phone.peer.answer(_without_candidates(offer) + UNREACHABLE + "\r\n"), str)
        await until(lambda: "ended" in phone.kinds())
        lost = phone.of(PeerEventKind.LOST)
        assert (lost.layer, lost.reason) == (Layer.ICE, "checks_failed")


async def test_a_certificate_that_is_not_the_announced_one_fails_the_handshake() -> None:
    async with two() as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        forged = re.sub(r"(a=fingerprint:sha-256 )..", r"\g<1>00", offer.replace("sha-256 00", "sha-256 11"))
        answer = await phone.peer.answer(forged)
        assert isinstance(answer, str)
        await far.peer.accept_answer(answer)
        await until(lambda: "ended" in phone.kinds())
        lost = phone.of(PeerEventKind.LOST)
        assert (lost.layer, lost.reason) == (Layer.DTLS, "handshake_failed")


async def test_relay_only_without_a_turn_server_answers_and_has_no_candidates() -> None:
    async with two(PeerOptions(relay_only=True)) as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        answer = await phone.peer.answer(offer)
        assert isinstance(answer, str)
        assert "a=candidate" not in answer
        assert phone.kinds() == ["lost", "ended"]
        assert (phone.events[0].layer, phone.events[0].reason) == (Layer.ICE, "no_candidates")


@pytest.mark.parametrize("early", [True, False])
async def test_trickled_candidates_before_and_after_the_offer(early: bool) -> None:
    async with two() as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        lines = [line for line in offer.splitlines() if line.startswith("a=candidate:")]
        trickled = [f"m=audio 9 UDP/TLS/RTP/SAVPF 96 101\r\n{line}\r\n" for line in lines]
        if early:
            for line in trickled:
                assert await phone.peer.add_candidate(line) is None
        answer = await phone.peer.answer(_without_candidates(offer))
        assert isinstance(answer, str)
        # without the answer's candidates the far end can only wait for our checks
        assert await far.peer.accept_answer(_without_candidates(answer)) is None
        if not early:
            for line in trickled:
                assert await phone.peer.add_candidate(line) is None
        await until(lambda: "first_media" in phone.kinds())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda offer: "", Reason.UNSUPPORTED),
        (lambda offer: "v=0", Reason.UNSUPPORTED),
        (lambda offer: offer * 3, Reason.UNSUPPORTED),
        (lambda offer: offer.replace("opus/48000/2", "PCMU/8000"), Reason.MALFORMED),
        (lambda offer: offer.replace("a=setup:actpass", "a=setup:sideways"), Reason.MALFORMED),
        (lambda offer: offer.replace("RTP/SAVPF 96", "RTP/SAVPF x"), Reason.MALFORMED),
        (lambda offer: offer.replace("a=rtpmap:96 ", "a=rtpmap:"), Reason.MALFORMED),
        (lambda offer: offer.replace("a=fmtp:96", "a=fmtp:77"), Reason.MALFORMED),
        (lambda offer: offer.replace("c=IN IP4 ", "c=IN IP9 "), Reason.MALFORMED),
        (lambda offer: offer.replace("a=fingerprint:sha-256 ", "a=fingerprint:"), Reason.MALFORMED),
    ],
)
async def test_hostile_offers_are_failures(change: Callable[[str], str], reason: Reason) -> None:
    async with two() as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        problem = await phone.peer.answer(change(offer))
        assert isinstance(problem, Failure)
        assert problem.reason is reason


async def test_hostile_answers_and_candidates_are_failures() -> None:
    async with two() as (far, phone):
        assert isinstance(await far.peer.accept_answer("v=0"), Failure)
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        problem = await far.peer.accept_answer(offer)  # an offer is no answer
        assert isinstance(problem, Failure)
        assert problem.reason is Reason.MALFORMED
        answer = await phone.peer.answer(offer)
        assert isinstance(answer, str)
        assert isinstance(await phone.peer.answer(offer), Failure)  # one use
        for text in ("", "a=candidate:", "a=candidate:1 1 udp 1 ::zz 9 typ host", "\ud800", "x" * 9999):
            assert isinstance(await phone.peer.add_candidate(text), Failure)
        results = [await phone.peer.add_candidate(f"candidate:1 1 udp 1 192.0.2.{n} 9 typ host") for n in range(1, 101)]
        assert results[0] is None
        assert isinstance(results[-1], Failure)
        assert await far.peer.accept_answer(answer) is None


async def test_candidates_before_the_offer_are_bounded() -> None:
    async with two() as (_, phone):
        results = [await phone.peer.add_candidate(UNREACHABLE) for _ in range(100)]
        assert results[0] is None
        assert isinstance(results[-1], Failure)


async def test_closing_in_the_middle_of_setting_up_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    for steps in range(4):
        async with two() as (far, phone):
            offer = await far.peer.offer()
            assert isinstance(offer, str)
            if steps > 0:
                answer = await phone.peer.answer(offer)
                assert isinstance(answer, str)
                if steps > 1:
                    await far.peer.accept_answer(answer)
                for _ in range(steps):
                    await asyncio.sleep(0.01)
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_closed_peer_is_not_opened_again() -> None:
    async with two() as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        await phone.peer.close()
        assert isinstance(await phone.peer.answer(offer), Failure)


async def test_idle_holds_consent_and_sends_nothing() -> None:
    async with two(PeerOptions(media="idle", silence_timeout_s=0.3), PeerOptions(silence_timeout_s=0.3)) as (
        far,
        phone,
    ):
        _, answer = await call(far, phone)
        assert "a=inactive\r\n" in answer
        await until(lambda: "dtls_connected" in phone.kinds() and "dtls_connected" in far.kinds())
        await asyncio.sleep(0.8)
        for side in (far, phone):
            assert side.kinds()[-1] == "dtls_connected"  # nobody is missed
            assert (side.peer.stats().packets_sent, side.peer.stats().packets_received) == (0, 0)


async def test_dtx_sends_a_packet_now_and_then() -> None:
    async with two(PeerOptions(media="dtx")) as (far, phone):
        await talking(far, phone)
        await until(lambda: far.peer.stats().packets_received >= 3)
        assert far.peer.stats().packets_lost == 0
        assert far.peer.stats().bytes_received == 3 * far.peer.stats().packets_received
        assert phone.peer.stats().packets_received > 5 * far.peer.stats().packets_received


async def test_an_offer_that_only_speaks_gets_no_sound() -> None:
    async with two() as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        answer = await phone.peer.answer(offer.replace("a=sendrecv", "a=sendonly"))
        assert isinstance(answer, str)
        assert "a=recvonly\r\n" in answer
        assert await far.peer.accept_answer(answer) is None
        await until(lambda: phone.peer.stats().packets_received > 10)
        assert phone.peer.stats().packets_sent == 0


async def test_an_offer_that_only_listens_is_not_missed() -> None:
    async with two(PeerOptions(silence_timeout_s=0.3)) as (far, phone):
        offer = await far.peer.offer()
        assert isinstance(offer, str)
        answer = await phone.peer.answer(offer.replace("a=sendrecv", "a=recvonly"))
        assert isinstance(answer, str)
        assert "a=sendonly\r\n" in answer
        assert await far.peer.accept_answer(answer) is None
        await until(lambda: far.peer.stats().packets_received > 30)
        assert "lost" not in phone.kinds()


async def test_a_canary_decodes_what_it_hears() -> None:
    async with two(PeerOptions(canary=True)) as (far, phone):
        await talking(far, phone)
        await until(lambda: (phone.peer.stats().audible_frames or 0) > 20)
        assert phone.peer.stats().decode_errors == 0
        assert far.peer.stats().audible_frames is None
        await until(lambda: far.peer.stats().packets_received > 20)


async def test_without_a_private_name_aiortc_carries_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "missing_names", lambda transceiver: ("Some.name",))
    async with two() as (far, phone):
        await talking(far, phone)
        await until(lambda: min(side.peer.stats().packets_received for side in (far, phone)) > 20)
        assert phone.peer.stats().packets_sent > 0
        assert phone.peer.stats().packets_lost == 0
        await until(lambda: not [thread for thread in threading.enumerate() if "decoder" in thread.name])


async def test_without_a_name_of_the_ice_agent_no_call_is_tried_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(peer_module, "missing_connection_names", lambda module: ("Connection.gone",))
    async with two() as (far, phone):
        for problem in (await far.peer.offer(), await phone.peer.answer("v=0"), await phone.peer.answer("v=0")):
            assert isinstance(problem, Failure)
            assert problem.reason is Reason.UNSUPPORTED
            assert "Connection.gone" in problem.detail
    assert len(caplog.records) == 1
    assert "no call can be carried" in caplog.text


async def test_what_became_of_each_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        server = IceServer(f"stun:127.0.0.1:{gone.getsockname()[1]}")
    far, phone = Side(), Side(servers=(server, IceServer("stun:")))
    await call(far, phone)
    await until(lambda: "gathered" in phone.kinds())
    told = phone.of(PeerEventKind.GATHERED).servers
    assert [one.outcome for one in told] == [ServerOutcome.REFUSED, ServerOutcome.UNSUPPORTED]
    await asyncio.gather(far.peer.close(), phone.peer.close())


async def test_what_sockets_dropped_is_remembered_when_they_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    drops = iter((3, 0))
    monkeypatch.setattr(peer_module, "socket_drops", lambda connection: next(drops))
    phone = Side().peer
    assert [phone.stats().socket_drops for _ in range(2)] == [3, 3]


def _without_candidates(sdp: str) -> str:
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n"
