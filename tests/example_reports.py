"""Make docs/examples/reports anew: `python -m tests.example_reports`.

Weeks on two simulated platforms, written to a journal as their monitors would, then the real command `report -o`. Equal
seeds make equal files, but for the moment of making and the versions.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Final

from monitor.commands.calendar_words import CalendarWords
from monitor.commands.judging import ReportOptions
from monitor.commands.report import run_report
from monitor.facts.clock import Clock
from monitor.facts.markers import Marker
from monitor.facts.observations import (
    CallPhaseObserved,
    ConnectionChanged,
    HeartbeatObserved,
    MonitorStarted,
    Observation,
)
from monitor.outputs.journal import Journal
from monitor.simulator.history.history import BackgroundDrops, Cadence, HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario

INTO: Final = Path(__file__).parents[1] / "docs" / "examples" / "reports"
WORDS: Final = CalendarWords(tz="America/Chicago", hours="09:00-12:00", days="mon-fri")
AT_ONCE: Final = 5000  # facts handed to the journal before it is waited for


@dataclass(frozen=True, slots=True)
class Example:
    """One report: which platform, whose sites, how long and how often measured.

    told_heads: the number of agents is told by an option, and no journal says who is connected.
    """

    scenario: str
    sites: dict[str, int]
    seed: int
    plan: HistoryPlan
    told_heads: bool = False

    @property
    def words(self) -> CalendarWords:
        """The options of the command."""
        return replace(WORDS, agents=sum(self.sites.values())) if self.told_heads else WORDS


EXAMPLES: Final = (
    Example(
        "publish_saturates_signalling",
        {"chicago": 90, "dallas": 60},
        7,
        HistoryPlan(
            start=date(2026, 4, 6),
            weeks=4,
            hours=(time(9), time(12)),
            cadence=Cadence(
                heartbeat_s=45.0,
                websocket_s=1e6,
                signalling_s=90.0,
                gathering_s=1200.0,
                api_s=600.0,
                call_s=3600.0,
                hold_s=120.0,
                media_s=30.0,
                own_lag_s=900.0,
                token_s=1e6,
            ),
        ),
    ),
    Example(
        "publish_innocent_daily_peak",
        {"chicago": 300},  # so many that nearly every day's peak overloads signalling
        2,  # at this length half of the seeds acquit, and the others leave it open: docs/report.md
        HistoryPlan(
            start=date(2026, 3, 9),
            weeks=6,
            background=BackgroundDrops(per_agent_hour=0.02),
            hours=(time(9), time(12)),
            cadence=Cadence(
                heartbeat_s=120.0,
                websocket_s=1e6,
                signalling_s=180.0,
                gathering_s=600.0,
                api_s=600.0,
                call_s=3600.0,
                hold_s=120.0,
                media_s=40.0,
                own_lag_s=1800.0,
                token_s=1e6,
            ),
        ),
        told_heads=True,
    ),
)


def main(names: list[str]) -> None:
    """Write the reports of these names, or all."""
    for one in EXAMPLES:
        if not names or one.scenario in names:
            INTO.mkdir(parents=True, exist_ok=True)
            make(one, INTO / f"{one.scenario}.html")


def make(one: Example, file: Path, clock: Clock | None = None) -> None:
    """Write one report. RuntimeError when the command refuses."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "softphone.db")
        asyncio.run(_write_journal(one, journal))
        if run_report(ReportOptions(journals=(journal,), output=file, calendar=one.words), clock):
            raise RuntimeError(f"report refused to write {file}")


def told(one: Example) -> Iterator[Observation | Marker]:
    """What the monitors of this example tell: some probes and columns less than a monitor's, for a smaller file."""
    scenario = load_scenario(one.scenario).model_copy(update={"sites": one.sites})
    started = False
    for fact in facts(scenario, one.plan, one.seed):
        if isinstance(fact, Marker):
            yield fact
            continue
        if not started:
            started = True
            for site in one.sites:
                yield MonitorStarted(site=site, probe="", at_wall_s=fact.at_wall_s, version="example", simulated=True)
        if isinstance(fact, HeartbeatObserved):
            if fact.channel == "xmpp":
                yield replace(fact, tcp_rtt_s=None)
        elif one.told_heads and isinstance(fact, ConnectionChanged):
            continue
        elif not isinstance(fact, CallPhaseObserved) and getattr(fact, "servers", "platform") == "platform":
            yield fact


async def _write_journal(one: Example, path: Path) -> None:
    journal = Journal(path)
    for number, fact in enumerate(told(one), 1):
        if isinstance(fact, Marker):
            await journal.add_marker(fact)
        else:
            journal.append(fact)
        if number % AT_ONCE == 0:  # a new writer: closing the old one waits until all is on disk
            await journal.close()
            journal = Journal(path)
    await journal.close()


if __name__ == "__main__":
    main(sys.argv[1:])
