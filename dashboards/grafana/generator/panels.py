"""The kinds of panel, each with what makes it readable: unit, description, legend, thresholds, exemplars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.grafana.generator.limits import Limit, thresholds
from dashboards.grafana.generator.sdk import (
    common,
    common_models,
    dashboard,
    heatmap,
    heatmap_models,
    models,
    prometheus,
    prometheus_models,
    stat,
    statetimeline,
    timeseries,
)

DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
AXIS_WIDTH = 80  # px: the same on every graph, so that graphs below each other share one time axis
MINUTE = "1m"  # the shortest step of what is counted, which probes that run once a minute fill
HALF, FULL = 12, 24  # of the grid's 24 columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a panel says of itself: the question that it answers, and the section of the runbook that goes on."""

    title: str
    answers: str
    runbook: str = ""

    @property
    def links(self) -> list[dashboard.DashboardLink]:
        """A link to the runbook's section."""
        return [runbook_link(f"Runbook: {self.runbook}", self.runbook)] if self.runbook else []


@dataclass(frozen=True, slots=True)
class Query:
    """One query with the legend of its series."""

    expr: str
    legend: str = ""
    exemplar: bool = field(default=False, kw_only=True)


def runbook_link(title: str, section: str = "") -> dashboard.DashboardLink:
    """A link to the runbook; its address is relative, as nobody knows where the reader keeps it (README.md)."""
    url = f"docs/runbook.md#{section}" if section else "docs/runbook.md"
    kind = models.DashboardLinkType.LINK
    return dashboard.DashboardLink(title).type(kind).icon("doc").url(url).target_blank(True).tooltip("What to do")


def targets(
    queries: Sequence[Query], *, instant: bool = False, kind: str = "time_series"
) -> list[prometheus.Dataquery]:
    """Queries as Grafana wants them, named A, B and so on in their order."""
    built = []
    for number, query in enumerate(queries):
        one = prometheus.Dataquery().datasource(DATASOURCE).expr(query.expr).ref_id(chr(ord("A") + number))
        one = one.format(prometheus_models.PromQueryFormat(kind)).exemplar(query.exemplar)
        one = one.instant() if instant else one.range()
        built.append(one.legend_format(query.legend) if query.legend else one)
    return built


def begun(panel: Any, text: Text, span: int, height: int) -> Any:
    """The part that every kind of panel has in common."""
    panel = panel.title(text.title).description(text.answers).datasource(DATASOURCE).span(span).height(height)
    return panel.links(text.links) if text.links else panel


def graph(
    text: Text,
    *queries: Query,
    unit: str,
    limit: Limit | None = None,
    span: int = HALF,
    height: int = 8,
    bars: bool = False,
    top: float | None = None,
) -> timeseries.Panel:
    """Lines over time, or stacked bars for counts. limit: as dashed lines. top: the axis reaches at least that far."""
    panel = begun(timeseries.Panel(), text, span, height).targets(targets(queries)).unit(unit).min(0)
    style = common_models.GraphDrawStyle.BARS if bars else common_models.GraphDrawStyle.LINE
    panel = panel.draw_style(style).line_width(1).fill_opacity(60 if bars else 0).axis_width(AXIS_WIDTH)
    panel = panel.show_points(common_models.VisibilityMode.AUTO).span_nulls(False)
    panel = panel.legend(_legend()).tooltip(_tooltip())
    if bars:
        stacked = common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
        panel = panel.interval(MINUTE).stacking(stacked)  # counts add up
    if top is not None:
        panel = panel.axis_soft_max(top)
    if limit is not None:
        dashed = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(thresholds(limit.steps())).thresholds_style(dashed)
    return panel  # type: ignore[no-any-return]


def _legend() -> common.VizLegendOptions:
    """Below the graph, never beside it: beside it would give each graph a time axis of its own width."""
    shown = common.VizLegendOptions().show_legend(True).display_mode(common_models.LegendDisplayMode.LIST)
    return shown.placement(common_models.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"])


def _tooltip() -> common.VizTooltipOptions:
    every = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return every.sort(common_models.SortOrder.DESCENDING)


def heat_map(text: Text, expr: str, *, unit: str, span: int = HALF, height: int = 8) -> heatmap.Panel:
    """The buckets of a classic histogram over time: `expr` keeps the label `le`."""
    query = Query(expr, "{{le}}", exemplar=True)
    colors = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    axis = heatmap.YAxisConfig().unit(unit).axis_placement(common_models.AxisPlacement.LEFT).axis_width(AXIS_WIDTH)
    panel = begun(heatmap.Panel(), text, span, height).targets(targets([query], kind="heatmap"))
    panel = (
        panel.interval(MINUTE)
        .calculate(False)
        .color(colors.exponent(0.5).scale(heatmap_models.HeatmapColorScale.EXPONENTIAL))
    )
    panel = panel.cell_gap(1).filter_values(heatmap.FilterValueRange().le(1e-9)).y_axis(axis).unit(unit)
    tooltip = heatmap.HeatmapTooltip().mode(common_models.TooltipDisplayMode.SINGLE).y_histogram(True)
    return panel.tooltip(tooltip).show_legend()  # type: ignore[no-any-return]


def tiles(
    text: Text,
    *queries: Query,
    span: int,
    height: int = 4,
    unit: str = "none",
    words: dict[str, tuple[str, str]] | None = None,
    limit: Limit | None = None,
    color: str | None = None,
    named: bool = True,
) -> stat.Panel:
    """One coloured tile a query. words: value -> (what to show, colour), for states. named: with the query's legend."""
    panel = begun(stat.Panel(), text, span, height).targets(targets(queries, instant=True)).unit(unit)
    panel = panel.color_mode(
        common_models.BigValueColorMode.BACKGROUND_SOLID if words else common_models.BigValueColorMode.VALUE
    )
    panel = panel.graph_mode(common_models.BigValueGraphMode.NONE).justify_mode(
        common_models.BigValueJustifyMode.CENTER
    )
    show = common_models.BigValueTextMode.VALUE_AND_NAME if named else common_models.BigValueTextMode.VALUE
    panel = panel.text_mode(show).orientation(common_models.VizOrientation.VERTICAL)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if words:
        panel = panel.mappings([mapping(words)])
    if color is not None:
        panel = panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(color))
    if limit is not None:
        panel = panel.thresholds(thresholds(limit.steps()))
    return panel.no_value("no data")  # type: ignore[no-any-return]


def colored(limit: Limit) -> list[models.DynamicConfigValue]:
    """What an override says, so that one tile of a panel has a limit of its own."""
    steps = models.ThresholdsConfig(models.ThresholdsMode.ABSOLUTE, limit.steps())
    return [
        models.DynamicConfigValue(id_val="color", value={"mode": "thresholds"}),
        models.DynamicConfigValue(id_val="thresholds", value=steps),
    ]


def mapping(words: dict[str, tuple[str, str]]) -> models.ValueMap:
    """Values shown as words in a colour."""
    shown = {
        value: models.ValueMappingResult(text=text, color=color, index=number)
        for number, (value, (text, color)) in enumerate(words.items())
    }
    return models.ValueMap(options=shown)


def states(
    text: Text, *queries: Query, words: dict[str, tuple[str, str]], span: int = FULL, height: int = 6
) -> statetimeline.Panel:
    """One coloured strip a series over time; words as for tiles."""
    panel = begun(statetimeline.Panel(), text, span, height).targets(targets(queries)).mappings([mapping(words)])
    panel = panel.show_value(common_models.VisibilityMode.NEVER).row_height(0.8).merge_values(True).fill_opacity(80)
    panel = panel.axis_width(AXIS_WIDTH).line_width(0).tooltip(_tooltip())
    return panel.legend(_legend())  # type: ignore[no-any-return]
