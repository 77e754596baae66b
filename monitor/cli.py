"""The command line: parses words, calls the rooms, turns outcomes into exit statuses. Imports lazily."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from monitor.cli_check import add_oncall_words
from monitor.cli_publish import add_publish_words
from monitor.cli_verdict import add_verdict_words

OK, DOWN, USAGE = 0, 1, 2
INTERRUPTED = 130

_HELP = "Is it the schedule publish? Measures WebRTC softphone signalling, ICE and media beside publish-job markers."
app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
config_app = typer.Typer(help="Check a configuration, or show how to write one.", no_args_is_help=True)
app.add_typer(config_app, name="config")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file (YAML).")]


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
        str,
        typer.Option(
            metavar="NAME", help="A simulated platform: `publish_saturates_signalling`, `publish_innocent`, ...."
        ),
    ] = "publish_saturates_signalling",
    seconds: Annotated[int, typer.Option(min=40, max=3600, help="Length of the experiment.")] = 120,
    seed: Annotated[int, typer.Option(help="Draws the arms of the blocks and the simulator's jitter.")] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page and /metrics; 0 picks a free one.")
    ] = 9464,
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="Only say where the page is; by default a browser opens it."),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON, too.")
    ] = None,
) -> None:
    """Simulator, monitor and a live randomised publish experiment, then the verdict. Ctrl-C ends it at any time.

    Leaves a report that can be handed on in the working folder: softphone-demo.html.
    """
    from monitor.commands.demo import DemoOptions, run_demo

    raise typer.Exit(run_demo(DemoOptions(scenario, seconds, seed, port, json_file, browser=not no_browser)))


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
    advertise: Annotated[
        str | None, typer.Option(metavar="HOST", help="The name that clients are told; by default where it listens.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain (PEM): https, wss.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM).")] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep what is printed there too, a file a value; its secret and tokens are used again.",
        ),
    ] = None,
    softphones: Annotated[
        int,
        typer.Option(
            min=1,
            help="With --credentials: tokens for so many softphones, and monitor.yaml, with which `run` holds them.",
        ),
    ] = 1,
) -> None:
    """The Genesys Cloud simulator alone. Prints one JSON line with its addresses and credentials when ready."""
    from monitor.simulator.server import simulate as serve

    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key are needed together")
    if softphones > 1 and credentials is None:
        raise typer.BadParameter("--softphones needs --credentials, the folder for their tokens")
    certificate = (tls_cert, tls_key) if tls_cert and tls_key else None
    raise typer.Exit(
        serve(
            host,
            rest_port,
            ws_port,
            scenario,
            seed,
            control,
            certificate=certificate,
            advertise=advertise,
            credentials=credentials,
            softphones=softphones,
        )
    )


@app.command()
def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SECTION",
            help="cpu, scale, accuracy, detection, distrust, scrape, analysis, simulator, soak; repeatable. By default "
            "all but soak, which takes an hour.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few and short runs: tells that it works, not how well.")
    ] = False,
    json_out: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")] = False,
) -> None:
    """What the monitor costs, how exact it is and how soon it notices, by SIMULATED load on this machine alone.

    Takes some 40 minutes on two cores that do nothing else. Ctrl-C ends it, and every process it has started.

    Exit status: 0, 1 when a section has failed, 2 for a section that does not exist.
    """
    from monitor.commands.bench.command import BenchOptions, run_bench

    raise typer.Exit(run_bench(BenchOptions(tuple(only or ()), quick, json_out)))


add_publish_words(app)
add_verdict_words(app)
add_oncall_words(app)
