"""`run`: the monitor as a service of the operating system: signals, exit statuses, one clear line for what is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from monitor.app import App, FleetError, measures_a_simulator
from monitor.commands.run_followed import Followed
from monitor.commands.run_status import rows
from monitor.commands.run_terminal import StatusLine, is_wanted
from monitor.config.load import ConfigErrors, load
from monitor.config.model import Settings
from monitor.config.schema import not_yet
from monitor.config.secrets import SecretMissing
from monitor.outputs.journal import JournalError
from monitor.web.exporter import SIMULATED

OK, FAILED, BAD_CONFIG = 0, 1, 2


def run_monitor(config: Path) -> int:
    """Run until SIGTERM or SIGINT. 2 for a bad configuration, 1 when something it needs cannot be had."""
    try:
        settings = load(config, os.environ)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return BAD_CONFIG
    try:
        return asyncio.run(_serve(config, settings))
    except (OSError, SecretMissing, JournalError, FleetError) as error:
        for line in getattr(error, "problems", [str(error)]):
            print(f"run: {line}", file=sys.stderr)
        return FAILED


async def _serve(config: Path, settings: Settings) -> int:
    stopping = asyncio.Event()
    reloading = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    app = App(settings, read_again=lambda: load(config, os.environ))
    with _status_of(app, stopping) if is_wanted() else nullcontext():
        await _run(app, stopping, reloading)
    return OK


async def _run(app: App, stopping: asyncio.Event, reloading: asyncio.Event) -> None:
    starting = asyncio.create_task(app.start())
    ending = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _say_ready(app)
            await _until(stopping, reloading, app)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    finally:
        ending.cancel()
        await app.stop()


def _status_of(app: App, stopping: asyncio.Event) -> StatusLine:
    """How the app stands, as rows for a terminal."""
    followed = Followed(app.live)

    def draw(columns: int) -> Sequence[Text]:
        found = followed.status()
        status = replace(
            found,
            site=app.settings.site,
            simulated=measures_a_simulator(app.settings),
            url=app.url if found.ready else "",  # the exporter listens before the first probe starts
            stopping=stopping.is_set(),
        )
        return rows(status, columns)

    return StatusLine(draw)


async def _until(stopping: asyncio.Event, reloading: asyncio.Event, app: App) -> None:
    while not stopping.is_set():
        waits = [asyncio.create_task(event.wait()) for event in (stopping, reloading)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if reloading.is_set():
            reloading.clear()
            _say_reloaded(await app.reload())


def _say_ready(app: App) -> None:
    simulated = f" ({SIMULATED})" if measures_a_simulator(app.settings) else ""
    count = len(app.settings.probes)
    for unused in not_yet(app.settings):
        print(f"note: {unused}: nothing acts on it yet", file=sys.stderr)
    where = f"{app.url}/metrics, page {app.url}/"
    print(f"ready: site {app.settings.site}, {count} probes, {where}{simulated}", file=sys.stderr)


def _say_reloaded(problems: list[str]) -> None:
    for problem in problems:
        print(f"reload: {problem}", file=sys.stderr)
    print("reload: the old settings stay in force" if problems else "reload: done", file=sys.stderr)
