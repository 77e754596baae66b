"""Ways of publishing side by side."""

from __future__ import annotations

import math

from monitor.analysis.verdict.result import StrategyResult
from monitor.analysis.verdict.strategies import strategies
from monitor.facts.evidence import Window


def window(strategy: str, arm: str = "publish") -> Window:
    return Window(start_s=0.0, end_s=60.0, strategy=strategy, arm=arm)


def test_each_strategy_has_its_windows_drops_and_ratio() -> None:
    windows = [window("script"), window("paced"), window("script"), window("paced")]
    assert strategies(windows, [30, 1, 50, 0], [2.0, 2.0, 2.0, 2.0]) == (
        StrategyResult("paced", 2, 1.0, 0.25),
        StrategyResult("script", 2, 80.0, 20.0),
    )


def test_the_nameless_rest_is_listed_beside_named_ones_only() -> None:
    assert [one.strategy for one in strategies([window(""), window("x")], [1, 1], [1, 1])] == ["", "x"]
    assert strategies([window(""), window("")], [1, 1], [1, 1]) == ()


def test_blocks_without_a_publish_and_unobserved_windows_are_left_out() -> None:
    windows = [window("x"), window("x", arm="none"), window("x")]
    assert strategies(windows, [4, 9, 9], [2.0, 2.0, math.nan]) == (StrategyResult("x", 1, 4.0, 2.0),)


def test_nothing_expected_has_no_ratio() -> None:
    assert strategies([window("x")], [3], [0.0]) == (StrategyResult("x", 1, 3.0, None),)
