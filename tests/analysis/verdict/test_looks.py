"""Where to look, and which time before shows what is usual."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis.verdict.looks import looks_of
from monitor.facts.evidence import Evidence, Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder


def evidence(span: tuple[float, float] = (0.0, 100_000.0), *stretches: Stretch) -> Evidence:
    builder = EvidenceBuilder()
    builder.gaps.extend(stretches)
    return builder.build(span)


def test_a_look_reaches_from_five_minutes_before_the_earliest_start_to_the_end_of_the_tail() -> None:
    window = Window(start_s=20_000, end_s=20_600, start_min_s=19_900, start_max_s=20_050, end_max_s=20_700)
    looks = looks_of(evidence(), [window], 300.0)
    assert (looks.usual_s[0], looks.look_s[0], looks.until_s[0]) == (12_400, 19_600, 21_000)
    assert (looks.start_low_s[0], looks.start_high_s[0], looks.length_s[0]) == (19_900, 20_050, 1_400)


def test_a_look_does_not_begin_within_the_tail_of_the_window_before() -> None:
    windows = [Window(start_s=s, end_s=s + 600) for s in (20_000, 21_000, 21_700)]
    assert list(looks_of(evidence(), windows, 300.0).look_s) == [19_700, 20_900, 21_700]


def test_windows_gaps_and_what_lies_before_the_observed_period_show_nothing_usual() -> None:
    windows = [Window(start_s=s, end_s=s + 600) for s in (20_000, 23_000)]
    looks = looks_of(evidence((15_000, 30_000), Stretch(16_000, 17_000)), windows, 300.0)
    moments = np.array([15_500.0, 16_500.0, 17_500.0, 20_100.0, 20_899.0, 20_901.0, 23_001.0])
    assert looks.fit(moments).tolist() == [True, False, True, False, False, True, False]
    # 15,000 to 22,700, without the gap and the first window with its tail
    assert looks.usual_length_s() == pytest.approx(7_700 - 1_000 - 900)


def test_other_windows_of_the_evidence_show_nothing_usual_either_unless_nothing_was_done_in_them() -> None:
    builder = EvidenceBuilder()
    builder.windows += [Window(start_s=10_000, end_s=10_100), Window(start_s=12_000, end_s=12_100, arm="none")]
    looks = looks_of(builder.build((0.0, 30_000.0)), [Window(start_s=15_000, end_s=15_100)], 0.0)
    assert looks.fit(np.array([10_050.0, 12_050.0, 15_050.0])).tolist() == [False, True, False]


def test_rows_of_looks_that_share_time_are_given_to_each() -> None:
    windows = [Window(start_s=s, end_s=s + 100) for s in (20_000, 22_000)]
    looks = looks_of(evidence(), windows, 0.0)
    at_s = np.array([100.0, 15_000.0, 20_050.0, 22_050.0, 90_000.0])
    place, look = looks.rows(at_s)
    assert list(zip(look.tolist(), place.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 1), (1, 2), (1, 3)]
    assert looks.wanted(at_s).tolist() == [1, 2, 3]
