"""Processes are started again each at its own pace, later each time, and anew after a long life."""

from __future__ import annotations

from monitor.probes.restarts import BACKOFF_CAP_S, FIRST_BACKOFF_S, STEADY_S, Restarts


def test_each_has_a_backoff_of_its_own() -> None:
    restarts = Restarts()
    for name in ("shard0", "shard1"):
        restarts.started(name, 0.0)
    assert restarts.wait_s(0.0) is None
    for _ in range(3):
        restarts.ended("shard0", 10.0)
    restarts.ended("shard1", 11.0)
    assert restarts.wait_s(11.0) == FIRST_BACKOFF_S
    assert restarts.due(11.0 + FIRST_BACKOFF_S) == ["shard1"]
    assert restarts.due(10.0 + 4 * FIRST_BACKOFF_S) == ["shard1", "shard0"]
    restarts.started("shard1", 12.0)
    assert restarts.due(1000.0) == ["shard0"]
    assert restarts.wait_s(1000.0) == 0.0


def test_it_grows_to_its_cap_and_is_forgotten_after_a_steady_life() -> None:
    restarts = Restarts()
    restarts.started("prober", 0.0)
    for _ in range(20):
        restarts.failed("prober", 0.0)
    assert restarts.wait_s(0.0) == BACKOFF_CAP_S
    restarts.started("prober", 100.0)
    restarts.ended("prober", 100.0 + STEADY_S)
    assert restarts.wait_s(100.0 + STEADY_S) == BACKOFF_CAP_S
    restarts.started("prober", 200.0)
    restarts.ended("prober", 201.0 + STEADY_S)
    assert restarts.wait_s(201.0 + STEADY_S) == FIRST_BACKOFF_S


def test_what_another_ones_start_brings_along_is_not_started_by_itself() -> None:
    restarts = Restarts()
    restarts.started("shard0", 0.0)
    restarts.ended("shard0", 1.0)
    restarts.cancel("shard0")
    restarts.cancel("never heard of")
    assert restarts.wait_s(1.0) is None
