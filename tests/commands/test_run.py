"""`run` as a service: it measures, keeps markers, reloads, and ends by SIGTERM; all on real processes."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import httpx
from certificates import make_certificate
from product import HANG_S, line_with, monitor, simulator

from monitor.facts.clock import rfc3339
from monitor.outputs.journal import JournalReader


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=HANG_S)


def metrics_with(url: str, *names: str) -> str:
    """The exposition once every one of these series is above 0; the test's own timeout ends it otherwise."""
    while True:
        text = get(f"{url}/metrics").text
        if all(re.search(rf"^{re.escape(name)}.* [1-9]", text, re.MULTILINE) for name in names):
            return text
        time.sleep(0.1)


def test_it_measures_keeps_markers_and_drains(tmp_path: Path) -> None:
    marker = {"job": "weekly", "run_id": "r1", "phase": "start", "time": rfc3339(time.time())}
    with simulator() as info, monitor(tmp_path, info) as (process, url):
        assert get(f"{url}/-/ready").status_code == 200
        probe = get(f"{url}/probe?target=api-1&module=api")
        assert "probe_success 1" in probe.text
        assert httpx.post(f"{url}/markers", json=marker, trust_env=False).status_code == 201
        assert httpx.post(f"{url}/markers", json=marker, trust_env=False).status_code == 200
        refused = httpx.post(f"{url}/markers", json={"phase": "begin", "time": "soon"}, trust_env=False)
        assert refused.status_code == 422
        assert {problem["field"] for problem in refused.json()["problems"]} >= {"job", "phase", "time"}
        metrics = metrics_with(url, "softphone_heartbeat_rtt_seconds_count", "softphone_ice_gathering_seconds_count")
        assert 'softphone_publish_active{publish="weekly"} 1.0' in metrics
        assert 'simulated="true"' in metrics
        assert info["user_token"] not in metrics
        assert info["client_secret"] not in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0
    kinds = {fact.kind for fact in JournalReader(tmp_path / "facts.db").facts()}
    assert {"heartbeat", "phase", "connection", "gathering", "api"} <= kinds
    assert [m.run_id for m in JournalReader(tmp_path / "facts.db").markers()] == ["r1"]


def test_a_reload_with_bad_settings_keeps_the_old_ones(tmp_path: Path) -> None:
    with simulator() as info, monitor(tmp_path, info) as (process, url):
        config = tmp_path / "monitor.yaml"
        good = config.read_text()
        config.write_text(good.replace("interval: 5s", "interval: often"))
        process.send_signal(signal.SIGHUP)
        assert "probes[3].interval" in line_with(process.stderr, "reload:")
        line_with(process.stderr, "old settings stay in force")
        assert "softphone_monitor_config_last_reload_successful 0.0" in get(f"{url}/metrics").text
        config.write_text(good.replace("  - {kind: api", "  - {kind: api, name: control"))
        assert httpx.post(f"{url}/-/reload", trust_env=False, timeout=HANG_S).status_code == 200
        assert "softphone_monitor_config_last_reload_successful 1.0" in get(f"{url}/metrics").text
        assert "probe_success 1" in get(f"{url}/probe?target=control&module=api").text
        assert get(f"{url}/probe?target=api-1&module=api").status_code == 404


def test_over_tls_it_trusts_whom_the_system_trusts_and_times_the_handshake(tmp_path: Path) -> None:
    certificate, key = map(str, make_certificate(tmp_path))
    with simulator("--tls-cert", certificate, "--tls-key", key) as info:
        assert info["rest"].startswith("https://")
        with monitor(tmp_path, info, {"SSL_CERT_FILE": certificate}) as (_, url):
            metrics_with(
                url, "softphone_heartbeat_rtt_seconds_count", 'softphone_signalling_phase_seconds_count{phase="tls"'
            )
