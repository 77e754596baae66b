"""The design: balanced, repeatable from its seed, every arrangement as likely as any other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.publish.plan.blocks import NONE, PUBLISH, draw_design, plan


@given(st.integers(), st.integers(4, 40).map(lambda n: 2 * n))
def test_half_of_the_blocks_are_in_each_arm(seed: int, blocks: int) -> None:
    arms = draw_design(seed, blocks)
    assert Counter(arms) == {PUBLISH: blocks // 2, NONE: blocks // 2}
    assert draw_design(seed, blocks) == arms


def test_every_one_of_the_70_arrangements_of_8_blocks_comes_up_about_equally_often() -> None:
    seen = Counter(draw_design(seed, 8) for seed in range(7000))
    assert len(seen) == 70
    chi_square = sum((count - 100) ** 2 / 100 for count in seen.values())
    assert chi_square < 111  # 99.9 % point with 69 degrees of freedom


@pytest.mark.parametrize("blocks", [-8, 0, 2, 6, 7, 9])
def test_too_few_or_odd_blocks_are_refused(blocks: int) -> None:
    with pytest.raises(ValueError, match=rf"^{blocks} blocks: an even number of at least 8 is needed$"):
        draw_design(1, blocks)


def test_the_time_table_leaves_a_wash_out_after_each_block() -> None:
    table = plan(5, 8, load_s=10.0, washout_s=5.0)
    assert tuple(block.arm for block in table) == draw_design(5, 8)
    assert [block.index for block in table] == list(range(8))
    assert [block.start_s for block in table] == [0, 15, 30, 45, 60, 75, 90, 105]
    assert all(block.load_s == 10 and block.end_s == block.start_s + 10 for block in table)


@pytest.mark.parametrize(("load_s", "washout_s"), [(0, 1), (-1, 1), (1, -1), (float("nan"), 1), (1, float("nan"))])
def test_senseless_lengths_are_refused(load_s: float, washout_s: float) -> None:
    with pytest.raises(ValueError, match="more than 0 s and at least 0 s are needed"):
        plan(1, 8, load_s, washout_s)
