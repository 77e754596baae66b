"""`probe`: one probe, once, by the monitor that runs or without one; 0 up, 1 down, 2 nothing was measured."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.commands.probe_asked import ask, own_url, runs_at
from monitor.commands.probe_text import NotProbed, Told, printable, text_of
from monitor.config.load import ConfigErrors, load
from monitor.config.model import Settings
from monitor.config.secrets import SecretMissing, resolve

UP, DOWN, USAGE = 0, 1, 2
TOKEN_ENV = "MONITOR_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """What the command line says. monitor: where the exporter answers; config: the monitor's settings instead."""

    target: str
    module: str = ""
    debug: bool = False
    monitor: str = ""
    config: Path | None = None


def run_probe(options: ProbeOptions, env: Mapping[str, str] | None = None) -> int:
    """Print what one run of the probe says; whether it is up as exit status, 2 where nothing was measured."""
    env = os.environ if env is None else env
    try:
        told = _asked(options, env) if options.config is None else _by_settings(options.config, options, env)
    except (NotProbed, ConfigErrors, SecretMissing) as error:
        for line in str(error).split("\n"):
            print(f"probe: {printable(line)}", file=sys.stderr)
        return USAGE
    print(text_of(told, debug=options.debug))
    return UP if told.result.success else DOWN


def _asked(options: ProbeOptions, env: Mapping[str, str]) -> Told:
    return ask(options.monitor, options.target, options.module, env.get(TOKEN_ENV, ""))


def _by_settings(config: Path, options: ProbeOptions, env: Mapping[str, str]) -> Told:
    """The monitor of these settings where it runs, else a measurement of our own.

    A second signalling session of the same synthetic user would be told to the first as a takeover, so that a monitor
    that runs is asked and not bypassed.
    """
    settings = load(config)
    module = _module(settings, options, str(config))
    url = own_url(settings.exporter)
    if runs_at(url):
        secret = settings.exporter.needed_token
        return ask(url, options.target, module, resolve(secret, env) if secret else "")
    from monitor.commands.interruptible import run_async
    from monitor.commands.probe_alone import probe_alone

    return run_async(probe_alone(settings, options.target, module))


def _module(settings: Settings, options: ProbeOptions, where: str) -> str:
    """The kind of the probe. Raises NotProbed for one that is not configured, or of another kind."""
    kinds = {probe.name: probe.kind for probe in settings.probes}
    if options.target not in kinds:
        raise NotProbed(f"no probe of {where} is called {options.target!r}; known are {', '.join(kinds) or 'none'}")
    kind = kinds[options.target]
    if options.module not in ("", kind):
        raise NotProbed(f"the probe {options.target} is of the kind {kind}, not {options.module!r}")
    return kind
