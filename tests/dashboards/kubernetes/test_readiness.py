"""The command by which Kubernetes asks whether the monitor is ready, against a real exporter that wants its token."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from exporter_bench import make_bench

from monitor.web.exporter import create_app, serve

SITE = Path(__file__).parents[3] / "dashboards" / "kubernetes" / "site-chicago.yaml"
TOKEN_PATH = "/run/secrets/exporter/token"


def command() -> list[str]:
    """The readiness probe's words."""
    (pod,) = (one for one in yaml.safe_load_all(SITE.read_text()) if one["kind"] == "Deployment")
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    words: list[str] = container["readinessProbe"]["exec"]["command"]
    return words


@pytest.mark.parametrize(("ready", "told", "status"), [(True, "right", 0), (False, "right", 1), (True, "wrong", 1)])
async def test_it_is_ready_when_every_probe_has_started(tmp_path: Path, ready: bool, told: str, status: int) -> None:
    bench = make_bench(tmp_path)
    bench.ready = ready
    token = tmp_path / "token"
    token.write_text(f"{told}\n")
    app = create_app(bench.context(host="0.0.0.0", token="right"))
    server = await serve(app, "127.0.0.1", 0)
    try:
        python, option, script = command()
        assert (python, option) == ("python", "-c")
        here = script.replace(TOKEN_PATH, str(token)).replace(":9464", f":{server.port}")
        assert str(token) in here
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", here], capture_output=True, timeout=30, check=False
        )
    finally:
        await server.stop()
        await bench.journal.close()
    assert done.returncode == status
