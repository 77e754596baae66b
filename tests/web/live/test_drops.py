"""Drops as the page shows them: newest, bounded, told once."""

from __future__ import annotations

from live_facts import T0, drop

from monitor.facts.failures import Layer
from monitor.facts.observations import IMPORTED
from monitor.oncall import checks
from monitor.web.live import drops
from monitor.web.live.drops import Drops, drop_json


def at(told: list[dict[str, object]]) -> list[float]:
    """When each was noticed, relative to T0."""
    return [float(str(one["at"])) - T0 for one in told]


def test_a_drop_is_told_as_it_was_noticed() -> None:
    assert drop_json(drop(), 7) == {
        "id": 7,
        "at": T0,
        "last_good": T0 - 3,
        "layer": "signalling",
        "reason": "closed",
        "agent": "a1",
        "code": 1001,
        "detail": "<b>gone</b>",
        "planned": False,
        "imported": False,
        "softphone": "a real softphone at the same moment",
    }


def test_when_a_real_softphone_would_have_noticed_stands_beside_a_drop_of_ours() -> None:
    assert drop_json(drop(reason="ping_timeout"), 1)["softphone"] == "a real softphone after 58.0 s"
    assert drop_json(drop(layer=Layer.MEDIA, reason="silence"), 1)["softphone"] == "a real softphone after 7.6 s"
    unknown = drop(layer=Layer.PLATFORM, reason="endpoint_lost")
    for other in (unknown, drop(reason="moved"), drop(probe=IMPORTED)):
        assert drop_json(other, 1)["softphone"] == ""


def test_planned_ends_and_imported_drops_are_told_apart() -> None:
    assert drop_json(drop(reason="moved"), 1)["planned"]
    assert drop_json(drop(layer=Layer.PLATFORM, reason="terminated"), 1)["planned"]
    assert drop_json(drop(probe=IMPORTED), 1)["imported"]
    assert {*checks.NORMAL_ENDS, *checks.PLANNED_ENDS} == drops.PLANNED  # the on-call checks leave the same out


def test_drops_come_in_order_of_time_and_once() -> None:
    kept = Drops()
    for change, moment in enumerate((-50, -200, -10), 1):
        kept.add(drop(T0 + moment), change)
    assert at(kept.newest(T0 - 100, T0)) == [-50, -10]
    assert at(kept.since(1, T0 - 1000, T0)) == [-200, -10]
    assert kept.since(3, T0 - 1000, T0) == []


def test_many_drops_are_bounded_and_the_newest_stay() -> None:
    kept = Drops()
    for n in range(5000):
        kept.add(drop(T0 + n), n + 1)
    newest = kept.newest(T0, T0 + 5000)
    assert (len(newest), at(newest)[-1]) == (drops.MOST_SHOWN, 4999)
    assert len(kept.since(0, T0, T0 + 5000)) == drops.MOST_SHOWN


def test_faults_are_counted_without_planned_and_imported_ones() -> None:
    kept = Drops()
    for change, fact in enumerate(
        (drop(), drop(reason="moved"), drop(probe=IMPORTED), drop(layer=Layer.MEDIA, reason="silence"), drop(T0 - 999))
    ):
        kept.add(fact, change)
    assert kept.unplanned(("signalling", "platform"), T0 - 300) == 1
    assert kept.unplanned(("media",), T0 - 300) == 1
