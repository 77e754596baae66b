"""What the organisation's audit remembers: saved changes alone, newest last; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

KEPT_ENTRIES: Final = 10_000
KEPT_S: Final = 14 * 86_400.0  # what a real-time query can reach
FILTERS: Final = ("UserId", "TrusteeOrganizationId", "ClientId", "Action", "EntityType", "EntityId")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One saved change. user_id is empty where a client's own credentials made it."""

    id: str
    at_wall_s: float
    service: str
    action: str
    entity_type: str
    entity_id: str
    entity_name: str
    user_id: str
    client_id: str
    remote_ip: str

    def has(self, name: str, value: str) -> bool:
        """Whether a filter of that name (one of FILTERS, in any case) and value lets this entry through."""
        mine: Mapping[str, str] = {
            "userid": self.user_id,
            "clientid": self.client_id,
            "action": self.action,
            "entitytype": self.entity_type,
            "entityid": self.entity_id,
        }
        return mine.get(name.lower(), "").lower() == value.lower()


class AuditLog:
    """The entries that are still kept."""

    def __init__(self) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=KEPT_ENTRIES)

    def add(self, entry: AuditEntry) -> None:
        """Remember a change that has been saved."""
        self._entries.append(entry)

    def find(
        self, service: str, from_wall_s: float, to_wall_s: float, filters: Mapping[str, str]
    ) -> Iterator[AuditEntry]:
        """The service's entries in [from, to) that every filter lets through, oldest first."""
        for entry in self._entries:
            timely = from_wall_s <= entry.at_wall_s < to_wall_s
            if timely and entry.service == service and all(entry.has(*pair) for pair in filters.items()):
                yield entry
