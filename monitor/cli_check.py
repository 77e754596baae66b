"""The words for people on call: check, probe. Imports lazily, as cli.py does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

USAGE, UNKNOWN = 2, 3
DEFAULT_URL = "http://127.0.0.1:9464"
_RANGES = "LABEL=RANGE"


class NagiosCommand(TyperCommand):
    """A command whose usage errors are UNKNOWN: the usual 2 would be read as CRITICAL."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """As ever, but with a usage error as a status line."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except Exception as error:
            if getattr(error, "exit_code", None) != USAGE:
                raise
            words = error.format_message() if hasattr(error, "format_message") else str(error)
            typer.echo(f"CHECK UNKNOWN - {words}")
            raise typer.Exit(UNKNOWN) from None


def add_oncall_words(app: typer.Typer) -> None:
    """Add check and probe to the command line."""
    app.command("check", cls=NagiosCommand)(check)
    app.command()(probe)


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="ice-gathering, heartbeat, disconnects, signalling, api-limits, publish-impact, monitor-health, turn, "
            "or all of them.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How far back; by default 15m, for publish-impact since the quarter before this one.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="Of the monitor: its journal, site, probes and calendar."),
    ] = None,
    journal: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A journal; repeatable. By default softphone.db.")
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this Prometheus-compatible server instead.")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this site, which must be there; repeatable.")
    ] = None,
    warning: Annotated[
        list[str] | None,
        typer.Option("--warning", "-w", metavar=_RANGES, help="Outside it: WARNING, e.g. rtt_p95=0.2; repeatable."),
    ] = None,
    critical: Annotated[
        list[str] | None,
        typer.Option("--critical", "-C", metavar=_RANGES, help="Outside it: CRITICAL, e.g. connected=80:."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A check that `all` leaves out; repeatable.")
    ] = None,
) -> None:
    """Is it well now? One Nagios line with figures, then why, and what to read. 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

    Of several sites or checks the worst counts: CRITICAL before WARNING before UNKNOWN before OK.
    """
    from monitor.commands.check import CheckOptions, run_check

    options = CheckOptions(
        name=name,
        since=since,
        config=config,
        journals=tuple(journal or ()),
        prometheus=prometheus,
        sites=tuple(site or ()),
        warning=tuple(warning or ()),
        critical=tuple(critical or ()),
        without=tuple(without or ()),
    )
    raise typer.Exit(run_check(options))


def probe(
    context: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A configured probe's name; an unknown one lists those there are.")
    ],
    module: Annotated[
        str, typer.Option(metavar="NAME", help="The kind that it must be: heartbeat, signalling, gathering, api.")
    ] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Also what the probe noted on its way.")] = False,
    monitor: Annotated[
        str,
        typer.Option(
            "--monitor",
            metavar="URL",
            envvar="MONITOR_URL",
            help="The monitor that is asked; its token, where it wants one, is taken from MONITOR_TOKEN.",
        ),
    ] = DEFAULT_URL,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Instead: the settings of a monitor. It is asked where it runs on this machine; else the probe is run "
            "without it, in a session of its own. Do not do that while a monitor elsewhere uses the same synthetic "
            "user: two sessions of one user disturb each other.",
        ),
    ] = None,
) -> None:
    """One probe, once, now: is it up, and how long did each phase take? 0 up, 1 down, 2 nothing was measured.

    What it finds is told to you alone: no metric and no journal knows of it.
    """
    from monitor.commands.probe import ProbeOptions, run_probe

    if config is not None and str(context.get_parameter_source("monitor")).endswith("COMMANDLINE"):
        raise typer.BadParameter("--monitor URL or -c FILE, not both")
    options = ProbeOptions(target=target, module=module, debug=debug, monitor=monitor.rstrip("/"), config=config)
    raise typer.Exit(run_probe(options))
