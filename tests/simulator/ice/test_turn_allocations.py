"""The embedded TURN server's answers, asked by another implementation of STUN (aioice's)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from aioice import stun

from monitor.simulator.ice.stun_messages import long_term_key
from monitor.simulator.ice.stun_responder import expiry_of, turn_credentials, valid_password
from monitor.simulator.ice.turn_allocations import MAX_ALLOCATIONS, NONCE_LIFE_S, REALM, TurnAllocations

SECRET = "shared secret"
CLIENT = ("192.0.2.1", 4000)
UDP = 0x11000000
NOW_S, WALL_S = 100.0, 1_790_000_000.0


class Server:
    """TurnAllocations with ports that are only counted."""

    def __init__(self) -> None:
        self.open: set[tuple[str, int]] = set()
        ports = itertools.count(50_000)

        def open_port() -> tuple[str, int]:
            address = ("127.0.0.1", next(ports))
            self.open.add(address)
            return address

        def password(username: str, wall_s: float) -> str | None:
            return valid_password(username, SECRET, wall_s)

        self.turn = TurnAllocations(password, open_port, self.open.discard, b"nonce secret")

    def ask(
        self, message: stun.Message, source: tuple[str, int] = CLIENT, now_s: float = NOW_S, later_s: float = 0.0
    ) -> stun.Message:
        answer = self.turn.answer(bytes(message), source, now_s + later_s, WALL_S + later_s)
        assert answer is not None
        return stun.parse_message(answer)

    def credentials(self, life_s: float = 60.0) -> dict[str, Any]:
        """What a client knows after the challenge; its key signs from now on."""
        username, password = turn_credentials("softphone", SECRET, WALL_S, life_s)
        challenge = self.ask(request(stun.Method.ALLOCATE))
        assert challenge.attributes["ERROR-CODE"][0] == 401
        assert challenge.attributes["REALM"] == REALM
        self.key = long_term_key(username, REALM, password)
        return {"USERNAME": username, "REALM": REALM, "NONCE": challenge.attributes["NONCE"]}

    def signed(self, method: stun.Method, credentials: dict[str, Any], **attributes: Any) -> stun.Message:
        message = request(method, **attributes, **credentials)
        message.add_message_integrity(self.key)
        return message


def request(method: stun.Method, **attributes: Any) -> stun.Message:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return stun.Message(method, stun.Class.REQUEST, attributes=named)


def code(message: stun.Message) -> int:
    return int(message.attributes["ERROR-CODE"][0]) if message.message_class is stun.Class.ERROR else 0


def test_an_allocation_is_a_port_of_its_own_until_it_is_given_back() -> None:
    server = Server()
    credentials = server.credentials()
    asked = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
    granted = server.ask(asked)
    assert granted.message_class is stun.Class.RESPONSE
    assert granted.check_message_integrity(server.key)
    assert granted.attributes["XOR-MAPPED-ADDRESS"] == CLIENT
    assert server.open == {granted.attributes["XOR-RELAYED-ADDRESS"]}
    assert server.ask(asked).attributes == granted.attributes  # the same request again: its answer was lost
    again = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
    assert code(server.ask(again)) == 437
    released = server.ask(server.signed(stun.Method.REFRESH, credentials, LIFETIME=0))
    assert (released.attributes["LIFETIME"], server.open) == (0, set())
    assert code(server.ask(server.signed(stun.Method.REFRESH, credentials, LIFETIME=0))) == 437


def test_an_allocation_ends_with_its_lifetime() -> None:
    server = Server()
    credentials = server.credentials()
    granted = server.ask(server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP, LIFETIME=60))
    life_s = granted.attributes["LIFETIME"]
    assert life_s == 600  # no shorter than the default, RFC 8656 section 7.2
    server.ask(request(stun.Method.ALLOCATE), now_s=NOW_S + life_s - 1)
    assert len(server.turn) == 1
    server.ask(request(stun.Method.ALLOCATE), now_s=NOW_S + life_s)
    assert (len(server.turn), server.open) == (0, set())


@pytest.mark.parametrize("method", [stun.Method.CREATE_PERMISSION, stun.Method.CHANNEL_BIND])
def test_it_relays_for_nobody_and_says_so(method: stun.Method) -> None:
    server = Server()
    credentials = server.credentials()
    server.ask(server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP))
    assert code(server.ask(server.signed(method, credentials, XOR_PEER_ADDRESS=("192.0.2.9", 9)))) == 403


def test_credentials_count_until_they_expire_and_only_with_the_right_signature() -> None:
    server = Server()
    credentials = server.credentials(life_s=60.0)
    asked = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
    assert code(server.ask(asked, later_s=60.0)) == 401
    assert code(server.ask(asked, later_s=59.0)) == 0
    server.key = b"another key"
    forged = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
    assert code(server.ask(forged, source=("192.0.2.2", 1))) == 401


def test_a_stale_nonce_is_told_with_a_new_one() -> None:
    server = Server()
    credentials = server.credentials(life_s=10_000.0)
    asked = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
    stale = server.ask(asked, later_s=NONCE_LIFE_S)
    assert code(stale) == 438
    fresh = {**credentials, "NONCE": stale.attributes["NONCE"]}
    asked = server.signed(stun.Method.ALLOCATE, fresh, REQUESTED_TRANSPORT=UDP)
    assert code(server.ask(asked, later_s=NONCE_LIFE_S)) == 0
    made_up = server.signed(stun.Method.REFRESH, {**credentials, "NONCE": b"ffffffffff-00"}, LIFETIME=0)
    assert code(server.ask(made_up)) == 438


def test_what_cannot_be_granted_is_refused_with_its_code() -> None:
    server = Server()
    credentials = server.credentials()
    assert code(server.ask(server.signed(stun.Method.ALLOCATE, credentials))) == 400
    tcp = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=0x06000000)
    assert code(server.ask(tcp)) == 442
    nameless = server.signed(stun.Method.ALLOCATE, {"NONCE": credentials["NONCE"]}, REQUESTED_TRANSPORT=UDP)
    assert code(server.ask(nameless)) == 400
    for port in range(MAX_ALLOCATIONS):
        asked = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
        assert code(server.ask(asked, source=("192.0.2.7", port))) == 0
    full = server.signed(stun.Method.ALLOCATE, credentials, REQUESTED_TRANSPORT=UDP)
    assert code(server.ask(full, source=("192.0.2.8", 1))) == 486
    server.turn.close()
    assert server.open == set()


def test_binding_requests_are_answered_and_everything_else_is_ignored() -> None:
    server = Server()
    assert server.ask(request(stun.Method.BINDING)).attributes["XOR-MAPPED-ADDRESS"] == CLIENT
    junk = (b"", b"\x40\x00\x00\x00", b"\xff" * 40, bytes(20), bytes(request(stun.Method.ALLOCATE))[:-1])
    for datagram in junk:
        assert server.turn.answer(datagram, CLIENT, NOW_S, WALL_S) is None


@pytest.mark.parametrize("username", ["", "softphone", "12x:softphone", "²:softphone", "9" * 20 + ":a"])
def test_a_username_without_an_expiry_has_no_password(username: str) -> None:
    assert expiry_of(username) == 0.0
    assert valid_password(username, SECRET, 0.0) is None
