"""The bench's JSON as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.commands.bench.tables import TABLES, main, tables

CPU = {
    "peers": 150,
    "stock_peers": 10,
    "unsaturated": True,
    **{
        name: {"median": median, "runs": [median - 0.25, median, median + 0.25]}
        for name, median in {
            "lean": 1.5,
            "lean_far_end": 1.75,
            "stock": 60.0,
            "floor": 0.5,
            "stock_over_lean": 40.0,
            "lean_over_floor": 3.0,
        }.items()
    },
}


def test_a_table_says_what_how_much_and_in_how_many_runs() -> None:
    told = tables({"command": "softphone-monitor bench", "at": "then", "cpu_ms_per_peer_second": CPU})
    assert "`softphone-monitor bench`, then" in told
    assert "| our peers, 150 of them, the answering end | 1.5 | 1.25 to 1.75, 3 |" in told
    assert "| ratio: stock aiortc over ours | 40 |" in told
    assert "too busy" not in told


def test_a_saturated_machine_is_said_so() -> None:
    assert "too busy" in tables({"cpu_ms_per_peer_second": {**CPU, "unsaturated": False}})


def test_a_load_that_could_not_be_tried_is_a_row() -> None:
    tried = [{"peers": 300, "holds": False, "error": "a | b"}]
    told = tables({"peers_per_core": {"median": 500.0, "at": 150, "largest_held": 0, "limits": "l", "tried": tried}})
    assert "| 300 | no | - | - | - | - | a \\| b |" in told


def test_cost_and_lag_have_their_range_beside_them() -> None:
    nothing: dict[str, Any] = {"median": None, "runs": []}
    row: dict[str, Any] = dict.fromkeys(("cores", "missed_share", "kb_per_peer", "lag_p50", "lag_max"), nothing)
    row |= {"ms_per_peer_second": {"median": 1.5, "runs": [1.4, 1.5, 1.75]}, "holds": [True]}
    row |= {"lag_p99": {"median": 0.002, "runs": [0.003, 0.001, 0.002]}}
    told = tables({"loop_lag": {"rows": [{"peers": 50, **row}]}})
    assert "| 50 | 1.5 (1.4 to 1.75) | - | - | 2 (1 to 3) | - |" in told


def test_pings_are_counted_beside_their_errors() -> None:
    row = {"round_trip": 0.2, "suspect_share": 0.25, "websocket_trusted": {"samples": 1500}, "failed": 2}
    assert tables({"rtt_error_seconds": {"rows": [row]}}).endswith("| 25 % | 1,500 | 2 |")


def test_headings_fit_under_one_of_a_page() -> None:
    told = tables({"cpu_ms_per_peer_second": CPU, "failed": {"scale": "why"}})
    headings = [line.split()[0] for line in told.splitlines() if line.startswith("#")]
    assert headings == ["###", "###"]


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    rtt = {"median": 0.0001, "p99": 0.001}
    lag = {f"{name}_{one}": rtt for name in ("with", "without") for one in ("p50", "p99", "max")}
    form = {"median": 0.02, "p99": 0.03, "max": 0.03, "series": 1000, "bytes": 90_000}
    row = {"peers": 50, **dict.fromkeys(("ms_per_peer_second", "cores", "missed_share", "kb_per_peer"), rtt)}
    row |= {**dict.fromkeys(("lag_p50", "lag_p99", "lag_max"), rtt), "holds": [True, False]}
    found = {
        "loop_lag": {"rows": [row]},
        "set_up_seconds": {"peers": 150, "median": 3.0, "runs": [3.0]},
        "consent_only": {
            "peers": 1000,
            "cores": 0.1,
            "ms_per_peer_second": 0.1,
            "kb_per_peer": None,
            "losses": 0,
            "lag_s": {"p99": 0.001},
        },
        "rtt_error_seconds": {"rows": [{"round_trip": 0.02, "stall": 0.03, "calls": 150, "stun": rtt}]},
        "drop_detection_seconds": {
            "faults": {
                "abort": {"fault": "TCP reset", "median": None, "all": [], "real_softphone": {"any": {"seconds": 0.0}}}
            }
        },
        "self_distrust": {
            "softphones": 10,
            "calm_s": 600.0,
            "calm_risen_s": 0.0,
            "hogged_s": 20.0,
            "rose": 5,
            "runs": 5,
            "rose_s": {"median": 3.0, "runs": [3.0]},
            "fell_s": {"median": None, "runs": []},
            "drops": 0.0,
        },
        "scrape_seconds": {"agents": 150, "text": form, "openmetrics": form, "peer_lag": lag},
        "analyze_seconds": {
            "weeks": 52,
            "agents": 150,
            "facts": 1_000_000,
            "file_mb": 99.0,
            "elapsed": rtt,
            "cpu": rtt,
            "peak_mb": rtt,
        },
        "gather_lag": {
            "gatherings": 100,
            "failed": 0,
            **{f"{what}_{name}": rtt for what in ("lag", "took") for name in ("p50", "p99", "max")},
        },
        "memory_growth": {
            "peers": 50,
            "seconds": 3600.0,
            "rows": [
                {
                    "process": "near",
                    **dict.fromkeys(("kb_per_s", "first_kb", "last_kb"), 0.5),
                    "delivered": 1.0,
                    "losses": 0,
                }
            ],
        },
        "peers_per_core": {"median": 1.0, "at": 150, "largest_held": 0, "limits": "l", "tried": []},
        "cpu_ms_per_peer_second": CPU,
        "simulator_sessions": {"held": 150, "limits": "l", "rows": [{"sessions": 150, "holds": True}]},
        "failed": {"cpu": "why"},
    }
    blocks = [block.splitlines() for block in tables(found).split("\n\n") if block.startswith("|")]
    assert set(TABLES) == set(found) - {"failed"}
    assert len(blocks) == len(TABLES) + 2  # a scrape has two tables, and so has what failed
    for lines in blocks:
        assert {line.count(" | ") for line in lines} == {lines[0].count(" | ")}, lines[0]


def test_the_file_of_a_run_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"cpu_ms_per_peer_second": CPU}))
    assert main([str(file), str(file)]) == 0
    assert capsys.readouterr().out.count("Processor time") == 2
    assert main([]) == 2
