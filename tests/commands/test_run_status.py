"""The status line of `run`: which words it has, how they are packed, and what is remembered between two looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from monitor.commands.run_followed import FAR, NEAR, Followed
from monitor.commands.run_status import Status, rows

WELL = Status(
    site="dallas",
    simulated=True,
    url="http://127.0.0.1:9464",
    connected=3,
    expected=3,
    rtt_s=0.0246,
    pings=36,
    gathering="ok",
)


def shown(status: Status, width: int = 200) -> str:
    """The rows as a person reads them."""
    return "\n".join(row.plain for row in rows(status, width))


def test_it_says_how_the_monitor_stands_in_two_rows_of_a_usual_terminal() -> None:
    assert shown(WELL, 80).split("\n") == [
        "dallas  SIMULATED  3/3 connected  ping 24.6 ms, missed 0/36 a min  gathering ok",
        "no drop in 1 h  no publish  monitor trusted  http://127.0.0.1:9464/",
    ]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"simulated": False}, "dallas  3/3 connected"),
        ({"ready": False}, "SIMULATED  starting  3/3"),
        ({"ready": False, "stopping": True}, "SIMULATED  stopping  3/3"),
        ({"connected": 1}, "1/3 connected"),
        ({"expected": 0}, "SIMULATED  ping"),
        ({"rtt_s": None, "missed": 36}, "ping unanswered, missed 36/36 a min"),
        ({"pings": 0}, "no ping yet"),
        ({"gathering": "no_relay"}, "gathering no_relay"),
        ({"drops": 1, "drop_reason": "stream_error", "drop_age_s": 61.4}, "1 drop in 1 h, last stream_error 61 s ago"),
        ({"drops": 2, "drop_reason": "closed", "drop_age_s": 600.0}, "2 drops in 1 h, last closed 10 min ago"),
        ({"publishes": ("weekly (burst) for 3 min", "other")}, "publish weekly (burst) for 3 min, other  monitor"),
        ({"suspect": True, "lag_s": 0.23, "lost": 2}, "monitor NOT TRUSTED: own lag 230 ms"),
        ({"lost": 2}, "monitor lost 2 facts"),
    ],
)
def test_what_is_not_as_usual_is_said(changed: dict[str, Any], words: str) -> None:
    assert words not in shown(WELL)
    assert words in shown(replace(WELL, **changed))


def test_every_row_is_narrower_than_the_terminal_and_nothing_is_lost_on_a_narrow_one() -> None:
    for width in (40, 60, 80, 120):
        packed = rows(WELL, width)
        assert max(row.cell_len for row in packed) < width
        assert "  ".join(row.plain for row in packed) == shown(WELL)
    assert rows(replace(WELL, site="s" * 300), 80)[0].cell_len == 79


def test_words_of_others_cannot_command_the_terminal() -> None:
    hostile = replace(WELL, site="a\x1b[2Jb", drops=1, drop_reason="\r\nx", publishes=("[red]j[/red]\x07",))
    text = shown(hostile)
    assert "a?[2Jb" in text
    assert "last ??x" in text
    assert "[red]j[/red]?" in text


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_only_help_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, no_color: str) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    console = Console(force_terminal=True, color_system="standard", width=200)
    with console.capture() as captured:
        console.print(*rows(replace(WELL, connected=0), 200))
    assert ("31m" in captured.get()) is (no_color == "")


STATE = {"ready": True, "connected": 1, "expected": 2, "suspect": False, "lag_max_s": 0.01, "dropped": 0}


class Told:
    """Updates as they were prepared: one of NEAR and one of FAR a look."""

    def __init__(self, *looks: tuple[dict[str, Any], dict[str, Any]]) -> None:
        self._looks = [dict(zip((NEAR, FAR), look, strict=True)) for look in looks]
        self.asked: list[tuple[str, int]] = []

    def update(self, window_name: str, since: int) -> tuple[int, dict[str, Any]]:
        self.asked.append((window_name, since))
        look = self._looks[0]
        told = look.pop(window_name)
        if not look:
            del self._looks[0]
        return since + 7, told


def columns(*buckets: tuple[float, float | None, int, int, dict[str, int]]) -> dict[str, list[Any]]:
    """Of (start, median, attempts, failed, words)."""
    names = ("t", "mid", "n", "bad", "words")
    return dict(zip(names, (list(column) for column in zip(*buckets, strict=True)), strict=True))


def drop(number: int, at: float, reason: str = "closed", **more: bool) -> dict[str, Any]:
    """A drop as the page is told of it."""
    return {"id": number, "at": at, "reason": reason, "planned": False, "imported": False, **more}


RUN = {"job": "weekly", "strategy": "burst", "start": 880.0, "end": None}


def test_a_look_asks_for_what_changed_and_remembers_the_rest() -> None:
    first = {
        "now": 1000.0,
        "state": STATE,
        "tracks": {
            "ws_rtt": columns((930, 0.9, 4, 4, {}), (990, 0.02, 2, 0, {}), (998, 0.03, 2, 1, {"timeout": 1})),
            "notification_rtt": columns((998, 0.5, 3, 1, {"late": 1})),
            "ice_gathering": columns((960, 0.1, 1, 0, {}), (990, None, 1, 1, {"no_relay": 1})),
        },
        "runs": [RUN, {**RUN, "job": "over", "end": 900.0}],
    }
    left_out = [drop(3, 990.0, planned=True), drop(4, 991.0, imported=True)]
    drops = [drop(1, 100.0), drop(2, 880.0, "stream_error"), *left_out]
    second = {
        "now": 1050.0,
        "state": {**STATE, "ready": False},
        "tracks": {"ws_rtt": columns((998, None, 4, 3, {}), (1048, None, 1, 1, {}))},
    }
    told = Told((first, {"drops": drops}), (second, {"drops": [drop(5, 40.0)]}))
    followed = Followed(told)
    assert followed.status() == Status(
        connected=1,
        expected=2,
        rtt_s=0.03,
        pings=7,
        missed=2,
        gathering="no_relay",
        drops=2,
        drop_reason="stream_error",
        drop_age_s=120.0,
        publishes=("weekly (burst) for 2 min",),
        lag_s=0.01,
    )
    status = followed.status()
    assert told.asked == [(NEAR, 0), (FAR, 0), (NEAR, 7), (FAR, 7)]
    assert (status.ready, status.pings, status.missed, status.gathering) == (False, 10, 5, "no_relay")
    assert status.rtt_s == 0.02
    assert status.publishes == ("weekly (burst) for 3 min",)


def test_drops_of_more_than_an_hour_ago_and_pings_of_more_than_a_minute_ago_are_forgotten() -> None:
    told = Told(
        (
            {"now": 1000.0, "state": STATE, "tracks": {"edge_rtt": columns((990, 0.02, 1, 0, {}))}},
            {"drops": [drop(1, 900.0)]},
        ),
        ({"now": 4501.0, "state": STATE}, {}),
    )
    followed = Followed(told)
    status = followed.status()
    assert (status.drops, status.rtt_s, status.gathering) == (1, 0.02, "")
    status = followed.status()
    assert (status.drops, status.drop_reason, status.rtt_s, status.pings) == (0, "", None, 0)
