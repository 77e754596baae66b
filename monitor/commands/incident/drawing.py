"""Charts to SVG: plain shapes with classes, for the page's style to colour; every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final
from xml.sax.saxutils import escape

from monitor.commands.incident.document import Band, Bars, Chart, Dots, Line, Look, Panel, Shade
from monitor.commands.incident.scales import Axis, axis_of, label_of

WIDTH, LEFT, RIGHT = 720.0, 58.0, 10.0
PANEL_HEIGHT, TITLE_HEIGHT, GAP = 62.0, 17.0, 8.0
TOP, FOOT = 20.0, 36.0
LETTER_WIDTH: Final = 6.2  # of the 11 px labels, on the safe side
CROSS: Final = 3.2  # half the width of the mark of what failed
_Mark = Line | Band | Bars | Dots
_YOf = Callable[[float], float]


def svg(chart: Chart, title: str, description: str, *, name: str) -> str:
    """The chart as one SVG element. title, description: for those who do not see it. name: unique in the page."""
    height = TOP + len(chart.panels) * (TITLE_HEIGHT + PANEL_HEIGHT + GAP) + FOOT
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-labelledby="{name}-title {name}-text" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>',
        *_shades(chart, height),
        *_feet(chart, height),
    ]
    for number, panel in enumerate(chart.panels):
        parts += _panel(chart, panel, TOP + number * (TITLE_HEIGHT + PANEL_HEIGHT + GAP))
    return "\n".join([*parts, "</svg>"])


def _shades(chart: Chart, height: float) -> Iterator[str]:
    free_x = -math.inf
    for shade in chart.shades:
        left, right = _x(chart, max(shade.start, chart.start)), _x(chart, min(shade.end, chart.end))
        wide = max(1.5, right - left)
        yield _rect("shade", left, TOP, wide, height - TOP - FOOT)
        if shade.label and (room_x := _label_begin(shade, left + wide / 2)) >= free_x:
            yield _text("small", room_x, TOP - 6, shade.label)
            free_x = room_x + len(shade.label) * LETTER_WIDTH + 6
    for cut in chart.cuts:
        if chart.start <= cut <= chart.end:
            yield _line("cut", _x(chart, cut), TOP, _x(chart, cut), height - FOOT)


def _label_begin(shade: Shade, middle: float) -> float:
    """Where a label begins so that it is centred, yet stays inside the picture."""
    length = len(shade.label) * LETTER_WIDTH
    return min(max(LEFT, middle - length / 2), WIDTH - RIGHT - length)


def _feet(chart: Chart, height: float) -> Iterator[str]:
    """The shared axis: labels that would touch the one before are left out."""
    free_x, bottom = -math.inf, height - FOOT
    for place, label in chart.ticks:
        if not chart.start <= place <= chart.end:
            continue
        x, half = _x(chart, place), len(label) * LETTER_WIDTH / 2
        yield _line("grid", x, TOP, x, bottom)
        if x - half >= free_x:
            yield _text("small", min(x, WIDTH - half), bottom + 14, label, "middle")
            free_x = x + half + 6
    yield _text("small", (LEFT + WIDTH - RIGHT) / 2, height - 6, chart.axis, "middle")


def _panel(chart: Chart, panel: Panel, top: float) -> Iterator[str]:
    axis = axis_of(_values(panel.marks), logarithmic=panel.logarithmic, unit=panel.unit)
    base = top + TITLE_HEIGHT + PANEL_HEIGHT
    yield _text("panel", LEFT, top + 12, panel.title)
    for tick in axis.ticks if panel.unit != "none" else ():
        y = base - axis.place(tick) * PANEL_HEIGHT
        yield _line("grid", LEFT, y, WIDTH - RIGHT, y)
        yield _text("small", LEFT - 5, y + 4, label_of(tick, panel.unit), "end")
    yield _line("base", LEFT, base, WIDTH - RIGHT, base)
    for mark in panel.marks:
        yield from _mark(chart, axis, base, mark)


def _mark(chart: Chart, axis: Axis, base: float, mark: _Mark) -> Iterator[str]:
    def y_of(value: float) -> float:
        return base - axis.place(value) * PANEL_HEIGHT

    if isinstance(mark, Bars):
        for left, right, value in zip(mark.edges, mark.edges[1:], mark.y, strict=False):
            if value:
                x, wide = _x(chart, left), max(1.0, _x(chart, right) - _x(chart, left) - 1.0)
                yield _rect(f"bar {mark.look}", x, y_of(value), wide, base - y_of(value))
    elif isinstance(mark, Dots):
        yield from _dots(chart, mark, y_of)
    elif isinstance(mark, Band):
        for run in _runs(mark.steps, mark.x, mark.low, mark.high):
            there = [f"{_x(chart, x):.1f},{y_of(high):.1f}" for x, _, high in run]
            back = [f"{_x(chart, x):.1f},{y_of(low):.1f}" for x, low, _ in reversed(run)]
            yield f'<polygon class="band {mark.look}" points="{" ".join(there + back)}"/>'
    else:
        yield from _joined(chart, mark, y_of)


def _joined(chart: Chart, mark: Line, y_of: _YOf) -> Iterator[str]:
    for run in _runs(mark.steps, mark.x, mark.y):
        points = [(_x(chart, x), y_of(y)) for x, y in run]
        if len(points) == 1:
            yield f'<circle class="dot {mark.look}" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="1.6"/>'
        else:
            yield f'<polyline class="line {mark.look}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'
    middles = [(a + b) / 2 for a, b in pairwise(mark.x)] if mark.steps else mark.x
    for x, value in zip(middles, mark.y, strict=True):
        if value is not None and math.isinf(value):
            yield _cross(mark.look, _x(chart, x), y_of(value))


def _dots(chart: Chart, mark: Dots, y_of: _YOf) -> Iterator[str]:
    """All samples in one path: a file of thousands of circles would be large."""
    known = [(x, y) for x, y in zip(mark.x, mark.y, strict=True) if math.isfinite(y)]
    if known:
        steps = "".join(f"M{_x(chart, x):.1f} {y_of(y):.1f}h0" for x, y in known)
        yield f'<path class="dots {mark.look}" d="{steps}"/>'
    for x, y in zip(mark.x, mark.y, strict=True):
        if math.isinf(y):
            yield _cross(mark.look, _x(chart, x), y_of(y))


def _cross(look: Look, x: float, y: float) -> str:
    a, b, c, d = x - CROSS, x + CROSS, y - CROSS, y + CROSS
    return f'<path class="cross {look}" d="M{a:.1f} {c:.1f}L{b:.1f} {d:.1f}M{a:.1f} {d:.1f}L{b:.1f} {c:.1f}"/>'


def _runs(steps: bool, x: Sequence[float], *columns: Sequence[float | None]) -> Iterator[list[tuple[float, ...]]]:
    """Points in a row, cut where any column has none. steps: both ends of each stretch between two places."""
    if steps:
        x = [edge for pair in pairwise(x) for edge in pair]
        columns = tuple([value for value in column for _ in (0, 1)] for column in columns)
    rows = list(zip(x, *columns, strict=True))
    for known, run in groupby(rows, key=lambda row: None not in row):
        if known:
            yield [tuple(value for value in row if value is not None) for row in run]


def _values(marks: Sequence[_Mark]) -> Iterator[float]:
    for mark in marks:
        columns = (mark.low, mark.high) if isinstance(mark, Band) else (mark.y,)
        yield from (value for column in columns for value in column if value is not None)


def _x(chart: Chart, at: float) -> float:
    return LEFT + (at - chart.start) / (chart.end - chart.start) * (WIDTH - LEFT - RIGHT)


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(name: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
