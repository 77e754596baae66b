"""Two real processes with two real calls between them, for a second; what they tell, not how fast they are."""

from __future__ import annotations

import pytest

from monitor.commands.bench.calls import connect, delivered, held, ms_per_peer_second, two_ends
from monitor.commands.bench.workers import WorkerError, worker


async def test_two_calls_talk_and_are_measured_at_both_ends() -> None:
    near, far, up_s = await held("peers", 2, 1.0)
    for told in (near, far):
        assert told["peers"] == 2
        assert told["packets_sent"] > 0
        assert told["packets_received"] > 0
        assert told["losses"] == 0
        assert told["cpu_s"] > 0
        assert told["lag_s"]["max"] >= told["lag_s"]["p50"]
        assert ms_per_peer_second(told) > 0
        assert delivered(told) > 0
    assert up_s > 0


async def test_idle_calls_are_held_without_a_packet() -> None:
    near, far, _ = await held("peers", 1, 1.0, "idle")
    assert near["packets_sent"] == far["packets_sent"] == 0
    assert near["losses"] == far["losses"] == 0


async def test_stock_aiortc_obeys_the_same_commands() -> None:
    near, _, _ = await held("stock", 1, 1.0)
    assert near["peers"] == 1
    assert near["packets_received"] > 0


async def test_what_cannot_be_done_is_told_and_the_next_command_obeyed() -> None:
    async with two_ends() as ends:
        with pytest.raises(WorkerError, match="could not answer"):
            await ends.near.ask("answer", offers=["no SDP"], media="talk")
        assert (await ends.near.ask("told"))["packets_sent"] == 0
        await connect(ends, 1)


async def test_a_process_that_has_ended_is_told_as_such() -> None:
    async with worker("platform_end", "not a number") as gone:
        with pytest.raises(WorkerError, match="has ended"):
            await gone.ask("where")
