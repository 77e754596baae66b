"""Streams over real HTTP: a drop and a marker are told after they happen, and nothing outlives the monitor."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from exporter_bench import Bench, exporter
from live_facts import drop, ping

from monitor.web.streams import MOST_STREAMS

HANG_S = 30.0


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """An exporter on loopback whose streams look often."""
    monkeypatch.setattr("monitor.web.streams.EVERY_S", 0.02)
    async with exporter(tmp_path) as one:
        yield one


class Stream:
    """What one reader has been sent."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def event(self, name: str) -> dict[str, Any]:
        """The next event of this name; the stream must not end before."""
        found = ""
        async with asyncio.timeout(HANG_S):
            async for line in self._lines:
                if line.startswith("event: "):
                    found = line.removeprefix("event: ")
                elif line.startswith("data: ") and found == name:
                    told: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return told
        raise AssertionError(f"the stream ended without {name}")

    async def comment(self) -> None:
        """Wait for a comment."""
        async with asyncio.timeout(HANG_S):
            async for line in self._lines:
                if line.startswith(":"):
                    return

    async def end(self) -> None:
        """Wait for the end."""
        async with asyncio.timeout(HANG_S):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def stream(bench: Bench, query: str = "") -> AsyncIterator[Stream]:
    """One reader."""
    async with bench.http.stream("GET", f"/api/live{query}", timeout=HANG_S) as reply:
        assert (reply.status_code, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield Stream(reply.aiter_lines())


async def until_readers(bench: Bench, count: int) -> None:
    """Until so many streams are open."""
    async with asyncio.timeout(HANG_S):
        while (bench.readers or [0])[-1] != count:  # noqa: ASYNC110 - told by a callback that other tests read, too
            await asyncio.sleep(0.01)


async def test_a_drop_a_marker_and_an_explanation_are_told_after_they_happen(bench: Bench) -> None:
    bench.data.observe(drop(bench.clock.wall_s() - 100))
    async with stream(bench, "?window=2h") as reader:
        first = await reader.event("snapshot")
        assert (first["window"], len(first["drops"]), first["runs"]) == ("2h", 1, [])
        assert await reader.event("explained") == {}
        bench.data.observe(drop(bench.clock.wall_s()))
        told = await reader.event("update")
        assert [one["at"] for one in told["drops"]] == [bench.clock.wall_s()]
        assert (
            await bench.http.post("/markers", json={"job": "w", "run_id": "r", "phase": "start"})
        ).status_code == 201
        told = await reader.event("update")
        assert [(run["job"], run["end"]) for run in told["runs"]] == [("w", None)]
        bench.explained.tell(problem="nothing works")
        assert await reader.event("explained") == {"problem": "nothing works"}


async def test_a_quiet_stream_says_that_it_is_still_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.web.streams.COMMENT_EVERY_S", 0.05)
    async with stream(bench) as reader:
        await reader.comment()


async def test_a_reader_that_goes_gives_its_place_up(bench: Bench) -> None:
    async with stream(bench) as reader:
        await reader.event("snapshot")
        await until_readers(bench, 1)
    await until_readers(bench, 0)


async def test_one_more_than_there_are_places_is_refused(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(stream(bench)) for _ in range(MOST_STREAMS)]
        for reader in readers:
            await reader.event("snapshot")
        late = await bench.http.get("/api/live")
        assert (late.status_code, late.headers["retry-after"]) == (503, "5")
        assert (await bench.http.get("/api/timeline")).status_code == 200
    await until_readers(bench, 0)
    async with stream(bench) as again:
        await again.event("snapshot")


async def test_streams_end_when_the_monitor_stops_and_nobody_complains(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    assert bench.server is not None
    async with stream(bench) as reader:
        await reader.event("snapshot")
        bench.streams.close()
        await bench.server.stop()
        await reader.end()
    assert bench.readers[-1] == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_does_not_read_is_cut_off_and_holds_up_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.web.server.WRITE_DEADLINE_S", 0.1)
    bench.explained.tell(words="x" * 20_000_000)  # more than the sockets of both sides take in
    _, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=1024)
    writer.write(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until_readers(bench, 1)
    bench.data.observe(ping(bench.clock.wall_s()))
    assert (await bench.http.get("/api/timeline")).json()["tracks"]["ws_rtt"]["n"] == [1]
    await until_readers(bench, 0)
    writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_stream_outlives_the_deadline_for_requests(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.web.server.HEAD_DEADLINE_S", 0.05)
    monkeypatch.setattr("monitor.web.streams.COMMENT_EVERY_S", 0.1)
    async with stream(bench) as reader:
        for _ in range(3):
            await reader.comment()
        bench.data.observe(drop(bench.clock.wall_s()))
        assert (await reader.event("update"))["drops"]


async def test_an_unknown_window_is_no_stream(bench: Bench) -> None:
    assert (await bench.http.get("/api/live?window=1y")).status_code == 422
