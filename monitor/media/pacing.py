"""A grid of sending slots: real time, missed slots skipped and counted, never caught up in a burst. Pure."""

from __future__ import annotations

SUB_SLOTS = 8  # a slot of 20 ms is served in portions, so that 150 packets do not leave as one burst and keep the loop


class Grid:
    """Slots of `slot_s` seconds from `begun_mono_s`, cut into SUB_SLOTS each; number k begins k sub-slots later."""

    def __init__(self, begun_mono_s: float, slot_s: float) -> None:
        self._begun_mono_s = begun_mono_s
        self._sub_s = slot_s / SUB_SLOTS
        self._next = 0

    @property
    def next_mono_s(self) -> float:
        """When the next sub-slot is due."""
        return self._begun_mono_s + self._next * self._sub_s

    def take(self, now_mono_s: float) -> tuple[range, range]:
        """The sub-slots to serve now and those to skip, both oldest first.

        A sub-slot is served up to one whole slot late; what is older can only be missed. So one wake serves each
        portion once at most, however long the loop was busy.
        """
        first = self._next
        current = int((now_mono_s - self._begun_mono_s) / self._sub_s + 1e-6)  # a timer may fire a hair early
        if current < first:
            return range(0), range(0)
        serve_from = max(first, current - SUB_SLOTS + 1)
        self._next = current + 1
        return range(serve_from, current + 1), range(first, serve_from)


def slots_of(sub_slots: range, portion: int) -> range:
    """The slots whose sub-slot for `portion` (0 to SUB_SLOTS - 1) is among `sub_slots`."""
    first = -((portion - sub_slots.start) // SUB_SLOTS)
    after = -((portion - sub_slots.stop) // SUB_SLOTS)
    return range(first, max(first, after))
