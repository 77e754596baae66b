"""Draw one panel into an area of a picture: lines, bars, heat map, states, tiles, table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import fill
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter

from dashboards.grafana.pictures.asking import Asking, Series
from dashboards.grafana.pictures.looks import FAINT, GREY, INK, LINES, SHADE, at_threshold, color, with_unit, word

Panel = Mapping[str, Any]
HEAT = LinearSegmentedColormap.from_list("heat", ["#fff1e0", "#fdae6b", "#e6550d", "#7f2704"])
MOST_SERIES = 8  # in a legend


def moment(at_s: float) -> datetime:
    """Unix seconds as matplotlib takes them."""
    return datetime.fromtimestamp(at_s, UTC)


class Drawing:
    """Draws panels for one time; `zone` is that of the reader."""

    def __init__(self, asking: Asking, zone: ZoneInfo, shaded: list[tuple[float, float]]) -> None:
        self._asking, self._zone, self._shaded = asking, zone, shaded

    def over_time(self, axes: Axes, panel: Panel) -> None:
        """A panel with a time axis, publish windows shaded."""
        kind = {"timeseries": self._graph, "heatmap": self._heat_map, "state-timeline": self._states}[panel["type"]]
        kind(axes, panel)
        axes.set_xlim(moment(self._asking.since_s), moment(self._asking.until_s))
        for start_s, end_s in self._shaded:
            axes.axvspan(moment(start_s), moment(end_s), color=SHADE, alpha=0.28, lw=0, zorder=0.5)
        axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M", tz=self._zone))
        axes.xaxis.set_major_locator(mdates.AutoDateLocator(tz=self._zone, minticks=4, maxticks=8))
        title(axes, panel)

    def _answers(self, panel: Panel) -> list[tuple[str, Series]]:
        return [
            (series.named(target.get("legendFormat", "")), series)
            for target in panel["targets"]
            for series in self._asking.over_time(target["expr"], self._step_s(panel))
        ]

    def _step_s(self, panel: Panel) -> float:
        return 60.0 if panel.get("interval") == "1m" else self._asking.scrape_s

    def _graph(self, axes: Axes, panel: Panel) -> None:
        config = panel["fieldConfig"]["defaults"]
        bars = config["custom"]["drawStyle"] == "bars"
        answers = [(name, series) for name, series in self._answers(panel) if not bars or _highest(series) > 0]
        loudest = sorted(answers, key=lambda pair: -_highest(pair[1]))[:MOST_SERIES]
        below: dict[float, float] = {}
        for line, (name, series) in zip(LINES, sorted(loudest, key=lambda pair: pair[0]), strict=False):
            if bars:
                self._bars(axes, name, series, line, below)
            else:
                axes.plot(*_broken(series), color=line, lw=1.2, label=name)
        self._scale(axes, config)
        if loudest:
            axes.legend(loc="upper left", ncols=6, fontsize=7, frameon=False, handlelength=1.2, columnspacing=1.2)

    def _bars(self, axes: Axes, name: str, series: Series, line: str, below: dict[float, float]) -> None:
        points = [(at_s, value) for at_s, value in series.points if value > 0]
        bottoms = [below.get(at_s, 0.0) for at_s, _ in points]
        times, values = [moment(at_s - 60) for at_s, _ in points], [value for _, value in points]
        axes.bar(times, values, bottom=bottoms, width=56 / 86400, align="edge", color=line, label=name)
        below.update({at_s: below.get(at_s, 0.0) + value for at_s, value in points})

    def _scale(self, axes: Axes, config: Mapping[str, Any]) -> None:
        top = max(axes.get_ylim()[1] * 1.25, config["custom"].get("axisSoftMax", 0))
        axes.set_ylim(0, top)
        if config["unit"] == "percentunit" and top > 0.6:
            axes.set(ylim=(0, 1.3), yticks=[0, 0.25, 0.5, 0.75, 1])
        axes.grid(axis="y", color=GREY, lw=0.6)
        axes.set_axisbelow(True)
        unit = config["unit"]
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, unit)))
        for step in config.get("thresholds", {}).get("steps", []):
            if config["custom"].get("thresholdsStyle") and step.get("value") is not None and step["value"] < top:
                axes.axhline(step["value"], color=color(step["color"]), ls=(0, (4, 3)), lw=0.9)

    def _heat_map(self, axes: Axes, panel: Panel) -> None:
        step_s = self._step_s(panel)
        found = self._asking.over_time(panel["targets"][0]["expr"], step_s)
        rows = sorted(found, key=lambda series: float(series.labels["le"].replace("+Inf", "inf")))
        times = np.arange(self._asking.since_s, self._asking.until_s + 1, step_s)
        at_most = np.array([[dict(series.points).get(t, 0.0) for t in times] for series in rows])
        cells = np.diff(at_most, axis=0, prepend=0.0).clip(0)
        used = np.flatnonzero(cells.sum(axis=1) > 0.01)
        low, high = (used[0], used[-1]) if len(used) else (0, len(rows) - 1)
        shown = np.ma.masked_less_equal(cells[low : high + 1], 1e-9)
        edges = [moment(t) for t in [times[0] - step_s, *times]]
        axes.pcolormesh(edges, np.arange(high - low + 2), np.sqrt(shown), cmap=HEAT, rasterized=True)
        names = [_tick(float(series.labels["le"]), "s") for series in rows[low : high + 1]]
        axes.set_yticks(np.arange(high - low + 1) + 0.5, [f"up to {name}" for name in names])

    def _states(self, axes: Axes, panel: Panel) -> None:
        answers = self._answers(panel)
        for row, (_, series) in enumerate(reversed(answers)):
            for (start_s, end_s), value in _stretches(series, self._asking.scrape_s):
                found = word(value, panel["fieldConfig"]["defaults"])
                start, end = mdates.date2num([moment(start_s), moment(end_s)])
                axes.barh(row, end - start, left=start, height=0.7, color=found[1] if found else GREY)
        axes.set_yticks(range(len(answers)), [name for name, _ in reversed(answers)])
        axes.xaxis_date()

    def tiles(self, axes: Axes, panel: Panel) -> None:
        """The tiles of a panel, side by side."""
        config, count = panel["fieldConfig"]["defaults"], len(panel["targets"])
        axes.set(xlim=(0, count), ylim=(0, 1), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        for place, target in enumerate(panel["targets"]):
            found = self._asking.now(target["expr"])
            value = found[0].points[-1][1] if found else float("nan")
            text, shade = word(value, config) or (with_unit(value, config["unit"], 1, self._zone), GREY)
            box = FancyBboxPatch(
                (place + 0.04, 0.05), 0.92, 0.9, boxstyle="round,pad=0,rounding_size=0.05", fc=shade, ec="none"
            )
            axes.add_patch(box)
            axes.text(place + 0.5, 0.42, text, ha="center", va="center", weight="bold", fontsize=10, color=INK)
            name = target.get("legendFormat", "") if panel["options"]["textMode"] == "value_and_name" else ""
            axes.text(place + 0.5, 0.78, name, ha="center", va="center", fontsize=7.5, color=INK)
        title(axes, panel, asked=count > 1)

    def table(self, axes: Axes, panel: Panel) -> None:
        """A table, its rows joined by their labels as Grafana's `merge` does."""
        axes.axis("off")
        title(axes, panel)
        heads, lines, shades = self._cells(panel)
        if not lines:
            return
        widths = _widths(heads, lines)
        shown = axes.table(
            lines, cellColours=shades, colLabels=heads, loc="upper center", cellLoc="center", colWidths=widths
        )
        shown.auto_set_font_size(False)
        shown.set_fontsize(7.5)
        shown.scale(1, 1.25)
        for (row, _), cell in shown.get_celld().items():
            cell.set_edgecolor(GREY)
            if row == 0:
                cell.set_height(1.6 * cell.get_height())
            cell.set_text_props(weight="bold" if row == 0 else "normal", color=INK)

    def _cells(self, panel: Panel) -> tuple[list[str], list[list[str]], list[list[str]]]:
        order = panel["transformations"][1]["options"]
        names = sorted(order["indexByName"], key=order["indexByName"].__getitem__)
        values = [name for name in names if name.startswith("Value")]
        labels = [name for name in names if name not in values]
        overrides = {
            one["matcher"]["options"]: {p["id"]: p["value"] for p in one["properties"]}
            for one in panel["fieldConfig"]["overrides"]
        }
        rows: dict[tuple[str, ...], dict[str, Any]] = {}
        key = [label for label in labels if label in ("site", "publish", "run_id")]
        for target in panel["targets"]:
            for series in self._asking.now(target["expr"]):
                row = rows.setdefault(tuple(series.labels.get(label, "") for label in key), {})
                row.update({label: series.labels[label] for label in labels if label in series.labels})
                row[f"Value #{target['refId']}"] = series.points[-1][1]
        heads = [fill(order["renameByName"][name], 12) for name in (*labels, *values)]
        lines, shades = [], []
        for _, row in sorted(rows.items()):
            looks = [(row.get(label, ""), "white") for label in labels]
            looks += [self._cell(row.get(name), overrides[order["renameByName"][name]]) for name in values]
            lines.append([text for text, _ in looks])
            shades.append([shade for _, shade in looks])
        return heads, lines, shades

    def _cell(self, value: float | None, looks: Mapping[str, Any]) -> tuple[str, str]:
        if value is None:
            return "", "white"
        found = word(value, {"mappings": looks.get("mappings", [])})
        if found:
            return found
        text = with_unit(value, looks["unit"], looks.get("decimals"), self._zone)
        return text, at_threshold(value, {"thresholds": looks["thresholds"]}) if "thresholds" in looks else "white"


def title(axes: Axes, panel: Panel, *, asked: bool = True) -> None:
    """The panel's title, and the question that it answers beside it."""
    question = panel["description"].partition("?")[0] + "?"
    axes.set_title(panel["title"], loc="left", fontsize=9, weight="bold", color=INK, pad=4)
    axes.set_title(question if asked else "", loc="right", fontsize=7, color=FAINT, pad=4)


def _widths(heads: list[str], lines: list[list[str]]) -> list[float]:
    """The columns' shares of the width, by the longest text in each."""
    texts = [[*head.split("\n"), *(line[n] for line in lines)] for n, head in enumerate(heads)]
    longest = [max(map(len, column)) + 2 for column in texts]
    return [length / sum(longest) for length in longest]


def _highest(series: Series) -> float:
    return float(max(np.nan_to_num([value for _, value in series.points]), default=0.0))


def _stretches(series: Series, step_s: float) -> list[tuple[tuple[float, float], float]]:
    """From when to when each value held; a sample holds until the next."""
    held: list[tuple[tuple[float, float], float]] = []
    for at_s, value in series.points:
        if held and held[-1][1] == value and at_s <= held[-1][0][1]:
            held[-1] = ((held[-1][0][0], at_s + step_s), value)
        else:
            held.append(((at_s, at_s + step_s), value))
    return held


def _broken(series: Series) -> tuple[list[datetime], list[float]]:
    """Times and values, with a hole where samples are missing for over a minute."""
    shown: tuple[list[datetime], list[float]] = ([], [])
    for at_s, value in series.points:
        at = moment(at_s)
        if shown[0] and (at - shown[0][-1]).total_seconds() > 60:
            shown[0].append(at)
            shown[1].append(float("nan"))
        shown[0].append(at)
        shown[1].append(value)
    return shown


def _tick(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:g} %"
    if unit == "s":
        return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
    return f"{value:g}"
