"""Overview: is it healthy now, which site, which layer."""

from __future__ import annotations

from dashboards.grafana.generator import queries as q
from dashboards.grafana.generator.frame import filled, framed, platform, publish_now
from dashboards.grafana.generator.limits import ANY, CALLS_FAILED, CRITICAL, LAST_SEEN_S, MOS, OK, WARNING, limit
from dashboards.grafana.generator.panels import Query, Text, graph, heat_map, tiles
from dashboards.grafana.generator.sdk import models, stat, table
from dashboards.grafana.generator.tables import Column, rows

STATES = {"0": ("OK", OK), "1": ("WARNING", WARNING), "2": ("CRITICAL", CRITICAL), "-1": ("no data", "text")}
CONNECTED = limit("signalling", "connected", percent=True)
FETCH_S = limit("signalling", "ice_fetch_p95")
FETCH_FAILED = limit("signalling", "ice_fetch_failed", percent=True)
MISSED = limit("heartbeat", "missed", percent=True)
RTT_S = limit("heartbeat", "rtt_p95")
GATHERINGS = limit("ice-gathering", "failed", percent=True)
SERVERS = limit("turn", "failed", percent=True)
LIMITED = limit("api-limits", "limited", percent=True)
BROKEN = limit("api-limits", "server_errors", percent=True)
API_S = limit("api-limits", "api_p95")

RTT = "softphone_heartbeat_rtt_seconds"
FETCH = "softphone_signalling_phase_seconds"
FETCHES = f'{q.SITE},phase="ice_servers"'
MOS_SERIES = "softphone_media_mos"


def _now(number: float, by: str, histogram: str, where: str = q.SITE) -> str:
    return q.quantile(number, by, histogram, where, q.NOW)


def _fetch_failed(by: str = "site", over: str = q.RATE) -> str:
    failed = q.grown(by, f"softphone_signalling_phase_failures_total{{{FETCHES}}}", over)
    return f"{failed} / ({failed} + {q.grown(by, f'{FETCH}_count{{{FETCHES}}}', over)} > 0)"


def build() -> models.Dashboard:
    """The whole dashboard."""
    built = framed(
        "softphone-overview",
        "Is it healthy now, which site, which layer. The first row says it in words, by the limits of the on-call "
        "checks.",
        since="now-1h",
    )
    return filled(
        built,
        ("", [_layers(), publish_now(3), platform(3), _sites()]),
        (
            "Softphones",
            [
                *(_connected(), _drops(), _missed(), _rtt(), _tcp_rtt(), _phases(), _phase_failures()),
                *(_reconnects(), _budget(), _silent()),
            ],
        ),
        ("What they need", [_fetch(), _gatherings(), _api(), _api_failed(), _alerts()]),
    )


def _layers() -> stat.Panel:
    """The first thing to look at."""
    layers = {
        "Signalling": q.worst(
            CONNECTED.state(q.connected()),
            FETCH_S.state(_now(0.95, "site", FETCH, FETCHES)),
            FETCH_FAILED.state(_fetch_failed(over=q.NOW)),
        ),
        "Heartbeat": q.worst(
            MISSED.state(q.missed("site, channel", q.NOW)),
            RTT_S.state(_now(0.95, "site, channel", RTT, q.PINGS)),
        ),
        "ICE gathering": q.worst(GATHERINGS.state(q.gatherings_failed("site, servers", q.NOW))),
        "STUN and TURN": q.worst(SERVERS.state(q.servers_failed("site, server", q.NOW))),
        "Call set-up": q.worst(CALLS_FAILED.state(q.calls_failed(over=q.NOW))),
        "Media": q.worst(MOS.state(_now(0.05, "site", MOS_SERIES))),
        "REST API": q.worst(
            LIMITED.state(q.api_share(q.LIMITED, over=q.NOW)),
            BROKEN.state(q.api_share(q.SERVER_ERRORS, over=q.NOW)),
            API_S.state(_now(0.95, "site", "softphone_api_request_seconds")),
        ),
        "Monitor": q.worst(
            f"max by (site) (softphone_monitor_suspect{{{q.SITE}}})",
            LAST_SEEN_S.state(q.last_seen_s()),
            f"(sum(increase(softphone_monitor_dropped_total[{q.NOW}])) > bool 0)",
        ),
    }
    return tiles(
        Text(
            title="Now: the worst of all sites, by layer",
            answers="Is it healthy, and which layer is not? The last 5 minutes against the limits of docs/runbook.md. "
            "Each tile takes the worst of the chosen sites; the table below says which.",
            runbook="how-to-read-a-check",
        ),
        *(Query(expr, name) for name, expr in layers.items()),
        words=STATES,
        span=18,
    )


def _sites() -> table.Panel:
    """Which site, which layer."""
    columns = [
        Column(title="Connected", expr=q.connected(), unit="percentunit", decimals=0, limit=CONNECTED),
        Column(title="Drops, 15 min", expr=_drops_of_site(), decimals=0, limit=ANY),
        Column(title="Pings missed", expr=q.missed(over=q.NOW), unit="percentunit", decimals=1, limit=MISSED),
        Column(title="Ping p95", expr=_now(0.95, "site", RTT, q.PINGS), unit="s", decimals=0, limit=RTT_S),
        Column(title="ICE-server fetch p95", expr=_now(0.95, "site", FETCH, FETCHES), unit="s", limit=FETCH_S),
        Column(title="Gatherings failed", expr=q.gatherings_failed(over=q.NOW), unit="percentunit", limit=GATHERINGS),
        Column(title="STUN/TURN failed", expr=q.servers_failed(over=q.NOW), unit="percentunit", limit=SERVERS),
        Column(title="Call set-ups failed", expr=q.calls_failed(over=q.NOW), unit="percentunit", limit=CALLS_FAILED),
        Column(title="MOS, 95 % above", expr=_now(0.05, "site", MOS_SERIES), decimals=1, limit=MOS),
        Column(title="API 429", expr=q.api_share(q.LIMITED, over=q.NOW), unit="percentunit", limit=LIMITED),
        Column(title="Last seen", expr=q.last_seen_s(), unit="s", decimals=0, limit=LAST_SEEN_S),
        Column(
            title="Monitor",
            expr=f"max by (site) (softphone_monitor_suspect{{{q.SITE}}})",
            words={"0": ("OK", OK), "1": ("SUSPECT", WARNING)},
        ),
    ]
    text = Text(
        title="Now: site by site",
        answers="Which site, and which layer of it? One site alone is mostly its network; all sites at once are the "
        "platform or a publish. The last 5 minutes, drops of 15. An empty cell was not measured. "
        "A site whose monitor is gone stays here for a day.",
        runbook="all",
    )
    return rows(text, {"site": "Site"}, columns, sort="Connected", descending=False)


def _drops_of_site() -> str:
    return f"round(sum by (site) (increase(softphone_disconnects_total{{{q.REAL_DROPS}}}[15m])))"


def _connected() -> object:
    text = Text(
        title="Softphones connected",
        answers="Can agents be offered calls? The share of the synthetic softphones with a signalling session.",
        runbook="signalling",
    )
    return graph(text, Query(q.connected(), "{{site}}"), unit="percentunit", limit=CONNECTED, top=1)


def _drops() -> object:
    series = f"softphone_disconnects_total{{{q.REAL_DROPS}}}"
    expr = f"round({q.counted('site, layer', series)}) > 0 or {q.grown('site', series)} * 0"
    text = Text(
        title="Drops",
        answers="When did connections break, and in which layer? Normal ends and planned moves left out. Bars of "
        "several sites at one moment have one cause.",
        runbook="disconnects",
    )
    return graph(text, Query(expr, "{{site}} {{layer}}"), unit="none", bars=True, top=1)


def _missed() -> object:
    text = Text(
        title="Pings missed",
        answers="Do the softphones' own pings come back? Two missed in a row end a connection.",
        runbook="heartbeat",
    )
    return graph(
        text, Query(q.missed("site, channel"), "{{site}} {{channel}}"), unit="percentunit", limit=MISSED, top=0.1
    )


def _rtt() -> object:
    expr = q.quantile(0.95, "site, channel", RTT, q.PINGS)
    text = Text(
        title="Ping round trip, p95",
        answers="Is signalling slow, and at which site? Pings that were answered in time; the missed ones are beside "
        "it.",
        runbook="heartbeat",
    )
    return graph(text, Query(expr, "{{site}} {{channel}}", exemplar=True), unit="s", limit=RTT_S)


def _tcp_rtt() -> object:
    expr = q.quantile(0.95, "site, channel", "softphone_heartbeat_tcp_rtt_seconds", q.PINGS)
    text = Text(
        title="TCP round trip beside the pings, p95",
        answers="Which part of a slow ping is the network's? High here too: the network, as far as the first proxy. "
        "Low here: the far side's queue, or this monitor.",
        runbook="heartbeat",
    )
    return graph(text, Query(expr, "{{site}} {{channel}}", exemplar=True), unit="s", limit=RTT_S)


def _phases() -> object:
    expr = q.quantile(0.95, "phase", FETCH)
    text = Text(
        title="Connecting, p95 by phase",
        answers="Which step of connecting is slow? token and channel_create are REST; tcp, tls and upgrade the "
        "network; sasl, bind and ice_servers the platform's signalling.",
        runbook="signalling",
    )
    return graph(text, Query(expr, "{{phase}}", exemplar=True), unit="s")


def _phase_failures() -> object:
    expr = q.counted("site, phase", f"softphone_signalling_phase_failures_total{{{q.SITE}}}")
    text = Text(
        title="Connecting, failures by phase", answers="Which step of connecting fails, where?", runbook="signalling"
    )
    return graph(text, Query(expr, "{{site}} {{phase}}"), unit="none", bars=True, top=1)


def _reconnects() -> object:
    expr = q.counted("le", f"softphone_reconnect_seconds_bucket{{{q.SITE}}}")
    text = Text(
        title="Reconnects, how long they took",
        answers="How long are softphones gone after a drop, and do they come back in a herd (many in one column)?",
        runbook="signalling",
    )
    return heat_map(text, expr, unit="s")


def _budget() -> object:
    windows = ("5m", "1h", "6h")
    asked = [
        Query(f"site:softphone_heartbeats:failure_ratio{w}{{{q.SITE}}}", f"{{{{site}}}} over {w}") for w in windows
    ]
    text = Text(
        title="Share of failed pings, as the alerts see it",
        answers="Is it a blip or does it burn the error budget? Short and long windows high together is what pages.",
        runbook="heartbeat",
    )
    return graph(text, *asked, unit="percentunit", top=0.01)


def _silent() -> object:
    now = f"sum by (site) (softphone_signalling_silent{{{q.SITE}}})"
    noticed = q.counted("site, where", f"softphone_signalling_silences_total{{{q.SITE}}}")
    text = Text(
        title="Silent connections",
        answers="Which connections are up in name only? Told within 9 s; the softphone drops them after 35 or 58 s. "
        "path: what we send is not acknowledged; server: it is, and nobody answers.",
        runbook="silence",
    )
    asked = [Query(now, "{{site}} now"), Query(noticed, "{{site}} noticed, {{where}}")]
    return graph(text, *asked, unit="none", top=1)


def _fetch() -> object:
    expr = q.quantile(0.95, "site", FETCH, FETCHES)
    text = Text(
        title="ICE-server fetch, p95",
        answers="Will a softphone that reconnects get its STUN and TURN servers in time? It gives up after 15 s.",
        runbook="signalling",
    )
    return graph(text, Query(expr, "{{site}}", exemplar=True), unit="s", limit=FETCH_S)


def _gatherings() -> object:
    expr = q.counted("site, signature", f"softphone_ice_gatherings_total{{{q.SITE}}}")
    text = Text(
        title="ICE gatherings by what they looked like",
        answers="Do softphones find candidates, and if not, what is missing? ok and slow can carry a call.",
        runbook="ice-gathering",
    )
    return graph(text, Query(f"{expr} > 0", "{{site}} {{signature}}"), unit="none", bars=True)


def _api() -> object:
    expr = q.quantile(0.95, "site", "softphone_api_request_seconds")
    text = Text(
        title="REST API, p95",
        answers="Is the API slow too? Slow API with quick pings is no trouble for calls.",
        runbook="api-limits",
    )
    return graph(text, Query(expr, "{{site}}", exemplar=True), unit="s", limit=API_S)


def _api_failed() -> object:
    text = Text(
        title="REST requests that failed",
        answers="Are we told to wait (429), or does the API itself fail? 5xx and requests that nobody answered.",
        runbook="api-limits",
    )
    asked = [
        Query(q.api_share(q.LIMITED), "{{site}} told to wait"),
        Query(q.api_share(q.SERVER_ERRORS), "{{site}} failed"),
    ]
    return graph(text, *asked, unit="percentunit", limit=BROKEN, top=0.1)


def _alerts() -> table.Panel:
    """What fires; the watchdog always does, so that an empty table means that no rules are loaded."""
    labels, ours = "alertname, severity, site", 'alertname=~"Softphone.*"'
    column = Column(
        title="Since",
        expr=f"max by ({labels}) (ALERTS_FOR_STATE{{{ours}}}) * 1000 "
        f'and on ({labels}) ALERTS{{{ours},alertstate="firing"}}',
        unit="dateTimeAsIso",
    )
    text = Text(
        title="Alerts that fire",
        answers="What has the alerting found, since when? SoftphoneWatchdog always fires: without it no rules are "
        "loaded.",
    )
    return rows(
        text,
        {"severity": "Severity", "alertname": "Alert", "site": "Site"},
        [column],
        sort="Severity",
        descending=False,
    )
