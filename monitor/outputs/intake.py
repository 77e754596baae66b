"""The one way a marker is taken in: on disk first, then in the metrics."""

from __future__ import annotations

from monitor.facts.markers import Marker
from monitor.outputs.journal import Journal
from monitor.outputs.metrics import Metrics


async def take_marker(
    journal: Journal, metrics: Metrics, marker: Marker, *, once: bool = False, instead_of: Marker | None = None
) -> bool:
    """Take a marker in; it is durable when this returns. False when it was there already. Raises JournalError.

    once, instead_of: as Journal.add_marker has them.
    """
    new = await journal.add_marker(marker, once=once, instead_of=instead_of)
    if new:
        metrics.marker(marker, instead_of=instead_of)
    return new
