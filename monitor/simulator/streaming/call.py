"""One call as the platform leads it: propose, offer, trickle, terminate; a real peer plays its far end."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from monitor.facts.failures import Failure, Layer
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent, PeerEventKind, PeerOptions
from monitor.simulator.ice.impairments import Impairments
from monitor.simulator.platform import Platform, User
from monitor.simulator.streaming import server_stanzas as stanzas
from monitor.simulator.streaming.trickle import candidate_fragment, split_candidates
from monitor.simulator.streaming.xmpp_session import XmppSession

NOT_LOCAL_PART: Final = re.compile(r"[^0-9A-Za-z+.-]")
RING_S: Final = 60.0
ANSWER_S: Final = 60.0  # from our offer to the answer; a client that has gone must not keep a peer for ever
MAX_INBOX: Final = 256
OFFER_MID: Final = "audio"  # as in the real offers
ERROR_CODE: Final = "error.ininedgecontrol.connection.webrtc.endpoint.disconnect."
REASONS: Final = (  # XEP-0166 section 7.4, as far as they make sense for a call
    *("alternative-session", "busy", "cancel", "connectivity-error", "decline", "expired", "failed-transport"),
    *("general-error", "gone", "media-error", "success", "timeout"),
)

log = logging.getLogger(__name__)


class CallState(StrEnum):
    """How far a call has come."""

    PROPOSED = "proposed"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    ACTIVE = "active"
    ENDED = "ended"


class Host(Protocol):
    """Where a call finds the user's softphone, and whom it tells that something has changed."""

    def newest(self, user_id: str) -> XmppSession | None:
        """The user's newest bound session."""
        ...

    async def changed(self, call: Call) -> None:
        """The call's conversation is not what it was."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How a call is offered. priv: the persistent connection's answer mode, empty for an ordinary call."""

    outbound: bool = False
    autoanswer: bool = False
    priv: str = ""
    number: str = ""


class Call:
    """One call. What happens to it goes through one inbox, so that nothing overtakes anything else."""

    def __init__(self, platform: Platform, host: Host, session: XmppSession, terms: Terms) -> None:
        self.sid, self.cid = platform.new_id(), platform.new_id()
        self.agent_id, self.far_id = platform.new_id(), platform.new_id()
        self.communication_id = platform.new_id()
        self.user: User = session.user
        self.terms = terms
        self.number = terms.number or f"+1317{platform.rng.randrange(10**7):07d}"
        local = NOT_LOCAL_PART.sub("", self.number)
        self.peer_jid = f"{local}@gjoll.us-east-1.simulated/i-{platform.new_id()[:8]}"
        self.state = CallState.PROPOSED
        self.end_reason = ""
        self.error_code = ""
        self.muted = self.held = False
        self._platform = platform
        self._host = host
        self._session = session
        self._peer: Peer | None = None
        self._act_by_s: float | None = None  # of the loop's time: when the client has been waited for long enough
        self._inbox: asyncio.Queue[tuple[str, Any, asyncio.Future[None] | None]] = asyncio.Queue(MAX_INBOX)
        self._steps: dict[str, Callable[[Any], Awaitable[None]]] = {
            "proceed": self._on_proceed,
            "accept": self._on_accept,
            "reject": self._on_reject,
            "answer": self._on_answer,
            "iceCandidate": self._on_candidate,
            "info": self._on_info,
            "terminate": self._on_terminate,
            "mute": self._on_mute,
            "unmute": self._on_unmute,
            "report-statistics": self._on_statistics,
            "lost": self._on_lost,
            "retract": self._retract,
            "hang_up": self._hang_up,
            "mediadrop": self._media_drop,
        }

    @property
    def ended(self) -> bool:
        """Whether the call is over."""
        return self.state is CallState.ENDED

    def tell(self, step: str, argument: object = None) -> bool:
        """Queue one step; False when there is no such step, or no room for it."""
        if step not in self._steps or self._inbox.full() or self.ended:
            return False
        self._inbox.put_nowait((step, argument, None))
        return True

    async def ask(self, step: str, argument: object = None) -> None:
        """Queue one step and wait until it has been taken. LookupError when the call is over or flooded."""
        if self.ended or self._inbox.full():
            raise LookupError(f"call {self.sid} is over or too busy")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((step, argument, done))
        await done

    async def run(self) -> None:
        """Lead the call from its propose to its end, whoever ends it."""
        try:
            self._propose()
            self._await_client(RING_S)
            await self._host.changed(self)
            while not self.ended:
                await self._next()
        finally:
            self.state = CallState.ENDED
            self._release_waiting()
            if self._peer is not None:
                await self._peer.close()

    # Steps

    async def _next(self) -> None:
        try:
            async with asyncio.timeout_at(self._act_by_s):
                step, argument, done = await self._inbox.get()
        except TimeoutError:
            await self._hang_up("timeout")
            return
        try:
            await self._steps[step](argument)
        except (ValueError, KeyError, TypeError) as error:  # the client's words made no sense to the peer
            log.info("call %s: %s could not be taken: %r", self.sid, step, error)
            await self._hang_up("general-error")
        finally:
            if done is not None and not done.done():
                done.set_result(None)

    def _await_client(self, patience_s: float | None) -> None:
        self._act_by_s = None if patience_s is None else asyncio.get_running_loop().time() + patience_s

    def _release_waiting(self) -> None:
        while not self._inbox.empty():
            done = self._inbox.get_nowait()[2]
            if done is not None and not done.done():
                done.set_result(None)

    def _propose(self) -> None:
        terms = self.terms
        self._send(
            stanzas.propose(
                self._platform.new_id(),
                self.peer_jid,
                self.user.jid,
                self.sid,
                cid=self.cid,
                autoanswer=terms.autoanswer,
                priv=terms.priv,
            )
        )

    async def _on_proceed(self, session: XmppSession) -> None:
        if self.state is not CallState.PROPOSED:
            return
        self._session = session
        self._peer = Peer(
            ice_servers=(),
            on_event=self._on_peer_event,
            clock=self._platform.clock,
            options=PeerOptions(silence_timeout_s=0.0),
        )
        offer = await self._peer.offer(OFFER_MID)
        self._peer.impair(Impairments(self._platform).far_end(self.user.id))
        if isinstance(offer, Failure):
            log.warning("call %s: no offer: %s", self.sid, offer)
            await self._hang_up("general-error")
            return
        sdp, candidates = split_candidates(offer)
        self._webrtc("offer", {"conversationId": self.cid, "sdp": sdp, "reinvite": False})
        for candidate in candidates:
            self._webrtc("iceCandidate", {"sdp": candidate_fragment(OFFER_MID, candidate)})
        self.state = CallState.OFFERED
        self._await_client(ANSWER_S)
        await self._host.changed(self)

    async def _on_accept(self, _session: XmppSession) -> None:
        if self.state is CallState.OFFERED:
            self.state = CallState.ACCEPTED

    async def _on_reject(self, _session: XmppSession) -> None:
        await self._end("decline")

    async def _on_answer(self, params: dict[str, Any]) -> None:
        if self._peer is None or self.state not in (CallState.OFFERED, CallState.ACCEPTED):
            return
        failed = await self._peer.accept_answer(_text(params, "sdp"))
        if failed is not None:
            raise ValueError(failed.detail)
        self.state = CallState.ANSWERED
        self._await_client(None)
        await self._host.changed(self)

    async def _on_candidate(self, params: dict[str, Any]) -> None:
        failed = None if self._peer is None else await self._peer.add_candidate(_text(params, "sdp"))
        if failed is not None:  # one bad candidate does not end a call; the others may do
            log.info("call %s: a candidate was refused: %s", self.sid, failed.detail)

    async def _on_info(self, params: dict[str, Any]) -> None:
        if params.get("status") == "active" and self.state is CallState.ANSWERED:
            self.state = CallState.ACTIVE
            await self._host.changed(self)

    async def _on_terminate(self, params: dict[str, Any]) -> None:
        reason = params.get("reason")
        await self._end(reason if isinstance(reason, str) and reason in REASONS else "success")

    async def _on_mute(self, _params: dict[str, Any]) -> None:
        self.muted = True
        await self._host.changed(self)

    async def _on_unmute(self, _params: dict[str, Any]) -> None:
        self.muted = False
        await self._host.changed(self)

    async def _on_statistics(self, _params: dict[str, Any]) -> None:
        """The client's own figures: the gateway takes them in silence."""

    def _on_peer_event(self, event: PeerEvent) -> None:
        if event.kind in (PeerEventKind.LOST, PeerEventKind.ENDED):
            self.tell("lost", event)

    async def _on_lost(self, event: PeerEvent) -> None:
        """The far end lost the softphone: what the edge calls an idle ICE, or a DTLS peer that went away."""
        self.error_code = ERROR_CODE + ("dtlsPeerDisconnect" if event.layer is Layer.DTLS else "iceIdleDetection")
        await self._hang_up("failed-transport")

    # What the platform does by itself or is told to do

    async def _retract(self, _: object) -> None:
        self._send(stanzas.call_message("retract", self.peer_jid, self.user.jid, self.sid))
        await self._end("cancel")

    async def _hang_up(self, reason: str) -> None:
        if self.state is CallState.PROPOSED:
            await self._retract(None)
            return
        self._webrtc("terminate", {"reason": reason})
        await self._end(reason)

    async def _media_drop(self, _: object) -> None:
        if self._peer is not None:
            self._peer.vanish()

    async def _end(self, reason: str) -> None:
        self.state, self.end_reason = CallState.ENDED, reason
        await self._host.changed(self)

    # To the client

    def _webrtc(self, method: str, params: dict[str, Any]) -> None:
        session = self._softphone()
        if session is not None:
            told = {"sessionId": self.sid, **params}
            session.send(stanzas.webrtc(self._platform.new_id(), self.peer_jid, session.jid, method, told))

    def _send(self, stanza: str) -> None:
        session = self._softphone()
        if session is not None:
            session.send(stanza)

    def _softphone(self) -> XmppSession | None:
        """The session that took the call; the user's newest once that one has gone, or none: then it is lost."""
        return self._session if self._session.bound else self._host.newest(self.user.id)


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value
