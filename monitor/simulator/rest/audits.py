"""REST route of the audit: the real-time query over saved changes, which finds a publish after the fact."""

from __future__ import annotations

from starlette.routing import Route

from monitor.simulator.organisation.audit_bodies import AuditQuery, audit_page
from monitor.simulator.organisation.refusal_bodies import RefusedError, invalid
from monitor.simulator.rest.gate import Answer, Call, Gate


def routes(gate: Gate) -> list[Route]:
    """POST audits/query/realtime."""
    return [gate.route("POST", "audits/query/realtime", "audits", query)]


async def query(call: Call) -> Answer:
    """One page of what was changed in an interval; 403 for a user's token: agents may not see the audit."""
    if call.owner().kind == "user":
        raise RefusedError(403, "missing.any.permissions", "Unable to perform the requested action. audits:audit:view")
    platform, wanted = call.platform, call.read(AuditQuery)
    try:
        return Answer(audit_page(platform.audits, wanted, platform.organization_id, platform.clock.wall_s()))
    except ValueError as error:
        raise invalid(str(error)) from None
