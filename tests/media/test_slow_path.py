"""A call over a path of 600 ms on real sockets: nothing is lost in ten minutes, so nothing may be told as lost."""

from __future__ import annotations

import asyncio
import os

import pytest

from monitor.facts.clock import SystemClock
from monitor.media.peer import Peer
from monitor.media.peer_events import PeerEvent, PeerEventKind, PeerOptions

RTT_S = 0.6
SECONDS = float(os.environ.get("SLOW_PATH_SECONDS", "600"))
BAD = {PeerEventKind.LOST, PeerEventKind.ENDED, PeerEventKind.DISCONNECTED}


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("media", ["talk", "idle"])
async def test_ten_minutes_at_600_ms_without_loss_invent_no_drop(media: str) -> None:
    events: list[PeerEvent] = []
    options = PeerOptions(media="idle" if media == "idle" else "talk")
    phone, far = (Peer(ice_servers=(), on_event=events.append, clock=SystemClock(), options=options) for _ in range(2))
    offer = await far.offer()
    assert isinstance(offer, str)
    answering = await phone.answer(offer)
    assert isinstance(answering, str)
    for peer in (phone, far):
        peer.impair(lambda data: RTT_S / 2)
    assert await far.accept_answer(answering) is None
    await asyncio.sleep(SECONDS)
    try:
        assert not [event for event in events if event.kind in BAD]
        assert sum(event.kind is PeerEventKind.DTLS_CONNECTED for event in events) == 2
        for peer in (phone, far):
            rtt_s = peer.stats().stun_rtt_s
            assert rtt_s is not None
            assert rtt_s >= RTT_S
    finally:
        await asyncio.gather(phone.close(), far.close())
