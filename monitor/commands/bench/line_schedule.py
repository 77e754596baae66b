"""What a delay line does to packets: which are lost, and when each of the others leaves. Pure."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """One direction of a line. jitter_s: each packet is held 0 to so many seconds longer, by a uniform draw.

    loss: the share of packets lost, 0 to 1. The same seed gives the same fates in the same order. ordered: no packet
    overtakes another, as on a stream.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    seed: int = 0
    ordered: bool = False

    def __post_init__(self) -> None:
        if self.delay_s < 0 or self.jitter_s < 0 or not 0 <= self.loss <= 1:
            raise ValueError(f"no line is like {self}")


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A packet on the line, with its monotonic times of arrival and of leaving as planned."""

    item: T
    arrived_mono_s: float
    due_mono_s: float


class Schedule(Generic[T]):
    """The packets that one direction holds back."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._random = random.Random(shape.seed)  # noqa: S311 - not for secrecy
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Held[T]]] = []
        self._last_due_mono_s = 0.0
        self.lost = 0

    def take(self, item: T, arrived_mono_s: float) -> bool:
        """A packet came; False when the line loses it."""
        lost = self._random.random() < self._shape.loss
        extra_s = self._random.random() * self._shape.jitter_s  # drawn for lost ones too: fates do not shift
        if lost:
            self.lost += 1
            return False
        due_mono_s = arrived_mono_s + self._shape.delay_s + extra_s
        if self._shape.ordered:
            due_mono_s = self._last_due_mono_s = max(due_mono_s, self._last_due_mono_s)
        heapq.heappush(self._waiting, (due_mono_s, next(self._order), Held(item, arrived_mono_s, due_mono_s)))
        return True

    @property
    def next_mono_s(self) -> float | None:
        """When the next packet leaves; None when there is none."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, now_mono_s: float) -> list[Held[T]]:
        """The packets whose time has come, the earliest first; they are on the line no more."""
        leaving = []
        while self._waiting and self._waiting[0][0] <= now_mono_s:
            leaving.append(heapq.heappop(self._waiting)[2])
        return leaving
