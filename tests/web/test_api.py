"""The live page over real HTTP: its files, its JSON, and what a browser is allowed to do with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from exporter_bench import START, Bench, exporter
from live_facts import drop, ping

from monitor.facts.markers import Marker, MarkerPhase
from monitor.outputs.journal import JournalError
from monitor.web.secure import POLICY


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An exporter on loopback."""
    async with exporter(tmp_path) as one:
        yield one


def marker(phase: str, run_id: str, at_wall_s: float) -> Marker:
    return Marker(job="weekly", run_id=run_id, phase=MarkerPhase(phase), at_wall_s=at_wall_s)


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


async def test_the_last_runs_of_all_that_the_journal_knows(bench: Bench) -> None:
    old_s = bench.clock.wall_s() - 30 * 86_400.0
    for n in range(4):  # before the monitor started: the journal alone knows of these
        await bench.journal.add_marker(marker("start", f"old-{n}", old_s + n * 60))
    begun = {**START, "run_id": "now", "time": bench.clock.wall_s() - 400}
    assert (await bench.http.post("/markers", json=begun)).status_code == 201
    for n in range(9):  # a run of many markers hides no other run
        batch = {"job": "weekly", "run_id": "now", "phase": "batch", "time": bench.clock.wall_s() - 300 + n}
        assert (await bench.http.post("/markers", json=batch)).status_code == 201
    reply = await bench.http.get("/api/runs", params={"limit": 4})
    runs = reply.json()["runs"]
    assert reply.headers["cache-control"] == "no-store"
    assert [run["run_id"] for run in runs] == ["now", "old-3", "old-2", "old-1"]
    assert runs[:1] == (await bench.http.get("/api/timeline")).json()["runs"]
    assert (len(runs[0]["batches"]), runs[0]["outcome"]) == (9, "running")
    assert len((await bench.http.get("/api/runs")).json()["runs"]) == 5


async def test_runs_are_read_again_when_there_is_something_new(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    markers = bench.journal.markers
    monkeypatch.setattr(bench.journal, "markers", lambda **more: (read.append(1), markers(**more))[1])

    async def told() -> list[str]:
        return [run["run_id"] for run in (await bench.http.get("/api/runs")).json()["runs"]]

    assert await told() == await told() == []
    assert len(read) == 1
    await bench.http.post("/markers", json={**START, "time": "2020-01-01T00:00:00Z"})  # of long ago: in no window
    assert await told() == await told() == ["r1"]
    assert len(read) == 2
    await bench.http.post("/markers", json={**START, "run_id": "r2", "time": bench.clock.wall_s()})
    assert await told() == ["r2", "r1"]


async def test_how_many_runs_is_a_sound_number(bench: Bench) -> None:
    for limit in ("0", "1001", "-1", "x", "", "1e2", "\u0661"):
        reply = await bench.http.get("/api/runs", params={"limit": limit})
        assert reply.status_code == 422
        assert reply.json()["error"] == f"limit: a whole number from 1 to 1000 (got {limit!r})"


async def test_runs_of_a_journal_that_cannot_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**more: object) -> None:
        raise JournalError("softphone.db: disk I/O error")

    monkeypatch.setattr(bench.journal, "markers", broken)
    reply = await bench.http.get("/api/runs")
    assert (reply.status_code, reply.json()) == (503, {"error": "softphone.db: disk I/O error"})


async def test_a_mistake_of_ours_carries_the_policy_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bench.data, "probes", lambda: 1 / 0)
    reply = await bench.http.get("/api/probes")
    assert (reply.status_code, reply.headers["content-security-policy"]) == (500, POLICY)
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json() == {"error": "a mistake of the monitor's own; its log says more"}
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "path", ["/", "/api/page", "/api/runs", "/api/timeline", "/api/live", "/api/probes", "/static/page.js"]
)
async def test_refusals_carry_the_policy_too(bench: Bench, path: str) -> None:
    foreign = await bench.http.get(path, headers={"Origin": "http://evil.example"})
    assert (foreign.status_code, foreign.headers["content-security-policy"]) == (403, POLICY)
    assert (await bench.http.post(path, json={})).status_code == 405
