"""What a configuration file says to the on-call checks: journal, site, pace of the probes, calendar of the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.outputs.journal import DEFAULT_PATH

if TYPE_CHECKING:  # reading settings takes longer than a whole check without any
    from monitor.config.model import Settings


class BadSettings(Exception):  # noqa: N818 - it is told, not handled
    """The configuration file cannot be used: a line for each problem."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the monitor that is checked; the defaults are those of settings that say nothing.

    intervals: seconds between attempts, by signal, the longest of several probes. limit_s: after so long without a sign
    of life a publish run has ended as aborted.
    """

    journal: Path = DEFAULT_PATH
    site: str = ""
    intervals: dict[str, float] = field(default_factory=dict)
    settings: Settings | None = None
    limit_s: float = DEFAULT_LIMIT_S


def asked_by(config: Path) -> Asked:
    """What a configuration file says. Raises BadSettings. Credentials are not looked for."""
    from monitor.config.load import ConfigErrors, load

    try:
        settings = load(config)
    except ConfigErrors as errors:
        raise BadSettings(str(errors)) from None
    return asked_of(settings)


def asked_of(settings: Settings) -> Asked:
    """What settings say."""
    intervals: dict[str, float] = {}
    for signal, interval_s in _paces(settings):
        intervals[signal] = max(interval_s, intervals.get(signal, 0.0))
    return Asked(
        journal=Path(settings.journal.path),
        site=settings.site,
        intervals=intervals,
        settings=settings,
        limit_s=settings.metrics.publish_limit_s,
    )


def zone_of(asked: Asked) -> tzinfo:
    """The monitor's time zone, UTC without settings."""
    return ZoneInfo(asked.settings.timezone) if asked.settings else UTC


def rules_of(asked: Asked, since_s: float, now_s: float) -> Rules:
    """How the publish is judged: on the calendar's clock, by an error that holds over repeated looks."""
    from monitor.commands.calendar_words import CalendarWords, completed, told_by

    told = told_by(completed(CalendarWords(), asked.settings))
    return replace(told.rules_over((since_s, now_s)), provisional=True)


def _paces(settings: Settings) -> Iterator[tuple[str, float]]:
    from monitor.config.model import ApiProbe, GatheringProbe, HeartbeatProbe, SignallingProbe

    for probe in settings.probes:
        if isinstance(probe, HeartbeatProbe):
            yield signals.PING_OF_CHANNEL[probe.channel], probe.interval_s
        elif isinstance(probe, SignallingProbe):
            yield signals.ICE_SERVERS, probe.interval_s
        elif isinstance(probe, GatheringProbe):
            yield signals.ICE_GATHERING, probe.interval_s
            if probe.turn:
                yield signals.TURN_ALLOCATE, probe.interval_s
        elif isinstance(probe, ApiProbe):
            yield signals.API, probe.interval_s
