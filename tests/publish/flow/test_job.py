"""How a job is cut into batches, and which jobs make no sense."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.publish.flow.job import Batch, PublishSpec, batches_of
from monitor.publish.strategy.strategies import strategy

AGENTS = tuple(f"agent-{number}" for number in range(5))


def cut(pacing: str, **job: Any) -> tuple[Batch, ...]:
    """The batches of five agents."""
    spec = PublishSpec("bu", "2026-11-23", "s", **{"batch_size": 2, **job})
    return batches_of(spec, AGENTS, strategy(pacing, "none", window="22:00-05:00", tz="UTC").pacing)


def shape(batches: tuple[Batch, ...]) -> list[tuple[int, int, int]]:
    """Of each batch: agents, agents in its document, requests beside it."""
    return [(len(b.agents), len(b.publish), sum(map(len, b.units))) for b in batches]


def test_the_shapes_of_the_pacings() -> None:
    assert shape(cut("burst")) == [(5, 5, 10)]
    assert shape(cut("batch")) == [(2, 2, 2), (2, 2, 2), (1, 1, 2)]
    assert shape(cut("off_peak")) == shape(cut("batch"))
    assert shape(cut("paced")) == [(2, 2, 4), (2, 2, 4), (1, 1, 2)]
    assert shape(cut("batch_single")) == [(2, 2, 2), (1, 0, 2), (2, 2, 2), (1, 0, 2), (1, 1, 2)]


def test_nobody_is_left_out_or_twice() -> None:
    for pacing in ("burst", "batch", "batch_single", "paced"):
        batches = cut(pacing, writes=("presence", "routing_status", "presence"))
        assert [agent for batch in batches for agent in batch.publish] == list(AGENTS)
        keys = [write.key for batch in batches for unit in batch.units for write in unit]
        assert len(keys) == len(set(keys))
        written = [agent for batch in batches for unit in batch.units for write in unit for agent in write.agents]
        assert sorted(written) == sorted(AGENTS * 3)


def test_publish_alone_and_writes_alone() -> None:
    assert shape(cut("batch_single", writes=())) == [(2, 2, 0), (2, 2, 0), (1, 1, 0)]
    assert shape(cut("batch", publish=False)) == [(2, 0, 2), (2, 0, 2), (1, 0, 2)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch_size": 0}, "a batch size of 0"),
        ({"batch_size": 501}, "a batch size of 501"),
        ({"pause_s": -0.1}, "a pause of -0.1 s"),
        ({"pause_s": float("nan")}, "a pause of nan s"),
        ({"business_unit": "a/b"}, "business unit 'a/b' is not an id"),
        ({"schedule": ""}, "schedule '' is not an id"),
        ({"week": "20261123"}, "week '20261123' is not"),
        ({"agents": ()}, "the list of agents is empty"),
        ({"agents": ("a", "a")}, "names somebody twice"),
        ({"agents": ("a b",)}, "agent 'a b' is not a user id"),
        ({"writes": ("presence", "station")}, "unknown write 'station'"),
        ({"writes": ("presence",) * 21}, "21 writes an agent"),
        ({"writes": (), "publish": False}, "there is nothing to do"),
    ],
)
def test_a_job_that_makes_no_sense_is_one_clear_line(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        PublishSpec(**{"business_unit": "bu", "week": "2026-11-23", "schedule": "s", **wrong})
    assert "\n" not in str(error.value)
