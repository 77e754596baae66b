"""One fetch of ICE servers: two extdisco requests, turn and stun, and one outcome. Pure."""

from __future__ import annotations

from collections.abc import Callable

from monitor.facts.failures import Reason, failure
from monitor.facts.ice import IceServer
from monitor.genesys.events import IceServersFetched
from monitor.genesys.requests import IQ_TIMEOUT_S, Reply, Request, Requests
from monitor.genesys.services import build_extdisco, read_ice_servers

KINDS = ("turn", "stun")  # in the order the real client asks, which is the order of its list


class IceFetch:
    """Sends both requests when made; `on_done` is called once, at the second answer or the first failure."""

    def __init__(
        self,
        requests: Requests,
        send: Callable[[str], None],
        domain: str,
        on_done: Callable[[IceServersFetched, float], None],
        now: float,
        *,
        timeout_s: float = IQ_TIMEOUT_S,
        measuring: bool = False,
    ) -> None:
        self._on_done = on_done
        self._started_s = now
        self._answers: dict[str, tuple[IceServer, ...]] = {}
        self._over = False
        for kind in KINDS:
            iq_id = requests.new_id()
            request = Request("ice_servers", domain, timeout_s, self._taker(kind), measuring=measuring)
            requests.open(iq_id, request, now)
            send(build_extdisco(iq_id, domain, kind))

    def _taker(self, kind: str) -> Callable[[Reply, float], None]:
        return lambda reply, now: self._take(kind, reply, now)

    def _take(self, kind: str, reply: Reply, now: float) -> None:
        if self._over:
            return
        if reply.failure is not None or reply.iq is None:
            self._over = True
            words = reply.failure or failure("ice_servers", Reason.ERROR)
            self._on_done(IceServersFetched((), None, words), now)
            return
        self._answers[kind] = read_ice_servers(reply.iq)
        if len(self._answers) == len(KINDS):
            self._over = True
            self._on_done(self._fetched(now), now)

    def _fetched(self, now: float) -> IceServersFetched:
        servers = tuple(server for kind in KINDS for server in self._answers[kind])
        # no STUN service is how the platform tells a softphone to use relay candidates only
        relay_only = not any(server.scheme in ("stun", "stuns") for server in servers)
        return IceServersFetched(servers, now - self._started_s, None, relay_only)
