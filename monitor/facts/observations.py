"""What probes emit: one frozen dataclass a kind of observation. A measurement is a value with an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.facts.failures import Failure, Layer
from monitor.facts.ice import CandidateType, ServerResult, Signature

AGENTS = "agents"  # the probe's name on what is told of working agents in a simulated history
IMPORTED = "import"  # and on what was imported: neither says that a monitor was measuring then
SUSPECT_SHARE = 0.10  # a sample is suspect when our own loop lag exceeds this share of it
KERNEL_CLOCK, CALLBACK_CLOCK = "kernel", "callback"
JITTER_WEIGHT = 8.0  # one late arrival shifts two transits, and each enters with a 16th (RFC 3550, 6.4.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What every observation carries.

    at_wall_s: Unix seconds UTC when the observation was complete. lag_s: the largest lag of the measuring event loop
    while it was taken. lateness_s: how late its slot started. All durations in seconds by the monotonic clock.
    """

    kind: ClassVar[str]
    site: str
    probe: str
    at_wall_s: float
    lag_s: float = 0.0
    lateness_s: float = 0.0

    def measured_s(self) -> float | None:
        """The latency that own lag could have falsified, or None when the observation carries no such latency."""
        return None

    @property
    def suspect(self) -> bool:
        """True when own lag may explain more than a tenth of the measured latency."""
        measured = self.measured_s()
        return measured is not None and self.lag_s > SUSPECT_SHARE * measured


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatObserved(Observation):
    """One application ping. outcome: ok, timeout, late (answered after its timeout), not_connected, error."""

    kind: ClassVar[str] = "heartbeat"
    channel: str  # notification, xmpp, websocket
    outcome: str
    rtt_s: float | None = None  # set for ok only; a late pong is counted, never averaged
    tcp_rtt_s: float | None = None  # the kernel's smoothed TCP round trip beside it
    agent: str = ""
    failure: Failure | None = None

    def measured_s(self) -> float | None:
        """The ping round trip."""
        return self.rtt_s


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseObserved(Observation):
    """One phase of a signalling connection: token, channel_create, tcp, tls, upgrade, sasl, bind, ice_servers."""

    kind: ClassVar[str] = "phase"
    phase: str
    seconds: float | None  # set when the phase succeeded
    agent: str = ""
    failure: Failure | None = None

    def measured_s(self) -> float | None:
        """The phase's own time."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged(Observation):
    """A signalling session went up or down. `reconnect` (soft, hard) and `seconds` are set when it came back."""

    kind: ClassVar[str] = "connection"
    agent: str
    connected: bool
    reconnect: str = ""
    seconds: float | None = None

    def measured_s(self) -> float | None:
        """The reconnection's time."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceObserved(Observation):
    """A signalling session or a call fell silent by our own watch, or was heard again. It stands: this is no drop.

    seconds: since the last sign of life, or, at the end, how long the silence was. where: `path` (what we sent is not
    acknowledged by TCP), `server` (it is, and nobody answers), "" where that cannot be told. layer: signalling or
    media. A silence that ends in a drop is ended by that one's ConnectionChanged, or Disconnected.
    """

    kind: ClassVar[str] = "silence"
    agent: str
    silent: bool
    seconds: float
    where: str = ""
    layer: Layer = Layer.SIGNALLING
    conversation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Observation):
    """A drop, as an interval: it happened after last_good_wall_s and was noticed at noticed_wall_s."""

    kind: ClassVar[str] = "disconnect"
    layer: Layer
    reason: str  # one of DISCONNECT_REASONS[layer]
    last_good_wall_s: float
    noticed_wall_s: float
    agent: str = ""
    code: int | None = None  # WebSocket close code, where there is one
    detail: str = ""
    conversation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheringObserved(Observation):
    """One ICE gathering: wanted against obtained candidate types, and how each server answered."""

    kind: ClassVar[str] = "gathering"
    servers: str  # `platform`, or the probe's name
    signature: Signature
    wanted: tuple[CandidateType, ...]
    obtained: tuple[CandidateType, ...]
    results: tuple[ServerResult, ...]
    seconds: float | None  # whole gathering; None when a server ran into its timeout or the probe failed
    agent: str = ""
    failure: Failure | None = None

    def measured_s(self) -> float | None:
        """The whole gathering."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPhaseObserved(Observation):
    """One phase of setting up a call: propose, offer, ice_checks, dtls, first_media."""

    kind: ClassVar[str] = "call_phase"
    phase: str
    seconds: float | None
    agent: str = ""
    conversation_id: str = ""
    failure: Failure | None = None

    def measured_s(self) -> float | None:
        """The phase's own time."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSampled(Observation):
    """A second of a call's media as W3C webrtc-stats name it, and the softphone's own MOS estimate."""

    kind: ClassVar[str] = "media"
    rtt_s: float | None
    jitter_s: float | None
    loss_ratio: float | None
    mos: float | None
    packets_received: int
    agent: str = ""
    conversation_id: str = ""
    arrival_clock: str = ""  # kernel: own lag does not shift arrivals; callback: it does; empty: not told
    ice_restarts: int = 0  # of the call, asked for by the other side since the sample before
    audible_frames: int | None = None  # of 20 ms, of a canary's call; None where nothing is decoded
    silent_frames: int | None = None  # below -60 dBov
    undecodable_packets: int | None = None

    def measured_s(self) -> float | None:
        """The media round trip; of arrivals noted by a callback also what jitter tells of lag, if that is less.

        None where the kernel noted the arrivals: own lag is in none of these figures, and hundreds of calls have some.
        """
        if self.arrival_clock == KERNEL_CLOCK:
            return None
        told = [] if self.rtt_s is None else [self.rtt_s]
        if self.jitter_s is not None and self.arrival_clock == CALLBACK_CLOCK:
            told.append(JITTER_WEIGHT * self.jitter_s)
        return min(told, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiObserved(Observation):
    """One REST call of our own. status: the HTTP status as text, or the failure's reason when there was none."""

    kind: ClassVar[str] = "api"
    operation: str
    status: str
    seconds: float | None  # time to the whole answer; None when none came
    retry_after_s: float | None = None
    correlation_id: str = ""
    failure: Failure | None = None

    def measured_s(self) -> float | None:
        """The request's time."""
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenObserved(Observation):
    """A token's times, never the token. expires_wall_s is None when the platform did not say."""

    kind: ClassVar[str] = "token"
    token: str  # `service`, or the agent's name
    issued_wall_s: float
    expires_wall_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateObserved(Observation):
    """Until when the certificate is valid that the signalling endpoint showed when it was connected to over TLS."""

    kind: ClassVar[str] = "certificate"
    expires_wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSkipped(Observation):
    """A probe was still running when its slot came, so the slot was skipped."""

    kind: ClassVar[str] = "slot_skipped"
    slots: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLagObserved(Observation):
    """How late our own event loop ran over the last second (`over_s`), and what may have kept it from measuring.

    process: main, prober, shard0, ... None: the system does not tell. Journals of before have the first three alone.
    """

    kind: ClassVar[str] = "own_lag"
    process: str
    lag_samples_s: tuple[float, ...]
    lateness_samples_s: tuple[float, ...] = ()
    over_s: float = 1.0
    waited_s: float | None = None  # ready to run, while every processor was given to somebody else
    turns: int = 0  # how often it got a processor meanwhile
    steal_ratio: float | None = None  # share of the machine's processor time that its hypervisor gave away; main's only
    slots_due: int = 0  # 20 ms slots of media to be sent
    slots_missed: int = 0  # of them, those not sent for being late
    socket_drops: int = 0  # datagrams lost at a full socket of ours, received or to be sent
    gc_pauses_s: tuple[float, ...] = ()
    executor_queue: int | None = None  # jobs of the default executor that wait for a thread
    dns_lookups_s: tuple[float, ...] = ()  # those answered
    dns_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsDropped(Observation):
    """A bounded channel was full and dropped facts. sink: where they were to go."""

    kind: ClassVar[str] = "dropped"
    sink: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnded(Observation):
    """A worker process of ours ended without being told to; its measurements have a gap from then on."""

    kind: ClassVar[str] = "process_ended"
    process: str
    exit_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorStarted(Observation):
    """The monitor has started, or measures another platform from now on. simulated: the platform is the simulator."""

    kind: ClassVar[str] = "monitor_started"
    version: str
    simulated: bool
