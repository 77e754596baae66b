"""The design of a randomised experiment: which block gets which arm is drawn by seed before anything is run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

PUBLISH = "publish"
NONE = "none"
FEWEST_BLOCKS = 8  # with 6, even a perfect result is one of 20 arrangements: p = 0.05, and nothing to spare
FEWEST_ARMS = 2


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """One block of the time table, in seconds from the start of the experiment.

    arm: `publish` (load is applied) or `none` (nothing is done). Load and measuring last from start_s for load_s, to
    end_s; the wash-out that follows belongs to no block.
    """

    index: int
    arm: str
    start_s: float
    load_s: float
    end_s: float


def draw_design(seed: int, blocks: int) -> tuple[str, ...]:
    """The arm of each block: complete randomisation with half of the blocks in each arm, every arrangement as likely.

    Raises ValueError unless `blocks` is even and at least 8.
    """
    if blocks < FEWEST_BLOCKS or blocks % 2:
        raise ValueError(f"{blocks} blocks: an even number of at least {FEWEST_BLOCKS} is needed")
    arms = [PUBLISH, NONE] * (blocks // 2)
    random.Random(seed).shuffle(arms)  # noqa: S311 - a design must be repeatable from its seed
    return tuple(arms)


def plan(seed: int, blocks: int, load_s: float, washout_s: float) -> tuple[PlannedBlock, ...]:
    """The time table: every block as long as every other, a wash-out after each.

    Raises ValueError for a load that is not longer than 0 s, a negative wash-out, or a number of blocks that
    `draw_design` refuses.
    """
    if not load_s > 0 or not washout_s >= 0:
        raise ValueError(f"load {load_s} s, wash-out {washout_s} s: more than 0 s and at least 0 s are needed")
    arms = draw_design(seed, blocks)
    starts = [index * (load_s + washout_s) for index in range(blocks)]
    return tuple(
        PlannedBlock(index, arm, start_s, load_s, start_s + load_s)
        for index, (arm, start_s) in enumerate(zip(arms, starts, strict=True))
    )


def draw_replicates(seed: int, arms: Sequence[str], replicates: int, stratum: str = "") -> tuple[tuple[str, ...], ...]:
    """Permuted blocks: each replicate holds every arm once, in an order of its own, every order as likely.

    stratum: what is drawn separately, such as one weekday and time; another stratum is another draw. Raises ValueError
    for fewer than two arms, an arm that is named twice, or no replicate.
    """
    if len(arms) < FEWEST_ARMS:
        raise ValueError(f"{len(arms)} arms: at least {FEWEST_ARMS} are needed")
    if twice := [arm for arm in arms if list(arms).count(arm) > 1]:
        raise ValueError(f"arm {twice[0]} is named twice")
    if replicates < 1:
        raise ValueError(f"{replicates} replicates: at least 1 is needed")
    source = random.Random(f"{seed}:{stratum}")  # noqa: S311 - a design must be repeatable from its seed
    return tuple(tuple(source.sample(list(arms), len(arms))) for _ in range(replicates))
