"""The word for people on call: check. Imports lazily, as cli.py does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

USAGE, UNKNOWN = 2, 3
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


def add_check_word(app: typer.Typer) -> None:
    """Add `check`."""
    app.command("check", cls=NagiosCommand)(check)


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
