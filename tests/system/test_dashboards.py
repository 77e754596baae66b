"""Every query of every dashboard returns data from a real Prometheus that scrapes the real monitor, rules loaded.

One set-up for all: monitor against simulator over TLS, TURN from a real coturn, two publish runs (one marked as it went
on, one told when it was over), a call, a drop, requests that are told to wait, a request that fails.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from certificates import make_certificate
from ports import free_port
from product import CONFIG, HANG_S, line_with, simulator, started
from system.coturn import Coturn, running_coturn
from system.prometheus import INSTALL, until_true
from system.served_program import running
from system_programs import require_program

from tests.dashboards.grafana.reading import (
    FILES,
    FOLDER,
    VALUES,
    Asked,
    asked_by_annotations,
    asked_by_panels,
    asked_by_variables,
    dashboard,
    put_in,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

RULES = FOLDER.parent / "prometheus"
SCENARIO = """
name: dashboards
description: A quiet platform that hands out a TURN server.
expected: {{publish_harms_softphones: false, cause: none}}
agents: 2
turn: {{host: 127.0.0.1, port: {port}, username: {user}, password: "{password}"}}
"""
MINUTE = re.compile(r"\[3h:1m\]|offset 1m\b")  # how finely a run's harm is counted: by the second here, to wait less
STEP_S = 1.0
DEADLINE_S = 30.0  # for all of it to be scraped and recorded, once it has happened
LATE = {"job": "weekly", "run_id": "told late", "strategy": "burst"}
LIVE = {"job": "weekly", "run_id": "marked live", "strategy": "paced", "batch_size": 50, "attributes": {"pause": "2s"}}


class Rig:
    """What runs, and what was done to it: `late` and `live` hold the true edges of the two runs (Unix seconds).

    before_late_s: a moment at which the late run was over and nobody had told of it yet.
    """

    def __init__(self, prometheus: httpx.AsyncClient, exporter: str, control: str, certificate: Path) -> None:
        self.prometheus, self._exporter, self._control = prometheus, exporter, control
        trusted = ssl.create_default_context(cafile=str(certificate))
        self._http = httpx.AsyncClient(trust_env=False, verify=trusted)
        self.late = self.live = (0.0, 0.0)
        self.before_late_s = 0.0

    async def mark(self, **marker: Any) -> None:
        """Tell the monitor of a run."""
        assert (await self._http.post(f"{self._exporter}/markers", json=marker)).status_code == 201

    async def order(self, verb: str, **parameters: Any) -> None:
        """Order the simulator to do something."""
        assert (await self._http.post(f"{self._control}/{verb}", params=parameters)).status_code == 200

    async def happen(self) -> None:
        """Everything that the dashboards show, in the order in which it shows."""
        await until_true(self.prometheus, 'softphone_heartbeats_total{channel="xmpp",outcome="ok"} > 2')
        await until_true(self.prometheus, "site:softphone_disconnects:rate5m_out_of_window")  # before any publish
        await self.order("propose", sdp="true", autoanswer="true")
        began_s = time.time()
        await self.mark(**LIVE, phase="start", time=began_s)
        await self.order("fail", match="organizations/me", status=429, times=2, retry_after=0)
        await until_true(self.prometheus, 'sum(softphone_api_requests_total{status="429"}) == 2')
        await self.order("fail", match="organizations/me", status=503)
        await self.order("drop", code=1001)
        await until_true(self.prometheus, 'softphone_reconnect_seconds_count{kind="soft"} == 1')
        batch = {**LIVE, "attributes": {"seconds": 1.5}}
        await self.mark(**batch, phase="batch", time=time.time())
        ended_s = time.time()
        await self.mark(**LIVE, phase="end", time=ended_s, outcome="ok")
        self.live = (began_s, ended_s)
        await until_true(self.prometheus, "max(softphone_publish_active) == 0")
        self.late, self.before_late_s = (began_s - 3.25, began_s - 0.5), time.time()
        await self.mark(**LATE, phase="start", time=self.late[0])
        await self.mark(**LATE, phase="end", time=self.late[1], outcome="ok")
        await until_true(self.prometheus, 'softphone_publish_end_timestamp_seconds{run_id="told late"}')
        await self._http.aclose()


@contextmanager
def prometheus_with_rules(directory: Path, target: str) -> Iterator[str]:
    """A Prometheus that scrapes each second and evaluates the project's rules each second; its address."""
    for path in RULES.glob("*.rules.yaml"):
        quick = re.sub(r"^( +interval:) \w+$", r"\1 1s", path.read_text(), flags=re.MULTILINE)
        (directory / path.name).write_text(quick)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["*.rules.yaml"],
        "scrape_configs": [{"job_name": "softphone", "static_configs": [{"targets": [target]}]}],
    }
    (directory / "prometheus.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        require_program("prometheus", INSTALL),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--log.level=error",
    ]
    with running(command, directory / "prometheus.log", address, "/-/ready"):
        yield f"http://{address}"


@contextmanager
def monitor(folder: Path, info: dict[str, Any], turn: Coturn, certificate: Path) -> Iterator[str]:
    """The monitor with a gathering probe of its own as well; its exporter's address."""
    by_name = turn.url("stun").replace(turn.host, "localhost")  # so that a name is looked up
    gathering = f'  - {{kind: gathering, name: own-servers, interval: 5s, stun: ["{by_name}"]}}\npublish:'
    config = folder / "monitor.yaml"
    filled_in = CONFIG.format(rest=info["rest"], ws=info["ws"], journal=folder / "facts.db")
    config.write_text(filled_in.replace("publish:", gathering))
    env = {"CLIENT_ID": info["client_id"], "CLIENT_SECRET": info["client_secret"], "USER_TOKEN": info["user_token"]}
    with started("run", "-c", str(config), env={**env, "SSL_CERT_FILE": str(certificate)}) as process:
        ready = line_with(process.stderr, "ready:")
        yield "http://" + ready.partition("http://")[2].partition("/metrics")[0]


@asynccontextmanager
async def measuring(folder: Path) -> AsyncIterator[Rig]:
    """Everything started, and everything happened."""
    async with running_coturn(folder) as turn:
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO.format(port=turn.port, user=turn.username, password=turn.password))
        certificate, key = make_certificate(folder)
        tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
        with (
            simulator("--scenario", str(scenario), *tls) as info,
            monitor(folder, info, turn, certificate) as exporter,
            prometheus_with_rules(folder, exporter.removeprefix("http://")) as url,
        ):
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=HANG_S) as http:
                rig = Rig(http, exporter, info["control"], certificate)
                await rig.happen()
                yield rig


async def answer(http: httpx.AsyncClient, one: Asked, until_s: float | None = None) -> list[dict[str, Any]]:
    """The series that Prometheus answers with, for the minute up to then (now) where it is asked over time."""
    expr = MINUTE.sub(
        lambda found: found[0].replace("1m", "1s"),
        put_in(one.expr, {**VALUES, "__interval_ms": f"{STEP_S * 1000:.0f}", "__rate_interval": "10s"}),
    )
    now_s = until_s or time.time()
    kind, when = (
        ("query_range", {"start": now_s - 60, "end": now_s, "step": STEP_S}) if one.over_time else ("query", {})
    )
    reply = await http.post(f"/api/v1/{kind}", data={"query": expr, **when})
    assert reply.status_code == 200, f"{one.where}: {reply.text[:500]}"
    found: list[dict[str, Any]] = reply.json()["data"]["result"]
    return found


def says_something(one: Asked, found: list[dict[str, Any]]) -> bool:
    """Whether there is data; a tile's -1 stands for none."""
    values = [float(value) for series in found for _, value in series.get("values") or [series["value"]]]
    return any(value >= 0 for value in values)


async def silent(http: httpx.AsyncClient, every: list[Asked]) -> list[Asked]:
    """The queries that return nothing yet."""
    return [one for one in every if not says_something(one, await answer(http, one))]


def regions(found: list[dict[str, Any]], step_s: float) -> dict[str, list[tuple[float, float]]]:
    """What Grafana draws of an annotation whose values are its times: points not further apart than a step are one."""
    drawn: dict[str, list[tuple[float, float]]] = {}
    for series in found:
        of_run = drawn.setdefault(series["metric"]["run_id"], [])
        for at_s in (float(value) / 1000 for _, value in series["values"]):
            if of_run and at_s <= of_run[-1][1] + step_s:
                of_run[-1] = (of_run[-1][0], at_s)
            else:
                of_run.append((at_s, at_s))
    return drawn


async def test_every_query_of_every_dashboard_returns_data(tmp_path: Path) -> None:
    whole = [dashboard(path) for path in FILES]
    every = [
        one
        for each in whole
        for one in (*asked_by_panels(each), *asked_by_annotations(each), *asked_by_variables(each))
    ]
    async with measuring(tmp_path) as rig:
        until_s = time.monotonic() + DEADLINE_S
        waiting = await silent(rig.prometheus, every)
        while waiting and time.monotonic() < until_s:
            await asyncio.sleep(1)
            waiting = await silent(rig.prometheus, waiting)
        assert [f"{one.where}: {put_in(one.expr)}" for one in waiting] == []
        await _windows_are_shaded_where_they_were(rig)
        await _runs_know_their_harm(rig)
        await _exemplars_are_there(rig, every)


async def _windows_are_shaded_where_they_were(rig: Rig) -> None:
    """Both with their true edges, the one that was told when it was over too."""
    annotation = next(one for one in asked_by_annotations(dashboard(FILES[0])) if "Publish" in one.where)
    drawn = regions(await answer(rig.prometheus, annotation), STEP_S)
    assert drawn == {
        "told late": [pytest.approx(rig.late, abs=0.002)],
        "marked live": [pytest.approx(rig.live, abs=0.002)],
    }
    drawn = regions(await answer(rig.prometheus, annotation, rig.before_late_s), STEP_S)
    assert drawn["told late"] == [pytest.approx(rig.late, abs=0.002)], "shown time that ends before it was told"


async def _runs_know_their_harm(rig: Rig) -> None:
    """The table's row of the run during which the drop and the 429s came counts exactly those."""
    columns = {
        one.where.rpartition(" ")[2]: await answer(rig.prometheus, one)
        for one in asked_by_panels(dashboard(FOLDER / "publish-impact.json"))
        if ": Runs " in one.where
    }
    live = {
        name: float(series["value"][1])
        for name, found in columns.items()
        for series in found
        if series["metric"]["run_id"] == "marked live"
    }
    assert (live["A"] / 1000, live["B"]) == pytest.approx((rig.live[0], rig.live[1] - rig.live[0]), abs=0.002)
    assert (live["C"], live["D"], live["G"]) == (0, 1, 2)
    pacing = {(s["metric"]["strategy"], s["metric"].get("batch_size"), s["metric"].get("pause")) for s in columns["H"]}
    assert pacing == {("burst", None, None), ("paced", "50", "2s")}


async def _exemplars_are_there(rig: Rig, every: list[Asked]) -> None:
    now_s = time.time()
    for one in (one for one in every if one.exemplar and "ICE gathering time" in one.where):
        asked = {"query": put_in(one.expr), "start": str(now_s - 300), "end": str(now_s)}
        found = (await rig.prometheus.get("/api/v1/query_exemplars", params=asked)).json()["data"]
        assert {label for series in found for e in series["exemplars"] for label in e["labels"]} >= {"probe"}
