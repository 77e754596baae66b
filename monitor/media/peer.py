"""One WebRTC audio peer: ICE, DTLS and Opus both ways. The only importer of aiortc."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    rtcicetransport,
)
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp

from monitor.facts.clock import Clock
from monitor.facts.failures import Failure, Reason, failure
from monitor.facts.ice import IceServer
from monitor.media.ice_connection import IceConnection
from monitor.media.opus_sample import PACKET_S, SAMPLE_RATE, SAMPLES_PER_PACKET, TIME_BASE, opus_packets
from monitor.media.pacing import Pacer
from monitor.media.peer_events import MediaStats, PeerEvent, PeerOptions
from monitor.media.private_names import before_rtp, connection_of, stop_decoder, use_connection_class
from monitor.media.progress import Progress
from monitor.media.reception import Reception
from monitor.media.round_trip import RoundTrip
from monitor.media.sdp_text import (
    CANDIDATE_LIMIT,
    END_OF_CANDIDATES,
    checked_description,
    far_end_offer,
    platform_offer,
    read_candidate,
)
from monitor.media.server_choice import plain_servers

WATCH_S = 0.25
CLOSE_LIMIT_S = 2.0

log = logging.getLogger(__name__)

use_connection_class(rtcicetransport, IceConnection)


class SampleTrack(MediaStreamTrack):
    """Plays ready-made Opus packets, one every 20 ms."""

    kind = "audio"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._packets = opus_packets()
        self.pacer = Pacer(PACKET_S)

    async def recv(self) -> av.Packet[Any]:
        """The packet of the next slot, when its time has come."""
        slot, wait_s = self.pacer.next(self._clock.mono_s())
        if wait_s:
            await asyncio.sleep(wait_s)
        packet = av.Packet(self._packets[slot % len(self._packets)])
        packet.pts = slot * SAMPLES_PER_PACKET
        packet.time_base = TIME_BASE
        return packet


class Peer:
    """An answering softphone (`answer`) or an offering far end (`offer`, then `accept_answer`).

    One use each. Methods return a Failure instead of raising, whatever the other side sent. Events come from the event
    loop, in order. ICE has one STUN and one TURN server at most, as aiortc: the first of each that resolves.
    """

    def __init__(
        self,
        *,
        ice_servers: Sequence[IceServer],
        on_event: Callable[[PeerEvent], None],
        clock: Clock,
        options: PeerOptions | None = None,
    ) -> None:
        self._ice_servers = tuple(ice_servers)
        self._clock = clock
        self._options = options or PeerOptions()
        self._progress = Progress(self._options, on_event, clock)
        self._reception = Reception(SAMPLE_RATE)
        self._round_trip = RoundTrip()
        self._track = SampleTrack(clock)
        self._pc: RTCPeerConnection | None = None
        self._watching: asyncio.Task[None] | None = None
        self._early: list[str] = []  # candidates that came before the description they belong to
        self._candidates = 0
        self._remote_set = False
        self._closing = False
        self._closed = asyncio.Event()

    async def answer(self, offer_sdp: str) -> str | Failure:
        """The SDP answer (ICE controlled, DTLS active) with every candidate in it; checks have begun by then."""
        description = checked_description(offer_sdp)
        if isinstance(description, Failure):
            return description
        taken = await self._take(description, "offer")
        if taken is not None:
            return taken
        return await self._describe("answer")

    async def offer(self, mid: str = "audio") -> str | Failure:
        """The SDP offer (ICE controlling, DTLS actpass) of a far end, its one section named `mid`, candidates in it."""
        try:
            pc = await self._opened()
            offer = await pc.createOffer()
            await pc.setLocalDescription(RTCSessionDescription(far_end_offer(offer.sdp, mid), "offer"))
        except Exception as error:
            return self._mistake("offer", error)
        return platform_offer(far_end_offer(pc.localDescription.sdp, mid))

    async def accept_answer(self, sdp: str) -> Failure | None:
        """Take the answer to our offer; checks begin."""
        description = checked_description(sdp)
        if isinstance(description, Failure):
            return description
        problem = await self._take(description, "answer")
        if problem is None:
            self._progress.begin(len(self._connection.local_candidates))
        return problem

    async def add_candidate(self, line: str) -> Failure | None:
        """Take a remote candidate, in any form of `read_candidate`; one before its description is kept for it."""
        if not self._remote_set:
            if len(self._early) >= CANDIDATE_LIMIT:
                return failure("candidate", Reason.TOO_LARGE, "too many before the description")
            self._early.append(line)
            return None
        candidate = read_candidate(line)
        if isinstance(candidate, Failure):
            return candidate
        self._candidates += 1
        if self._candidates > CANDIDATE_LIMIT:
            return failure("candidate", Reason.TOO_LARGE, f"more than {CANDIDATE_LIMIT}")
        try:
            await self._add(candidate)
        except Exception as error:
            return failure("candidate", Reason.MALFORMED, f"{type(error).__name__}: {error}")
        return None

    def stats(self) -> MediaStats:
        """Counters so far; a new value each time."""
        return MediaStats(
            packets_received=self._reception.packets_received,
            packets_lost=self._reception.packets_lost,
            packets_sent=self._track.pacer.sent,
            slots_skipped=self._track.pacer.skipped,
            jitter_s=self._reception.jitter_s,
            rtt_s=self._round_trip.seconds,
            last_rtp_mono_s=self._reception.last_mono_s,
        )

    def impair(self, fate: Callable[[bytes], float | None]) -> None:
        """From now on ask `fate` about each datagram to send: seconds to hold it back, None to lose it."""
        if self._pc is not None:
            self._connection.impair(fate)

    def vanish(self) -> None:
        """Be gone without a goodbye: nothing is heard or sent any more. Our own losses follow; close() is still due."""
        if self._pc is not None:
            self._connection.vanish()

    async def close(self) -> None:
        """Hang up (DTLS close_notify) and free every socket. Idempotent; done within CLOSE_LIMIT_S; no more events."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        self._progress.end()
        try:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.gather(self._watching, return_exceptions=True)
            if self._pc is not None:
                await self._leave(self._pc)
        finally:
            self._closed.set()

    async def _leave(self, pc: RTCPeerConnection) -> None:
        """Close `pc`, not waiting for ever; never cancelled, as aiortc may be closing itself at the same time."""
        leaving = asyncio.create_task(_close_whole(pc), name="peer close")
        leaving.add_done_callback(lambda task: task.cancelled() or task.exception())
        _, late = await asyncio.wait({leaving}, timeout=CLOSE_LIMIT_S)
        if late:
            log.warning("a peer's TURN server or DTLS did not let go within %g s", CLOSE_LIMIT_S)

    async def _opened(self) -> RTCPeerConnection:
        """The aiortc connection with one Opus section and our hooks in it."""
        if self._pc is not None or self._closing:
            raise RuntimeError("a peer is used once")
        servers = await plain_servers(self._ice_servers)
        policy = RTCIceTransportPolicy.RELAY if self._options.relay_only else RTCIceTransportPolicy.ALL
        pc = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer(one.url, one.username, one.credential) for one in servers],
                iceTransportPolicy=policy,
            )
        )
        self._pc = pc
        pc.addTrack(self._track)
        transceiver = pc.getTransceivers()[0]
        transceiver.setCodecPreferences(
            [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/opus"]
        )
        dtls = transceiver.receiver.transport
        self._hook_ice(dtls.transport)
        dtls.on("statechange", lambda: self._progress.dtls(dtls.state))
        before_rtp(transceiver.receiver, lambda packet: self._rtp(transceiver.receiver, packet))
        self._watching = asyncio.create_task(self._watch(transceiver.sender), name="peer watch")
        return pc

    def _hook_ice(self, ice: Any) -> None:
        connection: IceConnection = connection_of(ice)
        connection.clock = self._clock
        connection.interface = self._options.interface
        connection.gather_timeout_s = self._options.gather_timeout_s
        connection.consent_timeout_s = self._options.consent_timeout_s
        connection.on_nominated = self._progress.nominated
        self._connection = connection
        self._progress.watch(connection)
        ice.on("statechange", lambda: self._progress.ice(ice.state))

    async def _take(self, sdp: str, kind: str) -> Failure | None:
        """Set the remote description."""
        try:
            pc = await self._opened() if kind == "offer" else self._pc
            if pc is None:
                raise RuntimeError("an answer without an offer")
            await pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
        except Exception as error:  # aiortc asserts, looks up and converts what it parses: anything may come
            return failure("sdp", Reason.MALFORMED, f"{type(error).__name__}: {error}")
        self._remote_set = True
        early, self._early = self._early, []
        for line in early:
            await self.add_candidate(line)
        return None

    async def _describe(self, kind: str) -> str | Failure:
        assert self._pc is not None
        try:
            await self._pc.setLocalDescription()
        except Exception as error:
            return self._mistake(kind, error)
        self._progress.begin(len(self._connection.local_candidates))
        sdp: str = self._pc.localDescription.sdp
        return sdp

    def _mistake(self, operation: str, error: Exception) -> Failure:
        return failure(operation, Reason.ERROR, f"{type(error).__name__}: {error}")

    async def _add(self, candidate: str) -> None:
        assert self._pc is not None
        if candidate == END_OF_CANDIDATES:
            await self._pc.addIceCandidate(None)
            return
        parsed = candidate_from_sdp(candidate)
        parsed.sdpMid = self._pc.getTransceivers()[0].mid
        await self._pc.addIceCandidate(parsed)

    def _rtp(self, receiver: Any, packet: Any) -> None:
        now = self._clock.mono_s()
        self._reception.packet(packet.ssrc, packet.sequence_number, packet.timestamp, now)
        if self._progress.rtp(now):
            stop_decoder(receiver)  # nobody listens; unread frames would pile up without end

    async def _watch(self, sender: Any) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            reports = (await sender.getStats()).values()
            estimate_s = next((one.roundTripTime for one in reports if one.type == "remote-inbound-rtp"), None)
            self._round_trip.read(estimate_s, self._clock.mono_s(), self._clock.wall_s())
            self._progress.tick()


async def _close_whole(pc: RTCPeerConnection) -> None:
    """Close `pc`, and the media that aiortc starts all the same when a handshake ends while it closes."""
    await pc.close()
    for transceiver in pc.getTransceivers():
        await transceiver.stop()
