"""How much of what one client sends is taken at a time; pure, no sleeping."""

from __future__ import annotations

from monitor.simulator.streaming.client_socket import Shaper


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    shaper = Shaper(0.0, rate=100.0, burst=200.0)
    assert [shaper.wait_s(0.0) for _ in range(200)] == [0.0] * 200
    assert shaper.wait_s(0.0) == 0.01


def test_what_a_flood_gets_through_is_the_burst_and_the_rate() -> None:
    shaper, now_s, taken = Shaper(0.0, rate=100.0, burst=200.0), 0.0, 0
    while now_s < 10.0:
        now_s += shaper.wait_s(now_s)
        taken += 1
    assert abs(taken - (200 + 100 * 10)) <= 2


def test_silence_is_saved_up_to_one_burst_only() -> None:
    shaper = Shaper(0.0, rate=100.0, burst=200.0)
    waits = [shaper.wait_s(3600.0) for _ in range(201)]
    assert waits[:200] == [0.0] * 200
    assert waits[200] > 0.0


def test_a_softphone_at_its_own_limit_is_never_slowed() -> None:
    shaper = Shaper(0.0)
    assert max(shaper.wait_s(second + n / 45) for second in range(60) for n in range(45)) == 0.0
