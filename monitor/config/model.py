"""The settings of one monitor: frozen, typed, every unit in the attribute's name; files use the shorter keys."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from monitor.config.probes import (
    ApiProbe,
    CallProbe,
    GatheringProbe,
    HeartbeatProbe,
    Keepalive,
    Part,
    ProbeSettings,
    SignallingProbe,
    TurnServer,
    secret_ref,
)
from monitor.config.rules import AutoOrWhole, Duration, Whole
from monitor.config.secrets import SecretRef
from monitor.config.values import (
    Count,
    Days,
    EnvName,
    FilePath,
    Flag,
    Holidays,
    Hours,
    HttpUrl,
    Identifier,
    Listen,
    MetricsUrl,
    Moment,
    Name,
    Region,
    StreamingUrl,
    Timezone,
    is_loopback,
    split_host_port,
)

__all__ = [
    "Agent",
    "ApiProbe",
    "Calendar",
    "CallProbe",
    "ClientCredentials",
    "Exporter",
    "Fleet",
    "GatheringProbe",
    "Genesys",
    "HeartbeatProbe",
    "Journal",
    "Keepalive",
    "Metrics",
    "Page",
    "ProbeSettings",
    "PublishJob",
    "SessionOptions",
    "Settings",
    "SignallingProbe",
    "TurnServer",
]


class ClientCredentials(Part):
    """Service credentials (OAuth client credentials grant): where the id and the secret are."""

    id_env: EnvName | None = Field(default=None, description="Environment variable with the client id.")
    id_file: FilePath | None = Field(default=None, description="File with the client id, instead.")
    secret_env: EnvName | None = Field(default=None, description="Environment variable with the client secret.")
    secret_file: FilePath | None = Field(default=None, description="File with the client secret, instead.")

    @property
    def id(self) -> SecretRef | None:
        """Where the client id is."""
        return secret_ref(self.id_env, self.id_file)

    @property
    def secret(self) -> SecretRef | None:
        """Where the client secret is."""
        return secret_ref(self.secret_env, self.secret_file)


class Agent(Part):
    """A synthetic softphone: a user of its own, never a working agent."""

    name: Name = Field(description="Name by which probes refer to it.")
    token_env: EnvName | None = Field(default=None, description="Environment variable with the user's access token.")
    token_file: FilePath | None = Field(default=None, description="File with the user's access token, instead.")
    keepalive: Keepalive | None = Field(
        default=None,
        description="For an agent without a signalling probe, whose `keepalive` decides otherwise. Default client.",
    )

    @property
    def token(self) -> SecretRef | None:
        """Where the access token is."""
        return secret_ref(self.token_env, self.token_file)


class Genesys(Part):
    """Which Genesys Cloud, and as whom."""

    region: Region | None = Field(
        default=None, description="AWS region of the organisation. Either this or the three URLs."
    )
    rest: HttpUrl | None = Field(default=None, description="Platform API, when it is not a region's.")
    login: HttpUrl | None = Field(default=None, description="OAuth host, when it is not a region's.")
    streaming: StreamingUrl | None = Field(default=None, description="Streaming host, when it is not a region's.")
    client: ClientCredentials | None = Field(
        default=None,
        description="Service credentials: for `api` probes, `notification` heartbeats and publish detection.",
    )
    agents: tuple[Agent, ...] = Field(default=(), description="Synthetic softphones.")


class PublishJob(Part):
    """A job that publishes schedules, so that its runs are known by name."""

    name: Name = Field(description="Name of the job, as its markers carry it.")
    business_unit: Identifier | None = Field(
        default=None, description="Id of the business unit whose schedules it publishes."
    )
    detect: tuple[Literal["notification", "poll", "audit"], ...] = Field(
        default=(),
        description="Notice runs without touching the script: by the platform's notifications, by polling the "
        "schedules, by the audit log, or several of them. docs/detection.md says what each can know.",
    )
    schedule: Moment | None = Field(
        default=None,
        description="When it is due, in `timezone`: days and a time. A run found within 30m after it is taken to have "
        "started no earlier.",
    )
    poll_interval_s: Annotated[float, BeforeValidator(Duration("1s", "24h"))] = Field(
        default=15.0,
        validation_alias="poll_interval",
        serialization_alias="poll_interval",
        description="With `detect: [poll]`: time from one request for the schedules to the next.",
    )
    audit_interval_s: Annotated[float, BeforeValidator(Duration("1s", "24h"))] = Field(
        default=60.0,
        validation_alias="audit_interval",
        serialization_alias="audit_interval",
        description="With `detect: [audit]`: time from one audit query to the next.",
    )
    gap_s: Annotated[float, BeforeValidator(Duration("0s", "1h"))] = Field(
        default=60.0,
        validation_alias="gap",
        serialization_alias="gap",
        description="Detected updates no further apart than this are batches of one run.",
    )


class Exporter(Part):
    """The HTTP server for /metrics, /markers, /probe and the live page."""

    listen: Listen = Field(default="127.0.0.1:9464", description="Address and port. Off loopback a token is needed.")
    token_env: EnvName | None = Field(
        default=None, description="Environment variable with the token that callers must send."
    )
    token_file: FilePath | None = Field(default=None, description="File with that token, instead.")

    @property
    def host(self) -> str:
        """Host name or address to bind, an IPv6 address without brackets."""
        return split_host_port(self.listen)[0]

    @property
    def port(self) -> int:
        """Port to bind; 0 picks a free one."""
        return split_host_port(self.listen)[1]

    @property
    def token(self) -> SecretRef | None:
        """Where the token is."""
        return secret_ref(self.token_env, self.token_file)

    @property
    def needed_token(self) -> SecretRef | None:
        """The token that callers must send: None on loopback, where nobody is asked for one."""
        return None if is_loopback(self.host) else self.token


class Journal(Part):
    """The file that remembers facts and markers."""

    path: FilePath = Field(default="softphone.db", description="SQLite file, relative to the working directory.")
    retention_s: Annotated[float, BeforeValidator(Duration("1h", "36500d"))] = Field(
        default=400 * 86400.0,
        validation_alias="retention",
        serialization_alias="retention",
        description="How long facts are kept. Markers and day aggregates are kept for ever.",
    )


class Metrics(Part):
    """What /metrics shows."""

    per_agent: Flag = Field(default=False, description="Also label series by agent: about 55 series more for each.")
    publish_runs: Annotated[int, BeforeValidator(Whole(1, 1000))] = Field(
        default=60, description="How many latest runs of each publish job keep their start and end."
    )
    publish_limit_s: Annotated[float, BeforeValidator(Duration("1s", "7d"))] = Field(
        default=7200.0,
        validation_alias="publish_limit",
        serialization_alias="publish_limit",
        description="A run that has no end marker by then ends as `aborted`.",
    )


class Page(Part):
    """Where the live page reads how other sites are. It always shows this one."""

    journals: tuple[FilePath, ...] = Field(
        default=(), description="Journals of other monitors, where this one can read their files."
    )
    prometheus: MetricsUrl | None = Field(
        default=None,
        description="Prometheus-compatible server that scrapes other monitors, up to and without `/api/v1`. Its bearer "
        "token, where it wants one, is taken from the environment variable PROMETHEUS_TOKEN, and sent over https:// "
        "or to loopback only.",
    )


class Fleet(Part):
    """How many synthetic softphones, and over how many media processes they are spread."""

    agents: Count = Field(
        default=1,
        description="Synthetic softphones that carry calls at once. Where fewer have a `call` probe, the first call "
        "probe is repeated for further agents of `genesys.agents`, in their order, each with its signalling session.",
    )
    shards: Annotated[Literal["auto"] | int, BeforeValidator(AutoOrWhole(Whole(1, 64)))] = Field(
        default="auto",
        description="Media processes. `auto`: one for every 150 softphones, but no more than there are processors.",
    )
    canaries: Annotated[int, BeforeValidator(Whole(0, 2))] = Field(
        default=0,
        description="So many of the softphones, the first with a `call` probe, really encode and decode their sound, "
        "in a media process of their own: tells whether anything is to be heard. Each costs some 50 ms of processor a "
        "second more.",
    )


class Calendar(Part):
    """When people work, in `timezone`."""

    hours: Hours = Field(default="08:00-18:00", description="Working hours.")
    days: Days = Field(default="mon-fri", description="Working days.")
    holidays: Holidays | None = Field(default=None, description="Whose public holidays are no working days.")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How an agent's signalling session keeps alive and reconnects; the defaults are the real client's."""

    keepalive: Keepalive = "client"
    reconnect_jitter: bool = False
    detect_after_s: float | None = None
    watch_silence: bool = False


class Settings(Part):
    """Everything one monitor was asked to do."""

    site: Name = Field(default="default", description="Where this monitor runs: the `site` label of every metric.")
    timezone: Timezone = Field(default="UTC", description="IANA time zone of schedules and calendar.")
    genesys: Genesys | None = Field(
        default=None, description="Which Genesys Cloud; not needed where no probe talks to it."
    )
    probes: tuple[ProbeSettings, ...] = Field(
        default=(), description="What is measured; `[]` for markers and exporter alone."
    )
    publish: tuple[PublishJob, ...] = Field(default=(), description="Publish jobs that are known by name.")
    exporter: Exporter = Field(default=Exporter(), description="HTTP server.")
    journal: Journal = Field(default=Journal(), description="Memory on disk.")
    metrics: Metrics = Field(default=Metrics(), description="What /metrics shows.")
    page: Page = Field(default=Page(), description="Other sites on the live page.")
    fleet: Fleet = Field(default=Fleet(), description="Size of the synthetic fleet.")
    calendar: Calendar | None = Field(
        default=None, description="Working hours and holidays, for the verdict. Default: every hour counts."
    )

    @field_validator("probes", mode="after")
    @classmethod
    def _name_probes(cls, probes: tuple[ProbeSettings, ...]) -> tuple[ProbeSettings, ...]:
        return named(probes)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The synthetic softphones, none when there is no `genesys`."""
        return self.genesys.agents if self.genesys else ()

    def session_options(self, agent: str) -> SessionOptions:
        """How the agent's session behaves: its signalling probe decides, else the agent's own `keepalive`."""
        for probe in self.probes:
            if isinstance(probe, SignallingProbe) and probe.agent == agent:
                return SessionOptions(probe.keepalive, probe.reconnect_jitter, probe.detect_after_s, probe.watch)
        own = next((a.keepalive for a in self.agents if a.name == agent), None)
        return SessionOptions(own or "client")

    def to_json(self) -> str:
        """The settings for a child process: names of environment variables and files, never a secret."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The settings that `to_json` wrote. Raises pydantic.ValidationError for anything else."""
        return cls.model_validate_json(text)


def named(probes: tuple[ProbeSettings, ...]) -> tuple[ProbeSettings, ...]:
    """The probes with a name each: the given one, or the kind and its number among its kind."""
    numbers: Counter[str] = Counter()
    result: list[ProbeSettings] = []
    for probe in probes:
        numbers[probe.kind] += 1
        result.append(probe if probe.name else probe.model_copy(update={"name": f"{probe.kind}-{numbers[probe.kind]}"}))
    return tuple(result)
