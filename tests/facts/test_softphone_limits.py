"""When a real softphone would have noticed: known kinds of drop only, each with its source."""

from __future__ import annotations

import pytest

from monitor.facts.failures import DISCONNECT_REASONS, NORMAL_ENDS, PLANNED_ENDS
from monitor.facts.softphone_limits import SOFTPHONE_LIMITS, softphone_limit, softphone_words


def test_every_limit_is_of_a_drop_that_exists_and_says_its_source() -> None:
    for (layer, reason), limit in SOFTPHONE_LIMITS.items():
        assert reason in DISCONNECT_REASONS[layer]
        assert limit.source
    assert not {*NORMAL_ENDS, *PLANNED_ENDS} & set(SOFTPHONE_LIMITS)


@pytest.mark.parametrize(
    ("layer", "reason", "words"),
    [
        ("signalling", "ping_timeout", "a real softphone after 58.0 s"),
        ("signalling", "silence", "a real softphone after 35.0 s"),
        ("signalling", "reset", "a real softphone at the same moment"),
        ("media", "silence", "a real softphone after 7.6 s"),
        ("ice", "consent_expired", "a real softphone after 17.6 s"),
        ("ice", "no_candidates", "a real softphone never"),
        ("platform", "endpoint_lost", ""),
        ("", "reported", ""),
        ("no layer", "silence", ""),
    ],
)
def test_words_and_unknown_stays_unknown(layer: str, reason: str, words: str) -> None:
    assert softphone_words(layer, reason) == words
    assert (softphone_limit(layer, reason) is None) == (words == "")
