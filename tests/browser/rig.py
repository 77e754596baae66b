"""The exporter over an hour of a simulated site with 150 agents, going on in real time: `python -m tests.browser.rig`.

Everything but the probes is the product's own: facts come from simulated history, moved so that the weekly publish
began `--ago` seconds before now; the past is read from a journal as after a restart, the rest comes as it happens.
`--busy` adds what 150 talking peers would tell each second. `--hostile` adds words that no page may take for markup.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import random
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.app import product_version
from monitor.config.model import Settings
from monitor.facts.clock import SystemClock
from monitor.facts.failures import Layer, Reason, failure
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import (
    ConnectionChanged,
    Disconnected,
    HeartbeatObserved,
    MediaSampled,
    MonitorStarted,
    Observation,
    PhaseObserved,
)
from monitor.outputs.bus import Bus
from monitor.outputs.intake import take_marker
from monitor.outputs.journal import Journal, JournalError
from monitor.outputs.metrics import Metrics, MetricsOptions
from monitor.simulator.history.history import BackgroundDrops, Cadence, HistoryPlan, PublishTimes, facts
from monitor.simulator.world.scenario import load_scenario
from monitor.web.exporter import WebContext, create_app, serve
from monitor.web.live.attempts import ProbeName
from monitor.web.live.data import LiveData, PageOptions
from monitor.web.live.explaining import Explaining
from monitor.web.live.restoring import restore
from monitor.web.streams import Streams

ZONE = ZoneInfo("America/Chicago")
SITE, SCENARIO, TUESDAY, SEED = "chicago", "publish_saturates_signalling", date(2026, 11, 24), 5
AGENTS = 150
CROWD_EVERY_S = 10  # in the hour before; each second from then on
PLAN = HistoryPlan(
    start=date(2026, 11, 23),
    weeks=1,
    days="tue",
    hours=(time(8, 57), time(10, 20)),
    publish=PublishTimes(weekly=("tue 10:00",), strategy="burst"),
    background=BackgroundDrops(per_agent_hour=0.02),
    cadence=Cadence(websocket_s=15.0, signalling_s=15.0, gathering_s=30.0, api_s=15.0, call_s=240.0, media_s=2.0),
)
PROBES = (
    *(ProbeName(f"heartbeat-{n}", "heartbeat", f"synthetic-{SITE}" if n > 1 else "") for n in (1, 2, 3)),
    ProbeName("signalling-1", "signalling", f"synthetic-{SITE}"),
    *(ProbeName(name, "gathering", f"synthetic-{SITE}") for name in ("gathering-1", "gathering-2", "own-servers")),
    ProbeName("call-1", "call", f"synthetic-{SITE}"),
    ProbeName("api-1", "api"),
)
SETTINGS = {  # what the checks know of the probes; none of them runs here
    "site": SITE,
    "timezone": str(ZONE),
    "genesys": {
        **dict.fromkeys(("rest", "login"), "http://127.0.0.1:1"),
        "streaming": "ws://127.0.0.1:1",
        "client": {"id_env": "CLIENT_ID", "secret_env": "CLIENT_SECRET"},
        "agents": [{"name": f"synthetic-{SITE}", "token_env": "USER_TOKEN"}],
    },
    "probes": [
        {"kind": "heartbeat", "channel": "xmpp", "agent": f"synthetic-{SITE}", "interval": "15s"},
        {"kind": "heartbeat", "channel": "notification", "interval": "15s"},
        {"kind": "signalling", "agent": f"synthetic-{SITE}", "interval": "15s"},
        {"kind": "gathering", "agent": f"synthetic-{SITE}", "interval": "30s"},
        {"kind": "call", "agent": f"synthetic-{SITE}", "answer": "any"},
        {"kind": "api", "interval": "15s"},
    ],
    "publish": [{"name": "weekly"}],
}
MARKUP = """<img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script>'"&amp;"""
_TIMES = ("at_wall_s", "at_min_wall_s", "at_max_wall_s", "last_good_wall_s", "noticed_wall_s", "issued_wall_s")


@cache
def history() -> tuple[Observation | Marker, ...]:
    """The morning of a Tuesday, in order of time."""
    scenario = load_scenario(SCENARIO).model_copy(update={"sites": {SITE: AGENTS}})
    return tuple(facts(scenario, PLAN, SEED))


def moved(told: Observation | Marker, by_s: float) -> Observation | Marker:
    """The same at another time."""
    names = [name for name in _TIMES if getattr(told, name, None) is not None]
    return dataclasses.replace(told, **{name: getattr(told, name) + by_s for name in names})  # type: ignore[arg-type]


def hostile(now_s: float) -> Iterator[Observation | Marker]:
    """Facts whose every free word is markup."""
    about = {"site": SITE, "probe": "signalling-1", "at_wall_s": now_s - 60}
    refused = failure("ice_servers", Reason.REJECTED, MARKUP)
    yield PhaseObserved(**about, phase="ice_servers", seconds=None, agent=MARKUP, failure=refused)
    yield ConnectionChanged(**about, agent=MARKUP, connected=False)
    yield Disconnected(
        **about,
        layer=Layer.PLATFORM,
        reason="reported",
        last_good_wall_s=now_s - 70,
        noticed_wall_s=now_s - 60,
        agent=MARKUP,
        detail=MARKUP,
    )
    for phase, ago_s in ((MarkerPhase.START, 300.0), (MarkerPhase.BATCH, 280.0), (MarkerPhase.END, 250.0)):
        named = {"job": MARKUP, "run_id": MARKUP, "strategy": MARKUP, "attributes": {MARKUP: MARKUP}}
        yield Marker(**named, phase=phase, at_wall_s=now_s - ago_s, found_by="told")  # type: ignore[arg-type]


def crowd(now_s: float, draw: random.Random) -> Iterator[Observation]:
    """What 150 talking peers tell in one second."""
    for number in range(AGENTS):
        about = {"site": SITE, "probe": "call-1", "at_wall_s": now_s, "agent": f"agent-{number:03d}"}
        sound = {"rtt_s": draw.uniform(0.02, 0.05), "jitter_s": draw.uniform(0.001, 0.01), "loss_ratio": 0.0}
        yield MediaSampled(**about, **sound, mos=4.3, packets_received=50)  # type: ignore[arg-type]
        if number % 15 == int(now_s) % 15:
            ping = {**about, "probe": "heartbeat-2", "channel": "xmpp", "outcome": "ok"}
            yield HeartbeatObserved(**ping, rtt_s=draw.uniform(0.02, 0.06))  # type: ignore[arg-type]


async def serve_rig(words: argparse.Namespace) -> None:
    """Serve until stdin ends; each line `drop AGENT` there is a drop that is noticed just now."""
    clock = SystemClock()
    now_s = clock.wall_s()
    by_s = now_s - words.ago - datetime.combine(TUESDAY, time(10), ZONE).timestamp()
    told = [] if words.empty else [moved(one, by_s) for one in history()]
    told += hostile(now_s) if words.hostile else []
    file = words.folder / "facts.db"
    await _remember(file, [one for one in told if one.at_wall_s <= now_s], words.busy, now_s)
    journal = Journal(file)
    settings = Settings.model_validate({**SETTINGS, "journal": {"path": str(file)}})
    data = LiveData(
        PageOptions(
            site=MARKUP if words.hostile else SITE,
            zone=str(ZONE),
            version=product_version(),
            simulated=True,
            jobs=("weekly", *((MARKUP,) if words.hostile else ())),
            probes=PROBES,
            agents=(f"synthetic-{SITE}",),
        ),
        clock,
    )
    explaining = Explaining(settings.to_json())
    streams = Streams(data, explaining, explaining.readers)
    metrics = Metrics(SITE, MetricsOptions(simulated=True), clock)
    for marker in journal.markers():
        data.marker(marker)
    bus = Bus(SITE, clock)
    for name, handler in (("metrics", metrics.observe), ("page", data.observe), ("journal", journal.append)):
        bus.add(name, handler)
    if not words.empty:
        up = ConnectionChanged(site=SITE, probe="signalling-1", at_wall_s=now_s, agent=PROBES[1].agent, connected=True)
        bus.publish(up)

    async def never(target: str, module: str) -> object:
        raise RuntimeError("the rig has no probes")

    context = WebContext(
        metrics=metrics,
        streams=streams,
        journal=journal,
        probes=lambda: {probe.name: probe.kind for probe in PROBES},
        probe_now=never,  # type: ignore[arg-type]
        ready=lambda: True,
        reload=lambda: asyncio.sleep(0, []),
        simulated=lambda: True,
        clock=clock,
        host=words.host,
        token=os.environ.get("RIG_TOKEN"),
    )
    server = await serve(create_app(context), words.host, words.port)
    stop = threading.Event()
    restoring = asyncio.create_task(asyncio.to_thread(restore, data, journal, now_s, stop))
    print(json.dumps({"url": f"http://127.0.0.1:{server.port}/", "port": server.port}), flush=True)
    feeding = asyncio.create_task(_feed([one for one in told if one.at_wall_s > now_s], words.busy, bus, context))
    while line := await asyncio.to_thread(sys.stdin.readline):
        bus.publish(_drop(line.removeprefix("drop ").strip(), clock.wall_s()))
    feeding.cancel()
    stop.set()
    streams.close()
    await asyncio.gather(feeding, restoring, explaining.stop(), return_exceptions=True)
    await server.stop()
    await asyncio.to_thread(bus.close)
    await journal.close()


def _drop(agent: str, now_s: float) -> Disconnected:
    return Disconnected(
        site=SITE,
        probe="signalling-1",
        at_wall_s=now_s,
        layer=Layer.SIGNALLING,
        reason="ping_timeout",
        last_good_wall_s=now_s - 5,
        noticed_wall_s=now_s,
        agent=agent,
    )


async def _remember(file: Path, past: list[Observation | Marker], busy: bool, now_s: float) -> None:
    """Write what was before: a monitor that started an hour ago, and once more just now."""
    journal = Journal(file)
    for ago_s in (3600.0, 1.0):
        journal.append(MonitorStarted(site=SITE, probe="", at_wall_s=now_s - ago_s, version="0", simulated=True))
    draw = random.Random(SEED)
    moments = range(int(now_s) - 3600, int(now_s), CROWD_EVERY_S) if busy else ()
    known = [fact for moment_s in moments for fact in crowd(float(moment_s), draw)]
    for one in (*past, *known):
        if isinstance(one, Marker):
            await journal.add_marker(one)
        else:
            await _append(journal, one)
    await journal.close()


async def _append(journal: Journal, fact: Observation) -> None:
    """Have a fact written, however many wait."""
    while True:
        try:
            journal.append(fact)
        except JournalError:
            await asyncio.sleep(0.05)
        else:
            return


async def _feed(future: list[Observation | Marker], busy: bool, bus: Bus, context: WebContext) -> None:
    draw = random.Random(SEED)
    coming = iter(future)
    one = next(coming, None)
    while True:
        now_s = context.clock.wall_s()
        while one is not None and one.at_wall_s <= now_s:
            if isinstance(one, Marker):
                await take_marker(context.journal, (context.metrics, context.streams.data), one)
            else:
                bus.publish(one)
            one = next(coming, None)
        for fact in crowd(now_s, draw) if busy else ():
            bus.publish(fact)
        await asyncio.sleep(1.0 - context.clock.wall_s() % 1.0)


def main() -> None:
    """Read the words and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ago", type=float, default=120.0, help="seconds since the publish began")
    for name in ("busy", "hostile", "empty"):
        parser.add_argument(f"--{name}", action="store_true")
    asyncio.run(serve_rig(parser.parse_args()))


if __name__ == "__main__":
    main()
