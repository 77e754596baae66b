"""One STUN request on a socket of the ICE agent: its answer is told with the time it reached this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aioice import stun
from aioice.ice import StunProtocol

from monitor.facts.clock import Clock
from monitor.media.private_names import datagrams_of

RTO_S = 0.5  # RFC 8489 section 6.2.1, doubled at every retransmission

Answered = Callable[[stun.Message, tuple[str, int], float], None]


class Question:
    """In place of aioice's Transaction: no timer and no task of its own, and an answer counts whenever it comes."""

    def __init__(
        self,
        protocol: StunProtocol,
        request: stun.Message,
        addr: tuple[str, int],
        clock: Clock,
        on_answer: Answered,
        key: bytes | None = None,
    ) -> None:
        self._protocol = protocol
        self._request = request
        self._addr = addr
        self._clock = clock
        self._on_answer = on_answer
        self._key = key
        self.sent_mono_s = 0.0  # the last time
        if key is None:
            request.add_fingerprint()
        else:
            request.add_message_integrity(key)
        protocol.transactions[request.transaction_id] = self  # type: ignore[assignment]

    def send(self) -> None:
        """Send the request, or send it again."""
        self.sent_mono_s = self._clock.mono_s()
        self._protocol.send_stun(self._request, self._addr)

    def forget(self) -> None:
        """Heed no answer any more. Idempotent."""
        self._protocol.transactions.pop(self._request.transaction_id, None)
        self._on_answer = _nobody  # it may well know this question, and only a long collection would find the circle

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """aioice hands over a message with our transaction id, from anywhere."""
        if addr != self._addr or (self._key is not None and not message.check_message_integrity(self._key)):
            return
        self._on_answer(message, addr, arrived_mono_s(self._protocol, self._clock))


def _nobody(message: stun.Message, addr: tuple[str, int], at_mono_s: float) -> None:
    """Who is told of the answer to a question that is forgotten."""


def arrived_mono_s(protocol: Any, clock: Clock) -> float:
    """When the datagram that is being handled now arrived, by the socket's transport where it tells."""
    at_mono_s = getattr(datagrams_of(protocol), "arrived_mono_s", None)
    return clock.mono_s() if at_mono_s is None else float(at_mono_s)


async def ask(protocol: StunProtocol, request: stun.Message, addr: tuple[str, int], clock: Clock) -> tuple[Any, float]:
    """The answer to `request` and its time of arrival; retransmitted until the caller's patience ends."""
    answer: asyncio.Future[tuple[stun.Message, float]] = asyncio.get_running_loop().create_future()

    def take(message: stun.Message, addr: tuple[str, int], at_mono_s: float) -> None:
        if not answer.done():
            answer.set_result((message, at_mono_s))

    question = Question(protocol, request, addr, clock, take)
    rto_s = RTO_S
    try:
        while True:
            question.send()
            done, _ = await asyncio.wait({answer}, timeout=rto_s)
            if done:
                return answer.result()
            rto_s *= 2
    finally:
        question.forget()
