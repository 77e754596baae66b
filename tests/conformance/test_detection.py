"""A publish made by the real Python SDK is found by each way of detection alone, by real monitors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from detection_rig import WAYS, Measured, Rig, Settings, measure, rig

RUNS = 2
SETTINGS = Settings(publish_s=0.5, poll_interval="1s", audit_interval="1s")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A monitor for each way, a simulator, and the SDK."""
    with rig(tmp_path_factory.mktemp("detection"), SETTINGS) as one:
        yield one


@pytest.fixture(scope="module")
def found(ready: Rig) -> list[Measured]:
    """What came of a draft's edit, which is no publish, and of RUNS publishes."""
    assert ready.publisher.tell("draft")["published"] is False
    return measure(ready, RUNS, pause_s=0.1)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_alone_finds_every_publish_within_its_own_bounds(found: list[Measured], way: str) -> None:
    mine = [one for one in found if one.way == way]
    assert len(mine) == RUNS
    assert all(one.held for one in mine), mine
    assert all(one.delay_s > 0 for one in mine)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_else_is_told(ready: Rig, found: list[Measured], way: str) -> None:
    markers = ready.markers(way)
    assert len(found) == RUNS * len(WAYS)
    assert sorted(marker["phase"] for marker in markers) == ["end"] * RUNS + ["start"] * RUNS
    assert {marker["found_by"] for marker in markers} == {way}
    assert {marker["attributes"]["edge"] for marker in markers if marker["phase"] == "start"} == {
        "event" if way == "notification" else "bound"
    }


def test_the_event_tells_how_many_agents(ready: Rig, found: list[Measured]) -> None:
    assert found
    assert {marker["agents"] for marker in ready.markers("notification")} == {150}
