"""Facts to metrics: which counter a fact raises and which histogram it enters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from monitor.facts.failures import Layer, Reason
from monitor.facts.ice import ServerOutcome, ServerResult
from monitor.facts.observations import (
    ApiObserved,
    CallPhaseObserved,
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
)
from monitor.outputs.catalogue import HEARD, MOS_MODEL


class Sheet(Protocol):
    """Where facts are recorded. Labels that a metric does not have are ignored."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Raise a counter."""
        ...

    def measure(self, name: str, value: float | None, *, fact: Observation, **labels: str) -> None:
        """Enter a measured value into a histogram; None was not measured and is not entered."""
        ...


def record(fact: Observation, sheet: Sheet) -> None:
    """Record one fact. A kind that feeds no counter and no histogram is passed over."""
    recorder = _RECORDERS.get(type(fact))
    if recorder is not None:
        recorder(fact, sheet)
    if fact.suspect:
        sheet.count("softphone_monitor_suspect_samples_total", kind=fact.kind)


def _heartbeat(fact: HeartbeatObserved, sheet: Sheet) -> None:
    sheet.count("softphone_heartbeats_total", channel=fact.channel, outcome=fact.outcome, agent=fact.agent)
    sheet.measure("softphone_heartbeat_rtt_seconds", fact.rtt_s, fact=fact, channel=fact.channel)
    sheet.measure("softphone_heartbeat_tcp_rtt_seconds", fact.tcp_rtt_s, fact=fact, channel=fact.channel)


def _phase(fact: PhaseObserved, sheet: Sheet) -> None:
    sheet.measure("softphone_signalling_phase_seconds", fact.seconds, fact=fact, phase=fact.phase)
    if fact.failure is not None and fact.failure.reason is not Reason.NOT_CONNECTED:  # else it was not even tried
        sheet.count("softphone_signalling_phase_failures_total", phase=fact.phase)


def _connection(fact: ConnectionChanged, sheet: Sheet) -> None:
    if fact.connected and fact.reconnect:
        sheet.measure("softphone_reconnect_seconds", fact.seconds, fact=fact, kind=fact.reconnect)


def _silence(fact: SilenceObserved, sheet: Sheet) -> None:
    if fact.silent and fact.layer is Layer.MEDIA:
        sheet.count("softphone_media_silences_total")
    elif fact.silent:
        sheet.count("softphone_signalling_silences_total", where=fact.where or "unknown")


def _disconnect(fact: Disconnected, sheet: Sheet) -> None:
    sheet.count("softphone_disconnects_total", layer=fact.layer, reason=fact.reason, agent=fact.agent)


def _gathering(fact: GatheringObserved, sheet: Sheet) -> None:
    sheet.count("softphone_ice_gatherings_total", servers=fact.servers, signature=fact.signature, agent=fact.agent)
    sheet.measure("softphone_ice_gathering_seconds", fact.seconds, fact=fact, servers=fact.servers)
    for result in fact.results:
        _server_result(fact, result, sheet)


def _server_result(fact: GatheringObserved, result: ServerResult, sheet: Sheet) -> None:
    server, transport = result.server, result.transport
    sheet.count("softphone_ice_server_results_total", server=server, transport=transport, outcome=result.outcome)
    turn = result.scheme.startswith("turn")
    name = "softphone_turn_allocate_seconds" if turn else "softphone_stun_rtt_seconds"
    seconds = result.seconds if result.outcome is ServerOutcome.OK else None
    sheet.measure(name, seconds, fact=fact, server=server, transport=transport)


def _call_phase(fact: CallPhaseObserved, sheet: Sheet) -> None:
    sheet.measure("softphone_call_phase_seconds", fact.seconds, fact=fact, phase=fact.phase)
    if fact.failure is not None:
        sheet.count("softphone_call_phase_failures_total", phase=fact.phase)


def _media(fact: MediaSampled, sheet: Sheet) -> None:
    if fact.arrival_clock:
        sheet.count("softphone_media_samples_total", arrival_clock=fact.arrival_clock)
    sheet.measure("softphone_media_rtt_seconds", fact.rtt_s, fact=fact)
    sheet.measure("softphone_media_jitter_seconds", fact.jitter_s, fact=fact)
    sheet.measure("softphone_media_loss_ratio", fact.loss_ratio, fact=fact)
    sheet.measure("softphone_media_mos", fact.mos, fact=fact, model=MOS_MODEL)
    if fact.ice_restarts:
        sheet.count("softphone_ice_restarts_total", fact.ice_restarts)
    for heard, frames in zip(HEARD, (fact.audible_frames, fact.silent_frames, fact.undecodable_packets), strict=True):
        if frames:
            sheet.count("softphone_canary_frames_total", frames, heard=heard)


def _api(fact: ApiObserved, sheet: Sheet) -> None:
    sheet.count("softphone_api_requests_total", operation=fact.operation, status=fact.status)
    sheet.measure("softphone_api_request_seconds", fact.seconds, fact=fact, operation=fact.operation)


def _slot_skipped(fact: SlotSkipped, sheet: Sheet) -> None:
    sheet.count("softphone_probe_slots_skipped_total", fact.slots, probe=fact.probe)


def _own_lag(fact: OwnLagObserved, sheet: Sheet) -> None:
    for lag_s in fact.lag_samples_s:
        sheet.measure("softphone_monitor_loop_lag_seconds", lag_s, fact=fact, process=fact.process)
    for lateness_s in fact.lateness_samples_s:
        sheet.measure("softphone_monitor_schedule_lateness_seconds", lateness_s, fact=fact, process=fact.process)
    for pause_s in fact.gc_pauses_s:
        sheet.measure("softphone_monitor_gc_pause_seconds", pause_s, fact=fact, process=fact.process)
    for lookup_s in fact.dns_lookups_s:
        sheet.measure("softphone_monitor_dns_lookup_seconds", lookup_s, fact=fact)
    _own_counts(fact, sheet)


def _own_counts(fact: OwnLagObserved, sheet: Sheet) -> None:
    """Whole children appear with the first report of a process, so what did not happen counts 0."""
    sent, process = max(0, fact.slots_due - fact.slots_missed), fact.process
    sheet.count("softphone_monitor_media_slots_total", sent, process=process, outcome="sent")
    sheet.count("softphone_monitor_media_slots_total", fact.slots_missed, process=process, outcome="missed")
    sheet.count("softphone_monitor_run_queue_seconds_total", fact.waited_s or 0.0, process=process)
    sheet.count("softphone_monitor_socket_drops_total", fact.socket_drops, process=process)
    sheet.count("softphone_monitor_dns_lookup_failures_total", fact.dns_failures)


def _dropped(fact: FactsDropped, sheet: Sheet) -> None:
    sheet.count("softphone_monitor_dropped_total", fact.count, sink=fact.sink)


def _process_ended(fact: ProcessEnded, sheet: Sheet) -> None:
    sheet.count("softphone_monitor_processes_ended_total", process=fact.process)


_RECORDERS: dict[type[Observation], Callable[[Any, Sheet], None]] = {
    HeartbeatObserved: _heartbeat,
    PhaseObserved: _phase,
    ConnectionChanged: _connection,
    SilenceObserved: _silence,
    Disconnected: _disconnect,
    GatheringObserved: _gathering,
    CallPhaseObserved: _call_phase,
    MediaSampled: _media,
    ApiObserved: _api,
    SlotSkipped: _slot_skipped,
    OwnLagObserved: _own_lag,
    FactsDropped: _dropped,
    ProcessEnded: _process_ended,
}
