"""A process that gathers as a shard does: a turn of the turnstile, one gathering, and the loop's lag meanwhile.

`python -m monitor.commands.bench.gather_end` obeys: gather.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from monitor.commands.bench.child import obeyed
from monitor.commands.bench.figures import spread
from monitor.facts.clock import SystemClock
from monitor.facts.ice import IceServer, Signature
from monitor.media.gathering import gather
from monitor.probes.lag import LagMeter
from monitor.probes.turnstile import GATHERING, Turnstile


class Gatherings:
    """The turnstile and what watches the loop."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._turnstile = Turnstile(self._clock)
        self._lag = LagMeter(self._clock)
        self._watching = asyncio.create_task(self._lag.run(), name="lag")

    async def obey(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Do one command; its answer."""
        server = IceServer(command["server"])
        self._lag.drain()
        found = await asyncio.gather(*(self._one(server) for _ in range(command["count"])))
        took_s = [seconds for seconds in found if seconds is not None]
        return {"failed": len(found) - len(took_s), "took_s": spread(took_s), "lag_s": spread(self._lag.drain())}

    async def close(self) -> None:
        """Watch no more."""
        self._watching.cancel()

    async def _one(self, server: IceServer) -> float | None:
        """Seconds; None when the server did not answer. All of them queue at once: the turnstile lines them up."""
        turn = await self._turnstile.turn(GATHERING)
        try:
            gathering = await gather((server,))
        finally:
            turn.over()
        return gathering.seconds if gathering.signature is Signature.OK else None


if __name__ == "__main__":
    obeyed(Gatherings)
