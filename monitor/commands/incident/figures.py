"""The aligned timeline: the whole period, the windows laid over one another, and one window as it was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Final

from monitor.analysis.timeline.days import Overview
from monitor.analysis.timeline.measures import SHARES
from monitor.analysis.timeline.runs import Raw
from monitor.analysis.timeline.stacked import Panel as Signal
from monitor.analysis.timeline.stacked import Phase, Stack
from monitor.commands.incident.document import Band, Bars, Chart, Dots, Figure, Line, Look, Panel, Shade, Table, Text
from monitor.commands.incident.wording import amount_of, day_text, moment_text, seconds_of
from monitor.commands.verdict_sentence import title
from monitor.commands.verdict_text import amount
from monitor.facts.signals import MEDIA_RTT
from monitor.facts.words import counted

MINUTE: Final = 60.0
NAMES: Final = {MEDIA_RTT: "media round trip"}
AXIS: Final = "minutes after the start of the publish"
CROSSES: Final = "a cross at the top: failed or timed out"


def overview_figure(overview: Overview, counts: float) -> Figure:
    """Drops of every day, those in windows set off. counts: how many of them the verdict counts."""
    stretches, unit = overview.stretches, "week" if overview.weekly else "day"
    edges = tuple(float(place) for place in range(len(stretches) + 1))
    bars = (
        Bars(Look.OTHER, edges, tuple(float(one.drops) for one in stretches)),
        Bars(Look.MAIN, edges, tuple(float(one.in_windows) for one in stretches)),
    )
    first = [place for place, one in enumerate(stretches) if overview.weekly or one.day.weekday() == 0 or not place]
    ticks = tuple((place + 0.5, day_text(stretches[place].day)) for place in first)
    shades = tuple(Shade(place, place + 1.0) for place, one in enumerate(stretches) if one.windows)
    chart = Chart(0.0, edges[-1], ticks, f"local {unit}s", (Panel(f"drops a {unit}", "count", bars),), shades)
    every, inside = sum(one.drops for one in stretches), sum(one.in_windows for one in stretches)
    busiest = max(stretches, key=lambda one: one.drops)
    others = f" The verdict counts {amount(counts)}: those in observed working time." if counts != every else ""
    text = (
        f"{counted(every, 'drop')} in {counted(len(stretches), unit)}, {amount(inside)} of them in publish windows. "
        f"Most: {busiest.drops} on {'the week from ' * overview.weekly}{day_text(busiest.day)}, "
        f"{busiest.in_windows} of them in a window.{others}"
        if every
        else f"No drop in {counted(len(stretches), unit)}."
    )
    key = ((Look.MAIN, "drops in a publish window or its tail"), (Look.OTHER, f"all drops of the {unit}"))
    return Figure(f"The whole period, by {unit}; shaded: {unit}s with a publish", text, chart, key)


def stack_figure(stack: Stack) -> Figure:
    """Every window laid upon the others by its start, against the same clock time on other days."""
    edges = tuple(edge / MINUTE for edge in stack.edges_s)
    panels = tuple(map(_stacked_panel, stack.panels))
    shade = Shade(0.0, max(stack.length_s / MINUTE, 0.2), "publish")
    chart = Chart(edges[0], edges[-1], _minutes(edges[0], edges[-1]), AXIS, panels, (shade,))
    others = f"the same clock time on {counted(stack.others, 'other day')}" if stack.others else "no other day"
    text = (
        f"{counted(stack.windows, 'window')} laid over one another by the start, beside {others}. Lines are medians, "
        "bands reach from the 10th to the 90th percentile; drops and failed gatherings are means. A failed attempt "
        f"ranks above every answered one; {CROSSES}. The figures are in the table below."
    )
    key = ((Look.MAIN, "publish windows"), (Look.OTHER, "same clock time, other working days"))
    return Figure("The publish windows, one upon the other", text, chart, key)


def stack_table(stack: Stack) -> Table | Text:
    """What the stack shows, in figures: the text alternative."""
    columns = ("measured", "in windows", "failed", "median", "90 %", "other days", "failed", "median", "90 %")
    rows = tuple(
        (_named(one.signal), *_phase(one.in_windows), *_phase(one.in_others))
        for one in stack.panels
        if one.in_windows is not None and one.in_others is not None
        if one.in_windows.attempts or one.in_others.attempts
    )
    if not rows:
        return Text("No attempt of any probe that may be trusted lies near a window.")
    return Table("Attempts in the windows and at the same time of other days", columns, rows, tuple(range(1, 9)))


def raw_figure(raw: Raw, zone: tzinfo, batches_s: Sequence[float]) -> Figure:
    """One window, sample by sample."""
    start, end = raw.from_s / MINUTE, raw.to_s / MINUTE
    length = (raw.window.last_s - raw.window.start_s) / MINUTE
    panels = (_raw_drops(raw, start, end), *_raw_panels(raw))
    cuts = tuple((at_s - raw.window.start_s) / MINUTE for at_s in batches_s)
    chart = Chart(start, end, _minutes(start, end), AXIS, panels, (Shade(0.0, max(length, 0.2), "publish"),), cuts)
    name = f"{moment_text(raw.window.start_s, zone)}, {raw.window.job or 'the publish'}"
    failed = sum(math.isinf(value) for _, _, values in raw.signals for value in values)
    batches = f" Thin upright lines: {counted(len(cuts), 'batch', 'batches')}." if cuts else ""
    text = (
        f"Every sample from half an hour before {name} to half an hour after its end: "
        f"{counted(len(raw.drops_s), 'drop')}, {counted(failed, 'failed attempt')}; {CROSSES}."
        f"{batches}"
        f"{' Of dense signals the lowest and the highest of each stretch are drawn.' if raw.thinned else ''}"
    )
    return Figure(f"The window with most drops, as measured: {name}", text, chart)


def _stacked_panel(one: Signal) -> Panel:
    edges = tuple(edge / MINUTE for edge in one.edges_s)
    if one.signal == "drops":
        bars = Bars(Look.MAIN, edges, one.windows.middle)
        return Panel("drops a window (noticed)", "count", (bars, Line(Look.OTHER, edges, one.others.middle, True)))
    lines = (Line(Look.OTHER, edges, one.others.middle, True), Line(Look.MAIN, edges, one.windows.middle, True))
    if one.signal in SHARES:
        return Panel("failed ICE gatherings, share", "share", lines)
    bands = (
        Band(Look.OTHER, edges, one.others.low, one.others.high, True),
        Band(Look.MAIN, edges, one.windows.low, one.windows.high, True),
    )
    return Panel(_named(one.signal), "s", (*bands, *lines), logarithmic=True)


def _raw_drops(raw: Raw, start: float, end: float) -> Panel:
    edges = tuple(start + place for place in range(math.ceil(end - start) + 1))
    counts = [0] * (len(edges) - 1)
    for at_s in raw.drops_s:
        counts[min(len(counts) - 1, int(at_s / MINUTE - start))] += 1
    return Panel("drops a minute (noticed)", "count", (Bars(Look.MAIN, edges, tuple(map(float, counts))),))


def _raw_panels(raw: Raw) -> Iterator[Panel]:
    for signal, at_s, values in raw.signals:
        if not values:
            continue
        x = tuple(at / MINUTE for at in at_s)
        if signal in SHARES:
            marks = Dots(Look.MAIN, x, tuple(math.inf if value else 0.0 for value in values))
            yield Panel("ICE gatherings: below good, cross failed", "none", (marks,))
        else:
            yield Panel(_named(signal), "s", (Dots(Look.MAIN, x, values),), logarithmic=True)


def _named(signal: str) -> str:
    return NAMES.get(signal, title(signal))


def _phase(phase: Phase | None) -> tuple[str, ...]:
    if phase is None:
        return ("-",) * 4
    return (amount_of(phase.attempts), amount_of(phase.failed), seconds_of(phase.median), seconds_of(phase.p90))


def _minutes(start: float, end: float) -> tuple[tuple[float, str], ...]:
    step = next((step for step in (5, 10, 15, 30, 60) if (end - start) / step <= 14), 60)
    first = math.ceil(start / step) * step
    return tuple((float(minute), f"{minute:+d}" if minute else "0") for minute in range(first, int(end) + 1, step))
