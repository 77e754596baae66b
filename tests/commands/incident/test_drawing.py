"""Charts as SVG: well formed, everything inside the picture, labels apart, hostile text as text."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from monitor.commands.incident.document import Band, Bars, Chart, Dots, Line, Look, Panel, Shade
from monitor.commands.incident.drawing import LETTER_WIDTH, WIDTH, svg
from monitor.commands.incident.scales import axis_of, label_of

HOSTILE = "<script>alert(1)</script>\"'&"
MARKS = (
    Bars(Look.OTHER, (0.0, 5.0, 10.0), (4.0, None)),
    Band(Look.MAIN, (1.0, 2.0, 3.0), (0.1, None, 0.2), (0.5, None, math.inf)),
    Line(Look.MAIN, (1.0, 2.0, 3.0, 4.0), (0.2, None, 0.3, math.inf)),
    Line(Look.OTHER, (0.0, 2.0, 4.0, 6.0), (0.2, None, math.inf), steps=True),
    Band(Look.OTHER, (0.0, 2.0, 4.0, 6.0), (0.1, None, 0.3), (0.2, None, math.inf), steps=True),
    Dots(Look.MAIN, (1.0, 9.0), (0.2, math.inf)),
)


def chart(**changes: object) -> Chart:
    told: dict[str, object] = {
        "start": 0.0,
        "end": 10.0,
        "ticks": tuple((float(n), f"tick {n}") for n in range(11)),
        "axis": HOSTILE,
        "panels": (Panel(HOSTILE, "s", MARKS), Panel("log", "s", MARKS, logarithmic=True)),
        "shades": tuple(Shade(n, n + 0.1, f"window {n}") for n in range(10)),
        "cuts": (5.0, 99.0),
    }
    return Chart(**{**told, **changes})  # type: ignore[arg-type]


def drawn(one: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(svg(one, HOSTILE, HOSTILE, name="f"))


def test_it_is_well_formed_and_hostile_text_stays_text() -> None:
    root = drawn(chart())
    texts = ["".join(element.itertext()) for element in root]
    assert texts.count(HOSTILE) == 4  # title, description, panel, axis
    assert {element.tag.split("}")[1] for element in root.iter()} <= {
        *("svg", "title", "desc", "rect", "line", "text", "path", "polyline", "polygon", "circle"),
    }


def test_everything_lies_inside_the_picture() -> None:
    root = drawn(chart())
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name in ("points", "d"):
            numbers = [float(n) for n in re.findall(r"-?\d+\.\d", element.attrib.get(name, ""))]
            assert all(-4.0 <= x <= width + 4.0 for x in numbers[0::2])
            assert all(-4.0 <= y <= height for y in numbers[1::2])
        if element.tag.endswith("rect"):
            x, y, wide, high = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + wide <= width + 0.5
            assert y + high <= height


def test_labels_in_one_row_do_not_touch() -> None:
    rows: dict[str, list[tuple[float, float]]] = {}
    for element in drawn(chart()).iter():
        if element.tag.endswith("text") and element.attrib["class"] == "small" and element.text != HOSTILE:
            x, length = float(element.attrib["x"]), len(element.text or "") * LETTER_WIDTH
            begin = {"start": x, "middle": x - length / 2, "end": x - length}[element.attrib["text-anchor"]]
            rows.setdefault(element.attrib["y"], []).append((begin, begin + length))
    for spans in rows.values():
        spans.sort()
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        assert spans[-1][1] <= WIDTH + 1
    assert len(rows) > 3


def test_a_gap_cuts_the_line_and_what_failed_is_a_cross_at_the_top() -> None:
    root = drawn(chart(panels=(Panel("one", "s", MARKS[2:3]),)))
    kinds = [element.attrib.get("class") for element in root.iter()]
    assert kinds.count("dot main") == 1  # the point before the gap
    assert kinds.count("line main") == 1
    assert kinds.count("cross main") == 1


def test_steps_are_level_from_edge_to_edge_and_a_failed_one_has_one_cross() -> None:
    marks = (Line(Look.MAIN, (0.0, 5.0, 10.0), (0.2, math.inf), steps=True),)
    root = drawn(chart(panels=(Panel("one", "s", marks),)))
    (line,) = [element for element in root.iter() if element.attrib.get("class") == "line main"]
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    (ax, ay), (bx, by), (cx, cy), (_, dy) = points
    assert (ay, cy) == (by, dy)  # never a slope that would begin before its time
    assert bx == cx > ax
    assert [element.attrib.get("class") for element in root.iter()].count("cross main") == 1


def test_a_panel_of_good_and_failed_has_no_axis_of_figures() -> None:
    panel = Panel("gatherings", "none", (Dots(Look.MAIN, (1.0, 9.0), (0.0, math.inf)),))
    bare, labelled = (drawn(chart(panels=(one,))) for one in (panel, replace(panel, unit="share")))
    assert not [one for one in bare.iter() if (one.text or "").endswith("%")]
    assert [one for one in labelled.iter() if (one.text or "").endswith("%")]


def test_a_cut_outside_is_left_out() -> None:
    kinds = [element.attrib.get("class") for element in drawn(chart()).iter()]
    assert kinds.count("cut") == 1


@pytest.mark.parametrize("values", [[], [0.0], [math.inf], [3e-4, 2.0], [0.02, 0.03], [1e-9, 1e9], [0.5]])
@pytest.mark.parametrize(("unit", "logarithmic"), [("s", True), ("count", False), ("share", False)])
def test_an_axis_exists_for_whatever_was_measured(values: list[float], unit: str, logarithmic: bool) -> None:
    axis = axis_of(values, logarithmic=logarithmic, unit=unit)
    assert len(axis.ticks) >= 2
    assert len({label_of(tick, unit) for tick in axis.ticks}) == len(axis.ticks)
    assert all(0.0 <= axis.place(value) <= 1.0 for value in [*values, *axis.ticks])
    assert axis.place(math.inf) == 1.0
