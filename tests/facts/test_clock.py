"""Times in and out of text, and the clock of the tests itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.facts.clock import ManualClock, SystemClock, as_utc, parse_rfc3339, rfc3339

NOON = 1_795_536_000.0  # 2026-11-24T16:00:00Z


@pytest.mark.parametrize(
    ("text", "wall_s"),
    [
        ("2026-11-24T16:00:00Z", NOON),
        ("2026-11-24T16:00:00+00:00", NOON),
        ("2026-11-24T10:00:00-06:00", NOON),
        ("2026-11-24t16:00:00z", NOON),
        ("2026-11-24T16:00:00.250Z", NOON + 0.25),
        ("2026-11-24T21:30:00+05:30", NOON),
    ],
)
def test_rfc3339_is_read(text: str, wall_s: float) -> None:
    assert parse_rfc3339(text) == wall_s


@pytest.mark.parametrize("text", ["2026-11-24T16:00:00", "2026-11-24", "10:00", "", "soon", "2026-13-01T00:00:00Z"])
def test_a_time_without_offset_or_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


@given(milliseconds=st.integers(0, 4_000_000_000_000))
def test_rfc3339_there_and_back(milliseconds: int) -> None:
    assert parse_rfc3339(rfc3339(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1.1e-3)


def test_rfc3339_is_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(NOON + 0.1234) == "2026-11-24T16:00:00.123Z"
    assert as_utc(NOON).utcoffset() is not None


def test_a_manual_clock_moves_when_told() -> None:
    clock = ManualClock(mono_s=5.0, wall_s=NOON)
    clock.advance(2.5)
    assert (clock.mono_s(), clock.wall_s()) == (7.5, NOON + 2.5)
    clock.step_wall(-60.0)
    assert (clock.mono_s(), clock.wall_s()) == (7.5, NOON - 57.5)


def test_the_system_clock_goes_forward() -> None:
    clock = SystemClock()
    first = clock.mono_s()
    assert clock.mono_s() >= first
    assert clock.wall_s() > NOON - 86400 * 365
