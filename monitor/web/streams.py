"""Server-sent events: what has changed since, once a second at most, to a bounded number of readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from monitor.web.live.data import LiveData

MOST_STREAMS = 20
EVERY_S = 1.0
COMMENT_EVERY_S = 15.0
RETRY_MS = 2000  # how soon a browser comes back when the monitor was restarted


class Explained(Protocol):
    """What children explain of the facts. version: grows with every change."""

    version: int

    def told(self) -> Mapping[str, Any]:
        """The explanations as the page shows them."""
        ...


class Streams:
    """The open streams. on_count: told how many there are whenever that changes."""

    def __init__(self, data: LiveData, explained: Explained, on_count: Callable[[int], None]) -> None:
        self.data = data
        self.explained = explained
        self._on_count = on_count
        self._open = 0
        self._closing = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no further stream may be opened."""
        return self._open >= MOST_STREAMS or self._closing.is_set()

    def close(self) -> None:
        """End every stream soon. Idempotent."""
        self._closing.set()

    @contextmanager
    def place(self) -> Iterator[asyncio.Event]:
        """Take a place for as long as the block lasts; the event says that the streams are to end."""
        self._open += 1
        self._on_count(self._open)
        try:
            yield self._closing
        finally:
            self._open -= 1
            self._on_count(self._open)


class EventStream:
    """An ASGI answer: a snapshot of a window, then its updates, until the reader has gone or the monitor stops.

    A reader that does not read holds up its own stream and nothing else: what it misses is not kept for it, and the
    server cuts it off (server.WRITE_DEADLINE_S).
    """

    def __init__(self, streams: Streams, window: str) -> None:
        self._streams = streams
        self._window = window

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end."""
        head = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        with self._streams.place() as closing:
            await send({"type": "http.response.start", "status": 200, "headers": head})
            ends = [asyncio.create_task(_gone(receive)), asyncio.create_task(closing.wait())]
            try:
                async for chunk in self._chunks(ends):
                    await send({"type": "http.response.body", "body": chunk.encode(), "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                for task in ends:
                    task.cancel()

    async def _chunks(self, ends: list[asyncio.Task[Any]]) -> AsyncIterator[str]:
        data, explained, window = self._streams.data, self._streams.explained, self._window
        change, text = await asyncio.to_thread(_snapshot, data, window)
        yield f"retry: {RETRY_MS}\n\n{text}"
        version, quiet_s = -1, 0.0
        while True:
            if version != explained.version:
                version, quiet_s = explained.version, 0.0
                yield event("explained", explained.told())
            done, _ = await asyncio.wait(ends, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            if data.change != change:
                change, text = await asyncio.to_thread(_update, data, window, change)
                quiet_s = 0.0
                yield text
            elif (quiet_s := quiet_s + EVERY_S) >= COMMENT_EVERY_S:
                quiet_s = 0.0
                yield ": still here\n\n"


def event(name: str, told: Mapping[str, Any]) -> str:
    """One event in the format of the HTML standard: the JSON has no line break, so it is one line of data."""
    return f"event: {name}\ndata: {as_json(told)}\n\n"


def as_json(told: Mapping[str, Any]) -> str:
    """Compact, and valid also where a value is none that JSON has."""
    return json.dumps(told, allow_nan=False, separators=(",", ":"))


def _snapshot(data: LiveData, window: str) -> tuple[int, str]:
    change, told = data.snapshot(window)
    return change, event("snapshot", told)


def _update(data: LiveData, window: str, since: int) -> tuple[int, str]:
    change, told = data.update(window, since)
    return change, event("update", told)


async def _gone(receive: Receive) -> None:
    """Until the reader has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
