"""Scenarios: what the simulated platform is like, as strict YAML with what is true about it written beside it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from monitor.config.document import Document, read
from monitor.simulator.world.occurrences import Occurrence
from monitor.simulator.world.scenario_parts import (
    Expected,
    Name,
    Positive,
    Queue,
    RateLimit,
    Seconds,
    Section,
    Share,
    SiteName,
    Tokens,
    Turn,
)

__all__ = [
    "Expected",
    "Occurrence",
    "Queue",
    "RateLimit",
    "Scenario",
    "ScenarioError",
    "Section",
    "Tokens",
    "Turn",
    "load_scenario",
    "parse_scenario",
    "shipped_scenarios",
]

DEFAULT_SITE: Final = "simulated"
ALIASES: Final = {"innocent": "publish_innocent"}  # names of earlier releases


class ScenarioError(ValueError):
    """A scenario that cannot be used; `problems` has one line per bad field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Scenario(Section):
    """One simulated platform. coupling: the share of each REST call's work that spills into signalling.

    sites: how many of the agents work where; one site with all of them when it is left out. shared_agent_token: every
    agent's softphone signs in with the same token. keepalive: how the agents' softphones notice a dead connection.
    hidden_tabs: share of the agents whose browser keeps the softphone in a hidden tab, where timers fire once a minute.
    call_every_s: mean time between two calls of one agent. schedule_reads: share of the agents' clients that read the
    schedule over REST when they are told that it changed. turn_credential_life_s: from their being handed out.
    processing_event: whether an accepted schedule update is told as an event at once, and not only once complete.
    """

    name: Name
    description: Annotated[str, Field(min_length=1, max_length=2000)]
    expected: Expected
    timezone: str = "America/Chicago"
    agents: Annotated[int, Field(ge=1, le=5000)] = 150
    sites: dict[SiteName, Annotated[int, Field(ge=1, le=5000)]] = Field(default_factory=dict)
    shared_agent_token: bool = False
    keepalive: Literal["client", "server"] = "client"
    hidden_tabs: Share = 0.0
    call_every_s: Positive = 600.0
    schedule_reads: Share = 0.0
    rest: Queue = Queue(capacity=200.0)
    signalling: Queue = Queue(capacity=200.0, backlog_limit_s=60.0)
    coupling: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    gateway_timeout_s: Positive = 15.0
    publish_s: Seconds = 1.0  # from the accepted update to its Complete event
    processing_event: bool = True
    rate_limit: RateLimit = RateLimit()
    tokens: Tokens = Tokens()
    heartbeat_period_s: Positive = 30.0  # JSON channel.metadata heartbeats
    server_ping_period_s: Positive = 20.0  # XMPP pings to clients that asked for them; must stay below 35
    turn: Turn | None = None
    turn_credential_life_s: Annotated[float, Field(gt=0, le=864_000, allow_inf_nan=False)] = 86_400.0
    force_turn: bool = False  # hand out no STUN service, which is how a softphone is told to use relays alone
    occurrences: tuple[Occurrence, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not a time zone of the IANA database") from None
        return name

    @field_validator("sites")
    @classmethod
    def _agents_at_their_sites(cls, sites: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        agents = info.data.get("agents")
        if sites and agents is not None and sum(sites.values()) != agents:
            raise ValueError(f"sites must add up to the {agents} agents")
        return sites

    @field_validator("occurrences")
    @classmethod
    def _at_known_sites(cls, occurrences: tuple[Occurrence, ...], info: ValidationInfo) -> tuple[Occurrence, ...]:
        known = info.data.get("sites") or (DEFAULT_SITE,)
        if strange := [one.site for one in occurrences if one.site is not None and one.site not in known]:
            raise ValueError(f"{strange[0]} is not one of the sites {', '.join(known)}")
        return occurrences

    @property
    def site_sizes(self) -> dict[str, int]:
        """Every site with the number of its agents; there is always one."""
        return dict(self.sites) or {DEFAULT_SITE: self.agents}


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with the package, sorted."""
    folder = files("monitor.simulator") / "scenarios"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_scenario(name_or_path: str) -> Scenario:
    """A shipped scenario by name (or former name), or the one in a YAML file. Raises ScenarioError."""
    name_or_path = ALIASES.get(name_or_path, name_or_path)
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
    allowed = problem["msg"].removeprefix("Value error, ")
    return _line(document.line_of(path), path, allowed, None if hidden else shown)


def _line(line: int, path: tuple[str | int, ...], allowed: str, value: str | None = None) -> str:
    where = ".".join(str(part) for part in path) or "scenario"
    got = f" (got {value})" if value is not None else ""
    return f"line {line}: {where}: {allowed}{got}"
