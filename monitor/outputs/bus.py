"""Facts from whoever measured them to every sink: publishing never blocks, and no sink can hurt another."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from monitor.facts.clock import Clock
from monitor.facts.observations import FactsDropped, Observation

log = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000  # facts; 150 calls at a sample a second fill it in a minute
COMPLAINT_EVERY_S = 60.0
DROPS_TOLD_EVERY_S = 1.0
CLOSE_DEADLINE_S = 2.0

Handler = Callable[[Observation], None]


class Bus:
    """Hands every fact to every sink, each on a thread of its own behind a bounded queue.

    What a full queue turns away and what a failing sink loses is counted, and told as FactsDropped.
    """

    def __init__(self, site: str, clock: Clock, *, name: str = "bus") -> None:
        self._site = site
        self._clock = clock
        self._name = name
        self._sinks: list[_Sink] = []
        self._told_mono_s = clock.mono_s()
        self._telling = threading.Lock()

    def add(self, name: str, handler: Handler, *, limit: int = QUEUE_LIMIT) -> None:
        """Add a sink: `handler` gets every fact from now on, in order, on the sink's own thread; it may raise."""
        self._sinks.append(_Sink(name, handler, limit, self._clock))

    def publish(self, fact: Observation) -> None:
        """Hand a fact to every sink. Never blocks, never raises; callable from any thread."""
        for sink in self._sinks:
            sink.offer(fact)
        self._tell_drops()

    def lost(self, sink: str, count: int) -> None:
        """Let a sink that loses facts behind its handler say so."""
        for one in self._sinks:
            if one.name == sink:
                one.lose(count)

    @property
    def dropped(self) -> dict[str, int]:
        """Facts that did not reach each sink, since the start."""
        return {sink.name: sink.dropped for sink in self._sinks}

    def close(self, deadline_s: float = CLOSE_DEADLINE_S) -> None:
        """Let every sink finish what is queued, for at most `deadline_s` in all. Idempotent; blocks: use a thread."""
        for sink in self._sinks:
            sink.finish()
        until_mono_s = self._clock.mono_s() + deadline_s
        for sink in self._sinks:
            sink.join(max(0.0, until_mono_s - self._clock.mono_s()))

    def _tell_drops(self) -> None:
        now_mono_s = self._clock.mono_s()
        if now_mono_s - self._told_mono_s < DROPS_TOLD_EVERY_S or not self._telling.acquire(blocking=False):
            return
        try:
            self._told_mono_s = now_mono_s
            for dropping in self._sinks:
                count = dropping.take_untold()
                if count:
                    self._tell(dropping.name, count)
        finally:
            self._telling.release()

    def _tell(self, name: str, count: int) -> None:
        at_wall_s = self._clock.wall_s()
        fact = FactsDropped(site=self._site, probe=self._name, at_wall_s=at_wall_s, sink=name, count=count)
        for sink in self._sinks:
            sink.offer(fact)


class _Sink:
    """One sink: its queue, its thread, its counts."""

    def __init__(self, name: str, handler: Handler, limit: int, clock: Clock) -> None:
        self.name = name
        self.dropped = 0
        self._handler = handler
        self._clock = clock
        self._untold = 0
        self._lock = threading.Lock()
        self._complained_mono_s: float | None = None
        self._queue: queue.Queue[Observation] = queue.Queue(limit)
        self._finishing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        self._thread.start()

    def offer(self, fact: Observation) -> None:
        try:
            self._queue.put_nowait(fact)
        except queue.Full:
            self.lose(1)

    def lose(self, count: int) -> None:
        with self._lock:
            self.dropped += count
            self._untold += count

    def take_untold(self) -> int:
        with self._lock:
            untold, self._untold = self._untold, 0
            return untold

    def finish(self) -> None:
        self._finishing.set()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            try:
                fact = self._queue.get(timeout=0.1)
            except queue.Empty:
                if self._finishing.is_set():
                    return
                continue
            self._handle(fact)

    def _handle(self, fact: Observation) -> None:
        try:
            self._handler(fact)
        except Exception as error:  # whatever a sink raises must not reach the others
            self.lose(1)
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        now = self._clock.mono_s()
        if self._complained_mono_s is None or now - self._complained_mono_s >= COMPLAINT_EVERY_S:
            self._complained_mono_s = now
            log.error("sink %s: %s: %s (%d facts dropped so far)", self.name, type(error).__name__, error, self.dropped)
