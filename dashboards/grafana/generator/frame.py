"""What every dashboard has around its panels: variables, annotations, links, times, the label SIMULATED."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.grafana.generator import publishes
from dashboards.grafana.generator.limits import PUBLISH, SIMULATED
from dashboards.grafana.generator.panels import DATASOURCE, Query, Text, runbook_link, tiles
from dashboards.grafana.generator.queries import SITE
from dashboards.grafana.generator.sdk import dashboard, models, prometheus, stat

TAG = "softphone"
STEP = "15s"  # of annotations, at least; Grafana makes it longer for long times
TITLES = {
    "softphone-overview": "Softphone / Overview",
    "softphone-publish-impact": "Softphone / Publish impact",
    "softphone-ice-media": "Softphone / ICE and media",
    "softphone-monitor": "Softphone / Monitor itself",
}


def framed(uid: str, description: str, *, since: str, refresh: str = "30s") -> dashboard.Dashboard:
    """A dashboard without panels. since: how far back it looks at first, such as `now-1h`."""
    built = dashboard.Dashboard(TITLES[uid]).uid(uid).description(description).tags([TAG]).readonly()
    built = built.time(since, "now").refresh(refresh).timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    built = built.variables([_datasource(), *_variables()]).annotations([_publishes(), _suspect()])
    return built.links([*_others(uid), runbook_link("Runbook")])


def filled(built: dashboard.Dashboard, *rows: tuple[str, Sequence[object]]) -> models.Dashboard:
    """The dashboard with its panels, in rows with a title; the first row has none. Panels are numbered from 1."""
    for title, panels in rows:
        if title:
            built = built.with_row(dashboard.Row(title))
        for panel in panels:
            built = built.with_panel(panel)  # type: ignore[arg-type]
    whole = built.build()
    for number, panel in enumerate(whole.panels or [], 1):
        panel.id_val = number
    return whole


def platform(span: int = 4) -> stat.Panel:
    """Whether what is measured is real: says SIMULATED where any monitor measures the built-in simulator."""
    known = "count(softphone_monitor_build_info)"
    return tiles(
        Text(
            title="Platform",
            answers="Is this real? SIMULATED: at least one monitor here measures the built-in simulator, and nothing "
            "on this page tells of Genesys Cloud.",
        ),
        Query(f'clamp_max(count(softphone_monitor_build_info{{simulated="true"}}), 1) or {known} * 0', "measured"),
        words={"0": ("real", "transparent"), "1": ("SIMULATED", SIMULATED)},
        span=span,
        named=False,
    )


def publish_now(span: int = 4) -> stat.Panel:
    """Whether a publish runs now, or has just ended: its harm outlasts it."""
    return tiles(
        Text(
            title="Publish",
            answers="Does a publish job run now, or did one end within the last 10 minutes? Its harm outlasts it.",
            runbook="publish-impact",
        ),
        Query(publishes.STANDING, "publish"),
        words={"0": ("none", "transparent"), "1": ("JUST ENDED", PUBLISH), "2": ("RUNNING", PUBLISH)},
        span=span,
        named=False,
    )


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _variables() -> list[dashboard.QueryVariable]:
    return [
        _of_label("site", "Site", "label_values(softphone_signalling_expected, site)"),
        _of_label("publish", "Publish job", "label_values(softphone_publish_active, publish)"),
    ]


def _of_label(name: str, label: str, query: str) -> dashboard.QueryVariable:
    every = models.VariableOption(text="All", value="$__all", selected=True)
    built = dashboard.QueryVariable(name).label(label).query(query).definition(query).datasource(DATASOURCE)
    built = built.multi(True).include_all(True).all_value(".*").current(every)
    return built.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _publishes() -> dashboard.AnnotationQuery:
    """Every window as a region with its true edges, on every graph, also when it was told late."""
    built = _annotation("Publish windows", publishes.REGION_MS, "purple").use_value_for_time(True)
    return built.title_format("publish {{publish}}").text_format("run {{run_id}}").tag_keys("publish")


def _suspect() -> dashboard.AnnotationQuery:
    """When the monitor itself is not to be believed."""
    built = _annotation("Monitor suspect", f"max by (site) (softphone_monitor_suspect{{{SITE}}})", "#8e8e8e")
    built = built.use_value_for_time(False).title_format("monitor suspect")
    return built.text_format("{{site}}: own lag; do not trust what is measured here")


def _annotation(name: str, expr: str, color: str) -> dashboard.AnnotationQuery:
    """The query stands in it twice: older Grafana reads `expr` and `step`, newer `target`."""
    target = prometheus.Dataquery().datasource(DATASOURCE).expr(expr).interval(STEP).ref_id("Anno").range()
    built = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(color)
    return built.expr(expr).step(STEP).target(target)


def _others(uid: str) -> list[dashboard.DashboardLink]:
    """A link to each other dashboard; time and variables go with it."""
    return [
        dashboard.DashboardLink(title.removeprefix("Softphone / "))
        .type(models.DashboardLinkType.LINK)
        .icon("dashboard")
        .url(f"/d/{other}")
        .tooltip(title)
        .include_vars(True)
        .keep_time(True)
        for other, title in TITLES.items()
        if other != uid
    ]
