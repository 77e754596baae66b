"""What each kind of probe is asked to do: one frozen model a kind, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from monitor.config.rules import Duration
from monitor.config.secrets import SecretRef
from monitor.config.values import (
    Dialled,
    EnvName,
    FilePath,
    Flag,
    Interface,
    Interval,
    Name,
    ProbeName,
    StunUrl,
    Timeout,
    TurnUrl,
)

Keepalive = Literal["client", "server"]
DetectAfter = Annotated[float, BeforeValidator(Duration("1s", "57s"))]


class Part(BaseModel):
    """A frozen piece of the settings. Files use the short keys, programs the attribute names that carry units."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        validate_default=False,
        hide_input_in_errors=True,
    )


def secret_ref(env: str | None, file: str | None) -> SecretRef | None:
    """The reference that a pair of `*_env` and `*_file` keys makes, None when neither is given."""
    return SecretRef(env=env, file=file) if env or file else None


NOT_YET: JsonDict = {
    "not_yet": True
}  # read and checked, but nothing acts on it yet: users are told, see schema.not_yet
NoneWord = BeforeValidator(lambda value: None if value == "none" else value)


def interval(seconds: float) -> float:
    """A probe's `interval` with its default in seconds."""
    default: float = Field(
        seconds,
        validation_alias="interval",
        serialization_alias="interval",
        description="Time from one start to the next, on a fixed grid. "
        "A probe still running when its slot comes skips the slot and counts it.",
    )
    return default


def timeout(seconds: float) -> float:
    """A probe's `timeout` with its default in seconds."""
    default: float = Field(
        seconds,
        validation_alias="timeout",
        serialization_alias="timeout",
        description="An attempt that takes longer is counted as a timeout and never enters a latency.",
    )
    return default


class _Probe(Part):
    name: ProbeName = Field(
        default="",
        description="Name in metrics, journal and `/probe?target=`. "
        "Default: the kind and its number, such as `heartbeat-1`.",
    )
    interface: Interface | None = Field(
        default=None, description="Network interface to bind to. Default: whatever the routing table says."
    )


class HeartbeatProbe(_Probe):
    """One application ping at a time, timed; misses and late answers are counted."""

    kind: Literal["heartbeat"] = "heartbeat"
    channel: Literal["notification", "xmpp", "websocket"] = Field(
        default="notification",
        description="`notification`: JSON ping on a notification channel of the service credentials. "
        "`xmpp`: urn:xmpp:ping on the agent's signalling session. `websocket`: RFC 6455 ping on the same socket.",
    )
    agent: Name | None = Field(default=None, description="Whose session is pinged; for `xmpp` and `websocket`.")
    interval_s: Interval = interval(15.0)
    timeout_s: Timeout = timeout(5.0)


class SignallingProbe(_Probe):
    """Holds the agent's signalling session as the real softphone does, and times a fresh ICE-server fetch."""

    kind: Literal["signalling"] = "signalling"
    agent: Name = Field(description="Whose session. One signalling probe per agent; other probes share the session.")
    keepalive: Keepalive = Field(
        default="client",
        description="How a dead connection is noticed, as the real client does it: by its own pings (after 58 s of "
        "silence) or by missing server pings (after 35 s).",
    )
    reconnect_jitter: Flag = Field(
        default=False,
        description="Spread the reconnect delays at random. The real client does not, so its reconnects come in step.",
    )
    detect_after_s: Annotated[DetectAfter | None, NoneWord] = Field(
        default=None,
        validation_alias="detect_after",
        serialization_alias="detect_after",
        description="Give up on a silent connection after this time instead of the real client's 58 s or 35 s. "
        "Default `none`: as the real client. This only ends the session sooner: with `watch` a silence is told within "
        "9 s in any case.",
    )
    watch: Flag = Field(
        default=True,
        description="Tell a silence within 9 s (`softphone_signalling_silent`), by a ping after 4 s of quiet that the "
        "real client does not send: a proxy that cuts idle connections will not cut this one. With `false`, and for "
        "agents without a signalling probe, the session is as quiet as a real softphone's.",
    )
    interval_s: Interval = interval(30.0)
    timeout_s: Timeout = timeout(15.0)


class TurnServer(Part):
    """A TURN server and where its long-term credentials are."""

    url: TurnUrl = Field(description="RFC 7065 URL.")
    username_env: EnvName | None = Field(default=None, description="Environment variable with the user name.")
    username_file: FilePath | None = Field(default=None, description="File with the user name, instead.")
    password_env: EnvName | None = Field(default=None, description="Environment variable with the password.")
    password_file: FilePath | None = Field(default=None, description="File with the password, instead.")

    @property
    def username(self) -> SecretRef | None:
        """Where the user name is."""
        return secret_ref(self.username_env, self.username_file)

    @property
    def password(self) -> SecretRef | None:
        """Where the password is."""
        return secret_ref(self.password_env, self.password_file)


class GatheringProbe(_Probe):
    """One ICE gathering: every server asked, each timed, and what came of it compared with what was wanted."""

    kind: Literal["gathering"] = "gathering"
    agent: Name | None = Field(
        default=None,
        description="Use the ICE servers that the platform gives this agent. Either this, or `stun` and `turn`.",
    )
    fetch: Literal["cached", "fresh"] = Field(
        default="cached",
        description="With `agent`: the list the session holds, as the real client does, or a fresh one each time.",
    )
    stun: tuple[StunUrl, ...] = Field(default=(), description="STUN servers of your own choice, RFC 7064 URLs.")
    turn: tuple[TurnServer, ...] = Field(default=(), description="TURN servers of your own choice.")
    relay_only: Flag = Field(
        default=False, description="Want relay candidates alone, as a station with forced TURN does."
    )
    interval_s: Interval = interval(60.0)
    timeout_s: Timeout = timeout(10.0)


class CallProbe(_Probe):
    """Answers calls that are offered to the agent (`answer`), or makes calls (`dial`), and times every phase."""

    kind: Literal["call"] = "call"
    agent: Name = Field(description="Whose calls.")
    answer: Literal["any", "none"] | None = Field(
        default=None,
        description="`any`: answer every call offered; `none`: leave every call alone. Or `dial`.",
    )
    media: Literal["talk", "dtx", "idle"] = Field(
        default="talk",
        description="`talk`: 50 packets a second both ways. `dtx`: we send 2.5 packets a second, as in silence. "
        "`idle`: nothing is sent, and the answer says `inactive`: ICE consent alone, as an agent who waits with a "
        "persistent connection; without media there is no RTT, jitter, loss or MOS. A canary always talks.",
    )
    hold_across: Literal["publish"] | None = Field(
        default=None,
        json_schema_extra=NOT_YET,
        description="With `answer`: keep an answered call up until the publish that follows has ended.",
    )
    dial: Dialled | None = Field(
        default=None, json_schema_extra=NOT_YET, description="Number or address to call. Or `answer`."
    )
    every_s: Annotated[float, BeforeValidator(Duration("10s", "24h"))] | None = Field(
        default=None,
        validation_alias="every",
        serialization_alias="every",
        json_schema_extra=NOT_YET,
        description="With `dial`: time from one call to the next. Default 10m.",
    )
    hold_s: Annotated[float, BeforeValidator(Duration("1s", "24h"))] | None = Field(
        default=None,
        validation_alias="hold",
        serialization_alias="hold",
        json_schema_extra=NOT_YET,
        description="With `dial`: how long a call is kept up. Default 60s.",
    )
    interval_s: Interval = interval(60.0)
    timeout_s: Timeout = timeout(30.0)


class ApiProbe(_Probe):
    """One small REST request with the service credentials: the control that tells API trouble from signalling's."""

    kind: Literal["api"] = "api"
    interval_s: Interval = interval(15.0)
    timeout_s: Timeout = timeout(10.0)


ProbeSettings = Annotated[
    HeartbeatProbe | SignallingProbe | GatheringProbe | CallProbe | ApiProbe, Field(discriminator="kind")
]
