"""Are our own measurements to be trusted just now? Pure: a minute of counts in, yes or no out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from monitor.facts.observations import Observation, OwnLagObserved, ProcessEnded

WINDOW_S = 60.0
SHARE_LIMIT = 0.2  # more suspect measurements than this share, and we distrust the lot
MIN_SAMPLES = 5  # fewer measurements than this have no share worth speaking of
LAG_LIMIT_S = 0.25  # a measuring process that was once this late may have falsified anything in that minute
STARVED_LIMIT = 3  # starved seconds of one process, as it reports them, from which on the whole minute is distrusted,
STARVED_NEAR_S = 3  # or two that are no further apart than this
WAITED_SHARE = 0.015  # a process that was ready to run for more of its time without a processor is starved,
WAITED_EACH_S = 0.00016  # if it waited so long at each turn: many short waits falsify nothing, and busy peers have many
STEAL_LIMIT = 0.10  # share of the machine's processor time given away by its hypervisor: every clock reading is late
MISSED_LIMIT = 0.01  # share of the media slots not sent: what the far side then reports as loss and jitter is ours
LAG_FLOOR_S = 0.005  # below this, lag falsifies no figure that matters, even where it is a tenth of a loopback ping
UNHEARD_S = 5.0  # a process tells of itself once a second: one that did, and does not, is stuck and measures nothing
NOT_MEASURING = "main"  # the process that only collects: its lag falsifies nothing


@dataclass(slots=True)
class Second:
    """What one second brought: measurements, how many of them suspect, the largest lag of a measuring process.

    starved: the processes that reported to have been kept from measuring, once for each report.
    """

    at_s: int
    samples: int = 0
    suspect: int = 0
    lag_s: float = 0.0
    starved: tuple[str, ...] = ()


def starved(fact: OwnLagObserved) -> bool:
    """Whether something else kept this process, or the whole machine, from measuring in the second told."""
    if fact.steal_ratio is not None and fact.steal_ratio > STEAL_LIMIT:
        return True
    if fact.process == NOT_MEASURING:
        return False
    if fact.slots_missed > MISSED_LIMIT * max(1, fact.slots_due) or fact.socket_drops:
        return True
    return _waited(fact)


def _waited(fact: OwnLagObserved) -> bool:
    if fact.waited_s is None:
        return False
    return fact.waited_s > WAITED_SHARE * fact.over_s and fact.waited_s > WAITED_EACH_S * fact.turns


def suspect(seconds: Iterable[Second], now_s: float) -> bool:
    """True when the last WINDOW_S held too many suspect measurements, a lag over LAG_LIMIT_S, or starved processes."""
    recent = _recent(seconds, now_s)
    minute = summed(recent, now_s)
    share = minute.suspect / minute.samples if minute.samples >= MIN_SAMPLES else 0.0
    return share > SHARE_LIMIT or minute.lag_s > LAG_LIMIT_S or _often_starved(recent)


def _recent(seconds: Iterable[Second], now_s: float) -> list[Second]:
    return [second for second in seconds if now_s - second.at_s <= WINDOW_S]


def _often_starved(recent: Iterable[Second]) -> bool:
    """Whether one process was: once may be chance, and a hog takes hold again within seconds."""
    times: dict[str, list[int]] = {}
    for second in recent:
        for process in second.starved:
            times.setdefault(process, []).append(second.at_s)
    return any(
        len(of_one) >= STARVED_LIMIT or any(later - before <= STARVED_NEAR_S for before, later in pairwise(of_one))
        for of_one in times.values()
    )


def summed(seconds: Iterable[Second], now_s: float) -> Second:
    """What the last WINDOW_S brought in all; at_s is its end. now_s: monotonic seconds."""
    recent = _recent(seconds, now_s)
    return Second(
        int(now_s),
        sum(second.samples for second in recent),
        sum(second.suspect for second in recent),
        max((second.lag_s for second in recent), default=0.0),
    )


class Suspicion:
    """The last minute's seconds, fed with facts as they arrive."""

    def __init__(self) -> None:
        self._seconds: deque[Second] = deque(maxlen=int(WINDOW_S) + 2)
        self._heard: dict[
            str, tuple[float, bool]
        ] = {}  # when each measuring process told of itself last; again and again?

    def feed(self, fact: Observation, now_s: float) -> None:
        """Take a fact into account. now_s: monotonic seconds."""
        if isinstance(fact, OwnLagObserved):
            second = self._second(now_s)
            second.starved += (fact.process,) if starved(fact) else ()
            if fact.process != NOT_MEASURING:
                before = self._heard.get(fact.process)
                self._heard[fact.process] = now_s, before is not None and now_s - before[0] <= UNHEARD_S
                second.lag_s = max(second.lag_s, *fact.lag_samples_s, 0.0)
        elif isinstance(fact, ProcessEnded):
            self._heard.pop(fact.process, None)
        elif fact.measured_s() is not None:
            second = self._second(now_s)
            second.samples += 1
            second.suspect += fact.suspect and fact.lag_s > LAG_FLOOR_S

    def suspect(self, now_s: float) -> bool:
        """Whether the last minute is to be distrusted, or a process is stuck. now_s: monotonic seconds."""
        stuck = any(regular and now_s - heard_s > UNHEARD_S for heard_s, regular in self._heard.values())
        return stuck or suspect(self._seconds, now_s)

    def last_minute(self, now_s: float) -> Second:
        """As `summed`: what `suspect` is judged by."""
        return summed(self._seconds, now_s)

    def _second(self, now_s: float) -> Second:
        if not self._seconds or self._seconds[-1].at_s != int(now_s):
            self._seconds.append(Second(int(now_s)))
        return self._seconds[-1]
