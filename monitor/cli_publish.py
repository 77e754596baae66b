"""The words around publish jobs: mark, publish, experiment. Imports lazily, as cli.py does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from monitor.publish.client import MarkerClient

mark_app = typer.Typer(help="Tell the monitor when a publish job starts, sends a batch, ends.", no_args_is_help=True)
experiment_app = typer.Typer(
    help="Compare ways to publish, in an order that chance has drawn: plan, run, report.", no_args_is_help=True
)

Job = Annotated[str, typer.Option("--job", metavar="NAME", help="Name of the publish job.")]
RunId = Annotated[str | None, typer.Option("--run-id", metavar="ID", help="Which run; by default one is made up.")]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="When, RFC 3339 with offset; by default now.")]
Url = Annotated[
    str,
    typer.Option(
        "--monitor",
        metavar="URL",
        envvar="MONITOR_URL",
        help="Where the monitor's exporter answers; its token, where it wants one, is taken from MONITOR_TOKEN.",
    ),
]
Strategy = Annotated[str | None, typer.Option(metavar="NAME", help="How the job publishes, e.g. batch.")]
BatchSize = Annotated[int | None, typer.Option(min=0, metavar="N", help="Agents a request.")]
Agents = Annotated[int | None, typer.Option(min=0, metavar="N", help="Agents in the whole run, or in this batch.")]
Outcome = Annotated[str | None, typer.Option(metavar="WORD", help="How it ended: ok, failed or aborted.")]
Writes = Annotated[
    str, typer.Option(metavar="LIST", help="Per-agent writes in order: presence, routing_status; repeats allowed.")
]
YesPublish = Annotated[
    str | None,
    typer.Option("--yes-publish", metavar="BU_ID", help="Publish for real off loopback, in this business unit."),
]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan file (YAML).")]
DEFAULT_URL = "http://127.0.0.1:9464"


def add_publish_words(app: typer.Typer) -> None:
    """Add mark, publish and experiment to the command line."""
    app.add_typer(mark_app, name="mark")
    app.command()(publish)
    app.add_typer(experiment_app, name="experiment")


def _client(url: str) -> MarkerClient:
    from monitor.publish.client import MarkerClient

    return MarkerClient(url)


@mark_app.command("start")
def mark_start(
    job: Job,
    run_id: RunId = None,
    at: At = None,
    strategy: Strategy = None,
    batch_size: BatchSize = None,
    agents: Agents = None,
    url: Url = DEFAULT_URL,
) -> None:
    """A run starts; prints its id. A marker that cannot be delivered is kept and sent later."""
    from monitor.publish import mark

    told = {"strategy": strategy, "batch_size": batch_size, "agents": agents}
    typer.echo(mark.mark_start(_client(url), job, run_id or "", at=_moment(at), **told))


@mark_app.command("batch")
def mark_batch(
    job: Job,
    run_id: RunId = None,
    at: At = None,
    batch_size: BatchSize = None,
    agents: Agents = None,
    outcome: Outcome = None,
    url: Url = DEFAULT_URL,
) -> None:
    """A batch of a run is done; without --run-id of the job's last started run."""
    from monitor.publish import mark

    told = {"batch_size": batch_size, "agents": agents, "outcome": _ending(outcome)}
    mark.mark_batch(_client(url), job, run_id or "", at=_moment(at), **told)


@mark_app.command("end")
def mark_end(job: Job, run_id: RunId = None, at: At = None, outcome: Outcome = None, url: Url = DEFAULT_URL) -> None:
    """A run has ended; without --run-id the job's last started run."""
    from monitor.publish import mark

    mark.mark_end(_client(url), job, run_id or "", at=_moment(at), outcome=_ending(outcome))


@mark_app.command("run")
def mark_run(
    job: Job,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The publish job itself.")],
    run_id: RunId = None,
    strategy: Strategy = None,
    batch_size: BatchSize = None,
    agents: Agents = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Run a command between a start and an end marker; its exit status is ours."""
    from monitor.publish import mark

    told: dict[str, Any] = {"strategy": strategy, "batch_size": batch_size, "agents": agents}
    raise typer.Exit(mark.run_marked(_client(url), job, run_id or "", command, **told))


def _moment(text: str | None) -> str | None:
    """--at as it is sent, or a usage error."""
    from monitor.facts.clock import parse_rfc3339

    try:
        if text is not None:
            parse_rfc3339(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; a time such as 2026-11-24T10:00:00-06:00 is needed") from None
    return text


def _ending(word: str | None) -> str | None:
    """--outcome as it is sent, or a usage error."""
    from monitor.facts.runs import OUTCOMES

    if word is not None and word not in OUTCOMES:
        raise typer.BadParameter(f"{word!r} is not one of {', '.join(OUTCOMES)}")
    return word


def publish(
    pacing: Annotated[
        str, typer.Option(metavar="NAME", help="burst, batch, batch_single, paced or off_peak.")
    ] = "batch",
    retry: Annotated[
        str, typer.Option(metavar="NAME", help="none, backoff, retry_after or sdk_default.")
    ] = "retry_after",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Platform and credentials, as for `run`.")
    ] = None,
    rest: Annotated[str | None, typer.Option(metavar="URL", help="The platform's REST API, without --config.")] = None,
    login: Annotated[str | None, typer.Option(metavar="URL", help="Its login service; by default as --rest.")] = None,
    streaming: Annotated[
        str | None, typer.Option(metavar="URL", help="Its WebSockets: completion by notification, else by polling.")
    ] = None,
    client_id_env: Annotated[
        str, typer.Option(metavar="NAME", help="Variable with the client id.")
    ] = "GENESYS_CLIENT_ID",
    client_secret_env: Annotated[
        str, typer.Option(metavar="NAME", help="Variable with the client secret.")
    ] = "GENESYS_CLIENT_SECRET",  # noqa: S107 - a name
    business_unit: Annotated[str | None, typer.Option(metavar="ID", help="Whose schedule.")] = None,
    week: Annotated[str | None, typer.Option(metavar="DATE", help="The schedule's week, yyyy-mm-dd.")] = None,
    schedule: Annotated[str | None, typer.Option(metavar="ID", help="Which schedule.")] = None,
    agents: Annotated[
        Path | None, typer.Option(metavar="FILE", help="User ids, one a line; by default all on the schedule.")
    ] = None,
    writes: Writes = "presence,routing_status",
    no_publish: Annotated[bool, typer.Option("--no-publish", help="The writes alone, no schedule document.")] = False,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Agents (or single requests) a batch.")] = 50,
    pause: Annotated[float, typer.Option(metavar="SECONDS", help="Between batches.")] = 2.0,
    in_flight: Annotated[int, typer.Option(metavar="N", help="Requests at once: burst and batch_single.")] = 8,
    rate: Annotated[float, typer.Option(metavar="PER_SECOND", help="paced: until the platform tells its limit.")] = 4.0,
    window: Annotated[str | None, typer.Option(metavar="HH:MM-HH:MM", help="off_peak: the quiet hours.")] = None,
    tz: Annotated[str | None, typer.Option(metavar="ZONE", help="off_peak: their time zone.")] = None,
    retry_limit: Annotated[int | None, typer.Option(metavar="N", help="Tries after the first.")] = None,
    retry_factor: Annotated[float, typer.Option(metavar="X", help="backoff: each wait is X times the last.")] = 2.0,
    jitter: Annotated[bool, typer.Option("--jitter", help="backoff: draw each wait from half to all of it.")] = False,
    yes_publish: YesPublish = None,
    job: Annotated[str, typer.Option(metavar="NAME", help="Name of the job in its markers.")] = "publish",
    monitor: Annotated[
        str | None, typer.Option("--monitor", metavar="URL", envvar="MONITOR_URL", help="Where markers go.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What was sent, so that --resume goes on.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
    scenario: Annotated[str, typer.Option(metavar="NAME|FILE", help="Of the simulator, without a platform.")] = "quiet",
    seed: Annotated[int, typer.Option(help="Of the simulator and of jitter.")] = 1,
) -> None:
    """Publish a schedule through the real upload flow, marked. A dry run off loopback unless --yes-publish is given.

    Without --config and --rest it publishes to a simulator of its own.
    """
    from monitor.commands.publish import PublishOptions, run_publish

    options = PublishOptions(
        pacing=pacing,
        retry=retry,
        config=config,
        rest=rest,
        login=login,
        streaming=streaming,
        client_id_env=client_id_env,
        client_secret_env=client_secret_env,
        business_unit=business_unit,
        week=week,
        schedule=schedule,
        agents=agents,
        writes=_words(writes),
        publish=not no_publish,
        batch_size=batch_size,
        pause_s=pause,
        in_flight=in_flight,
        rate_per_s=rate,
        window=window,
        tz=tz,
        retry_limit=retry_limit,
        retry_factor=retry_factor,
        jitter=jitter,
        yes_publish=yes_publish,
        job=job,
        monitor=monitor,
        ledger=ledger,
        resume=resume,
        json=as_json,
        scenario=scenario,
        seed=seed,
    )
    raise typer.Exit(run_publish(options))


@experiment_app.command("plan")
def experiment_plan(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan file to write (YAML).")],
    arm: Annotated[
        list[str], typer.Option(metavar="ARM", help="PACING+RETRY[:figure=value,...], or none. Give several.")
    ],
    name: Annotated[str, typer.Option(help="What the plan is called.")] = "",
    about: Annotated[str, typer.Option(help="What it is to find out; printed at its head.")] = "",
    seed: Annotated[int, typer.Option(help="Draws the order.")] = 1,
    reference: Annotated[str, typer.Option(metavar="ARM", help="Compared with; by default none, or the first.")] = "",
    scenario: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Run it on the simulator; else on a real platform.")
    ] = None,
    virtual: Annotated[int, typer.Option(metavar="N", help="Simulator: replicates in virtual time, each arm.")] = 20,
    live: Annotated[int, typer.Option(metavar="N", help="Simulator: runs in real time, each arm.")] = 1,
    slot: Annotated[list[str] | None, typer.Option(metavar="'tue 10:00'", help="Real: when to publish.")] = None,
    start: Annotated[str, typer.Option(metavar="DATE", help="Real: the first day, yyyy-mm-dd.")] = "",
    weeks: Annotated[int, typer.Option(metavar="N", help="Real: how many weeks.")] = 0,
    tz: Annotated[str, typer.Option(metavar="ZONE", help="Real: of the slots.")] = "",
    ahead_weeks: Annotated[int, typer.Option(metavar="N", help="Real: how far ahead the published week lies.")] = 1,
    business_unit: Annotated[str | None, typer.Option(metavar="ID", help="Real: whose schedules.")] = None,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="Real: a person publishes as the plan says.")] = False,
    job: Annotated[str, typer.Option(metavar="NAME", help="Name of the job in its markers.")] = "experiment",
    writes: Writes = "presence,routing_status",
    tail: Annotated[str, typer.Option(metavar="DURATION", help="Outcomes count until so long after the end.")] = "60s",
    settle: Annotated[str, typer.Option(metavar="DURATION", help="Longest wait for agents to be back.")] = "10m",
    none_for: Annotated[str, typer.Option(metavar="DURATION", help="How long a block without publish lasts.")] = "60s",
) -> None:
    """Draw which arm is tried when, and write it down as a plan that people can read."""
    from monitor.commands.experiment import PlanOptions, run_plan

    options = PlanOptions(
        file=file,
        arms=tuple(arm),
        name=name,
        about=about,
        seed=seed,
        reference=reference,
        scenario=scenario,
        virtual=virtual,
        live=live,
        slots=tuple(slot or ()),
        start=start,
        weeks=weeks,
        timezone=tz,
        ahead_weeks=ahead_weeks,
        business_unit=business_unit,
        by_hand=by_hand,
        job=job,
        writes=_words(writes),
        tail=tail,
        settle=settle,
        none_for=none_for,
    )
    raise typer.Exit(run_plan(options))


@experiment_app.command("run")
def experiment_run(
    plan: PlanFile,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run ended.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Real: platform and credentials.")
    ] = None,
    yes_publish: YesPublish = None,
) -> None:
    """Run the plan's blocks in their order. Results are kept beside the plan; --resume goes on after a crash."""
    from monitor.commands.experiment import RunOptions, run_run

    raise typer.Exit(run_run(RunOptions(plan, resume, config, yes_publish)))


@experiment_app.command("report")
def experiment_report(
    plan: PlanFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Tables for a document.")] = False,
) -> None:
    """The arms side by side, with intervals, and a recommendation where the difference is established."""
    from monitor.commands.experiment import ReportOptions, run_report

    raise typer.Exit(run_report(ReportOptions(plan, as_json, as_markdown)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
