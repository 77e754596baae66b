"""A platform in virtual time that loses answers, refuses, is edited by others, and counts each agent's updates."""

from __future__ import annotations

import gzip
import heapq
import itertools
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RestReply, RestRequest, RestScript
from monitor.publish.flow.ideal import IdealPlatform
from monitor.publish.flow.requests import UPDATE, UPLOAD

OURS, THEIRS = "our-client", "another-editor"
LONG_S = 100_000.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request: refused with `status`, or its answer lost, `done` or not all the same."""

    status: int | None = None
    retry_after_s: float | None = None
    done: bool = False


class FaultyPlatform(IdealPlatform):
    """An IdealPlatform whose updates take `works_s`, and whose n-th request of an operation may meet a fault.

    faults: (operation, n from 1) -> Fault. edits: virtual times at which somebody else edits. updates: how often each
    agent was in an applied document. errors: operations that ended as Error. events: what a notification would tell.
    """

    def __init__(
        self,
        agents: tuple[str, ...],
        *,
        works_s: float = 1.0,
        answers_s: float = 0.02,
        per_minute: int = 300,
        faults: dict[tuple[str, int], Fault] | None = None,
        edits: tuple[float, ...] = (),
        published: bool = False,
    ) -> None:
        super().__init__(agents, per_minute=per_minute)
        self.published = published
        self.by = "System"
        self.updates: Counter[str] = Counter()
        self.errors = 0
        self.events: list[dict[str, Any]] = []
        self.answers_s = answers_s
        self.now_s = 0.0
        self._works_s = works_s
        self._faults = faults or {}
        self._edits = sorted(edits)
        self._uploaded = b""
        self._working: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count(1)

    def answer(self, request: RestRequest, now_s: float) -> RestReply:
        """The reply, after what was due by now has happened."""
        self.pass_time(now_s)
        fault = self._faults.get((request.operation, self.calls[request.operation] + 1))
        if fault is None:
            return super().answer(request, now_s)
        if fault.done:
            super().answer(request, now_s)
        else:
            self.calls[request.operation] += 1
        reason = Reason.RESET if fault.status is None else Reason.UNEXPECTED_STATUS
        why = failure(request.operation, reason, f"HTTP {fault.status}" if fault.status else "cut")
        return RestReply(request.operation, fault.status, retry_after_s=fault.retry_after_s, failure=why)

    def body(self, request: RestRequest) -> Any:
        """What is answered to a call that is let in; an update is only accepted here, and applied later."""
        if request.operation != UPDATE:
            return super().body(request)
        number = next(self._numbers)
        heapq.heappush(self._working, (self.now_s + self._works_s, number, self._uploaded))
        return {"status": "Processing", "operationId": f"operation-{number}"}

    def metadata(self) -> dict[str, Any]:
        """With who made the version."""
        body = super().metadata()
        body["metadata"]["modifiedBy"] = {"id": self.by}
        return body

    def take(self, request: RestRequest) -> None:
        """Keep what is uploaded."""
        if request.operation == UPLOAD and request.content is not None:
            self._uploaded = request.content

    def pass_time(self, now_s: float) -> None:
        """Apply what is due by then, in order."""
        while True:
            edit_s = self._edits[0] if self._edits else LONG_S
            work_s = self._working[0][0] if self._working else LONG_S
            if min(edit_s, work_s) > now_s:
                break
            if edit_s <= work_s:
                self._edits.pop(0)
                self.version, self.by = self.version + 1, THEIRS
            else:
                _, number, packed = heapq.heappop(self._working)
                self._apply(number, packed)
        self.now_s = now_s

    def _apply(self, number: int, packed: bytes) -> None:
        document = json.loads(gzip.decompress(packed))
        good = document["metadata"]["version"] == self.version
        if good:
            self.version, self.by, self.published = self.version + 1, OURS, True
            self.updates.update(entry["userId"] for entry in document["agentSchedules"])
        self.errors += not good
        event = {"operationId": f"operation-{number}", "status": "Complete" if good else "Error"}
        self.events.append({**event, "result": self.metadata() if good else None})


def run_script(script: RestScript, platform: FaultyPlatform, *, most: int | None = None) -> float:
    """Run a script to its end; the time then. most: its process is killed with that many requests sent."""
    coming: list[tuple[float, int, RestRequest, RestReply]] = []
    order = itertools.count()
    now_s, sent = platform.now_s, 0
    for _ in range(100_000):
        for request in script.act(now_s):
            if most is not None and sent >= most:
                return now_s
            sent += 1
            platform.take(request)
            reply = replace(platform.answer(request, now_s), seconds=platform.answers_s)
            heapq.heappush(coming, (now_s + platform.answers_s, next(order), request, reply))
        if script.done and not coming:
            return now_s
        moments = [coming[0][0]] if coming else []
        moments += [due_s] if (due_s := script.due_s()) is not None else []
        now_s = max(now_s, min(moments))
        while coming and coming[0][0] <= now_s:
            _, _, request, reply = heapq.heappop(coming)
            script.hear(request, reply, now_s)
    raise AssertionError("a script without end")
