"""Make docs/images/dashboard-*.svg anew: `python -m tests.dashboards.grafana.pictured`.

A simulated Tuesday morning of two sites on a platform where the publish saturates signalling, back-filled as the
monitors' own metrics into a real Prometheus, which the pictures' script then asks.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[2]))  # the helpers of tests/, as in its conftest.py

from monitor.facts.markers import Marker
from monitor.facts.observations import MonitorStarted, Observation
from monitor.outputs.metrics import MetricsOptions
from monitor.simulator.history.history import BackgroundDrops, Cadence, HistoryPlan, PublishTimes, facts
from monitor.simulator.world.scenario import load_scenario
from tests.system.backfill import backfill, exposed, served

ROOT = Path(__file__).parents[3]
ZONE = ZoneInfo("America/Chicago")
TUESDAY = date(2026, 11, 24)
SITES = {"chicago": 90, "dallas": 60}
SCRAPE_S = 15.0
PLAN = HistoryPlan(
    start=date(2026, 11, 23),
    weeks=1,
    days="tue",
    hours=(time(8, 45), time(10, 50)),
    publish=PublishTimes(weekly=("tue 10:00",), at=(datetime.combine(TUESDAY, time(10, 30), ZONE),)),
    background=BackgroundDrops(per_agent_hour=0.02),
    cadence=Cadence(websocket_s=15.0, signalling_s=15.0, gathering_s=30.0, api_s=15.0, call_s=180.0),
)


def history() -> dict[str, list[Observation | Marker]]:
    """What each site's monitor is told."""
    scenario = load_scenario("publish_saturates_signalling").model_copy(update={"sites": SITES})
    told = list(facts(scenario, PLAN, 5))
    return {site: [one for one in told if isinstance(one, Marker) or one.site == site] for site in SITES}


def main() -> None:
    """Back-fill, serve, draw."""
    with tempfile.TemporaryDirectory() as folder:
        for site, told in history().items():
            first = next(one for one in told if not isinstance(one, Marker))
            started = MonitorStarted(site=site, probe="", at_wall_s=first.at_wall_s, version="0.1.0", simulated=True)
            agents = tuple(sorted({agent for one in told if (agent := getattr(one, "agent", ""))}))
            options = MetricsOptions(jobs=("weekly",), simulated=True, agents=agents, version="0.1.0")
            backfill(Path(folder), exposed([started, *told], site, options, SCRAPE_S))
        with served(Path(folder)) as url:
            until, moment = (datetime.combine(TUESDAY, at, ZONE).isoformat() for at in (time(10, 45), time(10, 1, 30)))
            draw = [sys.executable, "-m", "dashboards.grafana.pictures", "--prometheus", url, "--until", until]
            subprocess.run([*draw, "--moment", moment, "--into", str(ROOT / "docs" / "images")], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
