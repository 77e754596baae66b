"""The shard process: gathering transactions and media peers, behind two channels (main and prober)."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from contextlib import suppress

from monitor.config.fleet import CANARY
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.codec import fact_to_dict
from monitor.facts.failures import Failure
from monitor.facts.observations import Observation
from monitor.media.gathering import gather
from monitor.media.opus_sample import opus_packets
from monitor.media.wires import trusting_the_system
from monitor.probes.channel import Channel, Params
from monitor.probes.interpreter import keep_what_start_up_made
from monitor.probes.lag import LagMeter
from monitor.probes.own_health import OwnCounters, OwnHealth
from monitor.probes.shard_call import ShardCall
from monitor.probes.shard_messages import (
    Answered,
    AnswerRequest,
    CandidateMessage,
    GatherRequest,
    SessionMessage,
    from_params,
    to_params,
)
from monitor.probes.turnstile import GATHERING, SET_UP, Turnstile

CALLS_LIMIT = 1024  # more than one process can hold: what keeps a mistake from taking the machine down
CLOSE_LIMIT_S = 1.0  # for all calls together, of which the prober has ended all that it could

log = logging.getLogger(__name__)


class Shard:
    """Answers what the prober asks and tells main what it measures. name: its own, `shard0` or `canary`."""

    def __init__(self, name: str, site: str, main: Channel, prober: Channel, clock: Clock) -> None:
        self.name = name
        self._main = main
        self._prober = prober
        self._clock = clock
        self._lag = LagMeter(clock)
        self._turnstile = Turnstile(clock)
        self._calls: dict[str, ShardCall] = {}
        self._past = OwnCounters()  # what the peers that are gone had counted
        health = OwnHealth(name, site, self._emit, clock, self._lag, main, self._counters)
        self._own = [asyncio.create_task(self._lag.run()), asyncio.create_task(health.run())]
        for method, handler in {
            "gather": self._gather,
            "answer": self._answer,
            "restart": self._restart,
            "candidate": self._candidate,
            "hang_up": self._hang_up,
            "sessions": self._sessions,
        }.items():
            prober.on(method, handler)

    async def close(self) -> None:
        """Hang up every call, within CLOSE_LIMIT_S. Idempotent."""
        calls, self._calls = list(self._calls.values()), {}
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await asyncio.gather(*(call.hang_up() for call in calls))
        for task in self._own:
            task.cancel()
        await asyncio.gather(*self._own, return_exceptions=True)

    async def _gather(self, params: Params) -> Params:
        request = from_params(GatherRequest, params)
        turn = await self._turnstile.turn(GATHERING)
        began_mono_s = self._clock.mono_s()
        try:
            gathering = await gather(
                request.servers,
                relay_only=request.relay_only,
                interface=request.interface,
                timeout_s=request.timeout_s,
            )
        finally:
            turn.over()
        return {"gathering": to_params(gathering), "lag_s": self._lag.max_since(began_mono_s)}

    async def _answer(self, params: Params) -> Params:
        request = from_params(AnswerRequest, params)
        if request.session_id in self._calls or len(self._calls) >= CALLS_LIMIT:
            raise ValueError("this session is up already, or too many are")
        call = ShardCall(
            request,
            emit=self._emit,
            tell=lambda kind, message: self._told(kind, request.probe, message),
            clock=self._clock,
            lag=self._lag,
            canary=self.name == CANARY,
        )
        self._calls[request.session_id] = call  # before the first await: candidates follow on the heels of the offer
        turn = await self._turnstile.turn(SET_UP)
        answer = await call.answer(turn)
        if isinstance(answer, str):
            return to_params(Answered(sdp=answer, waited_s=turn.waited_s))
        await self._end(request.session_id)
        return to_params(Answered(failure=answer, waited_s=turn.waited_s))

    async def _restart(self, params: Params) -> Params:
        request = from_params(AnswerRequest, params)
        call = self._calls.get(request.session_id)
        if call is None:
            raise ValueError("no such session")
        answer = await call.restart(request)
        return to_params(Answered(sdp=answer) if isinstance(answer, str) else Answered(failure=answer))

    async def _candidate(self, params: Params) -> Params:
        message = from_params(CandidateMessage, params)
        call = self._calls.get(message.session_id)
        problem: Failure | None = None
        if call is not None:
            problem = await call.add_candidate(message.sdp)
        if problem is not None:
            log.info("a remote candidate was left out: %s %s", problem.reason, problem.detail)
        return {}

    async def _hang_up(self, params: Params) -> Params:
        await self._end(from_params(SessionMessage, params).session_id)
        return {}

    async def _sessions(self, params: Params) -> Params:
        return {"sessions": list(self._calls)}

    async def _end(self, session_id: str) -> None:
        call = self._calls.pop(session_id, None)
        if call is not None:
            self._past += call.counters
            await call.hang_up()

    def _counters(self) -> OwnCounters:
        return sum((call.counters for call in self._calls.values()), self._past)

    def _emit(self, fact: Observation) -> None:
        self._main.tell("fact", fact_to_dict(fact))

    def _told(self, kind: str, probe: str, message: SessionMessage | CandidateMessage) -> None:
        self._prober.tell(f"{kind}/{probe}", to_params(message))


async def serve(name: str, site: str, main_socket: socket.socket, prober_socket: socket.socket) -> None:
    """Be the shard of that name and site until SIGTERM, or until either channel ends."""
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    main, prober = await Channel.from_socket(main_socket, "main"), await Channel.from_socket(prober_socket, "prober")
    shard = Shard(name, site, main, prober, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        for channel in (main, prober):
            tasks.create_task(channel.run()).add_done_callback(lambda _: ending.set())
        await ending.wait()
        await shard.close()
        await asyncio.gather(main.close(), prober.close())


def main(arguments: list[str]) -> int:
    """Entry: `python -m monitor.probes.shard FD_MAIN FD_PROBER NAME SITE`: two inherited ends of Unix socket pairs."""
    name, site = arguments[2:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=f"%(levelname)s {name}: %(message)s")
    main_socket, prober_socket = (socket.socket(fileno=int(fd)) for fd in arguments[:2])
    opus_packets()  # now rather than inside the first call, as the system's certificates
    trusting_the_system()
    keep_what_start_up_made()
    asyncio.run(serve(name, site, main_socket, prober_socket))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
