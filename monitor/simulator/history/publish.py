"""One publish in a history: a REST script stepped against the virtual platform, with markers around it; pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime
from heapq import heappop, heappush
from typing import Final
from zoneinfo import ZoneInfo

from monitor.facts.clock import as_utc
from monitor.facts.markers import Marker, MarkerPhase
from monitor.genesys.rest_messages import RestReply, RestRequest, RestScript
from monitor.simulator.history.plan import PublishTimes
from monitor.simulator.virtual.platform import VirtualPlatform

TOKEN: Final = "publish"  # noqa: S105 - the name of the script's own rate-limit window


class PublishRun:
    """Steps a script through virtual time. Its host is another than the monitor's, so markers bear true wall time."""

    def __init__(
        self, script: RestScript, platform: VirtualPlatform, publish: PublishTimes, run_id: str, agents: int
    ) -> None:
        self._script = script
        self._platform = platform
        self._publish = publish
        self._run_id = run_id
        self._agents = agents
        self._answers: list[tuple[float, int, RestRequest, RestReply]] = []
        self._counts: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._asked = 0
        self._failed = False

    @property
    def done(self) -> bool:
        """The script has ended."""
        return self._script.done

    def next_s(self) -> float:
        """When `step` is next worth calling; infinity when never, though the script is not done."""
        due_s = self._script.due_s()
        return min(self._answers[0][0] if self._answers else math.inf, math.inf if due_s is None else due_s)

    def step(self, now_s: float) -> None:
        """Hand over the answers that have come by now, and send what the script wants to send.

        RuntimeError when it has something due, yet does nothing: time would stand still.
        """
        idle = True
        while self._answers and self._answers[0][0] <= now_s:
            _, _, request, reply = heappop(self._answers)
            self._count(reply)
            self._script.hear(request, reply, now_s)
            idle = False
        for request in self._script.act(now_s):
            self._asked += 1
            done_s, reply = self._platform.request(request, TOKEN, now_s)
            heappush(self._answers, (done_s, self._asked, request, reply))
            idle = False
        if idle and not self.done and self.next_s() <= now_s:
            raise RuntimeError("the publish script has something due, yet does nothing")

    def start_marker(self, wall_s: float) -> Marker:
        """Told as the script starts."""
        return self._marker(MarkerPhase.START, wall_s)

    def end_marker(self, wall_s: float) -> Marker:
        """Told when it is done, with what it counted."""
        attributes = {name: str(count) for name, count in sorted(self._counts.items())}
        attributes |= {name: f"{seconds:.3f}" for name, seconds in sorted(self._seconds.items())}
        return self._marker(MarkerPhase.END, wall_s, "failed" if self._failed else "ok", attributes)

    def _marker(
        self, phase: MarkerPhase, wall_s: float, outcome: str | None = None, attributes: dict[str, str] | None = None
    ) -> Marker:
        return Marker(
            job=self._publish.job,
            run_id=self._run_id,
            phase=phase,
            at_wall_s=wall_s,
            strategy=self._publish.strategy,
            agents=self._agents,
            outcome=outcome,
            attributes=attributes or {},
        )

    def _count(self, reply: RestReply) -> None:
        self._counts["calls"] += 1
        self._counts[f"operation_{reply.operation}_calls"] += 1
        self._seconds[f"operation_{reply.operation}_seconds"] += reply.seconds or 0.0
        if reply.status is not None:
            self._counts[f"status_{reply.status}"] += 1
        if reply.retry_after_s is not None:
            self._seconds["retry_after_seconds"] += reply.retry_after_s
        if reply.operation == "schedule_update":
            self._failed = not reply.ok


def run_id_of(publish: PublishTimes, wall_s: float, zone: ZoneInfo) -> str:
    """The run's name by its local date and time, with the offset, so that it stays unique across DST."""
    local: datetime = as_utc(wall_s).astimezone(zone)
    return f"{publish.job}-{local.strftime('%Y-%m-%dT%H:%M%z')}"
