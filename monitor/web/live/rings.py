"""Rolling buckets of one signal over one window: bounded, whatever the order and the times of what comes; pure."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.web.live.sketch import Sketch, class_of

AHEAD_S = 5.0  # a fact may be so far ahead of our clock; what is further ahead comes of a clock that was stepped
OPEN_BUCKETS = 4  # of one ring, kept unpacked: late facts go into these
MOST_WORDS = 20  # different ones in a bucket; statuses are the other side's, and nothing bounds those
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Window:
    """One of the page's windows: its name, its length and the length of its buckets, seconds."""

    name: str
    length_s: float
    step_s: int


WINDOWS = (Window("15m", 900.0, 2), Window("2h", 7200.0, 15), Window("24h", 86_400.0, 180))


@dataclass(slots=True)
class Sample:
    """One attempt at what a track shows: the measured value, whether it failed, and its outcome unless that is ok.

    key: the value's class, found once for all windows.
    """

    track: str
    value: float | None
    bad: bool = False
    word: str = ""
    key: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.value is not None:
            self.key = class_of(self.value)


@dataclass(slots=True)
class Total:
    """What a bucket, or several, have counted: attempts, failed ones, outcomes other than ok, measured values."""

    n: int = 0
    bad: int = 0
    words: Counter[str] | None = None
    sketch: Sketch = field(default_factory=Sketch)

    def add(self, sample: Sample) -> None:
        """Count one attempt."""
        self.n += 1
        self.bad += sample.bad
        if sample.word:
            self._say(sample.word, 1)
        if sample.value is not None:
            self.sketch.count(sample.key, sample.value)

    def merge(self, other: Total) -> None:
        """Count everything that another one has counted."""
        self.n += other.n
        self.bad += other.bad
        for word, count in (other.words or {}).items():
            self._say(word, count)
        self.sketch.merge(other.sketch)

    def without(self, *words: str) -> Total:
        """The same but for the failed attempts of these outcomes."""
        told = self.words or Counter()
        left_out = sum(told[word] for word in words)
        kept = Counter({word: count for word, count in told.items() if word not in words})
        return Total(self.n - left_out, self.bad - left_out, kept, self.sketch)

    def _say(self, word: str, count: int) -> None:
        words = self.words = Counter() if self.words is None else self.words
        words[word if word in words or len(words) < MOST_WORDS else OTHER] += count


@dataclass(slots=True)
class _Bucket:
    """One step of time. change: the number of its last change. mid: the median, once it was asked for."""

    change: int = 0
    total: Total = field(default_factory=Total)
    mid: float | None = None
    stale: bool = True


class Ring:
    """The buckets of one track over one window, by the Unix second at which each begins.

    A bucket is given up for a newer one only, never because the clock says so: a clock that is stepped ahead and back
    again finds everything where it was. The order of the table is that of the last changes.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._most = math.ceil(window.length_s / window.step_s) + 2
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()
        self._open: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._buckets)

    def add(self, sample: Sample, at_s: float, now_s: float, change: int) -> bool:
        """Count a sample of that moment. False for one that is not held: too old, or ahead of the clock."""
        if not now_s - self._window.length_s <= at_s <= now_s + AHEAD_S:
            return False
        start_s = math.floor(at_s / self._window.step_s) * self._window.step_s
        bucket = self._buckets.get(start_s) or self._new(start_s, now_s)
        if bucket is None:
            return False
        bucket.total.add(sample)
        bucket.change, bucket.stale = change, True
        self._buckets.move_to_end(start_s)
        return True

    def columns(self, from_s: float, to_s: float, since: int | None = None) -> dict[str, list[Any]]:
        """The buckets of a period as parallel lists, in order of time; only those that changed after `since`."""
        chosen = sorted(self._changed(since) if since is not None else self._buckets)
        rows = [(start_s, self._buckets[start_s]) for start_s in chosen if self._shown(start_s, from_s, to_s)]
        return {
            "t": [start_s for start_s, _ in rows],
            "mid": [_rounded(_mid(bucket)) for _, bucket in rows],
            "high": [_rounded(bucket.total.sketch.high) for _, bucket in rows],
            "n": [bucket.total.n for _, bucket in rows],
            "bad": [bucket.total.bad for _, bucket in rows],
            "words": [dict(bucket.total.words or {}) for _, bucket in rows],
        }

    def total(self, from_s: float, to_s: float) -> Total:
        """Everything of a period, to the bucket."""
        whole = Total()
        for start_s, bucket in self._buckets.items():
            if self._shown(start_s, from_s, to_s):
                whole.merge(bucket.total)
        return whole

    def count(self, from_s: float, to_s: float) -> int:
        """The attempts of a period, to the bucket."""
        return sum(b.total.n for start_s, b in self._buckets.items() if self._shown(start_s, from_s, to_s))

    def _shown(self, start_s: int, from_s: float, to_s: float) -> bool:
        return from_s - self._window.step_s < start_s <= to_s + AHEAD_S

    def _changed(self, since: int) -> Iterator[int]:
        for start_s in reversed(self._buckets):
            if self._buckets[start_s].change <= since:
                return
            yield start_s

    def _new(self, start_s: int, now_s: float) -> _Bucket | None:
        """A bucket in the place of another where all are taken; none where every other is the better one."""
        if len(self._buckets) >= self._most:
            earliest_s, latest_s = min(self._buckets), max(self._buckets)
            given_up_s = latest_s if latest_s > now_s + AHEAD_S else earliest_s
            if given_up_s == earliest_s > start_s:
                return None
            del self._buckets[given_up_s]
        bucket = self._buckets[start_s] = _Bucket()
        self._open.append(start_s)
        if len(self._open) > OPEN_BUCKETS and (closed := self._buckets.get(self._open.popleft())) is not None:
            closed.total.sketch.pack()
        return bucket


def _mid(bucket: _Bucket) -> float | None:
    if bucket.stale:
        bucket.mid, bucket.stale = bucket.total.sketch.quantile(0.5), False
    return bucket.mid


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
