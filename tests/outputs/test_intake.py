"""Taking a marker in: durable before the metrics know it, once, and in the place of one that is known better now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.markers import Marker, MarkerPhase
from monitor.outputs.intake import take_marker
from monitor.outputs.journal import Journal, JournalError
from monitor.outputs.metrics import Metrics, MetricsOptions

T0 = 1_790_000_000.0
END = Marker(job="weekly", run_id="r1", phase=MarkerPhase.END, at_wall_s=T0, found_by="poll")
BATCH = replace(END, phase=MarkerPhase.BATCH)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """An open journal."""
    one = Journal(tmp_path / "facts.db")
    yield one
    await one.close()


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a site with no settings."""
    return Metrics("here", MetricsOptions(), ManualClock(wall_s=T0 + 60))


def shown(metrics: Metrics, name: str) -> list[str]:
    """The lines of one metric."""
    return [line for line in metrics.render("")[0].decode().splitlines() if line.startswith(name + "{")]


async def test_a_marker_is_stored_and_shown_and_the_second_time_neither(journal: Journal, metrics: Metrics) -> None:
    assert await take_marker(journal, [metrics], BATCH)
    assert not await take_marker(journal, [metrics], BATCH)
    assert journal.markers() == [BATCH]
    assert shown(metrics, "softphone_publish_batches_total")[0].endswith(" 1.0")


async def test_a_better_marker_takes_the_place_of_the_one_before(journal: Journal, metrics: Metrics) -> None:
    await take_marker(journal, [metrics], END)
    earlier = replace(END, at_wall_s=T0 - 5, found_by="notification+poll")
    assert await take_marker(journal, [metrics], earlier, instead_of=END)
    assert journal.markers() == [earlier]
    (line,) = shown(metrics, "softphone_publish_end_timestamp_seconds")
    assert float(line.split()[-1]) == T0 - 5


async def test_a_marker_at_the_same_moment_may_be_replaced_too(journal: Journal, metrics: Metrics) -> None:
    await take_marker(journal, [metrics], END)
    joined = replace(END, found_by="poll+audit")
    assert await take_marker(journal, [metrics], joined, instead_of=END)
    assert journal.markers() == [joined]


async def test_a_replaced_batch_is_counted_once(journal: Journal, metrics: Metrics) -> None:
    await take_marker(journal, [metrics], BATCH)
    await take_marker(journal, [metrics], replace(BATCH, found_by="poll+audit"), instead_of=BATCH)
    assert shown(metrics, "softphone_publish_batches_total")[0].endswith(" 1.0")


async def test_what_cannot_be_stored_is_not_shown(journal: Journal, metrics: Metrics) -> None:
    await journal.close()
    with pytest.raises(JournalError):
        await take_marker(journal, [metrics], END)
    assert shown(metrics, "softphone_publish_end_timestamp_seconds") == []
