"""Every metric once: name, type, meaning, labels, label values, buckets. docs/metrics.md is generated from here."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.facts.failures import DISCONNECT_REASONS
from monitor.facts.ice import ServerOutcome, Signature
from monitor.facts.runs import OUTCOMES

# Label values that are open by nature (a host name the platform hands out, an HTTP status) are cut off at this many a
# metric; further ones are counted under `other`, so that nothing outside can grow our memory or a scrape.
OPEN_VALUES_LIMIT = 100
OTHER = "other"


class Type(StrEnum):
    """The kinds of metric we export."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    closed: the values of a label that are known here. A label that is neither closed nor in SETTINGS_LABELS takes its
    values as they come. combinations: the closed values of several labels, where not every pair makes sense (its
    labels stand in `combined`). per_agent: gets a label `agent` where `metrics.per_agent` is on (counters and gauges
    only: a histogram an agent is what makes a scrape expensive, and its exemplars name the agent anyway).
    buckets: upper edges.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    combined: tuple[str, ...] = ()
    combinations: tuple[tuple[str, ...], ...] = ()
    per_agent: bool = False
    buckets: tuple[float, ...] = ()


# Labels whose values the settings name, so that they exist from the start as well.
SETTINGS_LABELS: dict[str, str] = {
    "site": "the site's name",
    "servers": "`platform`, or the gathering probe's name",
    "operation": "the REST operation",
    "process": "`main`, `prober`, `shard0` and so on",
    "sink": "who should have got the facts",
    "publish": "the publish job's name",
    "agent": "the synthetic agent's name",
    "probe": "the probe's name",
}

RTT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1, 2.5, 5)
PHASE_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
GATHERING_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 40)
SERVER_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
RECONNECT_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 90, 180, 300)
BATCH_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000)
LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

CHANNELS = ("notification", "xmpp", "websocket")
HEARTBEAT_OUTCOMES = ("ok", "timeout", "late", "not_connected", "error")
SILENT_AT = ("path", "server", "unknown")
SIGNALLING_PHASES = ("token", "channel_create", "tcp", "tls", "upgrade", "sasl", "bind", "ice_servers")
CALL_PHASES = ("propose", "offer", "ice_checks", "dtls", "first_media")
MEASURED_KINDS = ("heartbeat", "phase", "connection", "gathering", "call_phase", "media", "api")
ARRIVAL_CLOCKS = ("kernel", "callback")
HEARD = ("audible", "silent", "undecodable")
SLOT_OUTCOMES = ("sent", "missed")
TOKENS = ("service", "agent")
MOS_MODEL = "softphone"  # the softphone's own formula

CATALOGUE: tuple[Metric, ...] = (
    Metric(
        name="softphone_heartbeat_rtt_seconds",
        type=Type.HISTOGRAM,
        help="Round trip of application pings that were answered in time.",
        labels=("site", "channel"),
        closed={"channel": CHANNELS},
        buckets=RTT_S,
    ),
    Metric(
        name="softphone_heartbeat_tcp_rtt_seconds",
        type=Type.HISTOGRAM,
        help="The kernel's smoothed TCP round trip beside each answered ping: to the first proxy, and free of own lag.",
        labels=("site", "channel"),
        closed={"channel": CHANNELS},
        buckets=RTT_S,
    ),
    Metric(
        name="softphone_heartbeats_total",
        type=Type.COUNTER,
        help="Application pings by outcome; late means answered after the timeout.",
        labels=("site", "channel", "outcome"),
        closed={"channel": CHANNELS, "outcome": HEARTBEAT_OUTCOMES},
        per_agent=True,
    ),
    Metric(
        name="softphone_signalling_phase_seconds",
        type=Type.HISTOGRAM,
        help="Phases of setting up a signalling connection that succeeded.",
        labels=("site", "phase"),
        closed={"phase": SIGNALLING_PHASES},
        buckets=PHASE_S,
    ),
    Metric(
        name="softphone_signalling_phase_failures_total",
        type=Type.COUNTER,
        help="Phases of setting up a signalling connection that failed.",
        labels=("site", "phase"),
        closed={"phase": SIGNALLING_PHASES},
    ),
    Metric(
        name="softphone_signalling_connected",
        type=Type.GAUGE,
        help="Signalling sessions that are up now.",
        labels=("site",),
        per_agent=True,
    ),
    Metric(
        name="softphone_signalling_expected",
        type=Type.GAUGE,
        help="Signalling sessions that the settings ask for.",
        labels=("site",),
        per_agent=True,
    ),
    Metric(
        name="softphone_signalling_silent",
        type=Type.GAUGE,
        help="Signalling sessions that are up and from which nothing comes any more, by our own watch of 9 s.",
        labels=("site",),
        per_agent=True,
    ),
    Metric(
        name="softphone_signalling_silences_total",
        type=Type.COUNTER,
        help="Silences by our own watch and by where they are: path, TCP repeats what we sent; server, it has it all.",
        labels=("site", "where"),
        closed={"where": SILENT_AT},
    ),
    Metric(
        name="softphone_ice_gathering_seconds",
        type=Type.HISTOGRAM,
        help="Whole ICE gatherings that ended without a timeout.",
        labels=("site", "servers"),
        buckets=GATHERING_S,
    ),
    Metric(
        name="softphone_ice_gatherings_total",
        type=Type.COUNTER,
        help="ICE gatherings by what they looked like; the first signature that holds.",
        labels=("site", "servers", "signature"),
        closed={"signature": tuple(Signature)},
        per_agent=True,
    ),
    Metric(
        name="softphone_ice_server_results_total",
        type=Type.COUNTER,
        help="STUN and TURN transactions by server and outcome.",
        labels=("site", "server", "transport", "outcome"),
        closed={"outcome": tuple(ServerOutcome)},
    ),
    Metric(
        name="softphone_stun_rtt_seconds",
        type=Type.HISTOGRAM,
        help="STUN binding transactions that were answered.",
        labels=("site", "server", "transport"),
        buckets=SERVER_S,
    ),
    Metric(
        name="softphone_turn_allocate_seconds",
        type=Type.HISTOGRAM,
        help="TURN allocations that succeeded, the authentication challenge included.",
        labels=("site", "server", "transport"),
        buckets=SERVER_S,
    ),
    Metric(
        name="softphone_call_phase_seconds",
        type=Type.HISTOGRAM,
        help="Phases of setting up a call that succeeded.",
        labels=("site", "phase"),
        closed={"phase": CALL_PHASES},
        buckets=PHASE_S,
    ),
    Metric(
        name="softphone_call_phase_failures_total",
        type=Type.COUNTER,
        help="Phases of setting up a call that failed.",
        labels=("site", "phase"),
        closed={"phase": CALL_PHASES},
    ),
    Metric(
        name="softphone_media_rtt_seconds",
        type=Type.HISTOGRAM,
        help="Media round trip, one sample a second and call.",
        labels=("site",),
        buckets=RTT_S,
    ),
    Metric(
        name="softphone_media_samples_total",
        type=Type.COUNTER,
        help="Seconds of media by who noted the arrivals; those of a callback move with own loop lag.",
        labels=("site", "arrival_clock"),
        closed={"arrival_clock": ARRIVAL_CLOCKS},
    ),
    Metric(
        name="softphone_media_jitter_seconds",
        type=Type.HISTOGRAM,
        help="Interarrival jitter of received media, one sample a second and call.",
        labels=("site",),
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5),
    ),
    Metric(
        name="softphone_media_loss_ratio",
        type=Type.HISTOGRAM,
        help="Share of media packets lost, one sample a second and call.",
        labels=("site",),
        buckets=(0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    ),
    Metric(
        name="softphone_media_mos",
        type=Type.HISTOGRAM,
        help="Estimated mean opinion score, one sample a second and call.",
        labels=("site", "model"),
        closed={"model": (MOS_MODEL,)},
        buckets=(1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.4, 4.5),
    ),
    Metric(
        name="softphone_media_silences_total",
        type=Type.COUNTER,
        help="Calls in which nothing came any more, or nothing of ours arrived, for 2 s; most heal and are no drop.",
        labels=("site",),
    ),
    Metric(
        name="softphone_canary_frames_total",
        type=Type.COUNTER,
        help="What canaries heard: 20 ms frames decoded with or without sound in them, and packets that were no Opus.",
        labels=("site", "heard"),
        closed={"heard": HEARD},
    ),
    Metric(
        name="softphone_ice_restarts_total",
        type=Type.COUNTER,
        help="ICE restarts within calls, asked for by the platform; told with the media that follows them.",
        labels=("site",),
    ),
    Metric(
        name="softphone_disconnects_total",
        type=Type.COUNTER,
        help="Drops by the layer that broke and why.",
        labels=("site", "layer", "reason"),
        combined=("layer", "reason"),
        combinations=tuple((layer, reason) for layer, reasons in DISCONNECT_REASONS.items() for reason in reasons),
        per_agent=True,
    ),
    Metric(
        name="softphone_reconnect_seconds",
        type=Type.HISTOGRAM,
        help="From losing a signalling session to having it again.",
        labels=("site", "kind"),
        closed={"kind": ("soft", "hard")},
        buckets=RECONNECT_S,
    ),
    Metric(
        name="softphone_api_request_seconds",
        type=Type.HISTOGRAM,
        help="REST requests of our own that were answered, whatever the status.",
        labels=("site", "operation"),
        buckets=PHASE_S,
    ),
    Metric(
        name="softphone_api_requests_total",
        type=Type.COUNTER,
        help="REST requests of our own by HTTP status, or by the failure's reason when there was no answer.",
        labels=("site", "operation", "status"),
    ),
    Metric(
        name="softphone_token_expiry_timestamp_seconds",
        type=Type.GAUGE,
        help="When the token expires (Unix time), of several agents the first to expire; 0 while not known.",
        labels=("site", "token"),
        closed={"token": TOKENS},
        per_agent=True,
    ),
    Metric(
        name="softphone_token_age_seconds",
        type=Type.GAUGE,
        help="How long ago the token was issued, of several agents the oldest; 0 while not known.",
        labels=("site", "token"),
        closed={"token": TOKENS},
        per_agent=True,
    ),
    Metric(
        name="softphone_token_remaining_ratio",
        type=Type.GAUGE,
        help="Share of the token's life that is left, of several agents the least; 0 while its end is not known.",
        labels=("site", "token"),
        closed={"token": TOKENS},
        per_agent=True,
    ),
    Metric(
        name="softphone_certificate_expiry_timestamp_seconds",
        type=Type.GAUGE,
        help="When the streaming endpoint's certificate expires (Unix time), of several the first; 0 while not known.",
        labels=("site",),
    ),
    Metric(
        name="softphone_publish_active",
        type=Type.GAUGE,
        help="1 while a run of this publish job is going on; a silent run ends as aborted after the stated limit.",
        labels=("publish",),
    ),
    Metric(
        name="softphone_publish_start_timestamp_seconds",
        type=Type.GAUGE,
        help="When the run started (Unix time); the last runs only.",
        labels=("publish", "run_id"),
    ),
    Metric(
        name="softphone_publish_end_timestamp_seconds",
        type=Type.GAUGE,
        help="When the run ended (Unix time), of an aborted run the latest moment it can have; the last runs only.",
        labels=("publish", "run_id"),
    ),
    Metric(
        name="softphone_publish_run_info",
        type=Type.GAUGE,
        help="How the run was paced; always 1; the last runs only.",
        labels=("publish", "run_id", "strategy", "batch_size", "pause"),
    ),
    Metric(
        name="softphone_publish_batches_total",
        type=Type.COUNTER,
        help="Batches that runs have told of since this monitor started.",
        labels=("publish", "outcome"),
        closed={"outcome": OUTCOMES},
    ),
    Metric(
        name="softphone_publish_batch_seconds",
        type=Type.HISTOGRAM,
        help="How long batches took, where their markers say so (attribute `seconds`).",
        labels=("publish", "outcome"),
        closed={"outcome": OUTCOMES},
        buckets=BATCH_S,
    ),
    Metric(
        name="softphone_probe_slots_skipped_total",
        type=Type.COUNTER,
        help="Slots of a probe's schedule skipped because the probe was still running.",
        labels=("site", "probe"),
    ),
    Metric(
        name="softphone_monitor_loop_lag_seconds",
        type=Type.HISTOGRAM,
        help="How late our own event loop woke from a 10 ms wait.",
        labels=("process",),
        buckets=LAG_S,
    ),
    Metric(
        name="softphone_monitor_schedule_lateness_seconds",
        type=Type.HISTOGRAM,
        help="How late a probe's slot started.",
        labels=("process",),
        buckets=LAG_S,
    ),
    Metric(
        name="softphone_monitor_run_queue_seconds_total",
        type=Type.COUNTER,
        help="Time in which a process was ready to run and had no processor; 0 where the system does not tell.",
        labels=("process",),
    ),
    Metric(
        name="softphone_monitor_cpu_steal_ratio",
        type=Type.GAUGE,
        help="Share of the machine's processor time that its hypervisor gave away, last second; NaN while not known.",
    ),
    Metric(
        name="softphone_monitor_media_slots_total",
        type=Type.COUNTER,
        help="20 ms slots of media to be sent by outcome; missed: it was too late for them.",
        labels=("process", "outcome"),
        closed={"outcome": SLOT_OUTCOMES},
    ),
    Metric(
        name="softphone_monitor_socket_drops_total",
        type=Type.COUNTER,
        help="Datagrams lost at a full socket buffer of ours, unread or to be sent: no loss of the network's.",
        labels=("process",),
    ),
    Metric(
        name="softphone_monitor_gc_pause_seconds",
        type=Type.HISTOGRAM,
        help="Garbage collections; nothing else of the process runs meanwhile.",
        labels=("process",),
        buckets=LAG_S,
    ),
    Metric(
        name="softphone_monitor_executor_queue",
        type=Type.GAUGE,
        help="Jobs that wait for a thread of the process's default executor, last second.",
        labels=("process",),
    ),
    Metric(
        name="softphone_monitor_dns_lookup_seconds",
        type=Type.HISTOGRAM,
        help="DNS lookups of STUN and TURN servers that were answered.",
        labels=("site",),
        buckets=SERVER_S,
    ),
    Metric(
        name="softphone_monitor_dns_lookup_failures_total",
        type=Type.COUNTER,
        help="DNS lookups of STUN and TURN servers without an address or an answer.",
        labels=("site",),
    ),
    Metric(
        name="softphone_monitor_suspect",
        type=Type.GAUGE,
        help="1 while our own measurements are not to be trusted, judged over the last 60 s.",
        labels=("site",),
    ),
    Metric(
        name="softphone_monitor_suspect_samples_total",
        type=Type.COUNTER,
        help="Measurements of which own loop lag may explain more than a tenth; they are counted elsewhere as well.",
        labels=("site", "kind"),
        closed={"kind": MEASURED_KINDS},
    ),
    Metric(
        name="softphone_monitor_dropped_total",
        type=Type.COUNTER,
        help="Facts that did not reach a sink: its queue was full, or it failed.",
        labels=("sink",),
    ),
    Metric(
        name="softphone_monitor_processes_ended_total",
        type=Type.COUNTER,
        help="Worker processes of the monitor that ended without being told to.",
        labels=("process",),
    ),
    Metric(
        name="softphone_monitor_build_info",
        type=Type.GAUGE,
        help="Always 1; simulated is true when the platform measured is the built-in simulator.",
        labels=("version", "python", "simulated"),
    ),
    Metric(
        name="softphone_monitor_config_last_reload_successful",
        type=Type.GAUGE,
        help="1 when the last reading of the settings succeeded.",
    ),
)


def label_names(metric: Metric, *, per_agent: bool) -> tuple[str, ...]:
    """The metric's labels, `agent` among them where it is asked for and known."""
    return (*metric.labels, "agent") if per_agent and metric.per_agent else metric.labels


def markdown() -> str:
    """docs/metrics.md."""
    return "\n".join([*_HEAD, *(line for metric in CATALOGUE for line in _section(metric))])


_HEAD = (
    "# Metrics",
    "",
    "Generated by `python -m monitor.outputs.catalogue`; a test keeps it true.",
    "",
    "- No label is named `job` or `instance`. A label `agent` exists only with `metrics.per_agent: true`, where it is",
    "  named below.",
    "- Every bounded set of labels exists at 0 from the start; `run_id` and `status` come as they come, and so do the",
    f"  servers that the platform hands out. Beyond {OPEN_VALUES_LIMIT} values of such a label the rest is counted as "
    f"`{OTHER}`.",
    "- Histograms hold measured times only: timeouts and failures are counted, never observed.",
    "- Histogram buckets carry exemplars (`probe`, `agent`) when scraped as OpenMetrics. `_created` series are off.",
    "",
)


def _section(metric: Metric) -> Iterator[str]:
    yield f"## {metric.name}"
    yield ""
    yield f"{metric.type.value.capitalize()}. {metric.help}"
    yield ""
    for label in label_names(metric, per_agent=True):
        yield f"- `{label}`: {_values_of(metric, label)}"
    if metric.combinations:
        yield f"- {' and '.join(f'`{label}`' for label in metric.combined)} together: " + ", ".join(
            f"`{'/'.join(values)}`" for values in metric.combinations
        )
    if metric.buckets:
        yield "- buckets: " + ", ".join(f"{edge:g}" for edge in metric.buckets)
    if label_names(metric, per_agent=True) or metric.buckets:
        yield ""


def _values_of(metric: Metric, label: str) -> str:
    if label == "agent":
        return "the synthetic agent's name, with `metrics.per_agent: true` only"
    if label in metric.closed:
        return ", ".join(f"`{value}`" for value in metric.closed[label])
    if label in metric.combined:
        return "see below"
    return SETTINGS_LABELS.get(label, "as it comes")


if __name__ == "__main__":
    sys.stdout.write(markdown())
