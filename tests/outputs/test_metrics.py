"""What facts and markers do to the exposition."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample
from system_programs import require_program

from monitor.facts.clock import ManualClock
from monitor.facts.failures import DISCONNECT_REASONS, Layer, Reason, failure
from monitor.facts.ice import CandidateType, ServerOutcome, ServerResult, Signature
from monitor.facts.markers import Marker, MarkerPhase
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
    CertificateObserved,
    ConnectionChanged,
    Disconnected,
    FactsDropped,
    GatheringObserved,
    HeartbeatObserved,
    MediaSampled,
    Observation,
    OwnLagObserved,
    PhaseObserved,
    ProcessEnded,
    SilenceObserved,
    SlotSkipped,
    TokenObserved,
)
from monitor.facts.probe_result import ProbePhase, ProbeResult
from monitor.outputs.catalogue import CATALOGUE, Type
from monitor.outputs.metrics import Metrics, MetricsOptions, render_probe

OPTIONS = MetricsOptions(
    version="1.2.3",
    agents=("one", "two"),
    jobs=("weekly",),
    probes=("heartbeat-1",),
    servers=("platform", "own"),
    stun_servers=(("stun.example:3478", "udp"),),
    turn_servers=(("turn.example:443", "tls"),),
    operations=("users_me", "token"),
)
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
COMMON = {"site": "chicago", "probe": "heartbeat-1", "at_wall_s": 1_790_000_000.0}
PING = HeartbeatObserved(**COMMON, channel="xmpp", outcome="ok", rtt_s=0.02, agent="one")
OK_STUN = ServerResult("stun.example:3478", "stun", "udp", ServerOutcome.OK, 0.03)
BAD_TURN = ServerResult("turn.example:443", "turns", "tls", ServerOutcome.AUTH, None)
GATHERING = GatheringObserved(
    **COMMON,
    servers="own",
    signature=Signature.NO_RELAY,
    wanted=(CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY),
    obtained=(CandidateType.HOST, CandidateType.SRFLX),
    results=(OK_STUN, BAD_TURN),
    seconds=0.031,
)
UNTRIED = PhaseObserved(
    **COMMON, phase="ice_servers", seconds=None, failure=failure("ice_servers", Reason.NOT_CONNECTED)
)
MEDIA = MediaSampled(**COMMON, rtt_s=0.04, jitter_s=0.002, loss_ratio=0.0, mos=4.3, packets_received=50)
OWN = OwnLagObserved(
    **COMMON,
    process="prober",
    lag_samples_s=(0.001, 0.2),
    lateness_samples_s=(0.003,),
    waited_s=0.25,
    turns=100,
    steal_ratio=0.125,
    slots_due=50,
    slots_missed=2,
    socket_drops=3,
    gc_pauses_s=(0.001, 0.004),
    executor_queue=7,
    dns_lookups_s=(0.02,),
    dns_failures=1,
)
EVERY_KIND: tuple[Observation, ...] = (
    PING,
    PhaseObserved(**COMMON, phase="tls", seconds=0.05),
    PhaseObserved(**COMMON, phase="sasl", seconds=None, failure=failure("sasl", Reason.AUTH)),
    ConnectionChanged(**COMMON, agent="one", connected=True, reconnect="soft", seconds=2.5),
    Disconnected(**COMMON, layer=Layer.ICE, reason="consent_expired", last_good_wall_s=1.0, noticed_wall_s=2.0),
    GATHERING,
    CallPhaseObserved(**COMMON, phase="dtls", seconds=0.09),
    CallPhaseObserved(**COMMON, phase="offer", seconds=None, failure=failure("offer", Reason.TIMEOUT)),
    MEDIA,
    ApiObserved(**COMMON, operation="users_me", status="429", seconds=0.12),
    TokenObserved(**COMMON, token="one", issued_wall_s=1_789_999_000.0, expires_wall_s=1_790_086_400.0),
    SlotSkipped(**COMMON, slots=3),
    OWN,
    FactsDropped(**COMMON, sink="journal", count=4),
    ProcessEnded(**COMMON, process="shard0", exit_status=-9),
    CertificateObserved(**COMMON, expires_wall_s=1_799_000_000.0),
)


def samples(metrics: Metrics) -> list[Sample]:
    """Every sample of the plain exposition."""
    body, _ = metrics.render("")
    return [sample for family in parse_text(body.decode()) for sample in family.samples]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One series' value; labels that are not given may be anything, their values are added up."""
    found = [s.value for s in samples(metrics) if s.name == name and labels.items() <= s.labels.items()]
    return sum(found) if found else None


def fed(*facts: Observation, options: MetricsOptions = OPTIONS, clock: ManualClock | None = None) -> Metrics:
    """Metrics that have observed these facts."""
    metrics = Metrics("chicago", options, clock or ManualClock())
    for fact in facts:
        metrics.observe(fact)
    return metrics


def check(body: bytes) -> None:
    """promtool has nothing to say about it."""
    promtool = require_program("promtool", "apt-get install prometheus")
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# Existence from the start


def test_every_bounded_label_set_is_there_at_0() -> None:
    metrics = fed()
    present = {(s.name, frozenset(s.labels.items())) for s in samples(metrics)}
    for metric in CATALOGUE:
        suffix = {Type.HISTOGRAM: "_count"}.get(metric.type, "")
        configured = {
            "site": ("chicago",),
            "servers": OPTIONS.servers,
            "operation": OPTIONS.operations,
            "process": OPTIONS.processes,
            "sink": OPTIONS.sinks,
            "publish": OPTIONS.jobs,
            "probe": OPTIONS.probes,
        }
        dimensions = [metric.closed.get(label, configured.get(label)) for label in metric.labels]
        if metric.combinations or None in dimensions:
            continue
        for values in itertools.product(*(dimension or () for dimension in dimensions)):
            series = frozenset((label, str(v)) for label, v in zip(metric.labels, values, strict=True))
            assert (metric.name + suffix, series) in present


def test_every_disconnect_reason_is_there_at_0() -> None:
    metrics = fed()
    for layer, reasons in DISCONNECT_REASONS.items():
        for reason in reasons:
            assert value(metrics, "softphone_disconnects_total", layer=layer, reason=reason) == 0


def test_servers_that_the_settings_name_are_there_at_0() -> None:
    metrics = fed()
    for outcome in ServerOutcome:
        where = {"server": "turn.example:443", "transport": "tls", "outcome": outcome}
        assert value(metrics, "softphone_ice_server_results_total", **where) == 0
    assert value(metrics, "softphone_turn_allocate_seconds_count", server="turn.example:443") == 0
    assert value(metrics, "softphone_stun_rtt_seconds_count", server="turn.example:443") is None


def test_nothing_but_gauges_of_the_settings_is_above_0_at_the_start() -> None:
    above = {s.name for s in samples(fed()) if s.value > 0}
    assert above == {
        "softphone_signalling_expected",
        "softphone_monitor_build_info",
        "softphone_monitor_config_last_reload_successful",
    }


@pytest.mark.parametrize("per_agent", [False, True])
def test_series_do_not_multiply_by_agents_unless_asked(per_agent: bool) -> None:
    few = len(samples(fed(options=replace(OPTIONS, per_agent=per_agent, agents=("a",)))))
    many = len(samples(fed(options=replace(OPTIONS, per_agent=per_agent, agents=tuple(f"a{i}" for i in range(11))))))
    assert (many - few > 10) is per_agent
    assert many - few < 1000


# What facts do


@pytest.mark.parametrize(
    ("fact", "name", "labels", "expected"),
    [
        (PING, "softphone_heartbeats_total", {"channel": "xmpp", "outcome": "ok"}, 1),
        (PING, "softphone_heartbeat_rtt_seconds_sum", {"channel": "xmpp"}, 0.02),
        (EVERY_KIND[1], "softphone_signalling_phase_seconds_sum", {"phase": "tls"}, 0.05),
        (EVERY_KIND[2], "softphone_signalling_phase_seconds_count", {"phase": "sasl"}, 0),
        (EVERY_KIND[2], "softphone_signalling_phase_failures_total", {"phase": "sasl"}, 1),
        (UNTRIED, "softphone_signalling_phase_failures_total", {"phase": "ice_servers"}, 0),
        (EVERY_KIND[3], "softphone_signalling_connected", {}, 1),
        (EVERY_KIND[3], "softphone_reconnect_seconds_sum", {"kind": "soft"}, 2.5),
        (EVERY_KIND[4], "softphone_disconnects_total", {"layer": "ice", "reason": "consent_expired"}, 1),
        (GATHERING, "softphone_ice_gatherings_total", {"servers": "own", "signature": "no_relay"}, 1),
        (GATHERING, "softphone_ice_gathering_seconds_sum", {"servers": "own"}, 0.031),
        (GATHERING, "softphone_stun_rtt_seconds_sum", {"server": "stun.example:3478", "transport": "udp"}, 0.03),
        (GATHERING, "softphone_turn_allocate_seconds_count", {}, 0),
        (GATHERING, "softphone_ice_server_results_total", {"server": "turn.example:443", "outcome": "auth"}, 1),
        (EVERY_KIND[6], "softphone_call_phase_seconds_sum", {"phase": "dtls"}, 0.09),
        (EVERY_KIND[7], "softphone_call_phase_failures_total", {"phase": "offer"}, 1),
        (MEDIA, "softphone_media_rtt_seconds_sum", {}, 0.04),
        (MEDIA, "softphone_media_jitter_seconds_sum", {}, 0.002),
        (MEDIA, "softphone_media_loss_ratio_count", {}, 1),
        (MEDIA, "softphone_media_mos_sum", {"model": "softphone"}, 4.3),
        (EVERY_KIND[9], "softphone_api_requests_total", {"operation": "users_me", "status": "429"}, 1),
        (EVERY_KIND[9], "softphone_api_request_seconds_sum", {"operation": "users_me"}, 0.12),
        (EVERY_KIND[10], "softphone_token_expiry_timestamp_seconds", {"token": "agent"}, 1_790_086_400.0),
        (EVERY_KIND[10], "softphone_token_age_seconds", {"token": "agent"}, 1000.0),
        (EVERY_KIND[11], "softphone_probe_slots_skipped_total", {"probe": "heartbeat-1"}, 3),
        (EVERY_KIND[12], "softphone_monitor_loop_lag_seconds_count", {"process": "prober"}, 2),
        (EVERY_KIND[12], "softphone_monitor_schedule_lateness_seconds_sum", {"process": "prober"}, 0.003),
        (EVERY_KIND[13], "softphone_monitor_dropped_total", {"sink": "journal"}, 4),
        (EVERY_KIND[14], "softphone_monitor_processes_ended_total", {"process": "shard0"}, 1),
    ],
)
def test_a_fact_shows(fact: Observation, name: str, labels: dict[str, str], expected: float) -> None:
    assert value(fed(fact), name, **labels) == pytest.approx(expected)


@pytest.mark.parametrize("outcome", ["timeout", "late", "not_connected", "error"])
def test_a_ping_without_a_good_answer_is_counted_and_never_observed(outcome: str) -> None:
    metrics = fed(replace(PING, outcome=outcome, rtt_s=None))
    assert value(metrics, "softphone_heartbeats_total", outcome=outcome) == 1
    assert value(metrics, "softphone_heartbeat_rtt_seconds_count") == 0


def test_a_gathering_that_ran_into_a_timeout_is_counted_and_never_observed() -> None:
    late = ServerResult("stun.example:3478", "stun", "udp", ServerOutcome.TIMEOUT, 5.0)
    metrics = fed(replace(GATHERING, seconds=None, results=(late,), signature=Signature.HOST_ONLY))
    assert value(metrics, "softphone_ice_gatherings_total", signature="host_only") == 1
    assert value(metrics, "softphone_ice_gathering_seconds_count") == 0
    assert value(metrics, "softphone_stun_rtt_seconds_count") == 0


@pytest.mark.parametrize("no_time", [float("nan"), float("inf"), -0.001])
def test_what_is_no_measured_time_is_not_observed(no_time: float) -> None:
    assert value(fed(replace(PING, rtt_s=no_time)), "softphone_heartbeat_rtt_seconds_count") == 0


def test_a_suspect_sample_is_counted_as_such_and_still_counted_elsewhere() -> None:
    metrics = fed(replace(PING, lag_s=0.015))
    assert value(metrics, "softphone_monitor_suspect_samples_total", kind="heartbeat") == 1
    assert value(metrics, "softphone_heartbeats_total", outcome="ok") == 1


def test_a_process_tells_of_itself() -> None:
    metrics = fed(OWN, OWN)
    of_process = {
        "run_queue_seconds_total": 0.5,
        "socket_drops_total": 6,
        "gc_pause_seconds_count": 4,
        "gc_pause_seconds_sum": 0.01,
        "executor_queue": 7,
    }
    for name, told in of_process.items():
        assert value(metrics, f"softphone_monitor_{name}", process="prober") == pytest.approx(told)
    for outcome, count in (("sent", 96), ("missed", 4)):
        assert value(metrics, "softphone_monitor_media_slots_total", process="prober", outcome=outcome) == count
    assert value(metrics, "softphone_monitor_cpu_steal_ratio") == 0.125
    assert value(metrics, "softphone_monitor_dns_lookup_seconds_count", site="chicago") == 2
    assert value(metrics, "softphone_monitor_dns_lookup_failures_total", site="chicago") == 2


def test_what_the_system_does_not_tell_is_no_0() -> None:
    unknown = replace(OWN, steal_ratio=None, executor_queue=None)
    steal = value(fed(unknown), "softphone_monitor_cpu_steal_ratio")
    assert steal is not None
    assert math.isnan(steal)
    metrics = fed(OWN, unknown, ProcessEnded(**COMMON, process="prober", exit_status=-9))
    assert value(metrics, "softphone_monitor_cpu_steal_ratio") == 0.125
    assert value(metrics, "softphone_monitor_executor_queue", process="prober") == 0


def test_a_shard_that_tells_first_brings_all_its_series() -> None:
    metrics = fed(replace(OWN, process="shard7", slots_due=0, slots_missed=0, waited_s=None))
    assert value(metrics, "softphone_monitor_media_slots_total", process="shard7", outcome="missed") == 0
    assert value(metrics, "softphone_monitor_run_queue_seconds_total", process="shard7") == 0


def test_the_kernels_round_trip_stands_beside_the_pings() -> None:
    metrics = fed(replace(PING, tcp_rtt_s=0.015), replace(PING, tcp_rtt_s=None))
    assert value(metrics, "softphone_heartbeat_tcp_rtt_seconds_count", channel=PING.channel) == 1
    assert value(metrics, "softphone_heartbeat_tcp_rtt_seconds_sum", channel=PING.channel) == 0.015


def test_what_canaries_hear_and_restarts_are_counted() -> None:
    metrics = fed(MEDIA, replace(MEDIA, audible_frames=40, silent_frames=9, undecodable_packets=1, ice_restarts=2))
    frames = {"audible": 40, "silent": 9, "undecodable": 1}
    assert {heard: value(metrics, "softphone_canary_frames_total", heard=heard) for heard in frames} == frames
    assert value(metrics, "softphone_ice_restarts_total") == 2


def test_who_noted_the_arrivals_is_counted_where_it_is_told() -> None:
    metrics = fed(MEDIA, replace(MEDIA, arrival_clock="kernel"), replace(MEDIA, arrival_clock="callback"))
    assert value(metrics, "softphone_media_samples_total", arrival_clock="kernel") == 1
    assert value(metrics, "softphone_media_samples_total", arrival_clock="callback") == 1


def test_suspect_goes_up_and_down_again() -> None:
    clock = ManualClock()
    metrics = fed(*[replace(PING, lag_s=0.015)] * 5, clock=clock)
    assert value(metrics, "softphone_monitor_suspect") == 1
    clock.advance(62.0)
    assert value(metrics, "softphone_monitor_suspect") == 0


def test_the_end_of_the_signalling_process_takes_its_sessions_along() -> None:
    up = [ConnectionChanged(**COMMON, agent=agent, connected=True) for agent in ("one", "two")]
    metrics = fed(*up)
    assert value(metrics, "softphone_signalling_connected") == 2
    metrics.observe(replace(up[0], connected=False))
    assert value(metrics, "softphone_signalling_connected") == 1
    metrics.observe(ProcessEnded(**COMMON, process="prober", exit_status=-11))
    assert value(metrics, "softphone_signalling_connected") == 0


def test_a_silence_shows_until_it_ends_and_is_counted_once() -> None:
    up = [ConnectionChanged(**COMMON, agent=agent, connected=True) for agent in ("one", "two")]
    silences = [SilenceObserved(**COMMON, agent=agent, silent=True, seconds=9.0) for agent in ("one", "two")]
    metrics = fed(*up)
    assert value(metrics, "softphone_signalling_silent") == 0
    assert value(metrics, "softphone_signalling_silences_total", where="path") == 0
    metrics.observe(replace(silences[0], where="path"))
    metrics.observe(silences[1])
    assert value(metrics, "softphone_signalling_silent") == 2
    metrics.observe(replace(silences[0], silent=False, seconds=20.0))
    assert value(metrics, "softphone_signalling_silent") == 1
    metrics.observe(replace(up[1], connected=False))  # what its drop ends is told by no other fact
    assert value(metrics, "softphone_signalling_silent") == 0
    for where, count in (("path", 1), ("server", 0), ("unknown", 1)):
        assert value(metrics, "softphone_signalling_silences_total", where=where) == count


def test_the_end_of_the_signalling_process_ends_its_silences() -> None:
    silence = SilenceObserved(**COMMON, agent="one", silent=True, seconds=9.0)
    metrics = fed(silence, ProcessEnded(**COMMON, process="prober", exit_status=-11))
    assert value(metrics, "softphone_signalling_silent") == 0


def test_of_several_tokens_the_first_to_expire_and_the_oldest_are_told() -> None:
    clock = ManualClock(wall_s=1_790_000_000.0)
    token = TokenObserved(**COMMON, token="one", issued_wall_s=1_789_990_000.0, expires_wall_s=1_790_050_000.0)
    other = replace(token, token="two", issued_wall_s=1_789_995_000.0, expires_wall_s=1_790_040_000.0)
    service = replace(token, token="service", expires_wall_s=None)
    metrics = fed(token, other, service, clock=clock)
    assert value(metrics, "softphone_token_expiry_timestamp_seconds", token="agent") == 1_790_040_000.0
    assert value(metrics, "softphone_token_age_seconds", token="agent") == 10_000.0
    assert value(metrics, "softphone_token_expiry_timestamp_seconds", token="service") == 0.0
    assert value(metrics, "softphone_token_remaining_ratio", token="agent") == pytest.approx(50 / 60)
    assert value(metrics, "softphone_token_remaining_ratio", token="service") == 0.0
    each = fed(token, other, service, options=replace(OPTIONS, per_agent=True), clock=clock)
    assert value(each, "softphone_token_expiry_timestamp_seconds", agent="one") == 1_790_050_000.0
    assert value(each, "softphone_token_expiry_timestamp_seconds", agent="two") == 1_790_040_000.0


def test_of_the_certificates_that_sessions_saw_last_the_first_to_expire_is_told() -> None:
    name = "softphone_certificate_expiry_timestamp_seconds"
    seen = replace(CertificateObserved(**COMMON, expires_wall_s=1_791_000_000.0), probe="one")
    renewed = replace(seen, expires_wall_s=1_799_000_000.0)
    assert value(fed(), name) == 0.0
    assert value(fed(seen, renewed), name) == 1_799_000_000.0
    by_a_proxy = fed(renewed, replace(seen, probe="two"))
    assert value(by_a_proxy, name) == 1_791_000_000.0
    by_a_proxy.reloaded(replace(OPTIONS, agents=("one",)))
    assert value(by_a_proxy, name) == 1_799_000_000.0


def test_per_agent_labels_where_asked() -> None:
    metrics = fed(PING, replace(PING, channel="notification", agent=""), options=replace(OPTIONS, per_agent=True))
    assert value(metrics, "softphone_heartbeats_total", agent="one", outcome="ok") == 1
    assert value(metrics, "softphone_heartbeats_total", agent="two", outcome="ok") == 0
    assert value(metrics, "softphone_heartbeats_total", agent="", channel="notification", outcome="ok") == 1
    assert value(metrics, "softphone_signalling_expected", agent="two") == 1


def test_a_flood_of_foreign_values_is_bounded() -> None:
    metrics = fed()
    for i in range(1000):
        result = ServerResult(f"relay-{i}:3478", "turn", "udp", ServerOutcome.OK, 0.01)
        metrics.observe(replace(GATHERING, results=(result,)))
        metrics.marker(marker("batch", 0, job=f"job-{i}"))
    assert value(metrics, "softphone_ice_server_results_total", server="other") > 800
    assert value(metrics, "softphone_publish_batches_total", publish="other") > 800
    assert len(samples(metrics)) < 12_000


# Publish runs

T0 = 1_790_000_000.0


def marker(phase: str, at_s: float, run_id: str = "r1", job: str = "weekly", **more: object) -> Marker:
    """A marker `at_s` seconds after T0."""
    return Marker(job=job, run_id=run_id, phase=MarkerPhase(phase), at_wall_s=T0 + at_s, **more)  # type: ignore[arg-type]


def test_a_run_is_active_between_its_markers() -> None:
    clock = ManualClock(wall_s=T0 + 5)
    metrics = fed(clock=clock)
    assert value(metrics, "softphone_publish_active", publish="weekly") == 0
    metrics.marker(marker("start", 0, strategy="steady", batch_size=50, pause_s=2.5))
    assert value(metrics, "softphone_publish_active", publish="weekly") == 1
    assert value(metrics, "softphone_publish_start_timestamp_seconds", run_id="r1") == T0
    assert value(metrics, "softphone_publish_end_timestamp_seconds") is None
    metrics.marker(marker("batch", 3))
    metrics.marker(marker("batch", 4, outcome="failed"))
    metrics.marker(marker("end", 5))
    assert value(metrics, "softphone_publish_active", publish="weekly") == 0
    assert value(metrics, "softphone_publish_end_timestamp_seconds", run_id="r1") == T0 + 5
    assert value(metrics, "softphone_publish_batches_total", publish="weekly", outcome="ok") == 1
    assert value(metrics, "softphone_publish_batches_total", publish="weekly", outcome="failed") == 1
    info = {"run_id": "r1", "strategy": "steady", "batch_size": "50", "pause": "2.5s"}
    assert value(metrics, "softphone_publish_run_info", **info) == 1


def test_the_pause_may_be_told_as_an_attribute() -> None:
    metrics = fed(clock=ManualClock(wall_s=T0 + 5))
    metrics.marker(marker("start", 0, attributes={"pause": "2s"}))
    metrics.marker(marker("start", 0, run_id="r2", attributes={"pause": "a while"}))
    assert value(metrics, "softphone_publish_run_info", run_id="r1", pause="2s") == 1
    assert value(metrics, "softphone_publish_run_info", run_id="r2", pause="") == 1


def test_a_batch_that_tells_how_long_it_took_enters_the_histogram() -> None:
    metrics = fed()
    metrics.marker(marker("batch", 3, attributes={"seconds": "1.5", "calls": "100"}))
    metrics.marker(marker("batch", 4, attributes={"seconds": repr(1e-05)}))
    metrics.marker(marker("batch", 5, attributes={"seconds": "40"}, outcome="failed"))
    metrics.marker(marker("end", 6, attributes={"seconds": "9"}))
    labels = {"publish": "weekly", "outcome": "ok"}
    assert value(metrics, "softphone_publish_batch_seconds_sum", **labels) == pytest.approx(1.50001)
    assert value(metrics, "softphone_publish_batch_seconds_count", **labels) == 2
    assert value(metrics, "softphone_publish_batch_seconds_bucket", le="1.0", **labels) == 1
    assert value(metrics, "softphone_publish_batch_seconds_sum", publish="weekly", outcome="failed") == 40
    assert value(metrics, "softphone_publish_batch_seconds_count", publish="weekly", outcome="aborted") == 0
    check(metrics.render("")[0])


@pytest.mark.parametrize(
    "hostile",
    ["", "soon", "nan", "inf", "-1", "1e300", "9" * 400, "1_0", " 5", "٣", "0x10", "5ms", "\n5", "31622401"],
)
def test_a_batch_that_tells_nonsense_is_a_batch_all_the_same(hostile: str) -> None:
    metrics = fed()
    metrics.marker(marker("batch", 3, attributes={"seconds": hostile}))
    assert value(metrics, "softphone_publish_batches_total", publish="weekly", outcome="ok") == 1
    assert value(metrics, "softphone_publish_batch_seconds_count") == 0


def test_batches_of_too_many_jobs_are_timed_as_others() -> None:
    metrics = fed()
    for i in range(300):
        metrics.marker(marker("batch", 0, job=f"job-{i}", attributes={"seconds": "1"}))
    assert value(metrics, "softphone_publish_batch_seconds_count", publish="other") == 201
    assert value(metrics, "softphone_publish_batch_seconds_count") == 300


def test_a_silent_run_ends_at_the_limit_without_any_new_marker() -> None:
    clock = ManualClock(wall_s=T0)
    metrics = fed(options=replace(OPTIONS, publish_limit_s=600.0), clock=clock)
    metrics.marker(marker("start", 0))
    clock.advance(599.0)
    assert value(metrics, "softphone_publish_active", publish="weekly") == 1
    clock.advance(1.0)
    assert value(metrics, "softphone_publish_active", publish="weekly") == 0
    assert value(metrics, "softphone_publish_end_timestamp_seconds", run_id="r1") == T0 + 600


def test_only_the_last_runs_are_shown_whatever_order_they_came_in() -> None:
    metrics = fed(options=replace(OPTIONS, publish_runs=3))
    for i in (5, 1, 4, 2, 3):
        metrics.marker(marker("start", i * 100, run_id=f"r{i}"))
        metrics.marker(marker("end", i * 100 + 50, run_id=f"r{i}"))
    shown = {s.labels["run_id"] for s in samples(metrics) if s.name == "softphone_publish_start_timestamp_seconds"}
    assert shown == {"r3", "r4", "r5"}


def test_markers_from_before_a_restart_show_their_runs_without_counting_batches_again() -> None:
    metrics = fed()
    metrics.restore([marker("end", 9), marker("batch", 5), marker("start", 0)])
    assert value(metrics, "softphone_publish_end_timestamp_seconds", run_id="r1") == T0 + 9
    assert value(metrics, "softphone_publish_batches_total", publish="weekly") == 0


def test_a_job_that_no_setting_names_is_shown_as_well() -> None:
    metrics = fed(clock=ManualClock(wall_s=T0 + 1))
    metrics.marker(marker("start", 0, job='odd "job"\\'))
    assert value(metrics, "softphone_publish_active", publish='odd "job"\\') == 1
    check(metrics.render("")[0])


def test_new_settings_are_taken_over() -> None:
    metrics = fed(ConnectionChanged(**COMMON, agent="one", connected=True))
    metrics.reloaded(None)
    assert value(metrics, "softphone_monitor_config_last_reload_successful") == 0
    assert value(metrics, "softphone_signalling_expected") == 2
    metrics.reloaded(replace(OPTIONS, agents=("one",), jobs=("daily",), servers=("platform", "new")))
    assert value(metrics, "softphone_monitor_config_last_reload_successful") == 1
    assert value(metrics, "softphone_signalling_expected") == 1
    assert value(metrics, "softphone_signalling_connected") == 1
    assert value(metrics, "softphone_publish_active", publish="daily") == 0
    assert value(metrics, "softphone_ice_gatherings_total", servers="new", signature="ok") == 0


@pytest.mark.parametrize("simulated", [False, True])
def test_simulated_data_says_so(simulated: bool) -> None:
    metrics = fed(options=replace(OPTIONS, simulated=simulated))
    build = {"simulated": str(simulated).lower(), "version": "1.2.3"}
    assert value(metrics, "softphone_monitor_build_info", **build) == 1


# The exposition itself


@pytest.mark.parametrize("facts", [(), EVERY_KIND], ids=["empty", "every kind of fact"])
@pytest.mark.parametrize("per_agent", [False, True])
def test_promtool_accepts_the_plain_exposition(facts: Iterable[Observation], per_agent: bool) -> None:
    metrics = fed(*facts, options=replace(OPTIONS, per_agent=per_agent))
    metrics.marker(marker("start", 0))
    check(metrics.render("")[0])


def test_exemplars_name_probe_and_agent_in_openmetrics_only() -> None:
    metrics = fed(replace(PING, agent="x" * 300))
    plain, plain_type = metrics.render("text/plain;version=0.0.4")
    assert plain_type.startswith("text/plain; version=0.0.4")
    assert b"# {" not in plain
    rich, rich_type = metrics.render(f"{OPENMETRICS},text/plain;version=0.0.4;q=0.5")
    assert rich_type.startswith("application/openmetrics-text; version=1.0.0")
    exemplars = [s.exemplar for f in parse_openmetrics(rich.decode()) for s in f.samples if s.exemplar]
    assert [e.labels for e in exemplars] == [{"probe": "heartbeat-1", "agent": "x" * 50}]


def test_no_created_series_and_no_forbidden_label() -> None:
    body = fed(*EVERY_KIND).render(OPENMETRICS)[0].decode()
    assert "_created" not in body
    assert not re.search(r'[{,](job|instance)="', body)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "garbage", "text/plain;version=x", "application/openmetrics-text;version=x"]
)
def test_any_accept_header_gets_an_exposition(accept: str) -> None:
    body, content_type = fed().render(accept)
    assert b"softphone_monitor_suspect" in body
    assert content_type.startswith(("text/plain", "application/openmetrics-text"))


def test_every_fact_that_is_observed_is_rendered_in_the_end_while_others_scrape() -> None:
    metrics = fed()
    stop = threading.Event()
    broken: list[BaseException] = []

    def scrape() -> None:
        while not stop.is_set():
            try:
                for family in parse_text(metrics.render("")[0].decode()):
                    assert family.samples is not None
            except BaseException as error:
                broken.append(error)
                return

    def observe(channel: str) -> None:
        for i in range(300):
            metrics.observe(replace(PING, channel=channel))
            metrics.observe(ApiObserved(**COMMON, operation="users_me", status=str(i % 50), seconds=0.1))

    scrapers = [threading.Thread(target=scrape) for _ in range(2)]
    observers = [threading.Thread(target=observe, args=(channel,)) for channel in ("xmpp", "websocket")]
    for thread in scrapers + observers:
        thread.start()
    for thread in observers:
        thread.join()
    stop.set()
    for thread in scrapers:
        thread.join()
    assert broken == []
    assert value(metrics, "softphone_heartbeats_total", outcome="ok") == 600
    assert value(metrics, "softphone_api_requests_total", operation="users_me") == 600


# One probe's own exposition

RESULT = ProbeResult(
    target="heartbeat-1",
    module="heartbeat",
    success=False,
    duration_s=5.01,
    phases=(
        ProbePhase(name="tcp", seconds=0.02, outcome="ok"),
        ProbePhase(name="ping", seconds=None, outcome="timeout"),
    ),
    failure=failure("ping", Reason.TIMEOUT),
)


def test_a_probe_result_is_an_exposition() -> None:
    body, _ = render_probe(RESULT, "")
    check(body)
    found = {(s.name, *s.labels.values()): s.value for f in parse_text(body.decode()) for s in f.samples}
    assert found == {
        ("probe_success",): 0.0,
        ("probe_duration_seconds",): 5.01,
        ("probe_phase_duration_seconds", "tcp"): 0.02,
        ("probe_failure_info", "path", "ping", "timeout"): 1.0,
    }
