"""A TCP socket that tells when something arrived: the kernel's moment, however late we read."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import make_certificate

sys.path.insert(0, str(Path(__file__).parent))

from genesys_servers import socket_server

from monitor.facts.clock import SystemClock
from monitor.genesys.stamped_socket import StampedSocket
from monitor.genesys.timed_socket import MeasuredWebSocket, SocketOptions, close_quietly, open_websocket

LATE_S = 0.1
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps TCP segments")


def by_recv(sock: socket.socket) -> bytes:
    return sock.recv(100)


def by_recv_into(sock: socket.socket) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: sock.recv_into(buffer)])


def by_part_of_a_buffer(sock: socket.socket) -> bytes:
    buffer = bytearray(100)
    got = sock.recv_into(buffer, 3)
    return bytes(buffer[:got]) + by_recv(sock)


@pytest.mark.parametrize("read", [by_recv, by_recv_into, by_part_of_a_buffer])
def test_what_is_read_late_came_when_it_came(read: Callable[[socket.socket], bytes]) -> None:
    clock = SystemClock()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        StampedSocket(socket.AF_INET, socket.SOCK_STREAM, 0, clock) as ours,
    ):
        ours.connect(server.getsockname())
        theirs, _ = server.accept()
        with theirs:
            assert ours.arrived_mono_s is None
            before_mono_s = clock.mono_s()
            theirs.sendall(b"hello")
            time.sleep(LATE_S)
            read_mono_s = clock.mono_s()
            assert read(ours) == b"hello"
    if sys.platform == "linux":
        assert ours.arrived_mono_s is not None
        assert before_mono_s - 0.001 <= ours.arrived_mono_s < read_mono_s  # the two clocks are read one after the other


def test_without_stamps_it_reads_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.facts.clock_stamps.KERNEL_STAMPS", False)
    for read in (by_recv, by_recv_into):
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            StampedSocket(socket.AF_INET, socket.SOCK_STREAM, 0, SystemClock()) as ours,
        ):
            ours.connect(server.getsockname())
            theirs, _ = server.accept()
            with theirs:
                theirs.sendall(b"hello")
                assert read(ours) == b"hello"
                assert ours.arrived_mono_s is None


@linux
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
async def test_a_pong_came_before_it_was_read(tmp_path: Path, secure: bool) -> None:
    server_tls = client_tls = None
    if secure:
        cert, private = make_certificate(tmp_path)
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_tls.load_cert_chain(cert, private)
        client_tls = ssl.create_default_context(cafile=str(cert))
    pongs: list[tuple[bytes, float]] = []
    async with socket_server(ssl=server_tls) as server:
        options = SocketOptions(server.url, "xmpp", ssl_context=client_tls)
        websocket = await open_websocket(options, SystemClock(), lambda _: None)
        assert isinstance(websocket, MeasuredWebSocket)
        websocket.on_pong = lambda payload, at_mono_s: pongs.append((payload, at_mono_s))
        await (await websocket.ping(b"key"))
        [(payload, at_mono_s)] = pongs
        assert payload == b"key"
        assert at_mono_s < websocket.heard_mono_s
        await close_quietly(websocket)
