"""The shared clockwork on a real loop; its grid is tested without sleeping in test_pacing."""

from __future__ import annotations

import asyncio

import pytest

from monitor.media.lean_ticker import Ticker, ticker


class Turns:
    """Counts its turns."""

    def __init__(self, broken: bool = False) -> None:
        self.slots: list[int] = []
        self.skipped = 0
        self._broken = broken

    def slot(self, slot: int) -> None:
        self.slots.append(slot)
        if self._broken:
            raise RuntimeError("broken")

    def missed(self, slots: range) -> None:
        self.skipped += len(slots)


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_everybody_has_each_slot_once_or_it_is_counted() -> None:
    clockwork, members = Ticker(asyncio.get_running_loop()), [Turns() for _ in range(6)]
    for member in members:
        clockwork.add(member)
    await until(lambda: min(len(member.slots) for member in members) >= 10)
    for member in members:
        clockwork.remove(member)
        clockwork.remove(member)
        assert member.slots == sorted(set(member.slots))
        assert member.slots[-1] - member.slots[0] + 1 == len(member.slots) + member.skipped
    assert clockwork._timer is None


async def test_what_breaks_is_a_missed_slot_said_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    clockwork, good, bad = Ticker(asyncio.get_running_loop()), Turns(), Turns(broken=True)
    clockwork.add(good)
    clockwork.add(bad)
    await until(lambda: len(good.slots) >= 4)
    clockwork.remove(good)
    clockwork.remove(bad)
    assert bad.skipped >= len(bad.slots) > 1
    assert caplog.text.count("could not take its turn") == 1


async def test_one_ticker_a_loop() -> None:
    assert ticker() is ticker()
