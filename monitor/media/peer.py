"""One WebRTC audio peer: ICE, DTLS and Opus both ways, by aiortc as far as it goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from aiortc import (
    RTCConfiguration,
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
from monitor.media.lean_media import LeanMedia
from monitor.media.peer_events import MediaStats, PeerEvent, PeerOptions
from monitor.media.peer_stats import media_stats, socket_drops
from monitor.media.private_names import connection_of, missing_connection_names, missing_names, use_connection_class
from monitor.media.progress import Progress
from monitor.media.rounds import rounds
from monitor.media.sdp_text import (
    CANDIDATE_LIMIT,
    END_OF_CANDIDATES,
    checked_description,
    direction_of,
    far_end_offer,
    platform_offer,
    read_candidate,
    to_be_continued,
)
from monitor.media.stock_media import StockMedia

CLOSE_LIMIT_S = 2.0

log = logging.getLogger(__name__)

use_connection_class(rtcicetransport, IceConnection)


class Peer:
    """An answering softphone (`answer`) or an offering far end (`offer`, then `accept_answer`).

    One use each. Methods return a Failure instead of raising, whatever the other side sent. Events come from the event
    loop, in order. All ICE servers are asked at once. on_candidate: told the candidates that come after our
    description, `candidate:...`, and END_OF_CANDIDATES after the last; without it they only take part in the checks.
    """

    def __init__(
        self,
        *,
        ice_servers: Sequence[IceServer],
        on_event: Callable[[PeerEvent], None],
        clock: Clock,
        options: PeerOptions | None = None,
        on_candidate: Callable[[str], None] | None = None,
    ) -> None:
        self._ice_servers = tuple(ice_servers)
        self._clock = clock
        self._options = options or PeerOptions()
        self._on_candidate = on_candidate
        self._trickling = False
        self._progress = Progress(self._options, on_event, clock)
        if self._options.media == "idle":
            self._progress.expect_no_sound()
        self._media: LeanMedia | StockMedia = LeanMedia(
            clock,
            self._progress.rtp,
            self._progress.far_end,
            dtx=self._options.media == "dtx",
            canary=self._options.canary,
        )
        self._pc: RTCPeerConnection | None = None
        self._socket_drops = 0
        self._early: list[str] = []  # candidates that came before the description they belong to
        self._candidates = 0
        self._remote_set = False
        self._closing = False
        self._closed = asyncio.Event()

    async def answer(self, offer_sdp: str) -> str | Failure:
        """The SDP answer (ICE controlled, DTLS active) with every candidate in it; checks have begun by then."""
        unfit = _unfit("answer")
        if unfit is not None:
            return unfit
        description = checked_description(offer_sdp)
        if isinstance(description, Failure):
            return description
        taken = await self._take(description, "offer")
        if taken is not None:
            return taken
        return await self._describe("answer")

    async def offer(self, mid: str = "audio") -> str | Failure:
        """The SDP offer (ICE controlling, DTLS actpass) of a far end, its one section named `mid`, candidates in it."""
        unfit = _unfit("offer")
        if unfit is not None:
            return unfit
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
        connection = self._connection if self._pc is not None else None
        self._socket_drops = max(self._socket_drops, socket_drops(connection))  # a closed socket's count is gone
        return media_stats(self._media, connection, self._socket_drops)

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
            rounds().remove(self._progress.tick)
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
        policy = RTCIceTransportPolicy.RELAY if self._options.relay_only else RTCIceTransportPolicy.ALL
        pc = RTCPeerConnection(
            RTCConfiguration(iceServers=[], iceTransportPolicy=policy)  # IceConnection asks the servers
        )
        self._pc = pc
        direction = "inactive" if self._options.media == "idle" else "sendrecv"
        transceiver = pc.addTransceiver("audio", direction=direction)
        transceiver.setCodecPreferences(
            [codec for codec in RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/opus"]
        )
        dtls = transceiver.receiver.transport
        self._hook_ice(dtls.transport)
        dtls.on("statechange", lambda: self._progress.dtls(dtls.state))
        self._hook_media(transceiver)
        rounds().add(self._progress.tick)
        return pc

    def _hook_media(self, transceiver: Any) -> None:
        missing = missing_names(transceiver)
        if missing:
            _tell_once("%s not found: aiortc's own, slower media loops carry the sound", missing)
            self._media = StockMedia(self._clock, self._progress.rtp)
        self._media.attach(transceiver, self._connection)

    def _hook_ice(self, ice: Any) -> None:
        connection: IceConnection = connection_of(ice)
        connection.clock = self._clock
        connection.interface = self._options.interface
        connection.servers = self._ice_servers
        connection.gather_timeout_s = self._options.gather_timeout_s
        connection.consent_timeout_s = self._options.consent_timeout_s
        connection.on_nominated = self._progress.nominated
        connection.on_candidate = self._trickle
        connection.on_gathered = self._gathered
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
        if direction_of(sdp) in ("recvonly", "inactive"):
            self._progress.expect_no_sound()
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
        self._trickling = self._on_candidate is not None and self._connection.gathering
        return to_be_continued(sdp) if self._trickling else sdp

    def _gathered(self) -> None:
        self._trickle(END_OF_CANDIDATES)
        self._trickling = False  # what a slower interface still finds takes part in the checks alone
        self._progress.gathered(self._connection.results)

    def _trickle(self, line: str) -> None:
        if self._trickling and self._on_candidate is not None:
            self._on_candidate(line)

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


async def _close_whole(pc: RTCPeerConnection) -> None:
    """Close `pc`, and the media that aiortc starts all the same when a handshake ends while it closes."""
    await pc.close()
    for transceiver in pc.getTransceivers():
        await transceiver.stop()


def _unfit(operation: str) -> Failure | None:
    """Why this installation can carry no call at all: the ICE agent has no other to fall back to."""
    missing = missing_connection_names(rtcicetransport)
    if not missing:
        return None
    _tell_once("%s not found: no call can be carried; install the pinned aioice and aiortc", missing)
    return failure(operation, Reason.UNSUPPORTED, f"aioice or aiortc without {', '.join(missing)}")


@cache
def _tell_once(words: str, missing: tuple[str, ...]) -> None:
    log.error(words, ", ".join(missing))
