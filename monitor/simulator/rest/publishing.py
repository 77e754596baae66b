"""What happens behind the 202 of a schedule write: the work, the events that tell of it, and the audit's entry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from monitor.simulator.organisation import schedule_bodies as bodies
from monitor.simulator.organisation.audit_log import AuditEntry
from monitor.simulator.organisation.schedules import Change, DocumentError, Schedule, read_document
from monitor.simulator.platform import Platform
from monitor.simulator.rest.gate import Call

EventType = Literal["Update", "Import", "Copy"]
SERVICE: Final = "WorkforceManagement"
ENTITY: Final = "Schedule"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a write: what a schedule's metadata and the audit say of it."""

    owner: str
    user_id: str
    client_id: str
    remote_ip: str

    @classmethod
    def of(cls, call: Call) -> Origin:
        """The origin of a REST call."""
        grant = call.owner()
        return cls(grant.owner, grant.user_id or "", grant.client_id, call.remote_ip)


@dataclass(frozen=True, slots=True)
class Written:
    """A schedule as a write left it. action: the audit's word for it."""

    schedule: Schedule
    change: Change
    action: str


Work = Callable[[], Awaitable[Written]]  # raises DocumentError


def unit_of(platform: Platform) -> bodies.Unit:
    """The business unit and its management unit."""
    return bodies.Unit(platform.business_unit_id, platform.management_unit_id)


def begin(platform: Platform, kind: EventType, origin: Origin, work: Work) -> dict[str, Any]:
    """Start the work; the body of the 202."""
    operation_id = platform.new_id()
    platform.spawn(_process(platform, kind, operation_id, origin, work))
    return bodies.processing(operation_id)


def updating(platform: Platform, schedule: Schedule, content: bytes, origin: Origin) -> Work:
    """An uploaded document is applied to a schedule. A stale version is a DocumentError."""

    async def work() -> Written:
        document = await asyncio.to_thread(read_document, content)
        change = platform.schedules.apply(schedule, document, platform.users, origin.owner, platform.clock.wall_s())
        return Written(schedule, change, "Publish" if document.published else "Update")

    return work


def importing(platform: Platform, week_id: str, content: bytes, origin: Origin) -> Work:
    """An uploaded document becomes a schedule of its own."""

    async def work() -> Written:
        document = await asyncio.to_thread(read_document, content, new=True)
        book, wall_s = platform.schedules, platform.clock.wall_s()
        schedule = book.add_new(platform.new_id(), week_id, origin.owner, wall_s)
        try:
            change = book.apply(schedule, document, platform.users, origin.owner, wall_s)
        except DocumentError:
            del book.schedules[schedule.id]
            raise
        return Written(schedule, change, "Publish" if document.published else "Create")

    return work


def copying(platform: Platform, schedule: Schedule, week_id: str, description: str, origin: Origin) -> Work:
    """A schedule is copied, unpublished."""

    async def work() -> Written:
        wall_s = platform.clock.wall_s()
        copy = platform.schedules.add_copy(platform.new_id(), schedule, week_id, description, origin.owner, wall_s)
        return Written(copy, Change((), {}), "Create")

    return work


async def _process(platform: Platform, kind: EventType, operation_id: str, origin: Origin, work: Work) -> None:
    """The events in their order: Processing where the scenario tells it, the outcome, one for each changed agent."""
    if platform.scenario.processing_event:
        await _tell(platform, "Processing", kind, operation_id, None)
    await asyncio.sleep(platform.scenario.publish_s)
    try:
        written = await work()
    except DocumentError:
        await _tell(platform, "Error", kind, operation_id, None)  # the real platform gives no reason either
        return
    _remember(platform, written, origin)
    await _tell(platform, "Complete", kind, operation_id, bodies.schedule_metadata(unit_of(platform), written.schedule))
    await _notify_agents(platform, written)


async def _tell(
    platform: Platform, status: str, kind: EventType, operation_id: str, result: dict[str, Any] | None
) -> None:
    """The business unit's event, and its management unit's."""
    unit = unit_of(platform)
    await platform.deliver(bodies.schedules_topic(unit), bodies.schedule_event(status, operation_id, kind, result))
    percent = 100 if status == "Complete" else 0
    event = {"status": status, "operationId": operation_id, "percentComplete": percent, "eventType": kind}
    await platform.deliver(f"v2.workforcemanagement.managementunits.{unit.management_unit_id}.schedules", event)


async def _notify_agents(platform: Platform, written: Written) -> None:
    notified = bodies.notified_agents(written.schedule, written.change)
    platform.fan_out(len(notified))
    if platform.live is not None:
        platform.live.schedule_changed(notified)
    for user_id in notified:
        event = bodies.agent_event(written.schedule, written.change, user_id)
        await platform.deliver(bodies.agent_topic(user_id), event)


def _remember(platform: Platform, written: Written, origin: Origin) -> None:
    """The audit knows saved changes alone: nothing pending, nothing that failed."""
    platform.audits.add(
        AuditEntry(
            id=platform.new_id(),
            at_wall_s=platform.clock.wall_s(),
            service=SERVICE,
            action=written.action,
            entity_type=ENTITY,
            entity_id=written.schedule.id,
            entity_name=written.schedule.description,
            user_id=origin.user_id,
            client_id=origin.client_id,
            remote_ip=origin.remote_ip,
        )
    )
