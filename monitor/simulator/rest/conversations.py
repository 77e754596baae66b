"""REST routes of conversations: place a call, look at one, answer, mute or end a participant's leg."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from starlette.routing import Route

from monitor.simulator.organisation.model import CallControl
from monitor.simulator.organisation.refusal_bodies import RefusedError, not_found
from monitor.simulator.rest.gate import Answer, Body, Call, Gate


class CreateCall(Body):
    """CreateCallRequest, as far as one number goes."""

    phoneNumber: Annotated[str, Field(min_length=1, max_length=100)]  # noqa: N815 - the wire's name


class ParticipantChanges(Body):
    """MediaParticipantRequest; a wrap-up and the rest of it are ignored."""

    state: Literal["connected", "disconnected"] | None = None
    muted: bool | None = None
    held: bool | None = None


def routes(gate: Gate) -> list[Route]:
    """Calls and conversations."""
    return [
        gate.route("POST", "conversations/calls", "conversations", place),
        gate.route("GET", "conversations/calls/{conversation_id}", "conversations", read),
        gate.route("GET", "conversations/{conversation_id}", "conversations", read),
        gate.route(
            "PATCH", "conversations/calls/{conversation_id}/participants/{participant_id}", "conversations", change
        ),
    ]


async def place(call: Call) -> Answer:
    """Call a number for the token's user."""
    user, wanted = call.own_user(), call.read(CreateCall)
    try:
        conversation_id = await _calls(call).place_call(user.id, wanted.phoneNumber)
    except LookupError as error:
        raise RefusedError(400, "bad.request", f"The call could not be placed: {error}") from None
    return Answer({"id": conversation_id, "selfUri": f"/api/v2/conversations/calls/{conversation_id}"}, 202)


async def read(call: Call) -> Answer:
    """One conversation with its participants."""
    conversation = _calls(call).conversation(call.path["conversation_id"])
    if conversation is None:
        raise not_found("conversation")
    return Answer(conversation)


async def change(call: Call) -> Answer:
    """Answer, hang up, mute or hold one participant."""
    changes = call.read(ParticipantChanges).model_dump(exclude_none=True)
    path = call.path
    try:
        found = await _calls(call).set_participant_state(path["conversation_id"], path["participant_id"], changes)
    except LookupError as error:  # it has just ended, or its client floods it
        raise RefusedError(409, "conflict", f"The call could not be changed: {error}") from None
    if not found:
        raise not_found("participant")
    return Answer(status=202)


def _calls(call: Call) -> CallControl:
    if call.platform.calls is None:
        raise RefusedError(503, "service.unavailable", "This simulator was started without calls.")
    return call.platform.calls
