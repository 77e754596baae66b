"""Writes the facts of every golden folder again: `python -m tests.golden.make [NAME...]`; the same ones every time.

Expectations are not written here: they are said by hand in each folder's expected.yaml, out of what is known to have
happened. What the analysis reads (events.csv.gz, windows.csv, options.yaml) names no scenario.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import yaml

from monitor.facts import signals
from monitor.facts.evidence import Evidence, Heads
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.markers import Marker
from monitor.facts.observations import Observation
from monitor.outputs.sources.files.export import write_events, write_windows
from monitor.outputs.sources.observed import Observed
from monitor.simulator.history.calendar import begin_wall_s, end_wall_s
from monitor.simulator.history.history import Cadence, HistoryPlan, facts
from monitor.simulator.world.scenario import load_scenario, shipped_scenarios
from tests.golden.weeks import SYNTHETIC
from tests.histories.evidence import evidence_of
from tests.histories.plan import CHICAGO, Weeks

HERE: Final = Path(__file__).parent
START: Final = date(2026, 4, 6)
HOURS: Final = (time(9), time(12))
SEED: Final = 7
SETTLED_S: Final = 20.0
SPARSE: Final = Cadence(
    heartbeat_s=180.0,
    websocket_s=600.0,
    signalling_s=240.0,
    gathering_s=300.0,
    api_s=240.0,
    call_s=900.0,
    hold_s=100.0,
    media_s=30.0,
    own_lag_s=240.0,
    token_s=7200.0,
)
DENSE: Final = replace(SPARSE, heartbeat_s=60.0, signalling_s=90.0, gathering_s=240.0)
OWN: Final = {"site_path_loss": replace(SPARSE, gathering_s=120.0)}  # five minutes are short
LEFT_OUT: Final = (
    signals.TCP_RTT,
    signals.MEDIA_MOS,
    signals.LATENESS,
    signals.MEDIA_JITTER,
    "call_offer_seconds",
    "call_propose_seconds",
)
AS_TEXT: Final = {"zone": "America/Chicago"}


def main(names: list[str]) -> None:
    """Write the folders of these names, or all."""
    makers = dict(_makers())
    for name in names or makers:
        found, options = makers[name]()
        write(HERE / name, found, options)
        print(name, (HERE / name / "events.csv.gz").stat().st_size // 1000, "kB", flush=True)


def write(folder: Path, found: Evidence, options: dict[str, object]) -> None:
    """The facts of one folder; compressed without a date, so that equal facts are equal files."""
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        write_events(found, Path(scratch, "events.csv"))
        content = Path(scratch, "events.csv").read_bytes()
    (folder / "events.csv.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    write_windows(found.windows, folder / "windows.csv")
    (folder / "options.yaml").write_text(yaml.safe_dump({**AS_TEXT, **options}, sort_keys=True))


def _makers() -> Iterator[tuple[str, Callable[[], tuple[Evidence, dict[str, object]]]]]:
    for name in shipped_scenarios():
        yield name, partial(_simulated, name)
    for name, (plan, seed) in SYNTHETIC.items():
        yield name, partial(_synthetic, plan, seed)


def _synthetic(plan: Weeks, seed: int) -> tuple[Evidence, dict[str, object]]:
    options: dict[str, object] = {"hours": [plan.hours[0], plan.hours[1]], "days": list(plan.days)}
    if plan.days_off:
        options["days_off"] = list(plan.days_off)
    return _rounded(evidence_of(plan, seed)), options


def _simulated(name: str) -> tuple[Evidence, dict[str, object]]:
    publishes = name.startswith("publish")
    plan = HistoryPlan(
        start=START,
        weeks=4 if publishes else 3,
        hours=HOURS,
        days="mon-fri" if publishes else "mon-thu",
        cadence=DENSE if publishes else OWN.get(name, SPARSE),
    )
    builder = EvidenceBuilder()
    builder.simulated = True
    reader, markers = Observed(builder), []
    for fact in facts(load_scenario(name), plan, SEED):
        if isinstance(fact, Observation):
            reader.add(fact)
        elif isinstance(fact, Marker):
            markers.append(fact)
    end_s = end_wall_s(plan, CHICAGO)
    reader.markers(markers, end_s)
    reader.finish()
    found = builder.build((begin_wall_s(plan, CHICAGO), end_s))
    kept = {signal: series for signal, series in found.series.items() if signal not in LEFT_OUT}
    hours = [float(edge.hour) for edge in HOURS]
    return _rounded(replace(found, series=kept)), {"hours": hours, "days": list(range(5 if publishes else 4))}


def _rounded(found: Evidence) -> Evidence:
    """To a tenth of a second, values to three figures, head counts where they stay: a file a third as long."""
    drops, heads = found.drops, found.heads
    last_good_s = np.round(drops.last_good_s, 1)
    series = {
        name: replace(one, at_s=np.round(one.at_s, 1), value=_three_figures(one.value))
        for name, one in found.series.items()
    }
    order = np.lexsort((heads.at_s, heads.site))
    settled = np.append((np.diff(heads.at_s[order]) > SETTLED_S) | (np.diff(heads.site[order]) != 0), True)
    kept = np.sort(order[settled])
    return replace(
        found,
        drops=replace(drops, last_good_s=last_good_s, noticed_s=np.maximum(np.round(drops.noticed_s, 1), last_good_s)),
        series=series,
        heads=Heads(np.round(heads.at_s[kept], 1), heads.site[kept], heads.count[kept]),
    )


def _three_figures(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(f"{value:.3g}") for value in values.tolist()])


if __name__ == "__main__":
    main(sys.argv[1:])
