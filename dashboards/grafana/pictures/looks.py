"""How values and states look: units as text, Grafana's colour names as colours, thresholds and words of a panel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

INK, FAINT, SHADE, GREY = "#1f2430", "#8a8f99", "#b877d9", "#e4e6ea"
LINES = ("#1f77b4", "#d95f02", "#1b9e77", "#7570b3", "#c2185b", "#8c6d31", "#546e7a", "#a0a000")
COLORS = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "purple": SHADE,
    "text": GREY,
    "transparent": "#f4f5f7",
    "semi-dark-orange": "#ff780a",
}


def color(name: str) -> str:
    """A colour as matplotlib knows it."""
    return COLORS.get(name, name)


def with_unit(value: float, unit: str, decimals: int | None, zone: ZoneInfo) -> str:
    """A value as a reader wants to see it; nothing for what is no number."""
    if math.isnan(value):
        return ""
    if unit == "dateTimeAsIso":
        return datetime.fromtimestamp(value / 1000, zone).strftime("%a %H:%M:%S")
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    return f"{value:.{decimals}f}" if decimals is not None else f"{value:g}"


def word(value: float, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """The word and the colour that a panel's mappings have for a value."""
    for mapping in config.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found is not None:
            return found["text"], color(found["color"])
    return None


def at_threshold(value: float, config: Mapping[str, Any]) -> str:
    """The colour of the highest step that a value reaches."""
    reached = [
        step["color"] for step in config["thresholds"]["steps"] if step.get("value") is None or value >= step["value"]
    ]
    return color(reached[-1])
