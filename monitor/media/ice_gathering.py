"""What a call gathers from its STUN and TURN servers: all asked at once, each with outcome, reason and time."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from aioice import Candidate, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol

from monitor.facts.clock import Clock
from monitor.facts.ice import CandidateType, IceServer, ServerOutcome, ServerResult
from monitor.media.ice_outcomes import ResponseError, detail_of, outcome_of
from monitor.media.ice_question import ask
from monitor.media.ice_turn import Allocation
from monitor.media.resolver import RESOLVER, Address
from monitor.media.server_url import ServerUrl, host_port, read_server_url
from monitor.media.stun import DNS_LIMIT_S, SCHEMES, ask_server
from monitor.media.wires import NotStunError, UdpWire

LOCAL_PREFERENCE = 65535
WORSE = {"udp": 0, "tcp": 256, "tls": 512}  # relays over UDP first, as browsers prefer them

Found = Callable[[Candidate, StunProtocol | None], None]  # a relay brings a protocol of its own


class ServerGathering:
    """Asks servers for one ICE agent's candidates; each is told as it is found. hosts: its host candidates' sockets."""

    def __init__(
        self,
        *,
        clock: Clock,
        interface: str | None,
        hosts: Sequence[StunProtocol],
        protocol_factory: Callable[[], StunProtocol],
        component: int,
        hide_related: bool,
        timeout_s: float,
        found: Found,
    ) -> None:
        self._clock = clock
        self._interface = interface
        self._hosts = hosts
        self._protocol_factory = protocol_factory
        self._component = component
        self._hide_related = hide_related  # RFC 9429 section 3.5.3
        self._timeout_s = timeout_s
        self._found = found
        self._stragglers: set[asyncio.Task[Any]] = set()

    async def ask(self, index: int, server: IceServer) -> ServerResult:
        """Ask one server; index: its place in the list, the earlier the better. Never raises."""
        try:
            url = read_server_url(server.url)
        except ValueError as error:
            scheme = server.scheme if server.scheme in SCHEMES else "stun"
            return ServerResult(server.url[:100], scheme, "udp", ServerOutcome.UNSUPPORTED, None, detail=str(error))
        if server.gives is CandidateType.RELAY:
            return await self._relay(url, server, index)
        if url.transport == "udp":
            return await self._reflexive(url, server)
        # what a stream maps is of no use to UDP: no candidate, but the server's state is worth knowing
        return (await ask_server(server, interface=self._interface, timeout_s=self._timeout_s)).result

    async def close(self) -> None:
        """Let go of what is still under way for a server that has a result already."""
        for task in self._stragglers:
            task.cancel()
        await asyncio.gather(*self._stragglers, return_exceptions=True)

    async def _relay(self, url: ServerUrl, server: IceServer, index: int) -> ServerResult:
        allocation = Allocation(url, server, self._clock, self._interface)
        try:
            async with asyncio.timeout(self._timeout_s):
                address = await self._resolve(url)
                protocol = await allocation.make(address, self._protocol_factory)
        except Exception as error:
            return self._failed(url, error, allocation.doing)
        protocol.local_candidate = self._relayed(protocol.transport, WORSE[url.transport] + index)
        self._found(protocol.local_candidate, protocol)
        return ServerResult(
            url.name,
            url.scheme,
            url.transport,
            ServerOutcome.OK,
            allocation.answered_mono_s - allocation.started_mono_s,
            host_port(protocol.local_candidate.host, protocol.local_candidate.port),
        )

    async def _reflexive(self, url: ServerUrl, server: IceServer) -> ServerResult:
        doing = "dns"
        try:
            async with asyncio.timeout(self._timeout_s):
                address = await self._resolve(url)
                hosts = [host for host in self._hosts if (":" in host.local_candidate.host) == (":" in address.host)]
                if hosts:
                    doing = "binding"
                    mapped, seconds = await self._first_mapped(hosts, address)
                    return ServerResult(url.name, url.scheme, "udp", ServerOutcome.OK, seconds, mapped)
        except Exception as error:
            return self._failed(url, error, doing)
        return (await ask_server(server, interface=self._interface, timeout_s=self._timeout_s)).result

    async def _first_mapped(self, hosts: Sequence[StunProtocol], address: Address) -> tuple[str, float]:
        """The first mapped address and how long it took; the other sockets go on. Raises what ICMP or the server says.

        ICMP errors reach connected sockets only, so that one more request leaves by one.
        """
        started_mono_s = self._clock.mono_s()
        asking = {asyncio.create_task(self._mapped(host, address), name="stun binding") for host in hosts}
        watch = asyncio.create_task(_refusal(address, self._interface, self._clock), name="stun icmp")
        try:
            waiting: set[asyncio.Task[Any]] = {*asking, watch}
            while True:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                answered = next((task for task in done if task in asking and task.exception() is None), None)
                if answered is not None:
                    mapped, at_mono_s = answered.result()
                    self._leave_running(asking)
                    return mapped, at_mono_s - started_mono_s
                for task in done:
                    task.result()  # raises
        except BaseException:
            for task in asking:
                task.cancel()
            raise
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _leave_running(self, asking: set[asyncio.Task[Any]]) -> None:
        for task in asking:
            self._stragglers.add(task)
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _mapped(self, host: StunProtocol, address: Address) -> tuple[str, float]:
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        async with asyncio.timeout(self._timeout_s):
            answer, at_mono_s = await ask(host, request, (address.host, address.port), self._clock)
        if answer.message_class is stun.Class.ERROR:
            raise ResponseError(answer)
        mapped = answer.attributes.get("XOR-MAPPED-ADDRESS") or answer.attributes.get("MAPPED-ADDRESS")
        if mapped is None:
            raise NotStunError("the answer carries no XOR-MAPPED-ADDRESS")
        base = host.local_candidate
        self._found(
            Candidate(
                foundation=candidate_foundation("srflx", "udp", base.host),
                component=self._component,
                transport="udp",
                priority=candidate_priority(self._component, "srflx"),
                host=mapped[0],
                port=mapped[1],
                type="srflx",
                related_address=base.host,
                related_port=base.port,
            ),
            None,
        )
        return host_port(*mapped), at_mono_s

    def _relayed(self, transport: Any, worse: int) -> Candidate:
        host, port = transport.get_extra_info("sockname")
        related = transport.get_extra_info("related_address")
        if self._hide_related:
            related = ("0.0.0.0" if ipaddress.ip_address(host).version == 4 else "::", 9)  # noqa: S104 - RFC 8839 5.1
        return Candidate(
            foundation=candidate_foundation("relay", "udp", host),
            component=self._component,
            transport="udp",
            priority=candidate_priority(self._component, "relay", LOCAL_PREFERENCE - worse),
            host=host,
            port=port,
            type="relay",
            related_address=related[0],
            related_port=related[1],
        )

    async def _resolve(self, url: ServerUrl) -> Address:
        return await RESOLVER.resolve(url.host, url.port, timeout_s=min(DNS_LIMIT_S, 0.9 * self._timeout_s))

    def _failed(self, url: ServerUrl, error: Exception, doing: str) -> ServerResult:
        detail = detail_of(error, doing, self._timeout_s)
        return ServerResult(url.name, url.scheme, url.transport, outcome_of(error), None, detail=detail)


async def _refusal(address: Address, interface: str | None, clock: Clock) -> None:
    """Wait for what the network has against `address`; for ever when it has nothing. Raises OSError."""
    wire = UdpWire(address, interface, clock)
    try:
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.add_fingerprint()
        wire.send(bytes(request))
        while True:
            await wire.receive()
            await asyncio.sleep(0)  # a flood must not keep the loop
    finally:
        await wire.close()
