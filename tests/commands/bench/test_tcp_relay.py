"""The relay of the detection bench: bytes and ends pass as they are, and a cut is not even acknowledged."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from monitor.commands.bench.tcp_relay import TcpRelay
from monitor.genesys.tcp_info import read_tcp_info

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="socket filters are Linux's")

GUARD_S = 20.0


@asynccontextmanager
async def relayed() -> AsyncIterator[tuple[TcpRelay, socket.socket, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A relay, a client's socket on its near side, and the far side's end of that connection."""
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda reader, writer: accepted.put_nowait((reader, writer)), "127.0.0.1", 0)
    relay = TcpRelay(server.sockets[0].getsockname())
    port = await relay.start()
    client = socket.socket()
    client.setblocking(False)
    try:
        async with asyncio.timeout(GUARD_S):
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            reader, writer = await accepted.get()
            await asyncio.get_running_loop().sock_sendall(client, b"x")
            await reader.readexactly(1)  # both sides are joined
            yield relay, client, reader, writer
    finally:
        client.close()
        await relay.close()
        server.close()


async def test_bytes_pass_both_ways_and_so_does_an_end() -> None:
    loop = asyncio.get_running_loop()
    async with relayed() as (_, client, reader, writer):
        await loop.sock_sendall(client, b"question")
        assert await reader.readexactly(8) == b"question"
        writer.write(b"answer")
        assert await loop.sock_recv(client, 100) == b"answer"
        writer.close()
        assert await loop.sock_recv(client, 100) == b""


async def test_a_reset_passes_as_a_reset() -> None:
    async with relayed() as (_, client, _reader, writer):
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()
        with pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(client, 100)


async def test_what_is_sent_into_a_cut_is_repeated_in_vain_until_it_is_mended() -> None:
    loop = asyncio.get_running_loop()
    async with relayed() as (relay, client, reader, _):
        relay.cut()
        await loop.sock_sendall(client, b"lost")
        while (info := read_tcp_info(client)) is not None and info.silent_at() != "path":  # noqa: ASYNC110 - the kernel's
            await asyncio.sleep(0.02)
        assert info is not None
        assert info.unacked > 0
        relay.mend()
        assert await reader.readexactly(4) == b"lost"
