"""Our UDP transport on real sockets of this machine."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from typing import Any

import pytest

from monitor.facts.clock import SystemClock
from monitor.media import udp_readers
from monitor.media.udp_readers import LoopReaders
from monitor.media.udp_transport import DATAGRAM_LIMIT, DATAGRAMS_A_WAKE, UdpTransport, open_udp


class Heard(asyncio.DatagramProtocol):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.arrivals: list[float] = []
        self.errors: list[Exception] = []
        self.lost = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.append(data)
        self.arrivals.append(self.transport.arrived_mono_s)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


async def opened(**options: Any) -> tuple[UdpTransport, Heard]:
    return await open_udp(Heard, options.pop("local_addr", ("127.0.0.1", 0)), SystemClock(), **options)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - conditions are about several objects
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("epoll", [True, False])
async def test_datagrams_come_and_go(epoll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not epoll:
        loop = asyncio.get_running_loop()
        monkeypatch.setitem(udp_readers._READERS, loop, LoopReaders(loop))
    here, heard = await opened()
    there, answered = await opened(local_addr=None, remote_addr=here.get_extra_info("sockname"))
    there.sendto(b"question")
    await until(lambda: heard.datagrams)
    here.sendto(b"answer", there.get_extra_info("sockname"))
    await until(lambda: answered.datagrams)
    assert (heard.datagrams, answered.datagrams) == ([b"question"], [b"answer"])
    assert there.get_extra_info("peername") == here.get_extra_info("sockname")
    for transport, protocol in ((here, heard), (there, answered)):
        transport.close()
        transport.close()
        assert transport.is_closing()
        transport.sendto(b"too late", here.get_extra_info("sockname"))
        await protocol.lost.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="kernel stamps are Linux's")
async def test_arrival_is_the_kernels_even_when_we_come_late() -> None:
    here, heard = await opened()
    assert here.kernel_stamps
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sent_mono_s = time.monotonic()
        sender.sendto(b"one", here.get_extra_info("sockname"))
        time.sleep(0.2)  # noqa: ASYNC251 - our own loop is what is late
        read_mono_s = time.monotonic()
        await until(lambda: heard.datagrams)
    assert heard.arrivals[0] < read_mono_s - 0.1
    assert heard.arrivals[0] > sent_mono_s - 0.05
    here.close()


async def test_what_a_library_stumbles_over_is_said_once_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    here, heard = await opened()
    heard.datagram_received = _stumble  # type: ignore[method-assign]
    there, answered = await opened()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(5):
            sender.sendto(b"hostile", here.get_extra_info("sockname"))
        sender.sendto(b"fine", there.get_extra_info("sockname"))
        await until(lambda: answered.datagrams)
        sender.sendto(b"fine", there.get_extra_info("sockname"))
        await until(lambda: len(answered.datagrams) == 2)
    assert caplog.text.count("what a datagram set off went wrong") == 1
    here.close()
    there.close()


def _stumble(data: bytes, addr: Any) -> None:
    raise struct.error("a length that lies")


async def test_a_flood_is_read_in_portions_and_large_datagrams_are_cut() -> None:
    here, heard = await opened()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(DATAGRAMS_A_WAKE + 5):
            sender.sendto(bytes((number,)) * 3000, here.get_extra_info("sockname"))
    await until(lambda: len(heard.datagrams) == DATAGRAMS_A_WAKE + 5)
    assert [data[0] for data in heard.datagrams] == list(range(DATAGRAMS_A_WAKE + 5))
    assert {len(data) for data in heard.datagrams} == {DATAGRAM_LIMIT}
    here.close()


@pytest.mark.skipif(sys.platform != "linux", reason="SO_RXQ_OVFL is Linux's")
async def test_what_the_socket_had_to_drop_is_counted() -> None:
    here, heard = await opened()
    here.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(50):
            sender.sendto(bytes(1000), here.get_extra_info("sockname"))
        await until(lambda: heard.datagrams)
        await asyncio.sleep(0.05)
        sender.sendto(b"after", here.get_extra_info("sockname"))
        await until(lambda: heard.datagrams[-1] == b"after")
    assert here.socket_drops == 51 - len(heard.datagrams)
    here.close()


async def test_what_the_socket_cannot_take_is_lost_and_counted() -> None:
    class Full(socket.socket):
        def sendto(self, *_: Any) -> int:
            raise BlockingIOError

    sock = Full(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    transport = UdpTransport(sock, Heard(), SystemClock(), connected=False)
    transport.sendto(b"sound", sock.getsockname())
    assert transport.socket_drops == 1
    transport.close()


async def test_icmp_is_told_and_does_no_harm() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    transport, heard = await opened(local_addr=None, remote_addr=address)
    transport.sendto(b"anybody there?")
    await until(lambda: heard.errors)
    assert isinstance(heard.errors[0], ConnectionRefusedError)
    transport.close()


async def test_an_address_that_is_not_ours_is_an_error_and_leaves_no_socket() -> None:
    with pytest.raises(OSError, match="assign"):
        await open_udp(Heard, ("192.0.2.1", 0), SystemClock())
