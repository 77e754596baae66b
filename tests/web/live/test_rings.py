"""Rolling buckets: bounded, in any order of facts, and not wiped by a clock that was stepped."""

from __future__ import annotations

import pytest

from monitor.web.live.rings import MOST_WORDS, OTHER, WINDOWS, Ring, Sample, Window

NOW = 1_790_000_000.0
SHORT = Window("short", 20.0, 2)
OK = Sample("x", 0.1)


def fed(*at: float, now_s: float = NOW, window: Window = SHORT) -> Ring:
    """A ring with one sample at each of these moments, relative to now."""
    ring = Ring(window)
    for change, moment in enumerate(at, 1):
        ring.add(OK, NOW + moment, now_s, change)
    return ring


def starts(ring: Ring, since: int | None = None, now_s: float = NOW) -> list[float]:
    """Where the shown buckets begin, relative to NOW."""
    return [start - NOW for start in ring.columns(now_s - SHORT.length_s, now_s, since)["t"]]


def test_columns_are_parallel_and_count_what_failed() -> None:
    ring = Ring(SHORT)
    for change, sample in enumerate(
        (OK, Sample("x", 0.3), Sample("x", 0.2), Sample("x", None, True, "timeout"), Sample("x", None, True, "429"))
    ):
        ring.add(sample, NOW, NOW, change)
    columns = ring.columns(NOW - 20, NOW)
    mid = columns.pop("mid")
    assert mid == [pytest.approx(0.2, rel=0.03)]
    assert columns == {"t": [int(NOW)], "high": [0.3], "n": [5], "bad": [2], "words": [{"timeout": 1, "429": 1}]}


def test_only_what_changed_is_told_again_in_order_of_time() -> None:
    ring = fed(-10, -4, -7)
    assert starts(ring) == [-10, -8, -4]
    assert starts(ring, since=1) == [-8, -4]
    assert starts(ring, since=3) == []
    ring.add(OK, NOW - 10, NOW, 4)
    assert starts(ring, since=3) == [-10]


def test_what_is_too_old_or_ahead_of_the_clock_is_left_out() -> None:
    ring = fed(-21, 6, 3600)
    assert len(ring) == 0
    assert starts(fed(4)) == [4]  # clocks of two processes are not read at one moment


def test_a_clock_stepped_ahead_and_back_wipes_nothing() -> None:
    ring = fed(-10, -8, -6)
    ahead_s = NOW + 86_400
    for n in range(3):
        assert ring.add(OK, ahead_s + 2 * n, ahead_s + 2 * n, 10 + n)
    assert starts(ring) == [-10, -8, -6]
    for n in range(40):
        ring.add(OK, NOW + 2 * n, NOW + 2 * n, 20 + n)
    assert len(ring) <= 12
    assert len(starts(ring, now_s=NOW + 78)) == 11  # what was ahead was given up first


def test_a_full_ring_has_no_place_for_what_is_older_than_all_it_holds() -> None:
    ring = fed(*range(-20, 5, 2))
    full = len(ring)
    assert starts(ring)[0] == -18  # what was a little ahead took the first one's place
    assert not ring.add(OK, NOW - 20, NOW, 99)
    assert (starts(ring)[0], len(ring)) == (-18, full)
    assert ring.add(OK, NOW + 6, NOW + 6, 100)
    assert len(ring) == full


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_a_day_of_samples_stays_bounded(window: Window) -> None:
    ring = Ring(window)
    for second in range(0, 100_000, 20):
        ring.add(OK, NOW + second, NOW + second, second)
    assert len(ring) <= window.length_s / window.step_s + 2
    kept = ring.count(NOW + 99_980 - window.length_s, NOW + 99_980)
    assert kept == pytest.approx(window.length_s / 20, abs=window.step_s / 20 + 1)


def test_words_of_the_other_side_are_bounded() -> None:
    ring = Ring(SHORT)
    for status in range(1000):
        ring.add(Sample("x", None, True, str(status)), NOW, NOW, 1)
    (words,) = ring.columns(NOW - 20, NOW)["words"]
    assert len(words) == MOST_WORDS + 1
    assert words[OTHER] == 1000 - MOST_WORDS


def test_a_total_is_of_its_period_alone() -> None:
    ring = fed(-18, -4, -2)
    total = ring.total(NOW - 5, NOW)
    assert (total.n, total.bad, total.sketch.measured) == (2, 0, 2)
