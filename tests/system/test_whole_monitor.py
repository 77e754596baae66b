"""The whole product against its simulator, scraped by a real Prometheus: every command a process of its own."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from product import monitor, simulator
from system.prometheus import check_metrics, prometheus, until_true

from monitor.outputs.catalogue import CATALOGUE

pytestmark = pytest.mark.system


async def test_prometheus_sees_what_the_running_monitor_measures(tmp_path: Path) -> None:
    with simulator() as info, monitor(tmp_path, info) as (_, exporter):
        async with httpx.AsyncClient(trust_env=False) as direct:
            exposition = (await direct.get(f"{exporter}/metrics")).content
            assert await check_metrics(exposition) == (0, b"")
            missing = [m.name for m in CATALOGUE if f"# TYPE {m.name} ".encode() not in exposition]
            assert missing == []
            offered = await direct.post(f"{info['control']}/propose", params={"sdp": "true", "autoanswer": "true"})
            assert offered.status_code == 200
        with prometheus(tmp_path, exporter.removeprefix("http://")) as url:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                await until_true(http, "up == 1")
                await until_true(http, 'softphone_disconnects_total{layer="ice",reason="consent_expired"} == 0')
                await until_true(http, "softphone_signalling_connected == softphone_signalling_expected")
                for channel in ("xmpp", "notification"):
                    await until_true(http, f'softphone_heartbeat_rtt_seconds_count{{channel="{channel}"}} > 2')
                await until_true(http, 'softphone_ice_gatherings_total{signature="ok"} > 0')
                await until_true(http, 'softphone_call_phase_seconds_count{phase="first_media"} == 1')
                await until_true(http, "softphone_media_rtt_seconds_count > 0")
                await until_true(http, 'softphone_monitor_build_info{simulated="true"} == 1')
                async with httpx.AsyncClient(trust_env=False) as direct:
                    dropped = await direct.post(f"{info['control']}/drop", params={"code": "1001"})
                    assert dropped.status_code == 200
                await until_true(http, 'softphone_disconnects_total{layer="signalling",reason="closed"} == 1')
                await until_true(http, 'softphone_reconnect_seconds_count{kind="soft"} == 1')
