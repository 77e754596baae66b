"""A publish that is told 20 minutes after the fact, on real servers: it shades, joins and is read at its true time."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from system.backfill import exposed
from system.prometheus import until_true
from system.remote_writing import DASHBOARDS, WRITE, agent, receiver
from system.test_prometheus import exporter
from system.victoria_metrics import victoria_metrics, vmagent

from monitor.facts.clock import SystemClock, rfc3339
from monitor.facts.failures import Layer
from monitor.facts.observations import ConnectionChanged, Disconnected, HeartbeatObserved, Observation
from monitor.outputs.metrics import MetricsOptions
from monitor.outputs.sources.prometheus.reading import read_prometheus

pytestmark = pytest.mark.system

MINUTE_S = 60.0
STEP_S = 15
SHADE = (
    "max by (publish, run_id) ((time() >= bool (softphone_publish_start_timestamp_seconds @ end()))"
    " * (time() <= bool (softphone_publish_end_timestamp_seconds @ end())))"
)
DROPS = 'sum by (site) (increase(softphone_disconnects_total{reason="ping_timeout"}[1m]))'
# What the agent of dashboards/remote-write adds to series that have no such label.
BY_THE_AGENT = {"site": "chicago", "replica": "1", "job": "softphone", "instance": "monitor-chicago-1"}


def as_the_agent_writes(line: str) -> str:
    """A sample of an exposition as the agent would have passed it on at the time; its time in milliseconds."""
    series, value, at_s = line.rsplit(" ", 2)
    name, _, own = series.partition("{")
    added = [f'{label}="{text}"' for label, text in BY_THE_AGENT.items() if f'{label}="' not in own]
    return f"{name}{{{','.join([*filter(None, [own.rstrip('}')]), *added])}}} {value} {float(at_s) * 1000:.0f}"


def history(now_s: float, start_s: float, end_s: float) -> Iterator[Observation]:
    """Half an hour of pings; slow ones and three drops within the publish, one drop long before."""
    about: dict[str, Any] = {"site": "chicago", "probe": "p", "agent": "a"}
    drops_s = [now_s - 28 * MINUTE_S, *(start_s + minutes * MINUTE_S for minutes in (1, 2, 3))]
    at_s = now_s - 32 * MINUTE_S
    yield ConnectionChanged(**about, at_wall_s=at_s, connected=True)
    while at_s < now_s - MINUTE_S:
        rtt_s = 0.4 if start_s <= at_s <= end_s else 0.04
        yield HeartbeatObserved(**about, at_wall_s=at_s, channel="xmpp", outcome="ok", rtt_s=rtt_s)
        at_s += STEP_S
        if drops_s and at_s > drops_s[0]:
            times = dict.fromkeys(("at_wall_s", "last_good_wall_s", "noticed_wall_s"), drops_s.pop(0))
            yield Disconnected(**about, **times, layer=Layer.SIGNALLING, reason="ping_timeout")


async def shaded(http: httpx.AsyncClient, promql: str, start_s: float, end_s: float) -> dict[float, float]:
    """The one series of a range query, as Grafana asks it."""
    asked = {"query": promql, "start": start_s, "end": end_s, "step": STEP_S}
    (found,) = (await http.get("/api/v1/query_range", params=asked)).json()["data"]["result"]
    return {float(at_s): float(value) for at_s, value in found["values"]}


async def until_told(http: httpx.AsyncClient) -> None:
    """Wait for both edges, as every query sees them.

    VictoriaMetrics shows a new scrape piece by piece, and remembers for some seconds which series were not there.
    """
    edges = [f"softphone_publish_{edge}_timestamp_seconds" for edge in ("start", "end")]
    for promql in (*edges, *(f"{edge}[30s]" for edge in edges), *(f"{edge} offset 2s > 0" for edge in edges)):
        await until_true(http, promql)
    await until_true(http, SHADE)


def recorded_from_metrics() -> dict[str, str]:
    """The recording rules that need no other rule: name -> expression."""
    groups = yaml.safe_load((DASHBOARDS / "prometheus" / "recording.rules.yaml").read_text())["groups"]
    rules = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}
    return {name: expr for name, expr in rules.items() if not re.search(r"\w:softphone_", expr)}


async def values(http: httpx.AsyncClient, promql: str, at_s: float) -> dict[frozenset[tuple[str, str]], float]:
    """An instant vector at that time."""
    answer = (await http.get("/api/v1/query", params={"query": promql, "time": at_s})).json()
    assert answer["status"] == "success", answer
    return {frozenset(one["metric"].items()): float(one["value"][1]) for one in answer["data"]["result"]}


async def test_a_publish_told_late_is_seen_at_its_true_time(tmp_path: Path) -> None:
    now_s = SystemClock().wall_s() // STEP_S * STEP_S
    end_s = now_s - 20 * MINUTE_S
    start_s = end_s - 5 * MINUTE_S
    options = MetricsOptions(agents=("a",), jobs=("weekly",))
    days = exposed(history(now_s, start_s, end_s), "chicago", options, 30.0)
    scrapes = "\n".join(as_the_agent_writes(line) for day in days for line in day)
    rules = recorded_from_metrics()
    async with exporter(tmp_path) as (target, _), httpx.AsyncClient(trust_env=False) as direct:
        with receiver(tmp_path) as centre, victoria_metrics(tmp_path) as victoria:
            urls = [f"{url}{WRITE}" for url in (centre, victoria)]
            with vmagent(tmp_path, urls) as importing, agent(tmp_path, target, urls):
                await direct.post(f"{importing}/api/v1/import/prometheus", content=scrapes)
                for phase, at_s in (("start", start_s), ("end", end_s)):
                    marker = {"job": "weekly", "run_id": "r1", "phase": phase, "time": rfc3339(at_s)}
                    assert (await direct.post(f"http://{target}/markers", json=marker)).status_code == 201
                both = []
                for url in (centre, victoria):
                    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                        await until_told(http)
                        await until_true(http, "count_over_time(softphone_monitor_suspect[1h]) > 60")
                        both.append(await seen(http, rules, start_s, end_s))
                        read = await asyncio.to_thread(read_prometheus, url, now_s - 2400, now_s + 60, token="")
                        (window,) = read.windows
                        assert (window.start_s, window.end_s, window.job) == (start_s, end_s, "weekly")
                        within = (read.drops.last_good_s < end_s) & (read.drops.noticed_s > start_s)
                        assert (int(within.sum()), len(read.drops)) == (3, 4)
    assert both[0].keys() == both[1].keys()
    for name, of_prometheus in both[0].items():
        assert of_prometheus == pytest.approx(both[1][name], rel=0.02), name
    run = frozenset({"publish": "weekly", "run_id": "r1"}.items())
    assert both[0]["publish_run:softphone_publish_runs:start"] == {run: start_s}
    assert both[0]["publish_run:softphone_publish_runs:end"] == {run: end_s}


async def seen(
    http: httpx.AsyncClient, rules: dict[str, str], start_s: float, end_s: float
) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Check the shade and what is joined with it; what the recording rules give while the publish ran, and now."""
    until_s = math.ceil(SystemClock().wall_s())  # the sample is of this second
    shade = await shaded(http, SHADE, until_s - 40 * MINUTE_S, until_s)
    assert list(shade) == [until_s - 40 * MINUTE_S + step for step in range(0, 2401, STEP_S)]
    within = {at_s for at_s in shade if start_s <= at_s <= end_s}
    assert {at_s for at_s, value in shade.items() if value == 1.0} == within
    joined = await shaded(http, f"{DROPS} and on () ({SHADE} == 1)", until_s - 40 * MINUTE_S, until_s)
    assert joined.keys() == within
    assert max(joined.values()) > 0
    found = {name: await values(http, expr, end_s) for name, expr in rules.items() if "publish" not in name}
    assert len([name for name, vector in found.items() if vector]) > 5
    now = SystemClock().wall_s()
    return found | {name: await values(http, expr, now) for name, expr in rules.items() if "publish" in name}
