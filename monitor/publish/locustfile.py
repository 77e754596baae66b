"""API load at scale: agents' state writes and publish cycles as Locust users; needs the extra `load` (docs/load.md).

    locust -f monitor/publish/locustfile.py AgentWrites --host http://127.0.0.1:8080 --headless -u 8 -t 30s \\
        --business-unit ID --week 2026-11-23 --schedule ID
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any, ClassVar, NoReturn

from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from monitor.genesys.regions import Endpoints, for_urls
from monitor.genesys.rest_messages import RestRequest
from monitor.publish.flow.requests import WRITES, Builder, ScheduleRef, document
from monitor.publish.flow.schedule_state import agent_versions, agents_of, standing_of
from monitor.publish.guard import allowed_to_write

LOG = logging.getLogger(__name__)
LONGEST_WAIT_S = 120.0  # what a Retry-After may ask for and be waited out
POLLS, POLL_S = 30, 1.0  # how long a publish cycle waits for its update to be applied
REFUSED, FAILED = 2, 1  # exit codes

# name, default, meaning; each may come from the environment instead
OPTIONS = (
    ("business-unit", "", "Id of the business unit whose agents are written and whose schedule is published."),
    ("week", "", "First day of the schedule's week, yyyy-MM-dd."),
    ("schedule", "", "Id of the schedule. Its agents are the ones that are written."),
    ("login", "", "Base URL of the login service; by default --host with `api.` replaced by `login.`."),
    ("client-id-env", "GENESYS_CLIENT_ID", "Environment variable with the OAuth client's id."),
    ("client-secret-env", "GENESYS_CLIENT_SECRET", "Environment variable with the OAuth client's secret."),
)


def add_options(parser: LocustArgumentParser) -> None:
    """Our options beside Locust's own. None is in the web page, where anybody could change whom we write to."""
    for name, default, meaning in OPTIONS:
        variable = f"GENESYS_{name.upper().replace('-', '_')}"
        parser.add_argument(f"--{name}", default=default, env_var=variable, include_in_web_ui=False, help=meaning)
    parser.add_argument(
        "--yes-publish",
        default="",
        metavar="BU_ID",
        include_in_web_ui=False,
        help="Allows writing off loopback, to this business unit only.",
    )
    parser.add_argument("--batch-size", type=int, default=50, help="Agents in each publish cycle.")
    parser.add_argument("--pause", type=float, default=0.0, help="Seconds between two tasks of one user.")


def refuse_early(environment: Environment, **_: Any) -> None:
    """End at once where it is plain that nothing may be sent. A worker learns its options later, from the master."""
    options = environment.parsed_options
    if environment.host and options is not None and not options.worker:
        problem = refusal(environment.host, options) or (None if options.master else lacking(options))
        if problem:
            LOG.error(problem)
            raise SystemExit(REFUSED)


def refusal(host: str, options: Namespace) -> str | None:
    """Why this host may not be loaded with these options; None when it may. One line."""
    try:
        endpoints = endpoints_of(host, options)
        _ = ref_of(options).path
    except ValueError as error:
        return str(error)
    if not (options.business_unit and options.week and options.schedule):
        return "--business-unit, --week and --schedule are all needed: they say whose agents are written"
    if options.batch_size < 1 or options.pause < 0:
        return "--batch-size is at least 1, --pause at least 0"
    return allowed_to_write(endpoints, options.business_unit, options.yes_publish or None)


def lacking(options: Namespace) -> str | None:
    """Which credentials are not in this process's environment; None when all are. A master needs none."""
    missing = [name for name in (options.client_id_env, options.client_secret_env) if not os.environ.get(name)]
    return f"the environment lacks {' and '.join(missing)}" if missing else None


def endpoints_of(host: str, options: Namespace) -> Endpoints:
    """REST at `host`; login beside it. Raises ValueError."""
    rest = host.rstrip("/")
    return for_urls(rest, options.login or rest.replace("//api.", "//login.", 1), rest.replace("http", "ws", 1))


def ref_of(options: Namespace) -> ScheduleRef:
    """The schedule that the options name."""
    return ScheduleRef(options.business_unit, options.week, options.schedule)


class Shared:
    """What the users of one class have in common in this process: a token, and the agents in turn."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # Locust has made it cooperative
        self.token = ""
        self.agents: tuple[str, ...] = ()
        self.builder = Builder()
        self.writes: Iterator[tuple[str, str]] = iter(())


class PlatformUser(FastHttpUser):
    """Somebody who calls the platform with the class's token, and waits out a Retry-After."""

    abstract = True
    insecure = False  # Locust's own default is to trust any certificate, and we send credentials
    network_timeout = 30.0
    shared: ClassVar[Shared]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.shared = Shared()

    @property
    def options(self) -> Namespace:
        """Locust's options and ours."""
        options: Namespace | None = self.environment.parsed_options
        assert options is not None
        return options

    def wait_time(self) -> float:
        """Seconds between two tasks."""
        return float(self.options.pause)

    def on_start(self) -> None:
        """Refuse what may not be loaded; the first user of a class fetches token and agents for all of them."""
        with self.shared.lock:
            problem = refusal(self.host or "", self.options) or lacking(self.options)
            if problem:
                self.give_up(problem, REFUSED)
            if not self.shared.agents and self.environment.process_exit_code is None:
                self.shared.token = self.fetch_token()
                self.shared.agents = self.read_agents()
                self.shared.writes = itertools.cycle(itertools.product(self.shared.agents, WRITES))
        if not self.shared.agents:
            _wait_for_the_end()  # which another user has just called for

    def give_up(self, problem: str, code: int) -> NoReturn:
        """End the whole load with one line that says why, however many users find out."""
        if self.environment.process_exit_code is None:
            LOG.error(problem)
            self.environment.process_exit_code = code
            assert self.environment.runner is not None
            threading.Thread(target=self.environment.runner.quit, daemon=True).start()  # it ends its caller, too
        _wait_for_the_end()

    def fetch_token(self) -> str:
        """By client credentials, which are read here and kept nowhere."""
        options = self.options
        credentials = (os.environ[options.client_id_env], os.environ[options.client_secret_env])
        call: Any = self.client.request
        reply = call(
            "POST",
            f"{endpoints_of(self.host or '', options).login}/oauth/token",
            name="token",
            auth=credentials,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            data="grant_type=client_credentials",
            allow_redirects=False,
        )
        body = _json(reply)
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            self.give_up(f"no token: the login service answered {reply.status_code or reply.error}", FAILED)
        return token

    def read_agents(self) -> tuple[str, ...]:
        """Everybody on the schedule."""
        agents = agents_of(self.send(self.shared.builder.read_schedule(ref_of(self.options))))
        if not agents:
            self.give_up(f"schedule {self.options.schedule} cannot be read, or has no agents", FAILED)
        return agents

    def send(self, request: RestRequest) -> Any:
        """One request under its operation's name: the JSON of a 2xx answer, None for any other.

        After a 429 the user waits as long as it is told to, as other callers of the same token do not.
        """
        signed = request.content is not None
        headers = dict(request.headers) if signed else {"Authorization": f"Bearer {self.shared.token}"}
        call: Any = self.client.request
        reply = call(
            request.method,
            request.path,
            name=request.operation,
            data=request.content,
            json=request.body,
            headers=headers,
            allow_redirects=False,
        )
        if reply.status_code == 429:
            time.sleep(_retry_after_s(reply.headers.get("Retry-After")))
        return _json(reply) if reply.ok else None


class AgentWrites(PlatformUser):
    """Writes presence, then routing status, of agent after agent, one request each. The users share the agents."""

    weight = 10

    @task
    def write(self) -> None:
        """The next write that no other user has done."""
        agent, kind = next(self.shared.writes)
        self.send(self.shared.builder.write(kind, agent))


class PublishCycles(PlatformUser):
    """Publishes the schedule as it is, a batch of agents a cycle: read, upload, update, wait until it is applied.

    There is one such user however many are asked for: two at once would overtake each other's versions.
    """

    fixed_count = 1

    def on_start(self) -> None:
        """As every user, and from the first batch on."""
        super().on_start()
        agents, size = self.shared.agents, self.options.batch_size
        self.batches = itertools.cycle(agents[at : at + size] for at in range(0, len(agents), size))

    @task
    def cycle(self) -> None:
        """One cycle, which also counts as a whole, under `publish_cycle`."""
        began_s = time.monotonic()
        problem = self.publish(next(self.batches))
        self.environment.events.request.fire(
            request_type="FLOW",
            name="publish_cycle",
            response_time=(time.monotonic() - began_s) * 1000.0,
            response_length=0,
            exception=RuntimeError(problem) if problem else None,
            context={},
        )

    def publish(self, agents: tuple[str, ...]) -> str | None:
        """Why the batch has not been published, None when it has."""
        ref, builder = ref_of(self.options), self.shared.builder
        before = standing_of(self.send(builder.read_schedule(ref)))
        versions = agent_versions(self.send(builder.query_agents(ref, agents)))
        if before is None or not versions:
            return "the schedule cannot be read"
        content = document(versions, before.version)
        promise = self.send(builder.upload_url(ref, len(content)))
        if not isinstance(promise, dict) or not isinstance(promise.get("url"), str):
            return "no upload address"
        self.send(builder.upload(promise["url"], promise.get("headers") or {}, content))
        if self.send(builder.update(ref, str(promise.get("uploadKey")), agents)) is None:
            return "the update was refused"
        for _ in range(POLLS):
            time.sleep(POLL_S)
            after = standing_of(self.send(builder.read_schedule(ref)))
            if after is not None and after.version != before.version:
                return None
        return "the update was not applied in time"


def _wait_for_the_end() -> NoReturn:
    """Until Locust ends this user."""
    while True:
        time.sleep(LONGEST_WAIT_S)


def _json(reply: Any) -> Any:
    try:
        return reply.json() if reply.ok else None
    except ValueError:
        return None


def _retry_after_s(value: str | None) -> float:
    """Whole seconds, as the platform asks; 1 where it does not say."""
    return min(float(value), LONGEST_WAIT_S) if value and value.isascii() and value.isdigit() else 1.0


_hooks: Any = events  # Locust's own types leave their listeners out
_hooks.init_command_line_parser.add_listener(add_options)
_hooks.init.add_listener(refuse_early)
