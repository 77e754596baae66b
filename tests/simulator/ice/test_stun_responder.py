"""The embedded STUN responder and the credentials handed out for a TURN server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import socket
import struct
from dataclasses import dataclass

import pytest

from monitor.simulator.ice.stun_messages import binding_response
from monitor.simulator.ice.stun_responder import IceService, StunResponder, turn_credentials, turn_services

TRANSACTION = bytes(range(12))
COOKIE = 0x2112A442


def request(attributes: bytes = b"", kind: int = 1, cookie: int = COOKIE) -> bytes:
    return struct.pack("!HHI12s", kind, len(attributes), cookie, TRANSACTION) + attributes


def test_rfc_5769_ipv4_response_address() -> None:
    # RFC 5769 section 2.2: 192.0.2.1 port 32853 under transaction b7e7a701bc34d686fa87dfae is e112a643 / a147
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")
    answer = binding_response(struct.pack("!HHI12s", 1, 0, COOKIE, transaction), ("192.0.2.1", 32853))
    assert answer == bytes.fromhex("0101000c2112a442") + transaction + bytes.fromhex("002000080001a147e112a643")


def test_rfc_5769_ipv6_response_address() -> None:
    # RFC 5769 section 2.3
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")
    source = ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    answer = binding_response(struct.pack("!HHI12s", 1, 0, COOKIE, transaction), source)
    assert answer is not None
    assert answer[20:] == bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")


def test_optional_and_ice_attributes_are_accepted() -> None:
    software = struct.pack("!HH", 0x8022, 4) + b"test"
    priority = struct.pack("!HHI", 0x0024, 4, 1)
    answer = binding_response(request(software + priority), ("127.0.0.1", 9))
    assert answer is not None
    assert answer[:2] == b"\x01\x01"


def test_unknown_required_attribute_is_named_in_a_420() -> None:
    answer = binding_response(request(struct.pack("!HH", 0x7F01, 0)), ("127.0.0.1", 9))
    assert answer is not None
    assert answer[:2] == b"\x01\x11"
    assert struct.pack("!HBB", 0, 4, 20) in answer
    assert answer.endswith(struct.pack("!HHHH", 0x000A, 2, 0x7F01, 0))


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"hello",
        b"\x80\x60" + bytes(170),  # RTP
        b"\x16\xfe\xfd" + bytes(60),  # DTLS
        request(kind=0x0101),
        request(kind=0x0003),  # TURN Allocate
        request(cookie=0),
        request()[:19],
        request() + b"tail",
        struct.pack("!HHI12s", 1, 8, COOKIE, TRANSACTION) + struct.pack("!HHI", 6, 400, 0),  # length past the end
        struct.pack("!HHI12s", 1, 2048, COOKIE, TRANSACTION) + bytes(2048),
    ],
)
def test_what_is_not_a_binding_request_gets_no_answer(datagram: bytes) -> None:
    assert binding_response(datagram, ("127.0.0.1", 9)) is None


def test_no_datagram_of_any_bytes_raises() -> None:
    rng = random.Random(7)
    for _ in range(5000):
        body = rng.randbytes(rng.randrange(0, 60))
        binding_response(request(body), ("127.0.0.1", 9))
        binding_response(body, ("127.0.0.1", 9))


async def test_responder_answers_after_garbage_and_frees_its_port() -> None:
    responder = await StunResponder.start("127.0.0.1")
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", responder.port))
            for garbage in (b"", b"\xff" * 1500, request(kind=0x0011)):
                client.send(garbage)
            client.send(request())
            answer = await asyncio.wait_for(loop.sock_recv(client, 2048), 5)
            own_port = client.getsockname()[1]
        assert answer == binding_response(request(), ("127.0.0.1", own_port))
        assert responder.ignored == 3
    finally:
        await responder.close()
        await responder.close()
    again = await StunResponder.start("127.0.0.1", responder.port)
    await again.close()


@dataclass(frozen=True)
class Turn:
    host: str = "turn.example.com"
    port: int = 3478
    transports: tuple[str, ...] = ("udp", "tcp")
    username: str = "agent"
    password: str | None = None
    secret: str | None = None


def test_without_a_turn_server_none_is_handed_out() -> None:
    assert turn_services(None, 0.0) == ()


def test_static_credentials_are_handed_out_for_each_transport() -> None:
    assert turn_services(Turn(password="pw"), 1000.0) == (
        IceService("turn", "turn.example.com", 3478, "udp", "agent", "pw"),
        IceService("turn", "turn.example.com", 3478, "tcp", "agent", "pw"),
    )


def test_rest_style_credentials_expire_a_day_later_and_match_coturns_rule() -> None:
    username, password = turn_credentials("agent", "north", 1_790_000_000.9)
    assert username == "1790086400:agent"
    assert password == base64.b64encode(hmac.digest(b"north", username.encode(), hashlib.sha1)).decode()
    assert turn_services(Turn(secret="north"), 1_790_000_000.9)[0].password == password


def test_credentials_do_not_show_in_a_repr() -> None:
    assert "pw" not in repr(turn_services(Turn(password="pw"), 0.0))
