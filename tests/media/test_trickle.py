"""Candidates that come after the answer, as a browser trickles them."""

from __future__ import annotations

import asyncio

from aioice import stun

from monitor.facts.clock import SystemClock
from monitor.facts.ice import IceServer
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerOptions
from monitor.media.sdp_text import END_OF_CANDIDATES

ELSEWHERE = ("203.0.113.5", 4000)


class Held(asyncio.DatagramProtocol):
    """A STUN server that answers, once it is let, with an address as behind a NAT."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, tuple[str, int]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append((data, addr))

    def answer(self) -> None:
        for data, addr in self.asked:
            request = stun.parse_message(data)
            reply = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
            reply.attributes["XOR-MAPPED-ADDRESS"] = ELSEWHERE
            self.transport.sendto(bytes(reply), addr)


async def test_what_comes_after_the_answer_is_told_and_then_its_end() -> None:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Held, local_addr=("127.0.0.1", 0))
    url = f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    lines: list[str] = []
    phone = Peer(
        ice_servers=[IceServer(url)],
        on_event=lambda event: None,
        clock=SystemClock(),
        options=PeerOptions(gather_timeout_s=0.05),
        on_candidate=lines.append,
    )
    far = Peer(ice_servers=(), on_event=lambda event: None, clock=SystemClock())
    try:
        offer = await far.offer()
        assert isinstance(offer, str)
        assert END_OF_CANDIDATES in offer
        answer = await phone.answer(offer)
        assert isinstance(answer, str)
        assert "typ host" in answer
        assert END_OF_CANDIDATES not in answer
        assert await far.accept_answer(answer) is None
        assert lines == []
        server.answer()
        async with asyncio.timeout(10):
            while END_OF_CANDIDATES not in lines:  # noqa: ASYNC110 - told by a callback
                await asyncio.sleep(0.01)
        candidate, end = lines
        assert candidate.startswith("candidate:")
        assert " 203.0.113.5 4000 typ srflx " in candidate
        for line in lines:
            assert await far.add_candidate(line) is None  # it waits for them
        assert end == END_OF_CANDIDATES
    finally:
        await asyncio.gather(phone.close(), far.close())
        transport.close()


async def test_an_answer_with_all_candidates_says_so() -> None:
    lines: list[str] = []
    far = Peer(ice_servers=(), on_event=lambda event: None, clock=SystemClock())
    phone = Peer(ice_servers=(), on_event=lambda event: None, clock=SystemClock(), on_candidate=lines.append)
    offer = await far.offer()
    assert isinstance(offer, str)
    answer = await phone.answer(offer)
    assert isinstance(answer, str)
    assert END_OF_CANDIDATES in answer
    assert lines == []
    await asyncio.gather(phone.close(), far.close())
