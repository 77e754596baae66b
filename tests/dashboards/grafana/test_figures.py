"""What the panels' own queries make of scrapes that fail, of monitors that die, and of counted bars, by promtool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from system.prometheus import INSTALL
from system_programs import require_program

from tests.dashboards.grafana.reading import FOLDER, VALUES, dashboard, panels, put_in

pytestmark = [pytest.mark.system, pytest.mark.calculating]

RUN = {  # from minute 20 to minute 30
    'softphone_publish_start_timestamp_seconds{publish="weekly",run_id="r"}': "_x20 1200x60",
    'softphone_publish_end_timestamp_seconds{publish="weekly",run_id="r"}': "_x30 1800x50",
}
CHICAGO, DALLAS = ('site="chicago",instance="a"', 'site="dallas",instance="d"')
OTHER = 'site="chicago",instance="b"'
MISSED = "{0}x23 stale {1}x40"  # a scrape that failed in minute 24: its series end and come again


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A query, when it is asked, and what it has to answer: value by labels as PromQL writes them."""

    expr: str
    at: str
    answer: dict[str, float]


def monitor(of: str, values: str = "0x70") -> dict[str, str]:
    """What says that a monitor is known."""
    return {f"softphone_monitor_suspect{{{of}}}": values}


def drops(of: str, values: str) -> dict[str, str]:
    """Its counter of drops."""
    return {f'softphone_disconnects_total{{{of},layer="signalling",reason="closed"}}': values}


def limited(of: str, values: str) -> dict[str, str]:
    """Its counter of requests that were told to wait."""
    return {f'softphone_api_requests_total{{{of},operation="presence",status="429"}}': values}


def query(title: str, column: str = "", number: int = 0) -> str:
    """The query of a panel by its title (`dashboard: panel`), of a column or legend by its name."""
    whole, _, name = title.partition(": ")
    panel = next(one for one in panels(dashboard(FOLDER / f"{whole}.json")) if one["title"] == name)
    if column and panel["type"] == "table":
        names = panel["transformations"][1]["options"]["renameByName"]
        ref = next(key for key, text in names.items() if text == column).removeprefix("Value #")
        return str(next(one["expr"] for one in panel["targets"] if one["refId"] == ref))
    found = [one["expr"] for one in panel["targets"] if not column or one["legendFormat"] == column]
    return str(found[number])


def answers(folder: Path, series: dict[str, str], every: Sequence[Evaluated], interval: str = "1m") -> None:
    """Have promtool ask; AssertionError with its words where an answer is another."""
    case = {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": one.expr,
                "eval_time": one.at,
                "exp_samples": [{"labels": labels, "value": value} for labels, value in one.answer.items()],
            }
            for one in every
        ],
    }
    path = folder / "case.json"
    path.write_text(json.dumps({"rule_files": [], "tests": [case]}))
    command = [require_program("promtool", INSTALL), "test", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("column", "series", "counted"),
    [
        pytest.param(
            "Drops",
            {**monitor(CHICAGO, MISSED.format(0, 0)), **drops(CHICAGO, MISSED.format(500, 500))},
            0,
            id="a scrape failed",
        ),
        pytest.param(
            "Drops",
            {
                **monitor(CHICAGO, MISSED.format(0, 0)),
                **drops(CHICAGO, MISSED.format(500, 503)),
                **monitor(DALLAS),
                **drops(DALLAS, "0x25 2x40"),
            },
            5,
            id="drops while a scrape failed, and at another site",
        ),
        pytest.param(
            "Drops",
            {
                **monitor(CHICAGO),
                **drops(CHICAGO, "500x70"),
                **monitor(OTHER, MISSED.format(0, 0)),
                **drops(OTHER, MISSED.format(300, 300)),
            },
            0,
            id="one of two monitors was away",
        ),
        pytest.param(
            "Drops",
            {
                **monitor(CHICAGO),
                **drops(CHICAGO, "500x70"),
                **monitor(OTHER, "_x23 0x40"),
                **drops(OTHER, "_x23 300x5 301x35"),
            },
            1,
            id="one of two monitors is new to Prometheus",
        ),
        pytest.param("Our 429s", {**monitor(CHICAGO), **limited(CHICAGO, "_x25 2x40")}, 2, id="a new counter"),
        pytest.param(
            "Our 429s",
            {**monitor(CHICAGO, MISSED.format(0, 0)), **limited(CHICAGO, MISSED.format(40, 40))},
            0,
            id="429s, and a scrape failed",
        ),
        pytest.param("Our 429s", monitor(CHICAGO), 0, id="none at all"),
    ],
)
def test_a_run_counts_what_came_while_it_was_felt(
    column: str, series: dict[str, str], counted: int, tmp_path: Path
) -> None:
    expr = put_in(query("publish-impact: Runs", column))
    answers(tmp_path, {**RUN, **series}, [Evaluated(expr, "60m", {'{publish="weekly",run_id="r"}': counted})])


def test_bars_show_what_was_counted(tmp_path: Path) -> None:
    """150 drops, 10 a scrape, on bars of a minute, as Grafana asks for them: a range of a step and a scrape."""
    expr = put_in(query("publish-impact: Drops"), {**VALUES, "__interval_ms": "60000", "__rate_interval": "75s"})
    bars = [40, 40, 40, 30, 0]
    asked = [
        Evaluated(expr, f"{300 + 60 * number + 7}s", {'{site="chicago",layer="signalling"}': bar})
        for number, bar in enumerate([0, *bars])
    ]
    assert sum(bars) == 150
    answers(tmp_path, drops(CHICAGO, "1000x20 1010+10x14 1150x40"), asked, "15s")


def test_a_dead_monitor_stays_in_sight(tmp_path: Path) -> None:
    """Nothing came from dallas since minute 10."""
    seen = "site:softphone_monitor:last_seen_timestamp_seconds"
    series = {
        **monitor(CHICAGO),
        **monitor(DALLAS, "0x10 stale"),
        f'{seen}{{site="chicago"}}': "0+60x60",
        f'{seen}{{site="dallas"}}': "0+60x10 stale",
        "softphone_monitor_dropped_total": "0x70",
    }
    every = {
        query("overview: Now: site by site", "Last seen"): {'{site="chicago"}': 0, '{site="dallas"}': 3000},
        query("overview: Now: the worst of all sites, by layer", "Monitor"): {"{}": 2},
        query("monitor-itself: Monitors", "sites"): {"{}": 1},
        query("monitor-itself: Monitors", "sites absent"): {"{}": 1},
    }
    answers(tmp_path, series, [Evaluated(put_in(expr), "60m", answer) for expr, answer in every.items()])
    well = {f'{seen}{{site="chicago"}}': "0+60x60", **monitor(CHICAGO), "softphone_monitor_dropped_total": "0x70"}
    every = {expr: {"{}": 0} for expr in list(every)[1::2]}
    answers(tmp_path, well, [Evaluated(put_in(expr), "60m", answer) for expr, answer in every.items()])


def test_failed_requests_are_5xx_and_those_that_nobody_answered(tmp_path: Path) -> None:
    """Not 429, which is told beside it, nor `other`, which may be anything."""
    expr = put_in(query("overview: REST requests that failed", "{{site}} failed"))
    statuses = ("200", "404", "429", "503", "timeout", "other", "204", "302")
    series = {
        f'softphone_api_requests_total{{{CHICAGO},operation="presence",status="{status}"}}': "1000+10x20"
        for status in statuses
    }
    answers(tmp_path, series, [Evaluated(expr, "4m", {'{site="chicago"}': 2 / len(statuses)})], "15s")


def test_the_share_of_a_tokens_life_is_shown_where_its_end_is_known(tmp_path: Path) -> None:
    """Of several monitors only those that know: 0 stands for a life that nobody told."""
    expr = put_in(query("monitor-itself: Tokens", "Of its life left"))
    series = {
        f'softphone_token_remaining_ratio{{{of},token="user"}}': share
        for of, share in ((CHICAGO, "0.4"), (OTHER, "0"), (DALLAS, "0"))
    }
    series |= {
        f'softphone_token_expiry_timestamp_seconds{{{of},token="user"}}': end
        for of, end in ((CHICAGO, "7200"), (OTHER, "0"), (DALLAS, "0"))
    }
    answers(tmp_path, series, [Evaluated(expr, "1m", {'{site="chicago",token="user"}': 0.4})])
