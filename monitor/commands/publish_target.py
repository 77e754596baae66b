"""Which platform, schedule and ledger a publish is about: command line and configuration to values, errors as lines."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from monitor.config.load import ConfigErrors, load
from monitor.config.secrets import SecretMissing, SecretRef, resolve
from monitor.config.values import is_loopback
from monitor.genesys.regions import Endpoints, for_region, for_urls
from monitor.publish.flow.requests import is_id
from monitor.publish.guard import off_loopback
from monitor.publish.live import Account

MOST_AGENTS = 5000  # of a business unit


class UsageError(Exception):
    """The command line cannot be followed; the message is for the user."""


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """What the command line said.

    config: a configuration file for platform, credentials and business unit; rest, login, streaming: the platform's
    URLs in its place; with neither, the simulator is started with `scenario`. client_id_env, client_secret_env: names
    of environment variables. agents: a file of user ids, one a line; None for everybody on the schedule. publish
    False: the writes alone. rate_per_s: paced. window, tz: off_peak. monitor: where markers go. ledger: the run's
    file. json: the result as JSON on stdout.
    """

    pacing: str = "batch"
    retry: str = "retry_after"
    config: Path | None = None
    rest: str | None = None
    login: str | None = None
    streaming: str | None = None
    client_id_env: str = "GENESYS_CLIENT_ID"
    client_secret_env: str = "GENESYS_CLIENT_SECRET"  # noqa: S105 - a name
    business_unit: str | None = None
    week: str | None = None
    schedule: str | None = None
    agents: Path | None = None
    writes: tuple[str, ...] = ("presence", "routing_status")
    publish: bool = True
    batch_size: int = 50
    pause_s: float = 2.0
    in_flight: int = 8
    rate_per_s: float = 4.0
    window: str | None = None
    tz: str | None = None
    retry_limit: int | None = None
    retry_factor: float = 2.0
    jitter: bool = False
    yes_publish: str | None = None
    job: str = "publish"
    monitor: str | None = None
    ledger: Path | None = None
    resume: bool = False
    json: bool = False
    scenario: str = "quiet"
    seed: int = 1

    @property
    def embedded(self) -> bool:
        """No platform is named: the simulator is started."""
        return self.config is None and self.rest is None


@dataclass(frozen=True, slots=True)
class Target:
    """One schedule of one platform."""

    account: Account
    business_unit: str
    week: str
    schedule: str

    @property
    def simulated(self) -> bool:
        """On loopback: Genesys Cloud never is."""
        return off_loopback(self.account.endpoints) is None


def target_of(options: PublishOptions) -> Target:
    """The target that options or configuration name. Raises UsageError."""
    business_unit = options.business_unit
    if options.config is not None:
        endpoints, client, named = _from_config(options.config, options.job)
        business_unit = business_unit or named
    else:
        endpoints, client = _from_urls(options), None
    missing = [
        option
        for option, value in (
            ("--business-unit", business_unit),
            ("--week", options.week),
            ("--schedule", options.schedule),
        )
        if not value
    ]
    if missing:
        raise UsageError(f"{', '.join(missing)}: needed to say which schedule")
    try:
        client_id, secret = (
            (resolve(client[0]), resolve(client[1]))
            if client is not None
            else (resolve(SecretRef(env=options.client_id_env)), resolve(SecretRef(env=options.client_secret_env)))
        )
    except SecretMissing as error:
        raise UsageError(str(error)) from None
    account = Account(endpoints, client_id, secret, options.yes_publish)
    return Target(account, business_unit or "", options.week or "", options.schedule or "")


def target_of_simulator(info: dict[str, Any]) -> Target:
    """The schedule that a simulator has said it holds."""
    endpoints = for_urls(info["rest"], info["rest"], info["ws"])
    account = Account(endpoints, info["client_id"], info["client_secret"])
    return Target(account, info["business_unit"], info["week"], info["schedule"])


def agents_in(file: Path | None) -> tuple[str, ...] | None:
    """The user ids in a file, one a line, `#` begins a comment; None without a file. Raises UsageError."""
    if file is None:
        return None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    agents: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        agent = line.partition("#")[0].strip()
        if not agent:
            continue
        if not is_id(agent):
            raise UsageError(f"{file}:{number}: {agent[:80]!r} is not a user id")
        if agent in agents:
            raise UsageError(f"{file}:{number}: {agent} is in line {agents[agent]} already")
        agents[agent] = number
    if not 1 <= len(agents) <= MOST_AGENTS:
        raise UsageError(f"{file}: {len(agents)} user ids; 1 to {MOST_AGENTS} are needed")
    return tuple(agents)


def ledger_of(options: PublishOptions) -> Path:
    """Where the run is written down: as told, else one file a job among the user's state."""
    if options.ledger is not None:
        return options.ledger
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", options.job)[:64]
    return Path(state).expanduser() / "softphone-monitor" / f"publish-{name}.jsonl"


def _from_config(file: Path, job: str) -> tuple[Endpoints, tuple[SecretRef | None, SecretRef | None], str | None]:
    try:
        settings = load(file)
    except ConfigErrors as errors:
        raise UsageError(str(errors)) from None
    genesys = settings.genesys
    if genesys is None or genesys.client is None:
        raise UsageError(f"{file}: genesys.client: needed for a publish")
    if genesys.region is not None:
        endpoints = for_region(genesys.region)
    else:
        endpoints = for_urls(genesys.rest or "", genesys.login or "", genesys.streaming or "")
    named = {one.name: one.business_unit for one in settings.publish}
    business_unit = named.get(job) or (next(iter(named.values())) if len(named) == 1 else None)
    return endpoints, (genesys.client.id, genesys.client.secret), business_unit


def _from_urls(options: PublishOptions) -> Endpoints:
    rest = options.rest or ""
    login = options.login or rest.replace("//api.", "//login.", 1)
    streaming = options.streaming or re.sub(r"^http", "ws", rest).replace("//api.", "//streaming.", 1)
    try:
        endpoints = for_urls(rest, login, streaming)
    except ValueError as error:
        raise UsageError(str(error)) from None
    for url in (endpoints.rest, endpoints.login, endpoints.streaming):
        parts = urlsplit(url)
        if parts.scheme in ("http", "ws") and not is_loopback(parts.hostname or ""):
            raise UsageError(f"{url}: unencrypted off loopback")
        if "@" in parts.netloc:
            raise UsageError("a platform's URL holds no credentials")
    return endpoints
