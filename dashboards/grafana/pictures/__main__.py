"""Draw the pictures: `python -m dashboards.grafana.pictures --prometheus URL --until TIME --last 1h --into FOLDER`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
from matplotlib.figure import Figure

from dashboards.grafana.pictures.asking import Asking
from dashboards.grafana.pictures.drawing import Drawing
from dashboards.grafana.pictures.looks import FAINT, INK

HERE = Path(__file__).parent.parent
LABEL = "Rendered by the project's script from simulated data, not a Grafana screenshot"
PLAIN = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "softphone",
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.edgecolor": "#c8ccd2",
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
BELOW_EACH_OTHER = (
    "Signalling and publishes",
    "Drops",
    "Ping round trip, p95",
    "Pings missed",
    "ICE-server fetch, p95",
    "ICE gathering time",
    "Our REST requests, by status",
)
BESIDE_EACH_OTHER = ("Softphones connected", "Drops", "Pings missed", "Ping round trip, p95")


def main() -> None:
    """Ask, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True, help="its address")
    parser.add_argument("--until", type=datetime.fromisoformat, required=True, help="RFC 3339 with an offset")
    parser.add_argument("--last", type=float, default=3600.0, help="seconds to be shown, by the overview half")
    parser.add_argument("--moment", type=datetime.fromisoformat, help="until when the overview looks; else --until")
    parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("America/Chicago"))
    parser.add_argument("--into", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    until_s = given.until.timestamp()
    asking = Asking(given.prometheus, until_s - given.last, until_s)
    at_s = (given.moment or given.until).timestamp()
    with mpl.rc_context(PLAIN):
        written(publish_impact, "publish-impact", asking, given.zone, given.into)
        written(
            overview, "overview", replace(asking, since_s=at_s - given.last / 2, until_s=at_s), given.zone, given.into
        )


Drawn = Callable[[Figure, Drawing, Mapping[str, Any]], None]


def written(draw: Drawn, name: str, asking: Asking, zone: ZoneInfo, into: Path) -> None:
    """One picture as an SVG file."""
    whole = json.loads((HERE / f"{name}.json").read_text())
    shaded = asking.regions(whole["annotations"]["list"][0])
    figure = Figure(figsize=(11, 15 if draw is publish_impact else 8), facecolor="white")
    draw(figure, Drawing(asking, zone, shaded), {panel["title"]: panel for panel in whole["panels"]})
    until = datetime.fromtimestamp(asking.until_s, zone)
    figure.text(0.07, 0.985, whole["title"], fontsize=14, weight="bold", color=INK, va="top")
    figure.text(
        0.97, 0.985, f"until {until:%a %Y-%m-%d %H:%M:%S %Z}; shaded: a publish runs", ha="right", va="top", color=FAINT
    )
    figure.text(0.07, 0.006, LABEL, fontsize=8, color=FAINT)
    figure.savefig(into / f"dashboard-{name}.svg", metadata={"Date": None}, dpi=110)


def publish_impact(figure: Figure, drawing: Drawing, panels: Mapping[str, Any]) -> None:
    """Graphs below each other on one time axis, and the table of runs."""
    heights = [0.7, 1, 1, 1, 1, 1.1, 1, 0.75]
    grid = figure.add_gridspec(8, 1, height_ratios=heights, hspace=0.42, left=0.1, right=0.97, top=0.945, bottom=0.025)
    first = None
    for row, name in enumerate(BELOW_EACH_OTHER):
        axes = figure.add_subplot(grid[row], sharex=first)
        first = first or axes
        drawing.over_time(axes, panels[name])
    drawing.table(figure.add_subplot(grid[7]), panels["Runs"])


def overview(figure: Figure, drawing: Drawing, panels: Mapping[str, Any]) -> None:
    """The tiles, the sites, and the first graphs."""
    heights, edges = [0.5, 0.62, 1, 1], {"left": 0.06, "right": 0.97, "top": 0.9, "bottom": 0.065}
    rows = figure.add_gridspec(4, 1, height_ratios=heights, hspace=0.48, **edges)
    tiles = rows[0].subgridspec(1, 3, width_ratios=[8, 1.2, 1.2], wspace=0.06)
    names = ("Now: the worst of all sites, by layer", "Publish", "Platform")
    for place, name in enumerate(names):
        drawing.tiles(figure.add_subplot(tiles[place]), panels[name])
    drawing.table(figure.add_subplot(rows[1]), panels["Now: site by site"])
    for place, name in enumerate(BESIDE_EACH_OTHER):
        row, column = divmod(place, 2)
        beside = rows[2 + row].subgridspec(1, 2, wspace=0.14)
        drawing.over_time(figure.add_subplot(beside[column]), panels[name])


if __name__ == "__main__":
    main()
