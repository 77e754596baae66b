"""Opening a WebSocket step by step: each step timed, each way to fail with its reason; and what is measured on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificate
from ports import free_port

sys.path.insert(0, str(Path(__file__).parent))

from genesys_servers import socket_server

from monitor.facts.clock import ManualClock, SystemClock
from monitor.facts.failures import Failure, Reason
from monitor.genesys import trust
from monitor.genesys.events import CertificateSeen, PhaseTimed, PongReceived
from monitor.genesys.pings import LATE_KEPT, PingBook, came_all_the_same
from monitor.genesys.timed_socket import MeasuredWebSocket, SocketOptions, close_quietly, open_websocket

Told = list[PhaseTimed | CertificateSeen]


async def heard(url: str, **options: Any) -> tuple[MeasuredWebSocket | Failure, Told]:
    events: Told = []
    chosen = SocketOptions(**{"url": url, "subprotocol": "xmpp", "timeout_s": 10.0, **options})
    got = await open_websocket(chosen, SystemClock(), events.append)
    if isinstance(got, MeasuredWebSocket):
        await close_quietly(got)
    return got, events


async def opened(url: str, **options: Any) -> tuple[MeasuredWebSocket | Failure, list[PhaseTimed]]:
    got, events = await heard(url, **options)
    return got, [event for event in events if isinstance(event, PhaseTimed)]


def names(phases: list[PhaseTimed]) -> list[tuple[str, bool]]:
    return [(phase.phase, phase.seconds is not None) for phase in phases]


async def test_plain_socket_has_no_tls_phase() -> None:
    async with socket_server() as server:
        got, phases = await opened(server.url)
        assert isinstance(got, MeasuredWebSocket)
        assert names(phases) == [("tcp", True), ("upgrade", True)]
        assert server.headers[0]["sec-websocket-protocol"] == "xmpp"
        assert "permessage-deflate" in server.headers[0]["sec-websocket-extensions"]


async def test_nagle_is_off() -> None:
    async with socket_server() as server:
        got = await open_websocket(SocketOptions(server.url, "xmpp"), SystemClock(), lambda _: None)
        assert isinstance(got, MeasuredWebSocket)
        assert got.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await close_quietly(got)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server's context, context of a client that trusts it) for 127.0.0.1."""
    cert, private = make_certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, private)
    return server, ssl.create_default_context(cafile=str(cert))


async def test_tls_is_a_phase_of_its_own(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path)
    async with socket_server(ssl=server_tls) as server:
        got, phases = await opened(server.url, ssl_context=client_tls)
        assert isinstance(got, MeasuredWebSocket)
        assert names(phases) == [("tcp", True), ("tls", True), ("upgrade", True)]


async def test_a_certificate_is_told_by_its_end(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path)
    async with socket_server(ssl=server_tls) as server:
        _, events = await heard(server.url, ssl_context=client_tls)
    [seen] = [event for event in events if isinstance(event, CertificateSeen)]
    assert seen.expires_wall_s - SystemClock().wall_s() == pytest.approx(86_400, abs=600)  # made for a day
    assert events.index(seen) == 2  # after tcp and tls


async def test_a_url_that_is_none_is_not_quoted() -> None:
    async with socket_server() as server:
        got, _ = await opened(f"{server.url}/channels/s3cret#fragment")
        assert isinstance(got, Failure)
        assert (got.reason, got.detail) == (Reason.MALFORMED, "not a WebSocket URL")


async def test_reading_the_systems_certificates_is_in_no_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    phases: list[PhaseTimed] = []
    seen: list[int] = []
    trust.trusting_the_system.cache_clear()
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: seen.append(len(phases)) or make())
    async with socket_server() as server:  # it does not speak TLS
        url = server.url.replace("ws:", "wss:")
        for _ in range(2):
            await open_websocket(SocketOptions(url, "xmpp"), SystemClock(), phases.append)
    assert names(phases) == [("tcp", True), ("tls", False)] * 2
    assert seen == [0]  # before the first phase, and once


async def test_an_untrusted_certificate_fails_in_tls(tmp_path: Path) -> None:
    server_tls, _ = certificate(tmp_path)
    async with socket_server(ssl=server_tls) as server:
        got, phases = await opened(server.url)
        assert isinstance(got, Failure)
        assert (got.operation, got.reason) == ("tls", Reason.TLS)
        assert names(phases) == [("tcp", True), ("tls", False)]


@pytest.mark.parametrize(
    ("url", "operation", "reason"),
    [
        (f"ws://127.0.0.1:{free_port()}", "tcp", Reason.REFUSED),
        ("ws://no-such-host.invalid", "dns", Reason.DNS),
        (f"ws://{'a' * 70}.example", "dns", Reason.DNS),
        ("ws://127.0.0.1:99999", "dns", Reason.MALFORMED),
    ],
    ids=["closed port", "no such host", "too long a name", "no port"],
)
async def test_failures_before_the_upgrade(url: str, operation: str, reason: Reason) -> None:
    got, phases = await opened(url)
    assert isinstance(got, Failure)
    assert (got.operation, got.reason) == (operation, reason)
    assert [(phase.phase, phase.failure) for phase in phases] == [("tcp", got)]


async def test_an_unknown_interface_fails_in_tcp() -> None:
    async with socket_server() as server:
        got, _ = await opened(server.url, interface="no-such-if0")
        assert isinstance(got, Failure)
        assert got.operation == "tcp"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the loopback interface is called lo on Linux only")
async def test_a_known_interface_is_bound() -> None:
    async with socket_server() as server:
        got, _ = await opened(server.url, interface="lo")
        assert isinstance(got, MeasuredWebSocket)


@contextlib.asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server that says what it likes."""
    writers: list[asyncio.StreamWriter] = []

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    server = await asyncio.start_server(serve_client, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def answering(raw: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    return talk


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", Reason.AUTH),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", Reason.NOT_FOUND),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Reason.SERVER_ERROR),
        (b"HTTP/1.1 302 No\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", Reason.UNEXPECTED_STATUS),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Reason.UNEXPECTED_STATUS),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Reason.MALFORMED),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Reason.MALFORMED),
        (b"HTTP/1.1 101 S\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n", Reason.MALFORMED),
        (b"", Reason.RESET),
    ],
    ids=["401", "404", "503", "redirect", "200", "no accept", "not HTTP", "long header", "cut"],
)
async def test_failures_of_the_upgrade(raw: bytes, reason: Reason) -> None:
    async with raw_server(answering(raw)) as url:
        got, phases = await opened(url)
        assert isinstance(got, Failure)
        assert (got.operation, got.reason) == ("upgrade", reason)
        assert names(phases) == [("tcp", True), ("upgrade", False)]


async def test_a_server_that_never_answers_is_a_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(silent) as url:
        got, phases = await opened(url, timeout_s=0.1)
        assert isinstance(got, Failure)
        assert (got.operation, got.reason) == ("upgrade", Reason.TIMEOUT)
        assert names(phases) == [("tcp", True), ("upgrade", False)]


async def test_a_subprotocol_that_is_not_echoed_is_refused() -> None:
    async with socket_server(subprotocols=None, select_subprotocol=None) as server:
        got, phases = await opened(server.url)
        assert isinstance(got, Failure)
        assert (got.operation, got.reason) == ("upgrade", Reason.UNSUPPORTED)
        assert names(phases)[-1] == ("upgrade", False)


async def test_cancelling_leaves_no_socket_behind() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(silent) as url:
        task = asyncio.create_task(opened(url))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# --- which pong answers which ping


async def test_pongs_are_matched_by_key_and_late_ones_told() -> None:
    clock, told = ManualClock(), list[PongReceived]()
    book = PingBook("websocket", clock, told.append)
    first = book.begin(b"1", 5.0)
    clock.advance(5)
    book.give_up(b"1")
    second = book.begin(b"2", 5.0)
    clock.advance(1)
    book.pong(b"1", clock.mono_s())
    book.pong(b"2", clock.mono_s())
    book.pong(b"2", clock.mono_s())
    book.pong(b"unknown", clock.mono_s())
    assert await second == pytest.approx(1.0)
    assert not first.done()
    assert [(pong.rtt_s, pong.late) for pong in told] == [(pytest.approx(6.0), True), (pytest.approx(1.0), False)]


async def test_a_pong_in_time_that_was_read_beside_the_timer_is_a_pong() -> None:
    clock, loop = ManualClock(), asyncio.get_running_loop()
    book = PingBook("websocket", clock, lambda event: None)
    pong = book.begin(b"1", 5.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.add_reader(ours, lambda: (ours.recv(1), book.pong(b"1", clock.mono_s() + 2.0)))
        with pytest.raises(TimeoutError):  # noqa: PT012 - both happen in one turn of the loop
            async with asyncio.timeout(0.05):
                theirs.send(b"x")
                time.sleep(0.2)  # noqa: ASYNC251 - our own loop is what is late
                await pong
        loop.remove_reader(ours)
    assert came_all_the_same(pong) == pytest.approx(2.0)
    assert came_all_the_same(book.begin(b"2", 5.0)) is None


async def test_a_round_trip_begins_when_the_ping_is_written() -> None:
    clock, told = ManualClock(), list[PongReceived]()
    book = PingBook("websocket", clock, told.append)
    waiting = book.begin(b"1", 5.0)
    clock.advance(0.25)
    book.sent(b"1", clock.mono_s())
    clock.advance(1)
    book.pong(b"1", clock.mono_s())
    assert await waiting == pytest.approx(1.0)


async def test_the_next_write_is_told_once_and_before_its_pong() -> None:
    async with socket_server() as server:
        got = await open_websocket(SocketOptions(server.url, "xmpp"), SystemClock(), lambda _: None)
        assert isinstance(got, MeasuredWebSocket)
        written: list[float] = []
        ponged: list[float] = []
        got.on_pong = lambda payload, at_mono_s: ponged.append(at_mono_s)
        got.on_next_write = written.append
        await (await got.ping(b"1"))
        await (await got.ping(b"2"))
        assert len(ponged) == 2
        assert len(written) == 1
        assert written[0] <= ponged[0]
        await close_quietly(got)


async def test_a_pong_after_the_timeout_is_late_even_when_our_own_timer_is_late_too() -> None:
    clock, told = ManualClock(), list[PongReceived]()
    book = PingBook("websocket", clock, told.append)
    waiting = book.begin(b"1", 5.0)
    clock.advance(20)
    book.pong(b"1", clock.mono_s())
    assert not waiting.done()
    assert [(pong.rtt_s, pong.late) for pong in told] == [(20.0, True)]


async def test_the_memory_of_lost_pings_is_bounded() -> None:
    told = list[PongReceived]()
    book = PingBook("websocket", ManualClock(), told.append)
    for n in range(LATE_KEPT + 1):
        book.begin(str(n).encode(), 5.0)
        book.give_up(str(n).encode())
    book.pong(b"0", 2000.0)
    assert told == []
    book.pong(b"1", 2000.0)
    assert len(told) == 1


async def test_the_end_of_the_connection_tells_who_waits() -> None:
    book = PingBook("websocket", ManualClock(), lambda _: None)
    waiting = book.begin(b"1", 5.0)
    book.end()
    with pytest.raises(ConnectionError):
        await waiting
