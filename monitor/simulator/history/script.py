"""The publish that a history runs by default: what the users' own script does, as fast as it can; pure."""

from __future__ import annotations

import gzip
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from monitor.genesys.rest_messages import RestReply, RestRequest

THREADS = 4  # the official Python SDK's pool holds four connections and blocks the rest
MOST_TRIES = 11  # and its retry gives up after ten waits of Retry-After


@dataclass(frozen=True, slots=True)
class ScriptTarget:
    """What is published, for whom: ids of the business unit, its week, the schedule, and the agents' users."""

    business_unit: str
    week: str
    schedule: str
    users: tuple[str, ...]


class WeeklyScript:
    """One schedule update with every agent through the upload chain, then presence and routing status one by one.

    A RestScript. Each of THREADS workers sends its next call as soon as its last one is answered, and sleeps where it
    is told a Retry-After. A step of the chain that fails ends the script before any agent is touched.
    """

    def __init__(self, target: ScriptTarget) -> None:
        self._target = target
        self._ids = count(1)
        self._queue: deque[RestRequest] = deque([self._read()])
        self._asleep: list[tuple[float, int, RestRequest]] = []
        self._answers_due: set[int] = set()
        self._tries: dict[int, int] = {}
        self._document = b""
        self.failed = False

    @property
    def done(self) -> bool:
        """Nothing to send, nobody asleep, no answer due."""
        return not (self._queue or self._asleep or self._answers_due)

    def due_s(self) -> float | None:
        """At once while a worker is idle and there is work; else when the first sleeper wakes."""
        if self._queue and self._idle() > 0:
            return 0.0
        return self._asleep[0][0] if self._asleep else None

    def act(self, now_s: float) -> list[RestRequest]:
        """The calls of every worker that is free now."""
        requests = []
        while self._asleep and self._asleep[0][0] <= now_s:
            requests.append(heappop(self._asleep)[2])
        self._answers_due.update(request.id for request in requests)
        while self._queue and self._idle() > 0:
            requests.append(self._queue.popleft())
            self._answers_due.add(requests[-1].id)
        return requests

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        """Go on with the chain, or sleep as the Retry-After says."""
        self._answers_due.discard(request.id)
        tries = self._tries[request.id] = self._tries.get(request.id, 0) + 1
        if not reply.ok and reply.retry_after_s is not None and tries < MOST_TRIES:
            heappush(self._asleep, (now_s + reply.retry_after_s, request.id, request))
        elif request.operation in ("schedules", "schedule_upload"):
            self._chain(request, reply)
        elif request.operation == "schedule_update":
            self.failed |= not reply.ok
            self._queue.extend(() if self.failed else self._writes())

    def _idle(self) -> int:
        return THREADS - len(self._answers_due) - len(self._asleep)

    def _chain(self, request: RestRequest, reply: RestReply) -> None:
        """The next step of read, upload URL, upload, update."""
        if not reply.ok:
            self.failed = True
        elif request.operation == "schedules":
            self._document = self._packed(reply.body["metadata"]["version"])
            size = {"contentLengthBytes": len(self._document)}
            self._queue.append(self._request("schedule_upload", "POST", f"{self._path()}/update/uploadurl", size))
        elif request.method == "POST":
            self._key = str(reply.body["uploadKey"])
            self._queue.append(self._upload(str(reply.body["url"]), reply.body["headers"]))
        else:
            body = {"uploadKey": self._key}
            users = self._target.users
            self._queue.append(self._request("schedule_update", "POST", f"{self._path()}/update", body, users))

    def _packed(self, version: int) -> bytes:
        """The published document: every agent, no shift changed."""
        agents = [{"userId": user} for user in self._target.users]
        document = {"published": True, "agentSchedules": agents, "metadata": {"version": version}}
        return gzip.compress(json.dumps(document).encode(), mtime=0)

    def _writes(self) -> Iterator[RestRequest]:
        for user in self._target.users:
            presence = {"presenceDefinition": {"systemPresence": "Available"}}
            path = f"/api/v2/users/{user}"
            yield self._request("presence", "PATCH", f"{path}/presences/purecloud", presence, (user,))
            yield self._request("routing_status", "PUT", f"{path}/routingstatus", {"status": "IDLE"}, (user,))

    def _read(self) -> RestRequest:
        return self._request("schedules", "GET", self._path())

    def _upload(self, url: str, headers: Mapping[str, str]) -> RestRequest:
        return RestRequest(
            next(self._ids), "schedule_upload", "PUT", url, content=self._document, headers=dict(headers)
        )

    def _request(
        self, operation: str, method: str, path: str, body: Any = None, agents: tuple[str, ...] = ()
    ) -> RestRequest:
        return RestRequest(next(self._ids), operation, method, path, body, agents=agents)

    def _path(self) -> str:
        unit, week = self._target.business_unit, self._target.week
        return f"/api/v2/workforcemanagement/businessunits/{unit}/weeks/{week}/schedules/{self._target.schedule}"
