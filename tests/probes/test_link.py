"""A link serves one channel after another with the handlers it was given once."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from monitor.probes.channel import Channel, ChannelError
from monitor.probes.link import Link


async def echo(params: dict[str, Any]) -> dict[str, Any]:
    return params


async def test_a_link_outlives_its_channel() -> None:
    link = Link("shard")
    link.on("echo", echo)
    losses: list[str] = []
    unsubscribe = link.when_lost(lambda: losses.append("lost"))
    with pytest.raises(ChannelError, match="shard: echo: not connected"):
        await link.ask("echo", {})
    assert link.tell("fact", {}) is False
    for turn in range(2):
        ours, theirs = socket.socketpair()
        far_end = await Channel.from_socket(theirs, "far")
        far_end.on("echo", echo)
        runs = [
            asyncio.create_task(far_end.run()),
            asyncio.create_task(link.serve(await Channel.from_socket(ours, "near"))),
        ]
        assert await far_end.ask("echo", {"turn": turn}) == {"turn": turn}
        assert await link.ask("echo", {"turn": turn}) == {"turn": turn}
        assert link.connected
        await far_end.close()
        await asyncio.gather(*runs)
        assert not link.connected
        assert losses == ["lost"]  # of the first channel, as we stop listening
        unsubscribe()
    await link.close()


async def test_a_handler_is_taken_back_by_who_gave_it_alone() -> None:
    async def other(params: dict[str, Any]) -> dict[str, Any]:
        return {}

    link = Link("shard")
    ours, theirs = socket.socketpair()
    far_end = await Channel.from_socket(theirs, "far")
    link.on("echo", echo)
    runs = [
        asyncio.create_task(far_end.run()),
        asyncio.create_task(link.serve(await Channel.from_socket(ours, "near"))),
    ]
    link.off("echo", other)
    assert await far_end.ask("echo", {"turn": 1}) == {"turn": 1}
    link.off("echo", echo)
    with pytest.raises(ChannelError, match="echo"):
        await far_end.ask("echo", {"turn": 2})
    await far_end.close()
    await link.close()
    await asyncio.gather(*runs)
