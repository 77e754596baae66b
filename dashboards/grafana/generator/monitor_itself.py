"""Monitor itself: can what the other dashboards show be trusted, and what will expire."""

from __future__ import annotations

from dashboards.grafana.generator import queries as q
from dashboards.grafana.generator.frame import filled, framed, platform
from dashboards.grafana.generator.limits import ANY, LAST_SEEN_S, OK, TOKEN_LEFT, WARNING, Limit, limit
from dashboards.grafana.generator.panels import FULL, Query, Text, colored, graph, heat_map, states, tiles
from dashboards.grafana.generator.sdk import models, table
from dashboards.grafana.generator.tables import Column, rows
from monitor.outputs.suspicion import MISSED_LIMIT, STEAL_LIMIT, WAITED_SHARE

RUNBOOK = "monitor-health"
EXPIRES = "softphone_token_expiry_timestamp_seconds"
CERTIFICATE = "softphone_certificate_expiry_timestamp_seconds"
LAG_S = limit("monitor-health", "loop_lag")
LATENESS_S = limit("monitor-health", "lateness")
WAITED = Limit(WAITED_SHARE)
STEAL = Limit(STEAL_LIMIT)
MISSED_SLOTS = Limit(MISSED_LIMIT)


def build() -> models.Dashboard:
    """The whole dashboard."""
    built = framed(
        "softphone-monitor",
        "Can the other dashboards be trusted: the monitor's own lag, what it dropped or skipped, what will expire.",
        since="now-3h",
    )
    return filled(
        built,
        ("", [_now(), _wrong(), platform(3), _suspect()]),
        ("Own lag", [_lag(), _lateness(), _lag_map(), _samples()]),
        ("Own machine", [_waited(), _steal(), _missed_slots(), _socket_drops(), _pauses(), _executor()]),
        ("Own name lookups", [_lookups(), _lookups_failed()]),
        ("What was lost", [_dropped(), _skipped(), _ended()]),
        ("What will expire, what runs", [_expiry(), _token_age(), _builds()]),
    )


def _now() -> object:
    text = Text(
        title="Monitors",
        answers="Does every monitor run, at every site? Absent: sites from which nothing came for 3 minutes, of those "
        "seen within a day.",
        runbook=RUNBOOK,
    )
    absent = f"count({q.last_seen_s()} > {LAST_SEEN_S.warning:g}) or count({q.last_seen_s()}) * 0"
    panel = tiles(
        text,
        Query("count(softphone_monitor_build_info)", "monitors scraped"),
        Query(f"count(count by (site) (softphone_monitor_suspect{{{q.SITE}}}))", "sites"),
        Query(absent, "sites absent"),
        span=8,
        color="text",
    )
    return panel.override_by_name("sites absent", colored(Limit(1.0, 1.0)))


def _wrong() -> object:
    text = Text(
        title="Wrong within the hour",
        answers="Were the settings read, was nothing lost, did nothing crash? Anything but 0 wants a look.",
        runbook=RUNBOOK,
    )
    return tiles(
        text,
        Query("count(softphone_monitor_config_last_reload_successful == 0) or vector(0)", "bad settings"),
        Query("round(sum(increase(softphone_monitor_dropped_total[1h])))", "facts dropped"),
        Query("round(sum(increase(softphone_monitor_processes_ended_total[1h])))", "processes ended"),
        span=13,
        limit=ANY,
    )


def _suspect() -> object:
    text = Text(
        title="To be trusted?",
        answers="When were our own measurements not to be trusted? What is measured in an orange stretch proves "
        "nothing.",
        runbook=RUNBOOK,
    )
    words = {"0": ("trusted", OK), "1": ("suspect", WARNING)}
    return states(
        text, Query(f"max by (site) (softphone_monitor_suspect{{{q.SITE}}})", "{{site}}"), words=words, height=5
    )


def _lag() -> object:
    text = Text(
        title="Event-loop lag, p99 by process",
        answers="Is the monitor's machine too busy to measure? In every process: the machine. In one: that process.",
        runbook=RUNBOOK,
    )
    expr = q.quantile(0.99, "process", "softphone_monitor_loop_lag_seconds", "")
    return graph(text, Query(expr, "{{process}}", exemplar=True), unit="s", limit=LAG_S)


def _lateness() -> object:
    text = Text(
        title="Late starts of probes, p99 by process",
        answers="Do probes start when they should?",
        runbook=RUNBOOK,
    )
    expr = q.quantile(0.99, "process", "softphone_monitor_schedule_lateness_seconds", "")
    return graph(text, Query(expr, "{{process}}", exemplar=True), unit="s", limit=LATENESS_S)


def _lag_map() -> object:
    text = Text(title="Event-loop lag, all of it", answers="Rare stalls, or lag all the time?", runbook=RUNBOOK)
    return heat_map(text, q.counted("le", "softphone_monitor_loop_lag_seconds_bucket"), unit="s")


def _samples() -> object:
    expr = q.counted("site, kind", f"softphone_monitor_suspect_samples_total{{{q.SITE}}}")
    text = Text(
        title="Suspect measurements, by kind",
        answers="Which measurements may our own lag have made up?",
        runbook=RUNBOOK,
    )
    return graph(text, Query(expr, "{{site}} {{kind}}"), unit="none", bars=True, top=1)


def _waited() -> object:
    text = Text(
        title="Time without a processor, by process",
        answers="Does another program take our processors? Share of its time that a process was ready to run and could "
        "not.",
        runbook=RUNBOOK,
    )
    expr = q.grown("process", "softphone_monitor_run_queue_seconds_total")
    return graph(text, Query(expr, "{{process}}"), unit="percentunit", limit=WAITED, top=0.1)


def _steal() -> object:
    text = Text(
        title="Processor time stolen from the machine",
        answers="Does the hypervisor give our machine's processors to others? Empty where the system does not tell.",
        runbook=RUNBOOK,
    )
    expr = "max(softphone_monitor_cpu_steal_ratio >= 0)"
    return graph(text, Query(expr, "the worst machine"), unit="percentunit", limit=STEAL, top=0.1)


def _missed_slots() -> object:
    text = Text(
        title="Media slots missed, by process",
        answers="Do our own calls send their packets in time? What is missed, the far side sees as loss.",
        runbook=RUNBOOK,
    )
    slots = "softphone_monitor_media_slots_total"
    expr = q.share("process", f'{slots}{{outcome="missed"}}', slots)
    return graph(text, Query(expr, "{{process}}"), unit="percentunit", limit=MISSED_SLOTS, top=0.02)


def _socket_drops() -> object:
    text = Text(
        title="Datagrams lost at our own sockets",
        answers="Did we read too late, or send more than the machine takes? This is no loss of the network.",
        runbook=RUNBOOK,
    )
    expr = q.counted("process", "softphone_monitor_socket_drops_total")
    return graph(text, Query(expr, "{{process}}"), unit="none", bars=True, top=1)


def _pauses() -> object:
    text = Text(
        title="Garbage collections, p99 by process",
        answers="Does Python itself stand still? A process does nothing else meanwhile.",
        runbook=RUNBOOK,
    )
    expr = q.quantile(0.99, "process", "softphone_monitor_gc_pause_seconds", "")
    return graph(text, Query(expr, "{{process}}", exemplar=True), unit="s")


def _executor() -> object:
    text = Text(
        title="Jobs that wait for a thread, by process",
        answers="Is something slow, such as a disk, holding up what runs beside the event loop?",
        runbook=RUNBOOK,
    )
    expr = "max by (process) (softphone_monitor_executor_queue)"
    return graph(text, Query(expr, "{{process}}"), unit="none", top=1)


def _lookups() -> object:
    text = Text(
        title="Name lookups of STUN and TURN servers, p95",
        answers="Is this site's DNS slow? A gathering waits for it.",
        runbook=RUNBOOK,
    )
    expr = q.quantile(0.95, "site", "softphone_monitor_dns_lookup_seconds")
    return graph(text, Query(expr, "{{site}}", exemplar=True), unit="s")


def _lookups_failed() -> object:
    text = Text(
        title="Name lookups that failed",
        answers="Does this site's DNS answer?",
        runbook=RUNBOOK,
    )
    expr = q.counted("site", f"softphone_monitor_dns_lookup_failures_total{{{q.SITE}}}")
    return graph(text, Query(expr, "{{site}}"), unit="none", bars=True, top=1)


def _dropped() -> object:
    expr = q.counted("sink", "softphone_monitor_dropped_total")
    text = Text(
        title="Facts dropped, by sink",
        answers="Was something measured and then lost? journal: the disk; metrics: the exporter; else a process's "
        "queue.",
        runbook=RUNBOOK,
    )
    return graph(text, Query(expr, "{{sink}}"), unit="none", bars=True, top=1)


def _skipped() -> object:
    expr = q.counted("site, probe", f"softphone_probe_slots_skipped_total{{{q.SITE}}}")
    text = Text(
        title="Slots skipped, by probe",
        answers="Is a probe's interval shorter than the probe takes?",
        runbook=RUNBOOK,
    )
    return graph(text, Query(expr, "{{site}} {{probe}}"), unit="none", bars=True, top=1)


def _ended() -> object:
    expr = q.counted("process", "softphone_monitor_processes_ended_total")
    text = Text(
        title="Processes that ended by themselves",
        answers="Did a part of the monitor crash? It is started again; what it measured meanwhile is missing.",
        runbook=RUNBOOK,
    )
    return graph(text, Query(expr, "{{process}}"), unit="none", bars=True, top=1, span=FULL)


def _expiry() -> table.Panel:
    left = f"min by (site, token) ({EXPIRES}{{{q.SITE}}} > 0) - time()"
    age = f"max by (site, token) (softphone_token_age_seconds{{{q.SITE}}})"
    share = f"softphone_token_remaining_ratio{{{q.SITE}}} and {EXPIRES}{{{q.SITE}}} > 0"  # 0 also while not known
    columns = [
        Column(title="Ends in", expr=left, unit="s"),
        Column(title="Of its life left", expr=f"min by (site, token) ({share})", unit="percentunit", limit=TOKEN_LEFT),
        Column(title="Issued before", expr=age, unit="s"),
    ]
    text = Text(
        title="Tokens",
        answers="Which token ends when? After that nothing connects. Of several agents the worst of each "
        "column. Empty: nobody told us its end.",
        runbook="signalling",
    )
    return rows(text, {"site": "Site", "token": "Token"}, columns, sort="Ends in", descending=False, height=5)


def _token_age() -> object:
    text = Text(
        title="Time left of tokens and of the streaming endpoint's certificate",
        answers="What expires next? Service tokens are renewed by themselves: a saw-tooth. What falls to 0 needs a "
        "hand.",
        runbook="signalling",
    )
    return graph(
        text,
        Query(f"min by (site, token) ({EXPIRES}{{{q.SITE}}} > 0) - time()", "{{site}} {{token}} token"),
        Query(f"min by (site) ({CERTIFICATE}{{{q.SITE}}} > 0) - time()", "{{site}} certificate"),
        unit="s",
        span=FULL,
    )


def _builds() -> table.Panel:
    column = Column(
        title="Monitors", expr="count by (version, python, simulated) (softphone_monitor_build_info)", decimals=0
    )
    text = Text(
        title="What runs",
        answers="Which versions run, and does any of them measure the simulator?",
        runbook=RUNBOOK,
    )
    return rows(
        text, {"version": "Version", "python": "Python", "simulated": "Simulated"}, [column], sort="Version", height=5
    )
