from __future__ import annotations

import pytest

from monitor.media.pacing import Pacer


def test_slots_come_every_20_ms() -> None:
    pacer = Pacer(0.02)
    slots = [pacer.next(100.0), pacer.next(100.0), pacer.next(100.019), pacer.next(100.061)]
    assert [slot for slot, _ in slots] == [0, 1, 2, 3]
    assert [wait for _, wait in slots] == pytest.approx([0.0, 0.02, 0.021, 0.0])
    assert (pacer.sent, pacer.skipped) == (4, 0)


def test_missed_slots_are_skipped_and_counted_never_sent_in_a_burst() -> None:
    pacer = Pacer(0.02)
    pacer.next(100.0)
    slot, wait_s = pacer.next(100.109)  # slots 1 to 4 have passed, 5 is due now
    assert (slot, wait_s) == (5, 0.0)
    slot, wait_s = pacer.next(100.11)
    assert slot == 6
    assert wait_s == pytest.approx(0.01)
    assert (pacer.sent, pacer.skipped) == (3, 4)
