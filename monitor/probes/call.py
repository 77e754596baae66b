"""The call probe: answers the calls offered to its agent, times propose and offer, hands the media to the shard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from monitor.config.model import CallProbe as CallSettings
from monitor.facts.failures import Failure, Layer, Reason, failure
from monitor.facts.observations import CallPhaseObserved, Disconnected, Observation
from monitor.genesys.events import (
    CandidateReceived,
    Event,
    HandledElsewhere,
    OfferReceived,
    Proposed,
    Retracted,
    Terminated,
)
from monitor.probes.agent import AgentSession
from monitor.probes.base import Context
from monitor.probes.call_candidates import CallCandidates
from monitor.probes.channel import ChannelError, Handler, Params
from monitor.probes.link import Replaceable
from monitor.probes.open_call import OpenCall
from monitor.probes.shard_messages import (
    ENDED,
    ICE_CONNECTED,
    LOCAL_CANDIDATE,
    LOST,
    RESUMED,
    Answered,
    AnswerRequest,
    SessionMessage,
    from_params,
    to_params,
)

CALLS_LIMIT = 32
HANG_UP_S = 1.5  # for the media, and again for the goodbye; hundreds end at once when a fleet is stopped
WAIT_S = 10.0  # longest wait for the set-ups of other calls in the shard, which have a fortieth of a second each
NORMAL_END = "success"
MEDIA_LOST = "failed-transport"  # how the softphone ends a session whose media is gone

log = logging.getLogger(__name__)


class CallProbe:
    """Answers every call of its agent (`answer: any`) for as long as the platform keeps it up; several at once.

    It listens from when it is made until `close()`; slots only compare notes with the shard. While signalling is down
    the media goes on, and what happens to it is told as ever. A shard that dies takes its calls with it: they are ended
    at once, as our own loss (ProcessEnded tells it) and never as a drop.
    """

    kind = "call"

    def __init__(self, settings: CallSettings, context: Context, shard: Replaceable, agent: AgentSession) -> None:
        self.name = settings.name
        self.interval_s = settings.interval_s
        self.timeout_s = settings.timeout_s
        self._settings = settings
        self._context = context
        self._shard = shard
        self._agent = agent
        self._calls: dict[str, OpenCall] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._candidates = CallCandidates(self._calls, shard, agent, self._own)
        self._unsubscribes = (agent.subscribe(self._heard), shard.when_lost(self._shard_lost))
        self._handlers: dict[str, Handler] = {
            LOCAL_CANDIDATE: self._candidates.ours,
            ICE_CONNECTED: self._ice_connected,
            LOST: partial(self._media_is_lost, True),
            RESUMED: partial(self._media_is_lost, False),
            ENDED: self._media_ended,
        }
        for kind, handler in self._handlers.items():
            shard.on(f"{kind}/{self.name}", handler)

    @property
    def open_calls(self) -> int:
        """Calls proposed, being set up, or up."""
        return len(self._calls)

    async def run(self) -> Sequence[Observation]:
        """End the calls that the shard no longer holds: what it said about their end did not get through."""
        if self._settings.dial is not None:
            return self.failed(failure("propose", Reason.UNSUPPORTED, "dialling is not implemented"))
        asked = [call for call in self._calls.values() if call.asked]  # not those that come while we compare notes
        with suppress(ChannelError):
            held = (await self._shard.ask("sessions", {}, self.timeout_s))["sessions"]
            for call in asked:
                if call.session_id not in held:
                    self._finish(call, MEDIA_LOST)
        return ()

    def failed(self, failure: Failure) -> Sequence[Observation]:
        """A slot that failed."""
        return [CallPhaseObserved(**self._about(None, 0.0), phase="propose", seconds=None, failure=failure)]

    async def close(self) -> None:
        """Hang up every call and stop listening. Idempotent."""
        for unsubscribe in self._unsubscribes:
            unsubscribe()
        for kind, handler in self._handlers.items():
            self._shard.off(f"{kind}/{self.name}", handler)
        for call in tuple(self._calls.values()):
            self._finish(call, NORMAL_END)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, event: Event) -> None:
        if isinstance(event, Proposed):
            self._proposed(event)
            return
        call = self._calls.get(getattr(event, "session_id", ""))
        if call is None:
            return
        match event:
            case OfferReceived():
                if not call.offer.done():  # the gateway repeats an offer until the answer comes
                    call.offer.set_result(event)
                elif event.reinvite and call.answered and not call.offered_again:
                    call.offered_again = True
                    self._own(self._restart(call, event), f"restart {call.session_id}")
            case CandidateReceived():
                self._candidates.theirs(call, event.sdp)
            case Terminated():
                self._ended_by_platform(call, "terminated", event.reason)
            case Retracted():
                self._ended_by_platform(call, "retracted", "")
            case HandledElsewhere():
                self._finish(call, None)

    def _proposed(self, event: Proposed) -> None:
        if self._settings.answer != "any" or event.session_id in self._calls:
            return
        if len(self._calls) >= CALLS_LIMIT:
            log.warning("%s: more than %d calls at once: one is left alone", self.name, CALLS_LIMIT)
            return
        offer: asyncio.Future[OfferReceived | None] = asyncio.get_running_loop().create_future()
        call = OpenCall(event.session_id, event.conversation_id, event.peer, event.at_mono_s, offer)
        if not event.sdp_over_xmpp:
            self._phase(call, "propose", None, failure("propose", Reason.UNSUPPORTED, "the Jingle form of a call"))
            return
        self._calls[event.session_id] = call
        self._own(self._carry(call), f"call {event.session_id}")

    def _own(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, call: OpenCall) -> None:
        """One call from its proposal to its end."""
        try:
            if await self._set_up(call):
                await call.over.wait()
        except Exception as error:
            log.exception("%s: our own mistake in a call: %s", self.name, type(error).__name__)
            call.end_reason = "general-error"
        finally:
            self._calls.pop(call.session_id, None)
            await self._hang_up(call)

    async def _set_up(self, call: OpenCall) -> bool:
        """From proceed to the answer on its way; False when the call ended before that."""
        refused = await self._agent.connection.proceed(call.session_id, call.peer)
        if refused is not None:
            self._phase(call, "propose", None, refused)
            return False
        offer = await self._offer(call)
        if offer is None:
            return False
        self._phase(call, "propose", offer.at_mono_s - call.proposed_mono_s, None)
        problem = await self._answer(call, offer, "answer")
        if call.over.is_set():
            return False
        seconds = self._context.clock.mono_s() - offer.at_mono_s - call.waited_s
        self._phase(call, "offer", None if problem else seconds, problem)
        if problem is not None:
            call.end_reason = "general-error"
        return problem is None

    async def _offer(self, call: OpenCall) -> OfferReceived | None:
        """The offer; None when the call ended, or none came within `timeout_s`, which is then told."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await call.offer
        except TimeoutError:
            waited = f"no offer within {self.timeout_s:g} s"
            self._phase(call, "propose", None, failure("propose", Reason.TIMEOUT, waited))
            return None

    async def _restart(self, call: OpenCall, offer: OfferReceived) -> None:
        """Answer an offer within the call; without an answer the call stays as it is, and its media tells the rest."""
        problem = await self._answer(call, offer, "restart")
        call.answered = True
        if problem is not None and not call.over.is_set():
            log.warning("%s: an offer within a call: %s %s", self._agent.name, problem.reason, problem.detail)

    async def _answer(self, call: OpenCall, offer: OfferReceived, question: str) -> Failure | None:
        request = AnswerRequest(
            site=self._context.site,
            probe=self.name,
            agent=self._agent.name,
            session_id=call.session_id,
            conversation_id=call.conversation_id,
            sdp=offer.sdp,
            candidates=tuple(call.candidates),
            servers=self._agent.ice_servers,
            relay_only=self._agent.connection.relay_only,
            interface=self._settings.interface,
            media=self._settings.media,
        )
        call.asked, call.offered_again, call.answered = True, False, False
        call.candidates.clear()  # what comes from here on follows the question on the same channel
        try:
            reply = await self._shard.ask(question, to_params(request), self.timeout_s + WAIT_S)
        except ChannelError as error:
            return failure("offer", Reason.ERROR, error)
        answered = from_params(Answered, reply)
        call.waited_s = answered.waited_s
        if answered.failure is not None or call.over.is_set():
            return answered.failure
        refused = await self._agent.connection.accept(call.session_id) if question == "answer" else None
        refused = refused or await self._agent.connection.answer(call.session_id, call.peer, answered.sdp)
        call.answered = True
        self._candidates.answered(call)
        return refused

    def _ended_by_platform(self, call: OpenCall, reason: str, detail: str) -> None:
        """A normal end, or a drop at the platform's side, unless the media told that drop before."""
        normal = reason == "terminated" and detail == NORMAL_END
        if not normal and not call.lost:
            at_wall_s = self._context.clock.wall_s()
            self._context.emit(
                Disconnected(
                    **self._about(call, 0.0),
                    layer=Layer.PLATFORM,
                    reason=reason,
                    last_good_wall_s=at_wall_s,
                    noticed_wall_s=at_wall_s,
                    detail=detail,
                )
            )
        self._finish(call, None)

    def _finish(self, call: OpenCall, tell_platform: str | None) -> None:
        """Let the call's task end it; `tell_platform` is the reason to send, None when the platform knows."""
        if not call.over.is_set():
            call.end_reason = tell_platform
            call.over.set()
        if not call.offer.done():
            call.offer.set_result(None)

    async def _hang_up(self, call: OpenCall) -> None:
        """Say goodbye where the platform does not know yet, then free the media: else it would see a transport fail."""
        if call.end_reason is not None and self._agent.connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_UP_S):
                    await self._agent.connection.terminate(call.session_id, call.peer, call.end_reason)
        if call.asked:
            message = to_params(SessionMessage(session_id=call.session_id))
            with suppress(ChannelError):
                await self._shard.ask("hang_up", message, HANG_UP_S)

    async def _ice_connected(self, params: Params) -> None:
        call = self._calls.get(from_params(SessionMessage, params).session_id)
        if call is not None:  # in a task of its own: the messages that follow must not wait for the platform
            self._own(self._agent.connection.info_active(call.session_id, call.peer), f"active {call.session_id}")

    async def _media_is_lost(self, lost: bool, params: Params) -> None:
        call = self._calls.get(from_params(SessionMessage, params).session_id)
        if call is not None:
            call.lost = lost

    async def _media_ended(self, params: Params) -> None:
        """The media is gone for good: the softphone ends the session."""
        call = self._calls.get(from_params(SessionMessage, params).session_id)
        if call is not None:
            self._finish(call, MEDIA_LOST)

    def _shard_lost(self) -> None:
        """Our own process is gone, and with it the media of our calls."""
        for call in [call for call in self._calls.values() if call.asked and not call.over.is_set()]:
            log.warning("%s: %s ended with our media process: no drop", self._agent.name, call.conversation_id)
            call.lost = True  # whatever the platform says about its end
            self._finish(call, MEDIA_LOST)

    def _phase(self, call: OpenCall, phase: str, seconds: float | None, problem: Failure | None) -> None:
        about = self._about(call, seconds or 0.0)
        self._context.emit(CallPhaseObserved(**about, phase=phase, seconds=seconds, failure=problem))

    def _about(self, call: OpenCall | None, over_s: float) -> dict[str, Any]:
        stamp = self._context.stamp_over(self.name, over_s)
        return {**stamp, "agent": self._agent.name, "conversation_id": "" if call is None else call.conversation_id}
