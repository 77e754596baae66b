"""How far a publish run has come, so that another process can go on with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class InFlight:
    """An update that was sent and whose outcome is not known. version: the schedule's before it."""

    batch: int
    version: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What an earlier process has done of a run. agents: everybody to be published, in order.

    published: indices of batches whose document has been applied. written: keys of writes that succeeded.
    editor: what the platform calls us in modifiedBy, where an applied batch has shown it.
    """

    agents: tuple[str, ...]
    published: frozenset[int] = frozenset()
    written: frozenset[str] = field(default_factory=frozenset)
    in_flight: InFlight | None = None
    editor: str = ""
