"""A site's real agents scrape a real exporter and write to a real Prometheus and a real VictoriaMetrics."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from system.prometheus import query, until_true
from system.remote_writing import WRITE, agent, receiver, scraping, written
from system.test_prometheus import exporter
from system.victoria_metrics import victoria_metrics, vmagent

from monitor.facts import signals
from monitor.facts.clock import SystemClock, rfc3339
from monitor.facts.evidence import Evidence
from monitor.facts.failures import Layer
from monitor.facts.observations import Disconnected, HeartbeatObserved
from monitor.outputs.sources.prometheus.reading import read_prometheus

pytestmark = pytest.mark.system

CLOCK = SystemClock()
ABOUT: dict[str, Any] = {"site": "chicago", "probe": "p", "agent": "a"}


def ping() -> HeartbeatObserved:
    """A ping of now."""
    return HeartbeatObserved(**ABOUT, at_wall_s=CLOCK.wall_s(), channel="xmpp", outcome="ok", rtt_s=0.04)


def drop() -> Disconnected:
    """A drop of now."""
    now = CLOCK.wall_s()
    times = {"at_wall_s": now, "last_good_wall_s": now, "noticed_wall_s": now}
    return Disconnected(**ABOUT, **times, layer=Layer.SIGNALLING, reason="ping_timeout")


async def read(url: str) -> Evidence:
    """Everything of the last ten minutes."""
    now = CLOCK.wall_s()
    return await asyncio.to_thread(read_prometheus, url, now - 600, now + 5, token="")


async def series(http: httpx.AsyncClient, replica: str) -> set[frozenset[tuple[str, str]]]:
    """The labels of all that one agent wrote, but for its own."""
    found = await query(http, f'{{__name__=~"softphone_.*|up",replica="{replica}"}}')
    return {frozenset((name, value) for name, value in one["metric"].items() if name != "replica") for one in found}


async def test_what_two_agents_of_a_site_write_is_read_once(tmp_path: Path) -> None:
    async with exporter(tmp_path) as (target, bus), httpx.AsyncClient(trust_env=False) as direct:
        with receiver(tmp_path) as centre, victoria_metrics(tmp_path) as victoria:
            urls = [f"{url}{WRITE}" for url in (centre, victoria)]
            config = written(tmp_path, "vmagent.yml", scraping("vmagent.yml", target, "2"))
            with agent(tmp_path, target, urls), vmagent(tmp_path, urls, config):
                ended_s = round(CLOCK.wall_s()) - 60.0
                for phase, at_s in (("start", ended_s - 30), ("end", ended_s)):
                    marker = {"job": "weekly", "run_id": "r1", "phase": phase, "time": rfc3339(at_s)}
                    assert (await direct.post(f"http://{target}/markers", json=marker)).status_code == 201
                servers = [httpx.AsyncClient(base_url=url, trust_env=False) for url in (centre, victoria)]
                for http in servers:
                    both = "count(softphone_publish_end_timestamp_seconds > 0) == 2"
                    await until_true(http, both)
                for fact in (ping(), ping(), drop()):
                    bus.publish(fact)
                for http in servers:
                    # Of a scrape of two seconds ago: VictoriaMetrics shows the newest one piece by piece.
                    await until_true(http, 'count(softphone_heartbeats_total{outcome="ok"} offset 2s == 2) == 2')
                    drops = 'softphone_disconnects_total{reason="ping_timeout"} offset 2s'
                    await until_true(http, f"count({drops} == 1) == 2")

                    of_agent, of_vmagent = await series(http, "1"), await series(http, "2")
                    assert of_agent == of_vmagent
                    assert len(of_agent) > 500
                    assert {dict(labels)["site"] for labels in of_agent} == {"chicago"}
                    assert not any("exported_site" in dict(labels) for labels in of_agent)

                for url in (centre, victoria):
                    evidence = await read(url)
                    assert len(evidence.drops) == 1
                    assert evidence.series[signals.WS_RTT].weight.sum() == 2
                    assert [(one.start_s, one.end_s) for one in evidence.windows] == [(ended_s - 30, ended_s)]
                    assert any("several replicas" in warning for warning in evidence.warnings)
                for http in servers:
                    await http.aclose()
