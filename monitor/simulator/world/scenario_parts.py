"""The parts that a scenario is made of: services, limits, tokens, a TURN server, and what is true about it; pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, le=86_400 * 2, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
SiteName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Section(BaseModel):
    """Strict and frozen: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Queue(Section):
    """A service of finite capacity. capacity: work units a second; an ordinary REST call or ICE-server fetch is 1."""

    capacity: Positive
    base_s: Seconds = 0.020
    jitter_s: Seconds = 0.002
    backlog_limit_s: Seconds = 10.0


class RateLimit(Section):
    """Calls per token in a window that the first call opens. count_rejected: whether a 429 counts as a call."""

    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    window_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 60.0
    count_rejected: bool = False


class Tokens(Section):
    """Lifetimes in seconds of client-credentials and user tokens."""

    client_s: Annotated[int, Field(ge=1, le=172_800)] = 86_400
    user_s: Annotated[int, Field(ge=1, le=172_800)] = 86_400


class Turn(Section):
    """A real TURN server that is handed out with the ICE servers; without it only STUN is."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 3478
    transports: tuple[Literal["udp", "tcp"], ...] = ("udp",)
    username: Annotated[str, Field(min_length=1, max_length=255)]
    password: Annotated[str | None, Field(min_length=1, max_length=255, repr=False)] = None
    secret: Annotated[str | None, Field(min_length=1, max_length=255, repr=False)] = None  # coturn's static-auth-secret

    @model_validator(mode="after")
    def _one_credential(self) -> Turn:
        if (self.password is None) == (self.secret is None):
            raise ValueError("give either password or secret")
        return self


class Expected(Section):
    """What is true in this scenario. cause: a word of the closed list of causes, `none` where nothing is wrong."""

    publish_harms_softphones: bool
    cause: Name
