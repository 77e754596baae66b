"""The same verdict from both on the same run: a journal of facts, and a real Prometheus that scraped the monitor."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from system.backfill import backfill, exposed, served

from monitor.analysis.verdict.analyse import analyse
from monitor.analysis.verdict.result import Verdict
from monitor.analysis.verdict.rules import Rules
from monitor.facts.markers import Marker
from monitor.facts.observations import MonitorStarted, Observation
from monitor.outputs.journal import Journal
from monitor.outputs.metrics import MetricsOptions
from monitor.outputs.sources.journals import read_journals
from monitor.outputs.sources.prometheus.reading import read_prometheus
from monitor.simulator.history.history import BackgroundDrops, HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

PLAN = HistoryPlan(
    start=date(2026, 9, 14),
    weeks=4,
    days="mon-wed",
    hours=(time(9, 40), time(10, 25)),
    background=BackgroundDrops(per_agent_hour=0.4, clustered=0.0),  # many, so that so few hours can acquit
)
RULES = Rules(zone=ZoneInfo("America/Chicago"), hours=(9 + 40 / 60, 10 + 25 / 60), days=frozenset({0, 1, 2}))
SCRAPE_S = 60.0
AT_ONCE = 10_000  # facts; a journal takes 20000 without waiting
MARGIN_S = 3600.0


async def journal(path: Path, told: Iterable[Observation | Marker]) -> Path:
    """A journal of these."""
    waiting = 0
    one = Journal(path)
    for fact in told:
        if isinstance(fact, Marker):
            await one.add_marker(fact)
            continue
        one.append(fact)
        waiting += 1
        if waiting % AT_ONCE == 0:
            await one.close()
            one = Journal(path)
    await one.close()
    return path


@pytest.mark.parametrize(
    ("scenario", "verdict"),
    [("publish_saturates_signalling", Verdict.ASSOCIATED), ("publish_innocent", Verdict.NOT_ASSOCIATED)],
)
async def test_a_journal_and_a_prometheus_say_the_same_of_the_same_run(
    tmp_path: Path, scenario: str, verdict: Verdict
) -> None:
    told: list[Observation | Marker] = list(facts(load_scenario(scenario), PLAN, 3))
    first = next(one for one in told if not isinstance(one, Marker))
    started = MonitorStarted(site=first.site, probe="", at_wall_s=first.at_wall_s, version="test", simulated=True)
    told.insert(0, started)
    agents = tuple({agent for one in told if (agent := getattr(one, "agent", ""))})
    options = MetricsOptions(jobs=("weekly",), simulated=True, agents=agents)
    backfill(tmp_path, exposed(told, first.site, options, SCRAPE_S))
    kept = read_journals([await journal(tmp_path / "facts.db", told)])
    of_journal = analyse(kept, RULES)
    with served(tmp_path) as url:
        read = read_prometheus(url, told[0].at_wall_s - MARGIN_S, told[-1].at_wall_s + MARGIN_S, token="")
    of_prometheus = analyse(read, RULES)

    assert of_journal.verdict == of_prometheus.verdict == verdict
    assert of_journal.diagnosis.cause == of_prometheus.diagnosis.cause
    assert (of_journal.windows, of_journal.weeks) == (of_prometheus.windows, of_prometheus.weeks) == (4, 4)
    assert of_journal.simulated
    assert of_prometheus.simulated
    assert any("one every 60 s" in warning for warning in of_prometheus.warnings)
    assert len(read.drops) == pytest.approx(len(kept.drops), rel=0.05)  # those of the nights are not known to it
