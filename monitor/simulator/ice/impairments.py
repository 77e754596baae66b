"""What becomes of single datagrams at the platform's media side: a scenario's network, on real sockets.

The rates are network.py's, the same that virtual time draws from; here each datagram of a real transaction meets them.
What loopback cannot have is left out: no NAT stands between a client and this machine, so `nat` changes nothing here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from monitor.simulator.ice.stun_messages import Address, read_request
from monitor.simulator.ice.stun_responder import expiry_of, valid_password
from monitor.simulator.platform import Platform

DTLS_FLIGHTS: Final = 2  # that a DTLS server sends in a handshake: each takes its share of a slowness
DTLS: Final = range(20, 64)  # first bytes, RFC 7983 section 7


class Impairments:
    """Asked for every datagram; one for each platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._rng = random.Random(f"{platform.seed}:datagrams")  # noqa: S311 - reproducible chance, not a secret

    def stun(self, source: Address, _data: bytes) -> float | None:
        """Seconds that the STUN service takes longer to answer this datagram, None when it does not."""
        platform, site = self._platform, self._platform.site_at(source[0])
        if platform.active("vpn", site) is not None and platform.is_second_interface(source[0]):
            return None
        wall_s = platform.scenario_wall_s()
        loss, delay_s = platform.network.stun_service(wall_s, site)
        path_loss = platform.network.path_loss("stun", wall_s, site)
        return None if self._happens(loss) or self._happens(path_loss) else delay_s

    def turn(self, source: Address, data: bytes) -> float | None:
        """0 when the TURN server takes this datagram, None when it does not.

        A limit on allocations keeps silent to first requests, which carry no credentials yet, as coturn's does.
        """
        platform, site = self._platform, self._platform.site_at(source[0])
        second = platform.is_second_interface(source[0])
        request, occurrence = read_request(data), platform.active("turn", site)
        limits = occurrence is not None and not occurrence.silent
        if limits and request is not None and request.signed is not None:
            loss = platform.network.path_loss("turn", platform.scenario_wall_s(), site)
        else:
            loss = platform.network.turn_loss(platform.scenario_wall_s(), site, "second" if second else None)
        return None if self._happens(loss) else 0.0

    def turn_password(self, username: str, secret: str, wall_s: float) -> str | None:
        """The password of credentials that are worth something now; their life is what the occurrences say it is."""
        issued_wall_s = expiry_of(username) - self._platform.scenario.turn_credential_life_s
        life_s = self._platform.network.credential_life_s(self._platform.scenario_wall_s())
        return valid_password(username, secret, wall_s) if wall_s - issued_wall_s <= life_s else None

    def far_end(self, user_id: str) -> Callable[[bytes], float | None]:
        """What becomes of what the far end of a call sends to that user: seconds it is held back, None when lost."""
        platform, site = self._platform, self._platform.site_of(user_id)

        def fate(datagram: bytes) -> float | None:
            if self._happens(platform.network.path_loss("media", platform.scenario_wall_s(), site)):
                return None
            trouble = platform.active("dtls", site)
            if trouble is None or datagram[:1] == b"" or datagram[0] not in DTLS:
                return 0.0
            return None if trouble.silent else trouble.slow_s / DTLS_FLIGHTS

        return fate

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._rng.random() < chance
