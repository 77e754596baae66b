"""Several sequences of requests side by side, as threads would run them, but without threads, clock or wire. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from monitor.genesys.rest_messages import RestReply, RestRequest
from monitor.publish.strategy.pacing import PaceState, Pacing


@dataclass(frozen=True, slots=True)
class Send:
    """Send this; the lane goes on with the reply. A whole URL is no call of the platform's and is not paced."""

    request: RestRequest


@dataclass(frozen=True, slots=True)
class Sleep:
    """Go on at that time (monotonic seconds). What is slept for: `pause`, `retry` of a failed request, or `poll`."""

    until_s: float
    what: Literal["pause", "retry", "poll"] = "pause"


@dataclass(frozen=True, slots=True)
class Join:
    """Go on when every other lane has ended."""


Step = Send | Sleep | Join
Lane = Generator[Step, RestReply | None, None]


class Lanes:
    """Runs lanes: generators that yield what they wait for. The first one started is the main one, which may Join.

    now_s: the time of the call that is being worked on. stalled_s: seconds so far in which every lane waited for a
    retry; longest_stall_s: the longest of such times.
    """

    def __init__(self, pacing: Pacing) -> None:
        self.now_s = 0.0
        self.stalled_s = self.longest_stall_s = 0.0
        self._pacing = pacing
        self._pace = PaceState()
        self._ready: deque[tuple[Lane, RestRequest]] = deque()
        self._in_flight: dict[int, Lane | None] = {}
        self._asleep: dict[Lane, Sleep] = {}
        self._joining: Lane | None = None
        self._lanes = 0
        self._stalled_since_s: float | None = None

    @property
    def done(self) -> bool:
        """No lane is left, and no reply is waited for."""
        return not self._lanes and not self._in_flight

    def start(self, lane: Lane) -> None:
        """Run one more lane, up to where it first waits."""
        self._lanes += 1
        self._advance(lane, None)

    def act(self, now_s: float) -> Iterator[RestRequest]:
        """Wake what is due and hand out what may be sent."""
        self.now_s = now_s
        for lane in [lane for lane, sleep in self._asleep.items() if sleep.until_s <= now_s]:
            if self._asleep.pop(lane, None) is not None:
                self._advance(lane, None)
        while self._ready and (now_s >= self._pace.not_before_s or not _paced(self._ready[0][1])):
            lane, request = self._ready.popleft()
            self._in_flight[request.id] = lane
            if _paced(request):
                self._pace = self._pacing.next(self._pace, None, now_s)
            yield request
        self._watch_stall()

    def hear(self, request: RestRequest, reply: RestReply, now_s: float) -> None:
        """Hand a reply to the lane that waits for it."""
        self.now_s = now_s
        if request.id not in self._in_flight:
            return
        lane = self._in_flight.pop(request.id)
        if _paced(request):
            self._pace = self._pacing.next(self._pace, reply, now_s)
        if lane is not None:
            self._advance(lane, reply)
        self._watch_stall()

    def due_s(self) -> float | None:
        """When something sleeping wakes or something ready may be sent; None while only replies are waited for."""
        moments = [sleep.until_s for sleep in self._asleep.values()]
        if self._ready:
            moments.append(self._pace.not_before_s if _paced(self._ready[0][1]) else self.now_s)
        return min(moments, default=None)

    def wake(self, lane: Lane, now_s: float) -> None:
        """Let a lane that sleeps between two polls go on now; one that waits for anything else is left alone."""
        if lane in self._asleep and self._asleep[lane].what == "poll":
            self._asleep[lane] = Sleep(now_s, "poll")

    def stop(self, now_s: float) -> None:
        """End every lane. Replies still under way are waited for, and go nowhere."""
        self.now_s = now_s
        lanes = {lane for lane, _ in self._ready} | set(self._asleep)
        lanes |= {lane for lane in self._in_flight.values() if lane is not None}
        lanes |= {self._joining} if self._joining is not None else set()
        self._in_flight = dict.fromkeys(self._in_flight)
        self._ready.clear()
        self._asleep.clear()
        self._joining, self._lanes = None, 0
        for lane in lanes:
            lane.close()
        self._watch_stall()

    def _advance(self, lane: Lane, value: RestReply | None) -> None:
        try:
            step = lane.send(value)
        except StopIteration:
            self._lanes -= 1
            self._join()
            return
        if isinstance(step, Send):
            self._ready.append((lane, step.request))
        elif isinstance(step, Sleep):
            self._asleep[lane] = step
        else:
            self._joining = lane
            self._join()

    def _join(self) -> None:
        if self._joining is not None and self._lanes == 1:
            lane, self._joining = self._joining, None
            self._advance(lane, None)

    def _watch_stall(self) -> None:
        sleeps = self._asleep.values()
        stalled = (
            bool(sleeps) and not self._in_flight and not self._ready and all(sleep.what == "retry" for sleep in sleeps)
        )
        if stalled and self._stalled_since_s is None:
            self._stalled_since_s = self.now_s
        elif not stalled and self._stalled_since_s is not None:
            stall_s = self.now_s - self._stalled_since_s
            self.stalled_s += stall_s
            self.longest_stall_s = max(self.longest_stall_s, stall_s)
            self._stalled_since_s = None


def _paced(request: RestRequest) -> bool:
    return request.path.startswith("/")
