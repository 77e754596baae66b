"""All calls: placed, offered, found again, told to REST, the control API and whoever follows conversations."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Final, Protocol

from monitor.simulator.platform import Platform
from monitor.simulator.streaming.call import Call, CallState, Terms
from monitor.simulator.streaming.xmpp_session import XmppSession

MAX_LIVE_CALLS: Final = 1000
KEPT_CALLS: Final = 1000  # ended calls that GET conversations and the control API still know

log = logging.getLogger(__name__)


class Softphones(Protocol):
    """Where the bound sessions are."""

    def newest(self, user_id: str | None = None) -> XmppSession | None:
        """The newest bound session, of one user or of all."""
        ...


class Calls:
    """Every call of the platform, newest last. `Platform.calls`."""

    def __init__(self, platform: Platform, softphones: Softphones) -> None:
        self._platform = platform
        self._softphones = softphones
        self._calls: OrderedDict[str, Call] = OrderedDict()
        self._tasks: dict[asyncio.Task[None], Call] = {}

    # REST

    async def place_call(self, user_id: str, number: str) -> str:
        """Ring `number` for the user, whose softphone is offered its leg to answer by itself; the conversation's id.

        LookupError when the user has no softphone connected.
        """
        return self._offer(self._session(user_id), Terms(outbound=True, autoanswer=True, number=number)).cid

    async def set_participant_state(self, conversation_id: str, participant_id: str, changes: dict[str, Any]) -> bool:
        """Apply `{state?, muted?, held?}` to a participant; False when there is no such participant."""
        call = self._of_conversation(conversation_id)
        if call is None or participant_id not in (call.agent_id, call.far_id):
            return False
        if changes.get("state") == "disconnected" and not call.ended:
            await call.ask("hang_up", "success")
            return True
        call.muted = bool(changes.get("muted", call.muted))
        call.held = bool(changes.get("held", call.held))
        await self.changed(call)
        return True

    def conversation(self, conversation_id: str) -> dict[str, Any] | None:
        """The conversation as GET conversations/{id} answers it, or None."""
        call = self._of_conversation(conversation_id)
        return conversation_of(call) if call is not None else None

    # Control API

    def propose(self, *, autoanswer: bool, priv: str, user_id: str | None = None) -> Call:
        """Offer a call to the newest XMPP session, of one user or of all. LookupError when there is none."""
        return self._offer(self._session(user_id), Terms(autoanswer=autoanswer, priv=priv))

    def live(self, sid: str) -> Call:
        """The call of that session id. LookupError when there is none or it is over."""
        call = self._calls.get(sid)
        if call is None or call.ended:
            raise LookupError(f"no call {sid!r} is going on")
        return call

    def state(self) -> dict[str, dict[str, Any]]:
        """What the control API tells of every call that is remembered."""
        return {
            sid: {"state": call.state, "cid": call.cid, "user": call.user.id, "reason": call.end_reason}
            for sid, call in self._calls.items()
        }

    async def end_of(self, user_id: str, reason: str) -> None:
        """Hang up every call of a user."""
        for call in [call for call in self._calls.values() if call.user.id == user_id and not call.ended]:
            await call.ask("hang_up", reason)

    def going_on(self, user_id: str) -> list[Call]:
        """The user's calls that are not over."""
        return [call for call in self._calls.values() if call.user.id == user_id and not call.ended]

    # Clients

    def message(self, session: XmppSession, name: str, sid: str) -> None:
        """A client's proceed, accept or reject; a call of somebody else's is none of its business."""
        call = self._calls.get(sid)
        if call is not None and call.user.id == session.user.id and name != "retract":
            call.tell(name, session)

    def request(self, session: XmppSession, method: str, params: dict[str, Any]) -> bool:
        """A client's answer, iceCandidate, info, terminate, ...; False when it has no such call or it cannot be."""
        sid = params.get("sessionId")
        call = self._calls.get(sid) if isinstance(sid, str) else None
        if call is None or call.user.id != session.user.id or method not in CLIENT_METHODS:
            return False
        return call.tell(method, params)

    # Own

    def newest(self, user_id: str) -> XmppSession | None:
        """The user's newest bound session."""
        return self._softphones.newest(user_id)

    async def changed(self, call: Call) -> None:
        """Tell everybody who follows the user's conversations."""
        await self._platform.deliver(f"v2.users.{call.user.id}.conversations", conversation_of(call))

    async def close(self) -> None:
        """End every call without a goodbye and forget it. Idempotent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            if not self._tasks[task].ended:  # one that has ended is hanging up its peer, which takes its own time
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._calls.clear()

    def _session(self, user_id: str | None) -> XmppSession:
        session = self._softphones.newest(user_id)
        if session is None:
            raise LookupError("no softphone is connected")
        return session

    def _offer(self, session: XmppSession, terms: Terms) -> Call:
        if len(self._tasks) >= MAX_LIVE_CALLS:
            raise LookupError(f"no line is free: {MAX_LIVE_CALLS} calls are going on")
        call = Call(self._platform, self, session, terms)
        self._calls[call.sid] = call
        self._forget_old()
        task = asyncio.get_running_loop().create_task(call.run())
        self._tasks[task] = call
        task.add_done_callback(self._finished)
        return call

    def _forget_old(self) -> None:
        ended = [sid for sid, call in self._calls.items() if call.ended]
        for sid in ended[: max(0, len(ended) - KEPT_CALLS)]:
            del self._calls[sid]

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call ended by an error of the simulator's own", exc_info=error)

    def _of_conversation(self, conversation_id: str) -> Call | None:
        return next((call for call in self._calls.values() if call.cid == conversation_id), None)


CLIENT_METHODS: Final = frozenset(
    ("answer", "iceCandidate", "info", "terminate", "mute", "unmute", "report-statistics")
)


def conversation_of(call: Call) -> dict[str, Any]:
    """A call as a conversation: the agent and the far end, each with one leg."""
    agent = {"id": call.agent_id, "purpose": "user" if call.terms.outbound else "agent", "userId": call.user.id}
    far = {"id": call.far_id, "purpose": "external" if call.terms.outbound else "customer", "address": call.number}
    leg = {"id": call.communication_id, "muted": call.muted, "held": call.held, "confined": False, "provider": "Edge"}
    leg |= {"state": _leg_state(call), "direction": "outbound" if call.terms.outbound else "inbound"}
    far_leg = leg | {"id": call.far_id, "muted": False, "state": "disconnected" if call.ended else "connected"}
    if call.ended:
        leg["disconnectType"] = "transport.failure" if call.error_code else "client"
    if call.error_code:
        leg["errorInfo"] = {"code": call.error_code, "message": "The connection of the WebRTC endpoint was lost"}
    return {"id": call.cid, "participants": [agent | {"calls": [leg]}, far | {"calls": [far_leg]}]}


def _leg_state(call: Call) -> str:
    if call.ended:
        return "disconnected"
    if call.state is CallState.ACTIVE:
        return "connected"
    return "contacting" if call.terms.outbound else "alerting"
