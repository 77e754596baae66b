"""A platform at its best: it answers at once, and only its rate limit holds anybody up. Pure.

What a run takes here is what it takes at least: the figures of a dry run.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RateLimit, RestReply, RestRequest, RestScript
from monitor.publish.flow.requests import QUERY, READ, UPDATE, UPLOAD_URL

PER_MINUTE, WINDOW_S = 300, 60.0
MOST_STEPS = 1_000_000


class IdealPlatform:
    """One schedule with these agents, and a window of `per_minute` requests that the first one opens.

    calls: requests by operation, refused ones included.
    """

    def __init__(self, agents: tuple[str, ...], *, per_minute: int = PER_MINUTE) -> None:
        self.agents = agents
        self.version = 1
        self.published = False
        self.calls: Counter[str] = Counter()
        self._per_minute = per_minute
        self._opened_s = -math.inf
        self._used = 0

    def answer(self, request: RestRequest, now_s: float) -> RestReply:
        """The reply, which comes in no time."""
        self.calls[request.operation] += 1
        if not request.path.startswith("/"):
            return RestReply(request.operation, 200, seconds=0.0)
        if now_s - self._opened_s >= WINDOW_S:
            self._opened_s, self._used = now_s, 0
        reset_s = max(1, math.ceil(self._opened_s + WINDOW_S - now_s))
        if self._used >= self._per_minute:
            why = failure(request.operation, Reason.RATE_LIMITED, f"HTTP 429: retry in [{reset_s}] seconds")
            return RestReply(request.operation, 429, retry_after_s=float(reset_s), failure=why, seconds=0.0)
        self._used += 1
        limit = RateLimit(self._used, self._per_minute, float(reset_s))
        return RestReply(request.operation, 200, self.body(request), 0.0, rate_limit=limit)

    def body(self, request: RestRequest) -> Any:
        """What is answered to a call that is let in."""
        if request.operation == READ:
            return self.metadata()
        if request.operation == QUERY:
            entries = [{"user": {"id": agent}, "metadata": {"version": self.version}} for agent in request.agents]
            return {"status": "Complete", "result": {"agentSchedules": entries}}
        if request.operation == UPLOAD_URL:
            return {"uploadKey": "key", "url": "https://storage.invalid/key", "headers": {}}
        if request.operation == UPDATE:
            self.version, self.published = self.version + 1, True
            return {"status": "Complete", "operationId": f"operation-{self.version}", "result": self.metadata()}
        return {}

    def metadata(self) -> dict[str, Any]:
        """The schedule as a read shows it."""
        everybody = [{"id": agent} for agent in self.agents]
        return {
            "published": self.published,
            "metadata": {"version": self.version},
            "managementUnits": [{"agents": everybody}],
        }


def run_ideally(script: RestScript, platform: IdealPlatform, start_s: float = 0.0) -> float:
    """Run a script to its end in virtual time; the time it ends at."""
    now_s = start_s
    for _ in range(MOST_STEPS):
        requests = script.act(now_s)
        for request in requests:
            script.hear(request, platform.answer(request, now_s), now_s)
        if script.done:
            return now_s
        due_s = script.due_s()
        if due_s is None and not requests:
            raise AssertionError("a script that waits for nothing")
        now_s = max(now_s, due_s) if due_s is not None else now_s
    raise AssertionError("a script without end")
