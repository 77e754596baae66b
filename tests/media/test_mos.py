from __future__ import annotations

import pytest

from monitor.media.mos import mos


@pytest.mark.parametrize(
    ("rtt_s", "jitter_s", "loss_ratio", "expected"),
    [
        (0.0, 0.001, 0.0, 4.8927),  # the formula's value where a real client reported 4.8924 at near-zero round trip
        (0.0, 0.0, 0.0, 4.8938),  # L = 10, R = 92.95
        (0.2, 0.01, 0.0, 4.8197),  # L = 130, R = 89.95
        (0.3, 0.0, 0.0, 4.7988),  # L = 160, where the second branch begins: R = 89.2
        (0.3, 0.0, 0.1, 3.6829),  # the same less 25 for loss: R = 64.2
        (1.0, 0.1, 0.5, 1.0),
    ],
)
def test_the_softphones_own_formula(rtt_s: float, jitter_s: float, loss_ratio: float, expected: float) -> None:
    assert mos(rtt_s, jitter_s, loss_ratio) == pytest.approx(expected, abs=1e-4)


def test_it_only_falls_as_things_get_worse() -> None:
    latencies = [mos(rtt / 100, 0.0, 0.0) for rtt in range(60)]
    losses = [mos(0.0, 0.0, loss / 100) for loss in range(37)]
    assert latencies == sorted(latencies, reverse=True)
    assert losses == sorted(losses, reverse=True)
