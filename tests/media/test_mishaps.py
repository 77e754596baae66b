"""Mistakes that others can set off are said, but seldom."""

from __future__ import annotations

import pytest

from monitor.facts.clock import ManualClock
from monitor.media.mishaps import LOG_EVERY_S, Mishaps


def test_a_line_a_minute_with_the_count_and_the_mistake(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    mishaps = Mishaps(clock)
    for _ in range(3):
        try:
            raise ValueError("hostile")
        except ValueError:
            mishaps.note("a datagram")
    clock.advance(LOG_EVERY_S)
    try:
        raise ValueError("once more")
    except ValueError:
        mishaps.note("a datagram")
    assert [record.getMessage() for record in caplog.records] == [
        "what a datagram set off went wrong, 1 times so far",
        "what a datagram set off went wrong, 4 times so far",
    ]
    assert "ValueError: once more" in caplog.text
