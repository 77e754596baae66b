"""A history as a real Prometheus holds it: the monitor's own metrics at every scrape, back-filled, then served."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from system_programs import require_program

from monitor.facts.clock import ManualClock
from monitor.facts.markers import Marker
from monitor.facts.observations import Observation
from monitor.outputs.metrics import Metrics, MetricsOptions
from tests.system.prometheus import INSTALL
from tests.system.served_program import running

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PAUSE_S = 1800.0  # nothing told for longer than this: the monitor's day is over, and it is not scraped


def exposed(
    told: Iterable[Observation | Marker], site: str, options: MetricsOptions, every_s: float
) -> Iterator[list[str]]:
    """The lines of every scrape of a day with its time, as the monitor's own metrics say them, day by day."""
    told = list(told)
    clock = ManualClock(wall_s=told[0].at_wall_s)
    metrics = Metrics(site, options, clock)
    scrape_s, day = clock.wall_s(), list[str]()
    for one in told:
        if one.at_wall_s - clock.wall_s() > PAUSE_S:
            scrape_s = one.at_wall_s
            yield day
            day = []
        while scrape_s < one.at_wall_s:
            clock.advance(scrape_s - clock.wall_s())
            day += _lines(metrics, scrape_s)
            scrape_s += every_s
        clock.advance(max(0.0, one.at_wall_s - clock.wall_s()))
        (metrics.marker if isinstance(one, Marker) else metrics.observe)(one)  # type: ignore[arg-type]
    clock.advance(scrape_s - clock.wall_s())
    yield [*day, *_lines(metrics, scrape_s)]


def _lines(metrics: Metrics, wall_s: float) -> Iterator[str]:
    """The exposition's series at that moment, without exemplars."""
    for line in metrics.render(OPENMETRICS)[0].decode().splitlines():
        if not line.startswith("#"):
            yield f"{line.partition(' # ')[0]} {wall_s:.3f}\n"


def backfill(directory: Path, days: Iterable[list[str]]) -> None:
    """Make blocks of these samples in `directory`/data; a run a day, as promtool reads all for each two hours."""
    promtool = require_program("promtool", INSTALL)
    text = directory / "samples.txt"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(directory / "data")]
    for day in filter(None, days):
        text.write_text("".join([*day, "# EOF\n"]))
        subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """A Prometheus on the blocks that `backfill` made; its address. Stopped by its pid."""
    program = require_program("prometheus", INSTALL)
    config = directory / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    url = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={url}",
        "--log.level=error",
    ]
    with running(command, directory / "prometheus.log", url, "/-/ready"):
        yield f"http://{url}"
