"""The words around the verdict: analyze, import, report. Imports lazily, as cli.py does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Tz = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Of times without offset and of the calendar: America/Chicago."),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="OURS=THEIRS", help='A column by its name in the file: time="Disconnect Time"; repeatable.'
    ),
]
TimeFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT", help="Of times that are not RFC 3339: epoch, epoch_ms, or such as '%d.%m.%Y %H:%M'."
    ),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave unreadable rows out, and count them.")]
Hours = Annotated[str | None, typer.Option(metavar="FROM-TO", help="Working hours: 08:00-18:00.")]
Days = Annotated[str | None, typer.Option(metavar="DAYS", help="Working days: mon-fri.")]
Holidays = Annotated[str | None, typer.Option(metavar="COUNTRY", help="Whose holidays do not count: US, US-IL.")]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="FROM/TO", help="Dates or times that do not count; repeatable.")
]
Agents = Annotated[float | None, typer.Option(metavar="N", help="Agents of every site together.")]
Tail = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How long an effect may outlast a window; by default 5m.")
]
Margin = Annotated[float, typer.Option(metavar="RATIO", help="An upper limit of the ratio below it acquits.")]
Alpha = Annotated[float, typer.Option(metavar="P", help="How often chance may be blamed.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the random draws.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, alone.")]


def add_verdict_words(app: typer.Typer) -> None:
    """Add analyze, import and report to the command line."""
    app.command()(analyze)
    app.command("import")(import_drops)
    app.command()(report)


def analyze(
    events: Annotated[
        list[Path], typer.Argument(metavar="EVENTS...", readable=False, help="Drops and samples: .csv or .jsonl.")
    ],
    windows: Annotated[
        list[Path],
        typer.Option(
            "--windows", readable=False, metavar="FILE", help="Runs of the publish job: .csv or .jsonl; repeatable."
        ),
    ],
    tz: Tz = None,
    hours: Hours = None,
    days: Days = None,
    holidays: Holidays = None,
    exclude: Exclude = None,
    span: Annotated[
        str | None, typer.Option(metavar="FROM/TO", help="The observed period; by default from first to last record.")
    ] = None,
    agents: Agents = None,
    tail: Tail = None,
    margin: Margin = 2.0,
    alpha: Alpha = 0.05,
    seed: Seed = 0,
    column: Column = None,
    time_format: TimeFormat = None,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """A verdict from files alone: times of drops and times of publish runs; no monitor, no account. docs/files.md."""
    from monitor.commands.analyze import AnalyzeOptions, FileWords, run_analyze
    from monitor.commands.calendar_words import CalendarWords

    calendar = CalendarWords(
        tz=tz,
        hours=hours,
        days=days,
        holidays=holidays,
        exclude=tuple(exclude or ()),
        span=span,
        agents=agents,
        tail=tail,
        margin=margin,
        alpha=alpha,
        seed=seed,
    )
    files = FileWords(columns=tuple(column or ()), time_format=time_format, skip_bad=skip_bad)
    options = AnalyzeOptions(
        events=tuple(events), windows=tuple(windows), files=files, calendar=calendar, as_json=as_json
    )
    raise typer.Exit(run_analyze(options))


def import_drops(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", readable=False, help="CSV, JSON Lines, or conversation details (JSON).")
    ],
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="csv or conversation-details; by default told by the content.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", readable=False, metavar="FILE", help="Of the monitor: its journal, site and time zone."
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="The journal to write to; by default softphone.db."),
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="The site of drops that name none.")] = None,
    tz: Tz = None,
    column: Column = None,
    time_format: TimeFormat = None,
    skip_bad: SkipBad = False,
) -> None:
    """Working agents' drops into the journal, each once however often its file is imported. docs/files.md."""
    from monitor.commands.analyze import FileWords
    from monitor.commands.import_drops import ImportOptions, run_import

    options = ImportOptions(
        file=file,
        kind=kind,
        config=config,
        journal=journal,
        site=site,
        tz=tz,
        files=FileWords(columns=tuple(column or ()), time_format=time_format, skip_bad=skip_bad),
    )
    raise typer.Exit(run_import(options))


def report(
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A duration before now (28d), a date, or a time; by default all.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="The same; by default now.")] = None,
    journal: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", readable=False, help="A journal; repeatable, one for each site. By default softphone.db."
        ),
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this Prometheus-compatible server instead.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            readable=False,
            metavar="FILE",
            help="Of the monitor: its journal, time zone and calendar.",
        ),
    ] = None,
    tz: Tz = None,
    hours: Hours = None,
    days: Days = None,
    holidays: Holidays = None,
    exclude: Exclude = None,
    agents: Agents = None,
    tail: Tail = None,
    margin: Margin = 2.0,
    alpha: Alpha = 0.05,
    seed: Seed = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            readable=False,
            metavar="FILE.html",
            help="Write the incident report as well: one file, no script, prints well.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The verdict on what one or several sites' journals, or a Prometheus-compatible server, remember."""
    from monitor.commands.calendar_words import CalendarWords
    from monitor.commands.judging import ReportOptions
    from monitor.commands.report import run_report

    calendar = CalendarWords(
        tz=tz,
        hours=hours,
        days=days,
        holidays=holidays,
        exclude=tuple(exclude or ()),
        agents=agents,
        tail=tail,
        margin=margin,
        alpha=alpha,
        seed=seed,
    )
    options = ReportOptions(
        since=since,
        until=until,
        journals=tuple(journal or ()),
        prometheus=prometheus,
        config=config,
        output=output,
        as_json=as_json,
        calendar=calendar,
    )
    raise typer.Exit(run_report(options))
