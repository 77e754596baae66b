"""The exporter over real HTTP: metrics, probes, markers, health, and the server itself."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from exporter_bench import START, Bench, exporter

from monitor.facts.failures import Reason, failure
from monitor.facts.probe_result import ProbeResult
from monitor.outputs.journal import JournalError
from monitor.web.exporter import serve


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An exporter on loopback."""
    async with exporter(tmp_path) as one:
        yield one


# Pages


async def test_metrics_are_text_or_openmetrics(bench: Bench) -> None:
    plain = await bench.http.get("/metrics")
    assert plain.status_code == 200
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'softphone_heartbeats_total{channel="xmpp",outcome="ok",site="chicago"} 0.0' in plain.text
    rich = await bench.http.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert rich.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert rich.text.endswith("# EOF\n")


async def test_a_probes_debug_text_says_that_it_is_simulated(tmp_path: Path) -> None:
    for simulated in (True, False):
        folder = tmp_path / str(simulated)
        folder.mkdir()
        async with exporter(folder, simulated=lambda told=simulated: told) as bench:
            debug = await bench.http.get("/probe", params={"target": "heartbeat-1", "debug": "1"})
            assert ("SIMULATED" in debug.text) == simulated


async def test_health_and_readiness(bench: Bench) -> None:
    bench.ready = False
    assert (await bench.http.get("/-/healthy")).status_code == 200
    assert (await bench.http.get("/-/ready")).status_code == 503
    bench.ready = True
    assert (await bench.http.get("/-/ready")).status_code == 200


async def test_reload_tells_what_is_wrong(bench: Bench) -> None:
    assert (await bench.http.post("/-/reload")).json() == {"reloaded": True}
    bench.bad_settings = ["site: must not be empty"]
    bad = await bench.http.post("/-/reload")
    assert (bad.status_code, bad.json()) == (422, {"reloaded": False, "problems": ["site: must not be empty"]})
    assert (await bench.http.get("/-/reload")).status_code == 405


async def test_nothing_else_is_there(bench: Bench) -> None:
    for path in ("/nothing", "/-/", "/metrics/x", "/markers/1", "/../etc/passwd"):
        assert (await bench.http.get(path)).status_code == 404


# Probe


async def test_a_probe_is_run_and_shown(bench: Bench) -> None:
    reply = await bench.http.get("/probe", params={"target": "heartbeat-1", "module": "heartbeat"})
    assert reply.status_code == 200
    assert bench.asked == [("heartbeat-1", "heartbeat")]
    assert "probe_success 1.0" in reply.text
    assert "probe_duration_seconds 0.25" in reply.text
    assert 'probe_phase_duration_seconds{phase="ping"} 0.02' in reply.text


async def test_a_failed_probe_is_a_result(bench: Bench) -> None:
    bench.result = ProbeResult(
        target="api-1", module="api", success=False, duration_s=5.0, failure=failure("tcp", Reason.REFUSED, "no")
    )
    reply = await bench.http.get("/probe", params={"target": "api-1"})
    assert reply.status_code == 200
    assert "probe_success 0.0" in reply.text
    debug = await bench.http.get("/probe", params={"target": "api-1", "debug": "1"})
    assert "failed in tcp: refused (remote fault) no" in debug.text


async def test_debug_shows_the_log_and_the_phases(bench: Bench) -> None:
    reply = await bench.http.get("/probe", params={"target": "heartbeat-1", "debug": "1"})
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.text.startswith("connecting\nping answered\nphase ping: ok, 20.0 ms\n")
    assert "probe_success 1.0" in reply.text


@pytest.mark.parametrize(
    "query",
    [{}, {"target": "example.com:443"}, {"target": "heartbeat-2"}, {"target": "heartbeat-1", "module": "api"}],
)
async def test_nothing_but_configured_probes_can_be_reached(bench: Bench, query: dict[str, str]) -> None:
    reply = await bench.http.get("/probe", params=query)
    assert reply.status_code == 404
    assert "heartbeat" in reply.json()["error"]
    assert bench.asked == []


async def test_a_prober_that_is_gone_is_no_result(bench: Bench) -> None:
    bench.result = RuntimeError("no prober now")
    reply = await bench.http.get("/probe", params={"target": "api-1"})
    assert (reply.status_code, reply.json()) == (503, {"error": "the probe could not be run: no prober now"})


# Markers


async def test_a_marker_is_created_once_and_listed(bench: Bench) -> None:
    first = await bench.http.post("/markers", json=START)
    again = await bench.http.post("/markers", json=START)
    assert (first.status_code, again.status_code) == (201, 200)
    assert len(bench.journal.markers()) == 1
    listed = (await bench.http.get("/markers")).json()
    assert listed == {"markers": [{**START, "time": "2026-11-24T16:00:00.000Z", "found_by": "told"}]}
    metrics = (await bench.http.get("/metrics")).text
    assert 'softphone_publish_start_timestamp_seconds{publish="weekly",run_id="r1"} 1795536000.0' in metrics


async def test_a_start_without_a_time_is_now_and_repeated_once(bench: Bench) -> None:
    body = {key: value for key, value in START.items() if key != "time"}
    first = await bench.http.post("/markers", json=body)
    bench.clock.advance(1.0)
    again = await bench.http.post("/markers", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    (marker,) = bench.journal.markers()
    assert marker.at_wall_s == bench.clock.wall_s() - 1.0


async def test_a_repeated_batch_is_counted_once(bench: Bench) -> None:
    for _ in range(3):
        await bench.http.post("/markers", json={**START, "phase": "batch"})
    text = (await bench.http.get("/metrics")).text
    assert 'softphone_publish_batches_total{outcome="ok",publish="weekly"} 1.0' in text


async def test_a_bad_marker_names_every_field(bench: Bench) -> None:
    reply = await bench.http.post("/markers", json={"job": "", "phase": "x", "colour": "red"})
    assert reply.status_code == 422
    assert [one["field"] for one in reply.json()["problems"]] == ["job", "run_id", "phase", "colour"]
    assert bench.journal.markers() == []


async def test_markers_are_chosen_by_time_and_number(bench: Bench) -> None:
    for minute in range(5):
        await bench.http.post("/markers", json={**START, "time": f"2026-11-24T10:0{minute}:00-06:00"})
    query = {"since": "2026-11-24T10:01:00-06:00", "until": "2026-11-24T16:04:00Z", "limit": "2"}
    listed = (await bench.http.get("/markers", params=query)).json()["markers"]
    assert [one["time"] for one in listed] == ["2026-11-24T16:03:00.000Z", "2026-11-24T16:02:00.000Z"]
    unescaped = await bench.http.get("/markers?since=2026-11-24T16:04:00+00:00")
    assert len(unescaped.json()["markers"]) == 1


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"since": "yesterday", "limit": "-1"}, ["since", "limit"]),
        ({"until": "2026-11-24T10:00:00", "limit": "²"}, ["until", "limit"]),
        ({"limit": "0"}, ["limit"]),
        ({"limit": "9" * 5000}, ["limit"]),
        ({"limit": "1".zfill(5000)}, ["limit"]),
        ({"limit": "00000000019999"}, ["limit"]),
    ],
)
async def test_a_bad_query_names_every_field(bench: Bench, query: dict[str, str], fields: list[str]) -> None:
    reply = await bench.http.get("/markers", params=query)
    assert reply.status_code == 422
    assert [one["field"] for one in reply.json()["problems"]] == fields


async def test_a_body_has_a_limit_however_it_is_sent(bench: Bench) -> None:
    big = json.dumps({**START, "job": "x" * 70_000}).encode()
    headers = {"Content-Type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    assert (await bench.http.post("/markers", content=big, headers=headers)).status_code == 413
    assert (await bench.http.post("/markers", content=chunks(), headers=headers)).status_code == 413
    assert (await bench.http.post("/markers", content=b" " * 60_000, headers=headers)).status_code == 422


async def test_a_marker_that_cannot_be_stored_is_not_confirmed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> bool:
        raise JournalError("softphone.db: database or disk is full")

    monkeypatch.setattr(bench.journal, "add_marker", full)
    reply = await bench.http.post("/markers", json=START)
    assert (reply.status_code, reply.json()) == (503, {"error": "softphone.db: database or disk is full"})


# The server itself


async def test_a_taken_port_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            await serve(create_nothing(), "127.0.0.1", port)


def create_nothing() -> Any:
    """An application that is never asked."""

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    return app


async def test_stop_ends_open_connections_and_requests_and_may_be_repeated() -> None:
    entered = asyncio.Event()

    async def hang(scope: object, receive: object, send: object) -> None:
        entered.set()
        await asyncio.Event().wait()

    server = await serve(hang, "127.0.0.1", 0)  # type: ignore[arg-type]
    idle = await asyncio.open_connection("127.0.0.1", server.port)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await entered.wait()
    await server.stop()
    await server.stop()
    assert await idle[0].read() == b""
    await reader.read()
    for one in (idle[1], writer):
        one.close()
        await one.wait_closed()
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", server.port)


@pytest.mark.parametrize("first", [b"", b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_who_does_not_finish_a_request_loses_the_connection(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr("monitor.web.server.HEAD_DEADLINE_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(first + b"GET /metrics HTTP/1.1\r\nHost: loc")
    async with asyncio.timeout(30):
        answers = await reader.read()
    assert answers.startswith(b"HTTP/1.1 200" if first else b"")
    assert b"softphone_" not in answers
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_does_not_come_is_not_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.web.guard.BODY_DEADLINE_S", 0.05)
    monkeypatch.setattr("monitor.web.server.HEAD_DEADLINE_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    head = b"POST /markers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    writer.write(head + b"{")
    async with asyncio.timeout(30):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


async def test_signals_stay_with_the_application() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    server = await serve(create_nothing(), "127.0.0.1", 0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    await server.stop()
