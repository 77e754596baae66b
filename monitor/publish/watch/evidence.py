"""What the platform shows of publishes, hostile until read: events, lists and audit entries as sightings; pure."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.facts.clock import parse_rfc3339, rfc3339
from monitor.publish.watch.edges import (
    AUDIT_LOOKBACK_S,
    CLOCK_TOLERANCE_S,
    Edge,
    absence_end,
    audit_end,
    event_end,
    event_start,
    poll_end,
)

AUDIT_KEPT_S = 14 * 86400.0  # the real-time audit query reaches no further back
REMEMBERED = 1000  # operations and audit entries
SERVICE, ENTITY = "WorkforceManagement", "Schedule"
_PUBLISHING = frozenset({"Update", "Import", "Copy"})  # of events; a Delete is none
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One update that published a schedule, as one way saw it.

    way: one of facts.runs.WAYS. end: when the platform had saved it. start: None where only the end shows. after_s:
    it cannot have started before, because another change was saved then. What a way does not tell is empty or None.
    """

    way: str
    end: Edge
    start: Edge | None = None
    after_s: float | None = None
    schedule: str = ""
    version: int | None = None
    operation: str = ""
    audit: str = ""
    agents: int | None = None
    by: str = ""
    unconfirmed: bool = False  # nothing says that the schedule belongs to the job's business unit


@dataclass(frozen=True, slots=True)
class Listed:
    """A published schedule as a list shows it."""

    schedule: str
    version: int
    modified_s: float
    by: str


class Events:
    """Events of one business unit's topic. An update's start is remembered until it ends, as only then its result says
    whether it was a publish: `published` is false after a plain edit of a draft."""

    def __init__(self) -> None:
        self._started: OrderedDict[str, float] = OrderedDict()

    def take(self, body: Any, now_s: float) -> Sighting | None:
        """One event's body, received at `now_s` (Unix seconds)."""
        event = _object(body)
        operation = _id(event.get("operationId"))
        if event.get("status") == "Processing" and operation:
            self._started.setdefault(operation, now_s)
            if len(self._started) > REMEMBERED:
                self._started.popitem(last=False)
            return None
        started_s = self._started.pop(operation, None)
        result = _object(event.get("result"))
        done = event.get("status") == "Complete" and event.get("eventType") in _PUBLISHING
        if not done or result.get("published") is not True:
            return None
        metadata = _object(result.get("metadata"))
        end = event_end(_time(metadata.get("dateModified")), now_s)
        return Sighting(
            way="notification",
            end=end,
            start=None if started_s is None else event_start(started_s, end, now_s),
            schedule=_id(result.get("id")),
            version=_version(metadata),
            operation=operation,
            agents=_agents(result),
            by=_id(_object(metadata.get("modifiedBy")).get("id")),
        )


class Polls:
    """Lists of one business unit's published schedules, each compared with the one before.

    since_s: from when on a publish counts that nobody was there to see; None: the first list counts as known.
    """

    def __init__(self, since_s: float | None) -> None:
        self._since_s = since_s
        self._asked_s: float | None = None
        self._known: dict[str, Listed] = {}

    def take(self, body: Any, asked_s: float, now_s: float) -> list[Sighting] | None:
        """A list asked for at `asked_s` and received at `now_s` (Unix seconds); None when it is no list."""
        listing = _entities(body)
        if listing is None:
            return None
        before_s = self._since_s if self._asked_s is None else self._asked_s
        found: list[Sighting] = []
        for listed in filter(None, map(_listed, listing)):
            known = self._known.get(listed.schedule)
            self._known[listed.schedule] = listed
            if before_s is not None and (known is None or known.version != listed.version):
                found += self._sighting(listed, known, before_s, now_s)
        self._asked_s = asked_s
        return found

    def _sighting(self, listed: Listed, known: Listed | None, before_s: float, now_s: float) -> Iterator[Sighting]:
        absent = self._asked_s is None
        if absent and listed.modified_s < before_s:
            return  # nothing has changed since
        end = (
            absence_end(listed.modified_s, before_s, now_s) if absent else poll_end(listed.modified_s, before_s, now_s)
        )
        after_s = known.modified_s if known is not None and known.modified_s <= end.min_s else None
        yield Sighting(
            way="poll", end=end, after_s=after_s, schedule=listed.schedule, version=listed.version, by=listed.by
        )


def listed_ids(body: Any) -> set[str]:
    """The ids of the schedules in a list, whatever else it says of them."""
    return {_id(item.get("id")) for item in _entities(body) or []} - {""}


class Audits:
    """Entries of the audit log, each taken once. since_s: as for Polls."""

    def __init__(self, since_s: float | None, now_s: float) -> None:
        self._begun_s = now_s
        self._from_s = now_s if since_s is None else since_s
        self._since_s = self._from_s
        self._seen: OrderedDict[str, None] = OrderedDict()

    def query(self, now_s: float, page: int, page_size: int) -> dict[str, Any]:
        """The body of the query: from a while before the last one that was answered to a little after now."""
        start_s = max(self._from_s - AUDIT_LOOKBACK_S, now_s - AUDIT_KEPT_S + 60.0)
        return {
            "interval": f"{rfc3339(start_s)}/{rfc3339(now_s + AUDIT_LOOKBACK_S)}",
            "serviceName": SERVICE,
            "filters": [{"property": "EntityType", "value": ENTITY}, {"property": "Action", "value": "Publish"}],
            "sort": [{"name": "Timestamp", "sortOrder": "descending"}],
            "pageNumber": page,
            "pageSize": page_size,
        }

    def take(self, bodies: Sequence[Any], asked_s: float, now_s: float) -> list[Sighting] | None:
        """Every page of an answer, oldest entry first; None when one is no answer."""
        pages = [_entities(body) for body in bodies]
        if None in pages:
            return None
        entries = [entry for page in pages for entry in page or []]
        found = [s for s in (self._sighting(entry, now_s) for entry in entries) if s is not None]
        self._from_s = asked_s
        return sorted(found, key=lambda sighting: sighting.end.at_s)

    def _sighting(self, entry: dict[str, Any], now_s: float) -> Sighting | None:
        entry_id, schedule = _id(entry.get("id")), _id(_object(entry.get("entity")).get("id"))
        at_s = _time(entry.get("eventDate"))
        if not entry_id or at_s is None or at_s < self._since_s or entry_id in self._seen:
            return None
        self._seen[entry_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if entry.get("action") != "Publish":
            return None
        end = audit_end(at_s, now_s, absent=at_s < self._begun_s - CLOCK_TOLERANCE_S)
        by = _id(_object(entry.get("user")).get("id")) or _id(_object(entry.get("client")).get("id"))
        return Sighting(way="audit", end=end, schedule=schedule, audit=entry_id, by=by)


def _listed(item: dict[str, Any]) -> Listed | None:
    """A schedule's metadata, None unless it is a published one with an id, a version and a date."""
    metadata = _object(item.get("metadata"))
    schedule, version, modified_s = _id(item.get("id")), _version(metadata), _time(metadata.get("dateModified"))
    if item.get("published") is not True or not schedule or version is None or modified_s is None:
        return None
    return Listed(schedule, version, modified_s, _id(_object(metadata.get("modifiedBy")).get("id")))


def _version(metadata: dict[str, Any]) -> int | None:
    version = metadata.get("version")
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def _agents(result: dict[str, Any]) -> int | None:
    """How many agents the schedule has, over its management units."""
    units = result.get("managementUnits")
    counts = [_object(unit).get("agentCount") for unit in units] if isinstance(units, list) else []
    told = [count for count in counts if isinstance(count, int) and not isinstance(count, bool) and count >= 0]
    return sum(told) if told else None


def _entities(body: Any) -> list[dict[str, Any]] | None:
    entities = _object(body).get("entities")
    return [one for one in entities if isinstance(one, dict)] if isinstance(entities, list) else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: Any) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _time(value: Any) -> float | None:
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
