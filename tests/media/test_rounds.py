"""The shared round on a real loop."""

from __future__ import annotations

import asyncio

import pytest

from monitor.media import rounds as rounds_module
from monitor.media.rounds import Rounds, rounds


async def test_everybody_is_visited_until_removed_and_a_mistake_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds_module, "ROUND_S", 0.01)
    visits: list[str] = []

    def broken() -> None:
        visits.append("broken")
        raise RuntimeError("broken")

    def good() -> None:
        visits.append("good")

    shared = Rounds(asyncio.get_running_loop())
    for visit in (broken, good):
        shared.add(visit)
    async with asyncio.timeout(5):
        while visits.count("good") < 2:  # noqa: ASYNC110 - the loop's own timer is what is waited for
            await asyncio.sleep(0.005)
    assert visits[:4] == ["broken", "good"] * 2
    assert "could not be looked after" in caplog.text
    for visit in (broken, good, good):
        shared.remove(visit)
    assert shared._timer is None


async def test_one_round_a_loop() -> None:
    assert rounds() is rounds()
