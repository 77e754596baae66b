"""The detection bench: every fault has a row, with the real clients' figures where they were measured."""

from __future__ import annotations

import asyncio
import json

from monitor.commands.bench.detection import MEDIA_FAULTS, SIGNALLING_FAULTS, row
from monitor.commands.bench.detection_ends import CutEnds

FAULTS = {one.name: one for one in (*SIGNALLING_FAULTS, *MEDIA_FAULTS)}


def test_a_row_has_all_values_and_their_median_beside_the_real_clients() -> None:
    told = row(FAULTS["tcp_black_hole"], [9.0, 5.12345678, 7.0])
    assert (told["median"], told["all"]) == (7.0, [5.1235, 7.0, 9.0])
    assert {who: one["seconds"] for who, one in told["real_softphone"].items()} == {
        "client pings": 58.0,
        "server pings": 35.0,
    }
    assert all(one["source"] for one in told["real_softphone"].values())


def test_a_cut_stands_beside_chromiums_disconnected_and_failed() -> None:
    for fault in ("udp_cut_both_ways", "udp_cut_towards_us"):
        real = row(FAULTS[fault], [1.9])["real_softphone"]
        assert [one["seconds"] for one in real.values()] == [7.6, 17.6]


def test_a_figure_of_another_fault_says_so() -> None:
    frozen = row(FAULTS["frozen_server"], [9.0])["real_softphone"]
    assert [one["seconds"] for one in frozen.values()] == [58.0, 35.0]
    assert all("a frozen server is the same" in one["source"] for one in frozen.values())


def test_what_nobody_noticed_has_no_median_and_what_was_not_measured_no_figure() -> None:
    told = row(FAULTS["udp_cut_from_us"], [])
    assert (told["median"], told["all"], told["real_softphone"]) == (None, [], {})
    json.dumps(told, allow_nan=False)


def test_every_fault_of_the_table_is_there() -> None:
    assert set(FAULTS) == {
        *("abort", "close", "tcp_black_hole", "frozen_server"),
        *("udp_cut_both_ways", "udp_cut_towards_us", "udp_cut_from_us"),
    }


async def test_ends_call_each_other_and_a_cut_is_noticed() -> None:
    near, far = CutEnds(), CutEnds()
    try:
        offers = (await far.obey({"do": "offer", "group": "g", "count": 1}))["descriptions"]
        answers = (await near.obey({"do": "answer", "group": "g", "offers": offers}))["descriptions"]
        await far.obey({"do": "accept", "group": "g", "answers": answers})
        await _until(near, "talking", 1)
        assert (await near.obey({"do": "noticed", "group": "g"}))["noticed"] == [None]
        cut_s = (await far.obey({"do": "cut", "group": "g"}))["at_mono_s"]
        while not (first := (await near.obey({"do": "noticed", "group": "g"}))["noticed"][0]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert first["at_mono_s"] > cut_s
        assert (first["layer"], first["reason"]) == ("media", "silence")
    finally:
        await near.close()
        await far.close()


async def _until(ends: CutEnds, what: str, wanted: int) -> None:
    async with asyncio.timeout(20):
        while (await ends.obey({"do": what, "group": "g"}))[what] != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
