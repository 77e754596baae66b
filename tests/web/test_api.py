"""The live page over real HTTP: its files, its JSON, and what a browser is allowed to do with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from exporter_bench import Bench, exporter
from live_facts import drop, ping

from monitor.web.secure import POLICY


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An exporter on loopback."""
    async with exporter(tmp_path) as one:
        yield one


async def test_the_page_and_its_files_are_served_with_a_strict_policy(bench: Bench) -> None:
    page = await bench.http.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    for path, kind in (("/static/page.js", "javascript"), ("/static/page.css", "text/css")):
        file = await bench.http.get(path)
        assert (file.status_code, kind in file.headers["content-type"]) == (200, True)
        assert file.headers["cache-control"] == "no-cache"
        assert file.headers["x-content-type-options"] == "nosniff"
        known = await bench.http.get(path, headers={"If-None-Match": file.headers["etag"]})
        assert (known.status_code, known.headers["content-security-policy"]) == (304, POLICY)


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../guard.py", "/static/%2e%2e/guard.py", "/static/..%2fguard.py", "/static//etc/passwd"),
        *("/static/....//guard.py", "/static/%00", "/static/", "/static/vendor", "/static/nothing.js"),
    ],
)
async def test_no_other_file_can_be_read(bench: Bench, path: str) -> None:
    reply = await bench.http.get(f"http://127.0.0.1:{bench.port}{path}")
    assert reply.status_code in (400, 404)
    assert "def " not in reply.text


async def test_the_page_is_told_what_it_shows(bench: Bench) -> None:
    told = (await bench.http.get("/api/page")).json()
    assert told == {
        "site": "chicago",
        "zone": "America/Chicago",
        "version": "",
        "simulated": False,
        "started_at": bench.clock.wall_s(),
        "jobs": [],
        "token_needed": False,
        "probes": [
            {"name": "heartbeat-1", "kind": "heartbeat", "agent": ""},
            {"name": "api-1", "kind": "api", "agent": ""},
        ],
        "windows": ["15m", "2h", "24h"],
    }


async def test_a_timeline_is_of_its_window_and_never_kept(bench: Bench) -> None:
    bench.data.observe(ping(bench.clock.wall_s()))
    bench.data.observe(drop(bench.clock.wall_s()))
    for window, step_s in (("15m", 2), ("2h", 15), ("24h", 180)):
        reply = await bench.http.get("/api/timeline", params={"window": window})
        told = reply.json()
        assert (told["window"], told["step_s"], told["tracks"]["ws_rtt"]["n"]) == (window, step_s, [1])
        assert told["drops"][0]["detail"] == "<b>gone</b>"  # hostile text is told as it is, and shown as text
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["content-type"] == "application/json"
    unknown = await bench.http.get("/api/timeline", params={"window": "<1y>"})
    assert (unknown.status_code, unknown.json()["error"]) == (422, "no window is called '<1y>'; one of 15m, 2h, 24h")


async def test_probes_and_their_logs(bench: Bench) -> None:
    bench.data.observe(ping(bench.clock.wall_s(), None, "timeout", probe="heartbeat-1"))
    probes = (await bench.http.get("/api/probes")).json()["probes"]
    assert [(one["name"], one["failures"]) for one in probes] == [("heartbeat-1", 1), ("api-1", 0)]
    detail = (await bench.http.get("/api/probes/heartbeat-1")).json()
    assert [entry["outcome"] for entry in detail["failures"]] == ["timeout"]
    nobody = await bench.http.get("/api/probes/%3Cscript%3E")
    assert (nobody.status_code, nobody.json()) == (404, {"error": "no probe is called '<script>'"})


@pytest.mark.parametrize("path", ["/", "/api/page", "/api/timeline", "/api/live", "/api/probes", "/static/page.js"])
async def test_refusals_carry_the_policy_too(bench: Bench, path: str) -> None:
    foreign = await bench.http.get(path, headers={"Origin": "http://evil.example"})
    assert (foreign.status_code, foreign.headers["content-security-policy"]) == (403, POLICY)
    assert (await bench.http.post(path, json={})).status_code == 405
