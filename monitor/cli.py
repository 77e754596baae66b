"""The command line: parses words, calls the rooms, turns outcomes into exit statuses. Imports lazily."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until main() takes over: Ctrl-C while importing ends without a traceback

import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Annotated, Any, NoReturn  # noqa: E402

import typer  # noqa: E402

if TYPE_CHECKING:
    from monitor.publish.client import MarkerClient

OK, DOWN, USAGE = 0, 1, 2
INTERRUPTED = 130

_HELP = "Is it the schedule publish? Measures WebRTC softphone signalling, ICE and media beside publish-job markers."
app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
config_app = typer.Typer(help="Check a configuration, or show how to write one.", no_args_is_help=True)
mark_app = typer.Typer(help="Tell the monitor when a publish job starts, sends a batch, ends.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(mark_app, name="mark")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file (YAML).")]
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
DEFAULT_URL = "http://127.0.0.1:9464"


def main() -> NoReturn:
    """The console script."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(OK)


def _version(wanted: bool) -> None:
    if wanted:
        from monitor.app import product_version

        typer.echo(product_version())
        raise typer.Exit(OK)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it, and end.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help="A simulated platform: `publish_saturates_signalling` or `innocent`.")
    ] = "publish_saturates_signalling",
    seconds: Annotated[int, typer.Option(min=40, max=3600, help="Length of the experiment.")] = 120,
    seed: Annotated[int, typer.Option(help="Draws the arms of the blocks and the simulator's jitter.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics; 0 picks a free one.")] = 9464,
    no_browser: Annotated[bool, typer.Option("--no-browser", hidden=True)] = False,  # nothing is opened yet
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON, too.")
    ] = None,
) -> None:
    """Simulator, monitor and a live randomised publish experiment, then the verdict. Ctrl-C ends it at any time."""
    from monitor.commands.demo import DemoOptions, run_demo

    raise typer.Exit(run_demo(DemoOptions(scenario, seconds, seed, port, json_file)))


@app.command()
def run(config: ConfigFile) -> None:
    """Run the monitor. SIGHUP reads the configuration again, SIGTERM and Ctrl-C drain and end."""
    from monitor.commands.run import run_monitor

    raise typer.Exit(run_monitor(config))


@config_app.command("check")
def config_check(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Every problem of a configuration at once, one line each, missing credentials included."""
    from monitor.config.load import ConfigErrors, load
    from monitor.config.schema import not_yet

    try:
        settings = load(file, os.environ)
    except ConfigErrors as errors:
        typer.echo(errors, err=True)
        raise typer.Exit(USAGE) from None
    for where in not_yet(settings):
        typer.echo(f"{file}: {where}: note: nothing acts on it yet", err=True)
    typer.echo(f"{file}: good")


@config_app.command("example")
def config_example() -> None:
    """An annotated example to start from."""
    from monitor.config.reference import example

    typer.echo(example(), nl=False)


@config_app.command("reference")
def config_reference() -> None:
    """Every setting with its unit and default, as Markdown."""
    from monitor.config.reference import reference

    typer.echo(reference(), nl=False)


@app.command()
def simulate(
    host: Annotated[
        str, typer.Option(help="Address to listen on; off loopback there is no control API.")
    ] = "127.0.0.1",
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="REST; 0 picks a free one.")] = 8080,
    ws_port: Annotated[int, typer.Option(min=0, max=65535, help="WebSockets; 0 picks a free one.")] = 8081,
    scenario: Annotated[str, typer.Option(metavar="NAME|FILE", help="What the platform is like.")] = "quiet",
    seed: Annotated[int, typer.Option(help="Makes its jitter and ids repeatable.")] = 1,
    control: Annotated[bool, typer.Option("--control/--no-control", help="The HTTP control API, on loopback.")] = True,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain (PEM): https, wss.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM).")] = None,
) -> None:
    """The Genesys Cloud simulator alone. Prints one JSON line with its addresses and credentials when ready."""
    from monitor.simulator.server import simulate as serve

    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key are needed together")
    certificate = (tls_cert, tls_key) if tls_cert and tls_key else None
    raise typer.Exit(serve(host, rest_port, ws_port, scenario, seed, control, certificate=certificate))


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
