"""Tiny real servers on loopback: REST from a function, WebSocket from a list of scripts, one a connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from genesys_transcript import JID, PUBSUB, RESOURCE, TOKEN, Player
from lxml import etree
from websockets.asyncio.server import ServerConnection, serve

from monitor.genesys.events import Event
from monitor.genesys.regions import Endpoints

__all__ = ["JID", "PUBSUB", "RESOURCE", "TOKEN"]

_E = TypeVar("_E", bound=Event)
Script = Callable[[ServerConnection], Awaitable[None]]
TRANSCRIPTS = Path(__file__).parent / "transcripts"


class Listener:
    """What both rigs do: note the events that a connection tells, and how long it wanted to sleep, without sleeping."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.sleeps: list[float] = []
        self._changed = asyncio.Event()

    def of(self, kind: type[_E]) -> list[_E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, happened: Callable[[], Any]) -> None:
        """Return once `happened()` is true, asked after every event and every 20 ms."""
        async with asyncio.timeout(20):
            while not happened():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):  # what a server has seen is told by no event
                    async with asyncio.timeout(0.02):
                        await self._changed.wait()

    def hear(self, event: Event) -> None:
        """Where a connection tells its events."""
        self.events.append(event)
        self._changed.set()

    async def sleep(self, seconds: float) -> None:
        """What a connection sleeps with."""
        self.sleeps.append(seconds)
        self._changed.set()
        await asyncio.sleep(0)


@dataclass
class Asked:
    """One request the REST server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Told:
    """What the REST server answers; text is sent as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass
class RestServer:
    """Answers every request by `answer`, and remembers what was asked."""

    url: str
    answer: Callable[[Asked], Told]
    asked: list[Asked] = field(default_factory=list)

    def count(self, method: str, path: str) -> int:
        return sum(1 for asked in self.asked if (asked.method, asked.path.partition("?")[0]) == (method, path))


@contextlib.asynccontextmanager
async def rest_server(answer: Callable[[Asked], Told] | None = None) -> AsyncIterator[RestServer]:
    """A REST server on a free port; by default it knows one user and makes channels."""
    made = RestServer("", answer or platform())

    serving: set[asyncio.Task[None]] = set()

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    await answer_one(made, reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve_client, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def answer_one(server: RestServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    asked = Asked(method, path, headers, body.decode())
    server.asked.append(asked)
    told = server.answer(asked)
    if told.delay_s:
        await asyncio.sleep(told.delay_s)
    if told.status == 0:  # cut the connection instead of answering
        writer.transport.abort()
        raise ConnectionError
    raw = (told.body if isinstance(told.body, str) else json.dumps(told.body)).encode()
    head = {"content-type": "application/json", "content-length": str(len(raw)), **told.headers}
    writer.write(f"HTTP/1.1 {told.status} X\r\n".encode())
    writer.write("".join(f"{name}: {value}\r\n" for name, value in head.items()).encode() + b"\r\n" + raw)
    await writer.drain()


def platform(ws: Callable[[], str] = lambda: "ws://127.0.0.1:1") -> Callable[[Asked], Told]:
    """users/me, channels numbered from 1, subscriptions."""
    made = 0

    def answer(asked: Asked) -> Told:
        nonlocal made
        path = asked.path.partition("?")[0]
        if path == "/api/v2/users/me":
            return Told(body={"id": "5f3e0f0a", "chat": {"jabberId": JID}})
        if path == "/api/v2/notifications/channels" and asked.method == "POST":
            made += 1
            channel = f"streaming-0-{made}"
            return Told(body={"id": channel, "connectUri": f"{ws()}/channels/{channel}", "expires": ""})
        if path.endswith("/subscriptions"):
            return Told(body={"entities": []})
        if path == "/oauth/token":
            return Told(body={"access_token": f"token-{made}", "token_type": "bearer", "expires_in": 86400})
        return Told(404, {"code": "not.found", "message": "no such path"})

    return answer


@dataclass
class SocketServer:
    """A WebSocket server that gives each connection the next script; without one a connection just stays open."""

    url: str
    scripts: list[Script]
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


@contextlib.asynccontextmanager
async def socket_server(*scripts: Script, **options: Any) -> AsyncIterator[SocketServer]:
    """A WebSocket server on a free port."""
    made = SocketServer("", list(scripts))

    async def handle(websocket: ServerConnection) -> None:
        assert websocket.request is not None
        made.paths.append(websocket.request.path)
        made.headers.append({name.lower(): value for name, value in websocket.request.headers.raw_items()})
        script = made.scripts.pop(0) if made.scripts else stay
        try:
            await script(websocket)
        except AssertionError as error:
            made.errors.append(error)
            raise
        finally:
            await websocket.close()

    options = {"subprotocols": ["xmpp"], "select_subprotocol": _select, "ping_interval": None, **options}
    server = await serve(handle, "127.0.0.1", 0, close_timeout=0.5, **options)
    port = next(iter(server.sockets)).getsockname()[1]
    made.url = f"{'wss' if options.get('ssl') else 'ws'}://127.0.0.1:{port}"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


def _select(_: ServerConnection, offered: Any) -> Any:
    return "xmpp" if "xmpp" in offered else None


async def stay(websocket: ServerConnection) -> None:
    """Read until the client goes."""
    async for _ in websocket:
        pass


def transcript(name: str, then: Script = stay) -> Script:
    """Play the server's side of a golden transcript, checking the client's, then go on with `then`."""

    async def script(websocket: ServerConnection) -> None:
        await speak(websocket, Player(), name)
        await then(websocket)

    return script


def lines_of(name: str) -> list[str]:
    return (TRANSCRIPTS / name).read_text().splitlines()


async def speak(websocket: ServerConnection, player: Player, name: str) -> None:
    for line in lines_of(name):
        kind, _, rest = line.partition(":")
        if kind == "I":
            await speak(websocket, player, rest.strip())
        elif kind == "C":
            text = await websocket.recv()
            player._match(etree.fromstring(rest.strip()), etree.fromstring(text), str(text))
        elif kind == "S":
            await websocket.send(player.substitute(rest.strip()))


def endpoints(rest: str, streaming: str) -> Endpoints:
    return Endpoints(rest, rest, streaming, PUBSUB)
