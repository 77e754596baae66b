"""Scenarios: what the simulated platform is like, as strict YAML with what is true about it written beside it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from monitor.config.document import Document, read

Seconds = Annotated[float, Field(ge=0, le=86_400 * 2, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class ScenarioError(ValueError):
    """A scenario that cannot be used; `problems` has one line per bad field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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


class Scenario(Section):
    """One simulated platform. coupling: the share of each REST call's work that spills into signalling."""

    name: Name
    description: Annotated[str, Field(min_length=1, max_length=2000)]
    expected: Expected
    agents: Annotated[int, Field(ge=1, le=5000)] = 150
    rest: Queue = Queue(capacity=200.0)
    signalling: Queue = Queue(capacity=200.0, backlog_limit_s=60.0)
    coupling: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    gateway_timeout_s: Positive = 15.0
    publish_s: Seconds = 1.0  # from the accepted update to its Complete event
    rate_limit: RateLimit = RateLimit()
    tokens: Tokens = Tokens()
    heartbeat_period_s: Positive = 30.0  # JSON channel.metadata heartbeats
    server_ping_period_s: Positive = 20.0  # XMPP pings to clients that asked for them; must stay below 35
    turn: Turn | None = None
    force_turn: bool = False  # hand out no STUN service, which is how a softphone is told to use relays alone


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with the package, sorted."""
    folder = files("monitor.simulator") / "scenarios"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_scenario(name_or_path: str) -> Scenario:
    """A shipped scenario by name, or the one in a YAML file. Raises ScenarioError."""
    if name_or_path in shipped_scenarios():
        source = files("monitor.simulator") / "scenarios" / f"{name_or_path}.yaml"
        return parse_scenario(source.read_bytes())
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(shipped_scenarios())
        raise ScenarioError([f"scenario {name_or_path!r}: no such file and not one of {known}"])
    try:
        return parse_scenario(path.read_bytes())
    except OSError as error:
        raise ScenarioError([f"scenario {name_or_path!r}: cannot be read: {error.strerror}"]) from None


def parse_scenario(content: bytes) -> Scenario:
    """The scenario written as YAML. Raises ScenarioError with every bad field at once."""
    document = read(content)
    problems = [_line(flaw.line, flaw.path, flaw.allowed) for flaw in document.flaws]
    if not problems and not isinstance(document.data, dict):
        problems = ["line 1: a scenario is a mapping of settings"]
    if problems:
        raise ScenarioError(problems)
    try:
        return Scenario.model_validate_json(json.dumps(document.data))  # JSON mode: strict, yet a list may be a tuple
    except ValidationError as error:
        raise ScenarioError([_of_error(document, problem) for problem in error.errors()]) from None


def _of_error(document: Document, problem: ErrorDetails) -> str:
    """The value is shown where it helps: not for a missing or unknown key, and nothing of a TURN server's secrets."""
    path, shown = problem["loc"], repr(problem["input"])[:60]
    hidden = problem["type"] in ("missing", "extra_forbidden") or path[:1] == ("turn",)
    return _line(document.line_of(path), path, problem["msg"], None if hidden else shown)


def _line(line: int, path: tuple[str | int, ...], allowed: str, value: str | None = None) -> str:
    where = ".".join(str(part) for part in path) or "scenario"
    got = f" (got {value})" if value is not None else ""
    return f"line {line}: {where}: {allowed}{got}"
