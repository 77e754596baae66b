"""One end of a WebSocket over the rig: `serve ADDRESS`, or `ping URL COUNT`, which prints both round trips as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Failure
from monitor.genesys.timed_socket import SocketOptions, open_websocket

EVERY_S = 0.01


async def served(address: str) -> None:
    """Answer pings until stdin ends; the port is the first line printed."""

    async def stay(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(stay, address, 0) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def pinged(url: str, count: int) -> None:
    """The monitor's own socket: [ping's round trip, the kernel's] in seconds, for each ping."""
    clock = SystemClock()
    websocket = await open_websocket(SocketOptions(url), clock, lambda event: None)
    assert not isinstance(websocket, Failure), websocket
    found = []
    for number in range(count):
        pong: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        websocket.on_pong = lambda _, at_mono_s, pong=pong: pong.set_result(at_mono_s)  # type: ignore[misc]
        sent_mono_s = clock.mono_s()
        await websocket.ping(str(number).encode())
        found.append([await pong - sent_mono_s, websocket.tcp_rtt_s()])
        await asyncio.sleep(EVERY_S)
    await websocket.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(served(sys.argv[2]) if sys.argv[1] == "serve" else pinged(sys.argv[2], int(sys.argv[3])))
