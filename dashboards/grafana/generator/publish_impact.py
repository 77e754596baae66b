"""Publish impact: everything that a publish may harm below each other on one time axis, its windows shaded."""

from __future__ import annotations

from dashboards.grafana.generator import overview as o
from dashboards.grafana.generator import publishes as p
from dashboards.grafana.generator import queries as q
from dashboards.grafana.generator.frame import filled, framed, platform, publish_now
from dashboards.grafana.generator.limits import ANY, CRITICAL, OK, PUBLISH, WARNING, Limit
from dashboards.grafana.generator.panels import FULL, Query, Text, graph, heat_map, states, tiles
from dashboards.grafana.generator.sdk import models, table
from dashboards.grafana.generator.tables import Column, rows

API = "softphone_api_requests_total"
DROPS = f"softphone_disconnects_total{{{q.REAL_DROPS}}}"
BATCHES = f"softphone_publish_batches_total{{{p.PUBLISH}}}"
# A ratio alone convicts nobody: the verdict (`report`, `check publish-impact`) weighs it against chance.
RATIO = Limit(2.0, 10.0)


def build() -> models.Dashboard:
    """The whole dashboard."""
    built = framed(
        "softphone-publish-impact",
        "What happens while a schedule publish runs: its windows are shaded on every graph with their true edges, also "
        "when they were told late. Seeing things together is no proof: `softphone-monitor report` says how sure one "
        "can be.",
        since="now-3h",
    )
    graphs = [_states(), _drops(), _rtt(), _missed(), _fetch(), _gathering(), _api_rate(), _api_time(), _batches()]
    return filled(
        built,
        ("", [publish_now(3), _in_and_out(), platform(3)]),
        ("On one time axis", graphs),
        ("Runs", [_runs(), _sites(), _batch_times()]),
    )


def _in_and_out() -> object:
    text = Text(
        title="Pings missed now, and drops in windows against outside over 7 days, worst site",
        answers="Does it hurt now, and did it hurt before? The ratio compares drops for each softphone and second "
        "inside publish windows with those outside; it is absent until there was time of both kinds.",
        runbook="publish-impact",
    )
    return tiles(
        text,
        Query(f"max({q.missed(over=q.NOW)}) * 100", "pings missed, %"),
        Query(f"max(site:softphone_disconnects:window_ratio{{{q.SITE}}})", "drops inside / outside, x"),
        unit="short",
        span=18,
        limit=RATIO,
    )


def _states() -> object:
    text = Text(
        title="Signalling and publishes",
        answers="Did softphones lose their sessions while a publish ran? Green: all of a site are connected; orange: "
        "some are not; red: under half are. Purple: a run of the job.",
        runbook="signalling",
    )
    level = f"floor(({q.connected()}) * 2) + ({q.connected()} >= bool 1)"  # 0: under half, 1: some lost, 3: all there
    words = {
        "0": ("under half", CRITICAL),
        "1": ("some lost", WARNING),
        "3": ("all connected", OK),
        "10": ("no publish", "transparent"),
        "11": ("publish", PUBLISH),
    }
    return states(text, Query(level, "{{site}}"), Query(f"10 + ({p.OF_JOB})", "{{publish}}"), words=words, height=5)


def _drops() -> object:
    expr = f"round({q.counted('site, layer', DROPS)})"
    text = Text(
        title="Drops",
        answers="Do drops gather in the shaded windows and just after them? Normal ends and planned moves left out.",
        runbook="disconnects",
    )
    return graph(text, Query(expr, "{{site}} {{layer}}"), unit="none", bars=True, top=1, span=FULL, height=6)


def _rtt() -> object:
    text = Text(
        title="Ping round trip, p95",
        answers="Does signalling slow down in the windows? xmpp and notification rising while websocket stays flat: "
        "the platform behind its edge. All three rising at one site: the network there.",
        runbook="heartbeat",
    )
    expr = q.quantile(0.95, "site, channel", o.RTT)
    return graph(text, Query(expr, "{{site}} {{channel}}", exemplar=True), unit="s", limit=o.RTT_S, span=FULL, height=6)


def _missed() -> object:
    text = Text(
        title="Pings missed",
        answers="Are pings lost in the windows? A histogram has only answered pings: the lost ones are here.",
        runbook="heartbeat",
    )
    expr = q.missed("site, channel")
    return graph(
        text, Query(expr, "{{site}} {{channel}}"), unit="percentunit", limit=o.MISSED, top=0.1, span=FULL, height=6
    )


def _fetch() -> object:
    text = Text(
        title="ICE-server fetch, p95",
        answers="Do softphones wait for their list of STUN and TURN servers in the windows? They give up after 15 s.",
        runbook="signalling",
    )
    expr = q.quantile(0.95, "site", o.FETCH, o.FETCHES)
    return graph(text, Query(expr, "{{site}}", exemplar=True), unit="s", limit=o.FETCH_S, span=FULL, height=6)


def _gathering() -> object:
    expr = q.counted("le", f"softphone_ice_gathering_seconds_bucket{{{q.SITE}}}")
    text = Text(
        title="ICE gathering time",
        answers="Does gathering take longer in the windows? Each column is a histogram; steps of half a second are "
        "lost packets or slow servers.",
        runbook="ice-gathering",
    )
    return heat_map(text, expr, unit="s", span=FULL, height=6)


def _api_rate() -> object:
    limited = f'softphone_api_requests_total{{{q.SITE},status="429"}}'
    text = Text(
        title="Our REST requests, by status",
        answers="Does the platform tell us to wait (429) while the publish runs? Only the monitor's own requests are "
        "seen.",
        runbook="api-limits",
    )
    return graph(
        text,
        Query(f"sum by (status) (rate({API}{{{q.SITE}}}[{q.RATE}]))", "{{status}}"),
        Query(f"sum(rate({limited}[{q.RATE}])) or sum(rate({API}{{{q.SITE}}}[{q.RATE}])) * 0", "told to wait (429)"),
        unit="reqps",
        span=FULL,
        height=6,
    )


def _api_time() -> object:
    text = Text(
        title="REST API, p95 by operation",
        answers="Is the API itself slow in the windows? Slow API beside quick pings: nothing that calls would notice.",
        runbook="api-limits",
    )
    expr = q.quantile(0.95, "operation", "softphone_api_request_seconds")
    return graph(text, Query(expr, "{{operation}}", exemplar=True), unit="s", limit=o.API_S, span=FULL, height=6)


def _batches() -> object:
    text = Text(
        title="Batches published",
        answers="When did the job send what, and how did it end? Only jobs that mark their batches are seen.",
        runbook="publish-impact",
    )
    expr = f"round({q.counted('publish, outcome', BATCHES)})"
    return graph(text, Query(expr, "{{publish}} {{outcome}}"), unit="none", bars=True, top=1, span=FULL, height=6)


def _batch_times() -> object:
    series = f"softphone_publish_batch_seconds_bucket{{{p.PUBLISH}}}"
    text = Text(
        title="How long batches took",
        answers="Does the platform take longer for a batch the more of them it gets? Where markers carry `seconds`.",
        runbook="publish-impact",
    )
    return heat_map(text, q.counted("le", series), unit="s", span=FULL, height=6)


def _runs() -> table.Panel:
    limited = f'{API}{{{q.SITE},status="429"}}'
    pacing = "publish, run_id, strategy, batch_size, pause"
    columns = [
        Column(title="Started", expr=f"{p.START} * 1000", unit="dateTimeAsIso"),
        Column(title="Lasted", expr=f"{p.END_OR_NOW} - {p.START}", unit="s"),
        Column(
            title="State",
            expr=f"{p.END} * 0 or {p.START} * 0 + 1",
            words={"0": ("ended", "transparent"), "1": ("running", PUBLISH)},
        ),
        Column(title="Drops", expr=p.counted_while_felt(DROPS, "layer, reason, agent"), decimals=0, limit=ANY),
        Column(
            title="Worst ping p95",
            expr=p.worst_while_felt(q.quantile(0.95, "site, channel", o.RTT, q.PINGS)),
            unit="s",
            limit=o.RTT_S,
        ),
        Column(title="Worst share missed", expr=p.worst_while_felt(q.missed()), unit="percentunit", limit=o.MISSED),
        Column(title="Our 429s", expr=p.counted_while_felt(limited, "operation, status"), decimals=0, limit=ANY),
        Column(title="Pacing", expr=f"max by ({pacing}) (softphone_publish_run_info{{{p.PUBLISH}}})", hidden=True),
    ]
    labels = {"publish": "Job", "run_id": "Run", "strategy": "Strategy", "batch_size": "Batch size", "pause": "Pause"}
    text = Text(
        title="Runs",
        answers="Which run, published which way, came with how much harm? Counted to 5 minutes after its end, of runs "
        "within the shown time, the chosen sites together. Compare ways with `softphone-monitor experiment`, never by "
        "this table alone.",
        runbook="publish-impact",
    )
    return rows(text, labels, columns, sort="Started")


def _sites() -> table.Panel:
    name = "site:softphone_disconnects"
    columns = [
        Column(
            title="Drops a softphone-hour, in windows", expr=f"{name}:rate_in_window{{{q.SITE}}} * 3600", decimals=2
        ),
        Column(title="outside", expr=f"{name}:rate_out_of_window{{{q.SITE}}} * 3600", decimals=2),
        Column(title="Ratio", expr=f"{name}:window_ratio{{{q.SITE}}}", decimals=1, limit=RATIO),
    ]
    text = Text(
        title="Drops in windows against outside, 7 days, site by site",
        answers="Which sites are hurt? All of them alike: the platform. One alone: see what is different there.",
        runbook="publish-impact",
    )
    return rows(text, {"site": "Site"}, columns, sort="Ratio", height=5)
