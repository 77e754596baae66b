"""What a minimal TURN server answers (RFC 8656): challenges, allocations, refreshes; it relays for nobody; pure.

It exists so that a scenario about TURN needs no second program. It is honest about what it is: an allocation is a real
port of this machine, and permission to relay through it is refused with 403.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor.simulator.ice import stun_messages as stun
from monitor.simulator.ice.stun_messages import Address, StunRequest

REALM: Final = "simulated"
SOFTWARE: Final = "softphone-monitor simulator (allocates, relays nothing)"
NONCE_LIFE_S: Final = 600
DEFAULT_LIFE_S, LONGEST_LIFE_S = 600, 3600
MAX_ALLOCATIONS: Final = 1000
UDP: Final = 17  # IANA protocol number, the first byte of REQUESTED-TRANSPORT
SOFTWARE_ATTRIBUTE: Final = 0x8022

PasswordOf = Callable[[str, float], str | None]  # username, Unix seconds -> its password, None when it has none now


@dataclass(slots=True)
class Allocation:
    """One client's relayed address, until `until_s` (monotonic); `transaction` is the request that made it."""

    relayed: Address
    until_s: float
    transaction: bytes


class TurnAllocations:
    """The state of one TURN server. Every method takes the present: `now_s` monotonic, `wall_s` Unix seconds.

    open_port: gives a fresh relayed address, None when there is none; close_port: gives it back.
    """

    def __init__(
        self,
        password_of: PasswordOf,
        open_port: Callable[[], Address | None],
        close_port: Callable[[Address], None],
        secret: bytes,
    ) -> None:
        self._password_of = password_of
        self._open_port = open_port
        self._close_port = close_port
        self._secret = secret
        self._held: dict[Address, Allocation] = {}

    def __len__(self) -> int:
        return len(self._held)

    def answer(self, datagram: bytes, source: Address, now_s: float, wall_s: float) -> bytes | None:
        """The answer to one datagram, None for what is no request of TURN's or STUN's. Never raises."""
        request = stun.read_request(datagram)
        if request is None:
            return None
        if request.method == stun.BINDING:
            return stun.binding_response(datagram, source)
        if request.method not in (stun.ALLOCATE, stun.REFRESH, stun.CREATE_PERMISSION, stun.CHANNEL_BIND):
            return stun.error(request, 400, "Bad Request")
        self._expire(now_s)
        key = self._key(request, wall_s)
        if isinstance(key, str):
            return self._challenge(request, key, wall_s)
        if request.method == stun.ALLOCATE:
            return self._allocate(request, source, now_s, key)
        if request.method == stun.REFRESH:
            return self._refresh(request, source, now_s, key)
        return stun.error(request, 403, "Forbidden", key=key)  # RFC 8656 section 9.2: the server's own policy

    def close(self) -> None:
        """Give every port back."""
        for source in tuple(self._held):
            self._release(source)

    # Long-term credentials (RFC 8489 section 9.2.4)

    def _key(self, request: StunRequest, wall_s: float) -> bytes | str:
        """The key of a request that proves itself; else `unauthorized`, `stale` or `bad`."""
        if request.signed is None:
            return "unauthorized"
        if not request.attributes.keys() >= {stun.USERNAME, stun.REALM, stun.NONCE}:
            return "bad"
        if not self._is_current(request.text(stun.NONCE), wall_s):
            return "stale"
        username = request.text(stun.USERNAME)
        password = self._password_of(username, wall_s)
        if password is None:
            return "unauthorized"
        key = stun.long_term_key(username, REALM, password)
        return key if request.is_signed_with(key) else "unauthorized"

    def _challenge(self, request: StunRequest, why: str, wall_s: float) -> bytes:
        if why == "bad":
            return stun.error(request, 400, "Bad Request")
        asked = stun.attribute(stun.REALM, REALM.encode()) + stun.attribute(stun.NONCE, self._nonce(wall_s))
        asked += stun.attribute(SOFTWARE_ATTRIBUTE, SOFTWARE.encode())
        code, words = (438, "Stale Nonce") if why == "stale" else (401, "Unauthorized")
        return stun.error(request, code, words, asked)

    def _nonce(self, wall_s: float) -> bytes:
        return self._sign(f"{int(wall_s) + NONCE_LIFE_S:x}")

    def _is_current(self, nonce: str, wall_s: float) -> bool:
        until = nonce.partition("-")[0]
        try:
            timely = int(until, 16) > wall_s
        except ValueError:
            return False
        return timely and hmac.compare_digest(self._sign(until), nonce.encode())

    def _sign(self, until: str) -> bytes:
        return f"{until}-{hmac.new(self._secret, until.encode(), hashlib.sha256).hexdigest()[:32]}".encode()

    # Allocations

    def _allocate(self, request: StunRequest, source: Address, now_s: float, key: bytes) -> bytes:
        held = self._held.get(source)
        if held is not None and held.transaction == request.transaction:
            return self._allocated(request, source, held, now_s, key)  # sent again: our answer was lost
        if held is not None:
            return stun.error(request, 437, "Allocation Mismatch", key=key)
        wanted = request.attributes.get(stun.REQUESTED_TRANSPORT, b"")
        if len(wanted) != 4:
            return stun.error(request, 400, "Bad Request", key=key)
        if wanted[0] != UDP:
            return stun.error(request, 442, "Unsupported Transport Protocol", key=key)
        relayed = self._open_port() if len(self._held) < MAX_ALLOCATIONS else None
        if relayed is None:
            return stun.error(request, 486, "Allocation Quota Reached", key=key)
        held = Allocation(relayed, now_s + _life_s(request), request.transaction)
        self._held[source] = held
        return self._allocated(request, source, held, now_s, key)

    def _allocated(self, request: StunRequest, source: Address, held: Allocation, now_s: float, key: bytes) -> bytes:
        told = stun.xor_address(stun.XOR_RELAYED_ADDRESS, held.relayed, request.transaction)
        told += stun.xor_address(stun.XOR_MAPPED_ADDRESS, source, request.transaction)
        return stun.success(request, told + _lifetime(held.until_s - now_s), key)

    def _refresh(self, request: StunRequest, source: Address, now_s: float, key: bytes) -> bytes:
        held = self._held.get(source)
        if held is None:
            return stun.error(request, 437, "Allocation Mismatch", key=key)
        life_s = _life_s(request)
        held.until_s = now_s + life_s
        if life_s == 0:
            self._release(source)
        return stun.success(request, _lifetime(life_s), key)

    def _expire(self, now_s: float) -> None:
        for source in [source for source, held in self._held.items() if held.until_s <= now_s]:
            self._release(source)

    def _release(self, source: Address) -> None:
        self._close_port(self._held.pop(source).relayed)


def _life_s(request: StunRequest) -> int:
    """The lifetime that is asked for, within what is granted; 0 ends an allocation."""
    asked = request.attributes.get(stun.LIFETIME, b"")
    wanted: int = struct.unpack("!I", asked)[0] if len(asked) == 4 else DEFAULT_LIFE_S
    if wanted == 0 and request.method == stun.REFRESH:
        return 0
    return min(max(wanted, DEFAULT_LIFE_S), LONGEST_LIFE_S)


def _lifetime(seconds: float) -> bytes:
    return stun.attribute(stun.LIFETIME, struct.pack("!I", max(0, round(seconds))))
