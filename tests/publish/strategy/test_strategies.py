"""A strategy is one pacing and one retry, by name."""

from __future__ import annotations

import pytest

from monitor.publish.strategy.strategies import PACINGS, RETRIES, strategy


def test_every_pair_of_names_is_a_strategy() -> None:
    names = {strategy(pacing, retry, window="22:00-05:00", tz="UTC").name for pacing in PACINGS for retry in RETRIES}
    assert names == {f"{pacing}+{retry}" for pacing in PACINGS for retry in RETRIES}
    assert len(names) == 20


@pytest.mark.parametrize(
    ("pacing", "retry", "words"),
    [
        ("bursts", "none", "unknown pacing 'bursts'"),
        ("burst", "no", "unknown retry 'no'"),
        ("off_peak", "none", "off_peak needs a window"),
    ],
)
def test_an_unknown_one_is_one_clear_line(pacing: str, retry: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        strategy(pacing, retry)
    assert "\n" not in str(error.value)
