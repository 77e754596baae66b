"""The audit's real-time query: what may be asked, and the page that answers it, the same live and virtual; pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from monitor.facts.clock import parse_rfc3339, rfc3339
from monitor.simulator.organisation.audit_log import FILTERS, KEPT_S, AuditEntry, AuditLog
from monitor.simulator.organisation.presence_bodies import Body

MAX_PAGE_SIZE: Final = 500


class AuditFilter(Body):
    """AuditQueryFilter."""

    property: str
    value: str


class AuditSort(Body):
    """AuditQuerySort: the time is all there is to sort by."""

    name: Literal["Timestamp", "timestamp"] = "Timestamp"
    sortOrder: Literal["ascending", "descending"] = "descending"  # noqa: N815 - the wire's name


class AuditQuery(Body):
    """AuditRealtimeQueryRequest."""

    interval: str
    serviceName: Annotated[str, Field(min_length=1)]  # noqa: N815
    filters: Annotated[list[AuditFilter], Field(default_factory=list)]
    sort: Annotated[list[AuditSort], Field(default_factory=list)]
    pageNumber: Annotated[int, Field(ge=1)] = 1  # noqa: N815
    pageSize: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25  # noqa: N815


def audit_page(audits: AuditLog, wanted: AuditQuery, organization_id: str, now_wall_s: float) -> dict[str, Any]:
    """One page of what was changed in an interval. ValueError names the part of the query that cannot be used."""
    from_wall_s, to_wall_s = _interval(wanted.interval, now_wall_s)
    found = list(audits.find(wanted.serviceName, from_wall_s, to_wall_s, _filters(wanted)))
    if not wanted.sort or wanted.sort[0].sortOrder == "descending":
        found.reverse()
    first = (wanted.pageNumber - 1) * wanted.pageSize
    return {
        "entities": [_message(organization_id, entry) for entry in found[first : first + wanted.pageSize]],
        "pageSize": wanted.pageSize,
        "pageNumber": wanted.pageNumber,
        "total": len(found),
        "pageCount": -(-len(found) // wanted.pageSize),
    }


def _interval(text: str, now_wall_s: float) -> tuple[float, float]:
    start, slash, end = text.partition("/")
    try:
        ends = parse_rfc3339(start), parse_rfc3339(end)
    except ValueError:
        ends = (0.0, 0.0)
    if not slash or ends[0] >= ends[1]:
        raise ValueError("interval: must be start/end, each an RFC 3339 time")
    if now_wall_s - ends[0] > KEPT_S:
        raise ValueError("interval: must begin within the last 14 days")
    return ends


def _filters(wanted: AuditQuery) -> dict[str, str]:
    known = {name.lower() for name in FILTERS}
    for one in wanted.filters:
        if one.property.lower() not in known:
            raise ValueError(f"filters.property: not one of {', '.join(FILTERS)}")
    return {one.property: one.value for one in wanted.filters}


def _message(organization_id: str, entry: AuditEntry) -> dict[str, Any]:
    """AuditLogMessage."""
    body: dict[str, Any] = {
        "id": entry.id,
        "userHomeOrgId": organization_id,
        "client": {"id": entry.client_id, "selfUri": f"/api/v2/oauth/clients/{entry.client_id}"},
        "remoteIp": [entry.remote_ip] if entry.remote_ip else [],
        "serviceName": entry.service,
        "level": "USER",
        "eventDate": rfc3339(entry.at_wall_s),
        "action": entry.action,
        "entity": {"id": entry.entity_id, "name": entry.entity_name},
        "entityType": entry.entity_type,
        "status": "SUCCESS",
        "propertyChanges": [],
    }
    if entry.user_id:
        body["user"] = {"id": entry.user_id, "selfUri": f"/api/v2/users/{entry.user_id}"}
    return body
