"""A real Prometheus scrapes a real exporter, and promtool reads its plain exposition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from exporter_bench import make_bench
from system.prometheus import check_metrics, prometheus, until_true

from monitor.facts.clock import SystemClock
from monitor.facts.failures import Layer
from monitor.facts.observations import Disconnected, HeartbeatObserved
from monitor.outputs.bus import Bus
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.web.exporter import create_app, serve

pytestmark = pytest.mark.system

CLOCK = SystemClock()


@asynccontextmanager
async def exporter(directory: Path) -> AsyncIterator[tuple[str, Bus]]:
    """A running exporter, its host:port and the bus that feeds it."""
    bench = make_bench(directory)
    metrics = Metrics("chicago", MetricsOptions(version="test", jobs=("weekly",)), CLOCK)
    bus = Bus("chicago", CLOCK)
    bus.add("metrics", metrics.observe)
    bus.add("journal", bench.journal.append)
    context = replace(bench.context(), metrics=metrics, clock=CLOCK)
    server = await serve(create_app(context), "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.port}", bus
    finally:
        await server.stop()
        await asyncio.to_thread(bus.close)
        await bench.journal.close()


async def test_prometheus_scrapes_the_exporter(tmp_path: Path) -> None:
    ping = HeartbeatObserved(
        site="chicago",
        probe="heartbeat-1",
        at_wall_s=CLOCK.wall_s(),
        channel="xmpp",
        outcome="ok",
        rtt_s=0.04,
        agent="a",
    )
    drop = Disconnected(
        site="chicago",
        probe="signalling-1",
        at_wall_s=CLOCK.wall_s(),
        layer=Layer.SIGNALLING,
        reason="ping_timeout",
        last_good_wall_s=CLOCK.wall_s() - 5,
        noticed_wall_s=CLOCK.wall_s(),
    )
    async with exporter(tmp_path) as (address, bus), httpx.AsyncClient(trust_env=False) as direct:
        with prometheus(tmp_path, address) as url:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                await until_true(http, "up == 1")
                before = 'softphone_disconnects_total{layer="signalling",reason="ping_timeout"} == 0'
                await until_true(http, before)
                for rtt_s in (0.01, 0.04, 0.2):
                    bus.publish(replace(ping, rtt_s=rtt_s))
                bus.publish(replace(ping, outcome="timeout", rtt_s=None))
                bus.publish(drop)
                marker = {"job": "weekly", "run_id": "r1", "phase": "start"}
                posted = await direct.post(f"http://{address}/markers", json=marker)
                assert posted.status_code == 201

                await until_true(http, 'softphone_heartbeats_total{channel="xmpp",outcome="ok"} == 3')
                await until_true(http, 'softphone_heartbeats_total{channel="xmpp",outcome="timeout"} == 1')
                await until_true(http, 'softphone_disconnects_total{reason="ping_timeout"} == 1')
                (median,) = await until_true(
                    http,
                    'histogram_quantile(0.5, sum by (le) (softphone_heartbeat_rtt_seconds_bucket{channel="xmpp"})) > 0',
                )
                assert 0.025 < float(median["value"][1]) <= 0.05
                (active,) = await until_true(http, 'softphone_publish_active{publish="weekly"} == 1')
                assert (active["metric"]["job"], active["metric"]["instance"]) == ("softphone", address)
                await until_true(http, "time() - softphone_publish_start_timestamp_seconds < 60")
                now = CLOCK.wall_s()
                window = {"query": "softphone_heartbeat_rtt_seconds_bucket", "start": now - 300, "end": now + 60}
                exemplars = (await http.get("/api/v1/query_exemplars", params=window)).json()["data"]
                assert {"probe": "heartbeat-1", "agent": "a"} in [
                    exemplar["labels"] for series in exemplars for exemplar in series["exemplars"]
                ]


async def test_promtool_reads_the_plain_exposition(tmp_path: Path) -> None:
    async with exporter(tmp_path) as (address, _), httpx.AsyncClient(trust_env=False) as http:
        body = (await http.get(f"http://{address}/metrics")).content
    assert await check_metrics(body) == (0, b"")
