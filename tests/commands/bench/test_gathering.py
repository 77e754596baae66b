"""Gatherings in a process of their own, answered by the STUN server of the simulator."""

from __future__ import annotations

import pytest

from monitor.commands.bench import gathering
from monitor.commands.bench.gathering import measured
from monitor.commands.bench.workers import worker


async def test_every_gathering_is_answered_and_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "GATHERINGS", 5)
    told = await measured(lambda words: None, 2)
    assert (told["gatherings"], told["failed"]) == (5, 0)
    assert all(seconds > 0 for seconds in told["took_p50"]["runs"])
    assert len(told["took_max"]["runs"]) == 2


async def test_a_gathering_that_yields_nothing_is_counted_and_has_no_time() -> None:
    async with worker("gather_end") as end:
        told = await end.ask("gather", server="stun:nobody.invalid:3478", count=1)
    assert told["failed"] == 1
    assert told["took_s"]["max"] is None
