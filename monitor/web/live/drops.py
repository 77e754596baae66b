"""The newest drops as the page shows them, whatever the order in which they are told; pure."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from monitor.facts.failures import NORMAL_ENDS, PLANNED_ENDS
from monitor.facts.observations import IMPORTED, Disconnected
from monitor.facts.softphone_limits import softphone_words
from monitor.web.live.rings import AHEAD_S

MOST_KEPT = 2000
MOST_SHOWN = 500

PLANNED = {*NORMAL_ENDS, *PLANNED_ENDS}


class Drops:
    """The newest MOST_KEPT drops, each with the number of the change that brought it."""

    def __init__(self) -> None:
        self._in_order: list[dict[str, Any]] = []
        self._as_told: deque[tuple[int, dict[str, Any]]] = deque(maxlen=MOST_KEPT)
        self._next = 0

    def add(self, fact: Disconnected, change: int) -> None:
        """Take a drop in."""
        self._next += 1
        drop = drop_json(fact, self._next)
        insort(self._in_order, drop, key=itemgetter("at"))
        self._as_told.append((change, drop))
        del self._in_order[:-MOST_KEPT]

    def newest(self, from_s: float, to_s: float) -> list[dict[str, Any]]:
        """The newest MOST_SHOWN of a period, oldest first."""
        return [drop for drop in self._in_order if from_s <= drop["at"] <= to_s + AHEAD_S][-MOST_SHOWN:]

    def since(self, change: int, from_s: float, to_s: float) -> list[dict[str, Any]]:
        """Those of a period that came after a change, at most MOST_SHOWN, in order of time."""
        new: list[dict[str, Any]] = []
        for number, drop in reversed(self._as_told):
            if number <= change or len(new) >= MOST_SHOWN:
                break
            if from_s <= drop["at"] <= to_s + AHEAD_S:
                new.append(drop)
        return sorted(new, key=itemgetter("at"))

    def unplanned(self, layers: Iterable[str], from_s: float) -> int:
        """How many drops of these layers since then were no planned end; imported ones left out."""
        wanted = set(layers)
        return sum(
            drop["layer"] in wanted and not drop["planned"] and not drop["imported"]
            for drop in reversed(self._in_order)
            if drop["at"] >= from_s
        )


def drop_json(fact: Disconnected, number: int) -> dict[str, Any]:
    """A drop as the page is told of it. softphone: when a real one would have noticed; "" where that says nothing."""
    planned, imported = (fact.layer, fact.reason) in PLANNED, fact.probe == IMPORTED
    return {
        "id": number,
        "at": round(fact.noticed_wall_s, 3),
        "last_good": round(fact.last_good_wall_s, 3),
        "layer": fact.layer.value,
        "reason": fact.reason,
        "agent": fact.agent,
        "code": fact.code,
        "detail": fact.detail,
        "planned": planned,
        "imported": imported,
        "softphone": "" if planned or imported else softphone_words(fact.layer, fact.reason),
    }
