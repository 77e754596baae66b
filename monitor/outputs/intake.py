"""The one way a marker is taken in: on disk first, then by whoever shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitor.facts.markers import Marker
from monitor.outputs.journal import Journal


class Shows(Protocol):
    """Whoever shows markers: the metrics, the live page."""

    def marker(self, marker: Marker, *, instead_of: Marker | None = None) -> None:
        """Take a new marker in, in the place of another."""
        ...


async def take_marker(
    journal: Journal, shown_by: Sequence[Shows], marker: Marker, *, once: bool = False, instead_of: Marker | None = None
) -> bool:
    """Take a marker in; it is durable when this returns. False when it was there already. Raises JournalError.

    once, instead_of: as Journal.add_marker has them.
    """
    new = await journal.add_marker(marker, once=once, instead_of=instead_of)
    if new:
        for one in shown_by:
            one.marker(marker, instead_of=instead_of)
    return new
