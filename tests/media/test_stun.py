"""Our STUN and TURN transactions against small servers that answer well, late, wrongly, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice import stun, turn

from monitor.facts.ice import IceServer, ServerOutcome, ServerResult
from monitor.media.stun import ask_server

Answer = Callable[[bytes, tuple[str, int]], Iterable[bytes]]


async def result_of(server: IceServer, **options: Any) -> ServerResult:
    return (await ask_server(server, **options)).result


class Server(asyncio.DatagramProtocol):
    """Answers each datagram with whatever `answer` makes of it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.received: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(data)
        for reply in self._answer(data, addr):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def udp_server(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[tuple[str, Server]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: Server(answer), local_addr=(host, 0))
    name = f"[{host}]" if ":" in host else host
    try:
        yield f"{name}:{transport.get_extra_info('sockname')[1]}", server
    finally:
        transport.close()
        await asyncio.sleep(0)


def mapped(data: bytes, addr: tuple[str, int]) -> bytes:
    request = stun.parse_message(data)
    reply = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
    reply.attributes["XOR-MAPPED-ADDRESS"] = addr[:2]
    return bytes(reply)


def error(request: stun.Message, code: int, **attributes: object) -> bytes:
    reply = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
    reply.attributes.update({"ERROR-CODE": (code, "No"), **attributes})
    return bytes(reply)


def silent(data: bytes, addr: tuple[str, int]) -> list[bytes]:
    return []


async def test_a_binding_tells_our_address_and_its_time() -> None:
    async with udp_server(lambda data, addr: [mapped(data, addr)]) as (name, server):
        result = await result_of(IceServer(f"stun:{name}"))
    assert (result.outcome, result.server, result.transport) == (ServerOutcome.OK, name, "udp")
    assert result.seconds is not None
    assert result.seconds > 0
    assert result.address.startswith("127.0.0.1:")
    assert len(server.received) == 1


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_ipv6() -> None:
    async with udp_server(lambda data, addr: [mapped(data, addr)], "::1") as (name, _):
        result = await result_of(IceServer(f"stun:{name}"))
    assert (result.outcome, result.address[:6]) == (ServerOutcome.OK, "[::1]:")


async def test_a_lost_request_is_sent_again_and_its_time_counts_from_the_first() -> None:
    seen: list[bytes] = []

    def second_time(data: bytes, addr: tuple[str, int]) -> list[bytes]:
        seen.append(data)
        return [mapped(data, addr)] if len(seen) == 2 else []

    async with udp_server(second_time) as (name, _):
        result = await result_of(IceServer(f"stun:{name}"))
    assert result.outcome is ServerOutcome.OK
    assert result.seconds is not None
    assert len(seen) == 2
    assert result.seconds > 0.4  # counted from the second request it would be a millisecond, not the RTO of 0.5 s
    assert seen[0] == seen[1]  # the same transaction


async def test_a_server_that_never_answers_is_a_timeout_without_a_time() -> None:
    async with udp_server(silent) as (name, server):
        result = await result_of(IceServer(f"stun:{name}"), timeout_s=0.7)
    assert (result.outcome, result.seconds) == (ServerOutcome.TIMEOUT, None)
    assert result.detail == "binding: no answer within 0.7 s"
    assert len(server.received) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="kernel arrival times are Linux's")
async def test_what_our_own_loop_was_late_is_not_in_the_time() -> None:
    asked, blocked, replied = threading.Event(), threading.Event(), threading.Event()

    def serve(sock: socket.socket) -> None:
        data, addr = sock.recvfrom(2048)
        asked.set()
        blocked.wait()
        sock.sendto(mapped(data, addr), addr)
        replied.set()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(sock,))
        thread.start()
        began = time.monotonic()
        asking = asyncio.create_task(result_of(IceServer(f"stun:127.0.0.1:{sock.getsockname()[1]}")))
        while not asked.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0)
        blocked.set()
        replied.wait()
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is blocked on purpose, with the answer in the socket
        result = await asking
        thread.join()
    assert result.outcome is ServerOutcome.OK
    assert result.seconds is not None
    assert 0 < result.seconds < time.monotonic() - began - 0.3


def wrong_transaction(data: bytes, addr: tuple[str, int]) -> bytes:
    reply = stun.parse_message(mapped(data, addr))
    reply.transaction_id = bytes(12)
    return bytes(reply)


def own_request(data: bytes, addr: tuple[str, int]) -> bytes:
    return data


def other_method(data: bytes, addr: tuple[str, int]) -> bytes:
    reply = stun.parse_message(mapped(data, addr))
    reply.message_method = stun.Method.REFRESH
    return bytes(reply)


def bad_fingerprint(data: bytes, addr: tuple[str, int]) -> bytes:
    reply = stun.parse_message(mapped(data, addr))
    reply.attributes["FINGERPRINT"] = 1
    return bytes(reply)


def one_byte_lifetime(data: bytes, addr: tuple[str, int]) -> bytes:
    """An attribute whose declared length does not hold its value: aioice raises struct.error for it."""
    body = struct.pack("!HH", 0x000D, 1) + b"\0\0\0\0"
    return struct.pack("!HHI12s", 0x0101, len(body), stun.COOKIE, data[8:20]) + body


@pytest.mark.parametrize(
    "garbage",
    [
        lambda data, addr: b"",
        lambda data, addr: b"\0",
        lambda data, addr: os.urandom(700),
        lambda data, addr: mapped(data, addr)[:-1],
        lambda data, addr: mapped(data, addr) + b"\0\0\0\0",
        lambda data, addr: b"\xff" * 65_000,
        wrong_transaction,
        own_request,
        other_method,
        bad_fingerprint,
        one_byte_lifetime,
    ],
)
async def test_garbage_before_the_answer_is_passed_over(garbage: Callable[[bytes, tuple[str, int]], bytes]) -> None:
    def answer(data: bytes, addr: tuple[str, int]) -> list[bytes]:
        return [garbage(data, addr)] * 3 + [mapped(data, addr)]

    async with udp_server(answer) as (name, _):
        result = await result_of(IceServer(f"stun:{name}"))
    assert result.outcome is ServerOutcome.OK


async def test_nothing_but_garbage_is_a_timeout_that_counts_it() -> None:
    async with udp_server(lambda data, addr: [wrong_transaction(data, addr)] * 2) as (name, _):
        result = await result_of(IceServer(f"stun:{name}"), timeout_s=0.3)
    assert (result.outcome, result.seconds) == (ServerOutcome.TIMEOUT, None)
    assert "(2 messages were not an answer)" in result.detail


async def test_a_flood_of_garbage_ends_at_the_timeout_and_leaves_the_loop_to_others() -> None:
    stopping = asyncio.Event()
    turns = 0

    async def flood(sock: socket.socket, to: tuple[str, int]) -> None:
        while not stopping.is_set():
            for _ in range(50):
                with contextlib.suppress(OSError):
                    sock.sendto(b"x" * 100, to)
            await asyncio.sleep(0)

    async def count() -> None:
        nonlocal turns
        while not stopping.is_set():
            turns += 1
            await asyncio.sleep(0.01)

    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        asking = asyncio.create_task(result_of(IceServer(f"stun:127.0.0.1:{sock.getsockname()[1]}"), timeout_s=0.5))
        _, victim = await loop.sock_recvfrom(sock, 2048)
        async with asyncio.TaskGroup() as group:
            group.create_task(flood(sock, victim))
            group.create_task(count())
            result = await asking
            stopping.set()
    assert result.outcome is ServerOutcome.TIMEOUT
    assert turns > 3


@pytest.mark.parametrize(
    ("scheme", "kind"), [("stun:{}", socket.SOCK_DGRAM), ("turn:{}?transport=tcp", socket.SOCK_STREAM)]
)
async def test_a_closed_port_is_refused_at_once(scheme: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:  # holds the port, so that nobody else can open it meanwhile
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        if kind is socket.SOCK_DGRAM:  # TCP refuses where nobody listens; UDP only what is from another than its peer
            holder.connect(("127.0.0.1", 9))
        result = (await ask_server(IceServer(scheme.format(f"127.0.0.1:{port}")), interface=None, timeout_s=5)).result
    assert (result.outcome, result.seconds) == (ServerOutcome.REFUSED, None)


@pytest.mark.parametrize("url", ["stun:", "stun:a b", "turns:a?transport=udp", "gopher:a", "stun:[::zz]", "\ud800"])
async def test_urls_that_cannot_be_used_are_unsupported(url: str) -> None:
    result = (await ask_server(IceServer(url), interface=None, timeout_s=5)).result
    assert result.outcome is ServerOutcome.UNSUPPORTED
    assert result.detail
    assert result.scheme in ("stun", "stuns", "turn", "turns")


async def test_an_unknown_interface_is_unreachable_and_says_so() -> None:
    result = await result_of(IceServer("stun:127.0.0.1:9"), interface="nosuch0")
    assert (result.outcome, result.detail) == (ServerOutcome.UNREACHABLE, "nosuch0: no such interface")


class TurnServer:
    """Long-term credentials as RFC 8489 section 9.2: challenges, can grow its nonce stale, can refuse."""

    def __init__(self, *, stale: int = 0, code: int = 0, sign: bool = True) -> None:
        self.stale = stale
        self.code = code
        self.sign = sign
        self.key = turn.make_integrity_key("user", "here", "secret")
        self.nonce = 0
        self.methods: list[tuple[str, int | None]] = []

    def answer(self, data: bytes, addr: tuple[str, int]) -> list[bytes]:
        request = stun.parse_message(data)
        self.methods.append((request.message_method.name, request.attributes.get("LIFETIME")))
        challenge = {"REALM": "here", "NONCE": str(self.nonce).encode()}
        if not request.check_message_integrity(self.key):
            return [error(request, 401, **challenge)]
        if self.stale:
            self.stale -= 1
            self.nonce += 1
            return [error(request, 438, REALM="here", NONCE=str(self.nonce).encode())]
        if self.code:
            return [error(request, self.code)]
        reply = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
        reply.attributes.update(
            {"LIFETIME": 600, "XOR-RELAYED-ADDRESS": ("192.0.2.9", 50_000), "XOR-MAPPED-ADDRESS": addr}
        )
        if self.sign:
            reply.add_message_integrity(self.key)
        return [bytes(reply)]


async def allocate(server: TurnServer, password: str | None = "secret", timeout_s: float = 5.0):
    async with udp_server(server.answer) as (name, _):
        return await result_of(IceServer(f"turn:{name}", "user", password), timeout_s=timeout_s)


async def test_an_allocation_is_made_and_released() -> None:
    server = TurnServer()
    result = await allocate(server)
    assert (result.outcome, result.address) == (ServerOutcome.OK, "192.0.2.9:50000")
    assert result.seconds is not None
    assert [method for method, _ in server.methods] == ["ALLOCATE", "ALLOCATE", "REFRESH"]
    assert server.methods[-1] == ("REFRESH", 0)


async def test_a_stale_nonce_is_retried_once() -> None:
    assert (await allocate(TurnServer(stale=1))).outcome is ServerOutcome.OK
    twice = TurnServer(stale=2)
    result = await allocate(twice)
    assert (result.outcome, result.detail) == (ServerOutcome.AUTH, "438 No")
    assert len(twice.methods) == 3


@pytest.mark.parametrize("password", ["wrong", None, "\ud800"])
async def test_bad_credentials_are_auth_or_unsupported_never_an_exception(password: str | None) -> None:
    result = await allocate(TurnServer(), password)
    expected = ServerOutcome.UNSUPPORTED if password == "\ud800" else ServerOutcome.AUTH
    assert result.outcome is expected
    assert "secret" not in repr(result)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (403, ServerOutcome.AUTH),
        (441, ServerOutcome.AUTH),
        (486, ServerOutcome.REFUSED),
        (508, ServerOutcome.REFUSED),
        (500, ServerOutcome.REFUSED),
        (442, ServerOutcome.UNSUPPORTED),
        (400, ServerOutcome.UNSUPPORTED),
    ],
)
async def test_error_codes(code: int, outcome: ServerOutcome) -> None:
    result = await allocate(TurnServer(code=code))
    assert (result.outcome, result.detail) == (outcome, f"{code} No")


async def test_an_unsigned_success_is_not_believed() -> None:
    result = await allocate(TurnServer(sign=False), timeout_s=0.3)
    assert result.outcome is ServerOutcome.TIMEOUT


@asynccontextmanager
async def tcp_server(*pieces: bytes, close: bool = True, echo_stun: bool = False) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = await reader.readexactly(28)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if echo_stun:
                writer.write(mapped(request, writer.get_extra_info("peername")))
                await writer.drain()
            if not close:
                await reader.read()
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    serving: list[asyncio.Task[None]] = []

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*serving)


async def test_stun_over_tcp() -> None:
    async with tcp_server(echo_stun=True) as name:
        result = await result_of(IceServer(f"stun:{name}?transport=tcp"))
    assert (result.outcome, result.transport) == (ServerOutcome.OK, "tcp")


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        ((), ServerOutcome.REFUSED),
        ((b"\x01\x01",), ServerOutcome.REFUSED),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), ServerOutcome.UNSUPPORTED),
        ((struct.pack("!HHI", 0x0101, 65_532, stun.COOKIE) + bytes(12),), ServerOutcome.UNSUPPORTED),
        ((b"\0" * 10_000_000,), ServerOutcome.UNSUPPORTED),
    ],
)
async def test_streams_that_are_not_stun(pieces: tuple[bytes, ...], outcome: ServerOutcome) -> None:
    async with tcp_server(*pieces) as name:
        result = await result_of(IceServer(f"stun:{name}?transport=tcp"))
    assert result.outcome is outcome


async def test_a_stream_that_stays_open_and_says_nothing_is_a_timeout() -> None:
    async with tcp_server(close=False) as name:
        for url, doing in ((f"stun:{name}?transport=tcp", "binding"), (f"stuns:{name}", "tcp and tls handshake")):
            result = await result_of(IceServer(url), timeout_s=0.3)
            assert (result.outcome, result.detail) == (ServerOutcome.TIMEOUT, f"{doing}: no answer within 0.3 s")


async def test_tls_with_a_server_that_speaks_something_else() -> None:
    async with tcp_server(b"220 mail.example.com ESMTP\r\n") as name:
        result = await result_of(IceServer(f"stuns:{name}"))
    assert result.outcome is ServerOutcome.TLS


async def test_cancelling_leaves_nothing_behind() -> None:
    async with udp_server(silent) as (name, _):
        asking = asyncio.create_task(result_of(IceServer(f"stun:{name}")))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
