"""`check`: what a monitor has recorded, judged, as one Nagios status; whatever goes wrong is UNKNOWN."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from monitor.commands.check_settings import Asked, BadSettings, asked_by, rules_of, zone_of
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.evidence import Evidence
from monitor.facts.observations import Disconnected, Observation
from monitor.oncall import publish_impact
from monitor.oncall.judge import Limits, Question, every, judge, unknown
from monitor.oncall.limits import CHECKS, Check
from monitor.oncall.nagios import Range, State, Status, read_range, render
from monitor.oncall.periods import fixed_beginning
from monitor.outputs.journal import JournalError, JournalReader

ALL = "all"
NAMES = (*(check.name for check in CHECKS), publish_impact.NAME, ALL)
SINCE_S = 900.0
SINCE_INTERVALS = 5  # a probe that is slower than the default period allows gets a longer one


class CannotCheck(Exception):  # noqa: N818 - it is told, not raised to a caller
    """Why there is no answer, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What the command line says. warning, critical: `LABEL=RANGE`. without: checks that `all` leaves out."""

    name: str
    since: str | None = None
    config: Path | None = None
    journals: tuple[Path, ...] = ()
    prometheus: str | None = None
    sites: tuple[str, ...] = ()
    warning: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def run_check(options: CheckOptions, clock: Clock | None = None) -> int:
    """Print the status of a check; its state as exit status, 3 whatever prevents an answer."""
    if options.name not in NAMES:
        print(render(_unknown_check(options.name)))
        return int(State.UNKNOWN)
    now_s = (clock or SystemClock()).wall_s()
    try:
        status = _Checker(options, now_s).status()
    except BadSettings as errors:
        status = replace(
            unknown(options.name, "the configuration cannot be used"), notes=tuple(str(errors).split("\n"))
        )
    except (CannotCheck, JournalError) as error:
        status = unknown(options.name, str(error))
    except Exception as error:  # a traceback ends with 1, which would be read as a WARNING
        traceback.print_exc(file=sys.stderr)
        status = unknown(options.name, f"the check itself failed: {type(error).__name__}: {error}")
    print(render(status))
    return int(status.state)


class _Checker:
    """One run of the command. now_s: Unix seconds."""

    def __init__(self, options: CheckOptions, now_s: float) -> None:
        self._options = options
        self._now_s = now_s
        self._asked = asked_by(options.config) if options.config else Asked()
        self._chosen = [check for check in CHECKS if options.name in (check.name, ALL) and self._wanted(check.name)]
        self._limits = self._read_limits()

    def status(self) -> Status:
        """What the check says, or all of them together."""
        if self._options.name == publish_impact.NAME:
            return self._impact()
        if self._options.name != ALL:
            return judge(self._chosen[0], self._question())
        unfed = [check for check in self._chosen if not self._fed(check)]
        question = self._question()
        told = [judge(check, question) for check in self._chosen if check not in unfed]
        if self._wanted(publish_impact.NAME):
            told.append(self._impact())
        status = every(told)
        notes = (f"{check.name.upper()} left out: no probe of {self._options.config} feeds it" for check in unfed)
        return replace(status, notes=(*status.notes, *notes))

    def _wanted(self, name: str) -> bool:
        wrong = [name for name in self._options.without if name not in NAMES[:-1]]
        if wrong:
            raise CannotCheck(f"--without: there is no check {wrong[0]!r}: {', '.join(NAMES[:-1])}")
        return self._options.name != ALL or name not in self._options.without

    def _fed(self, check: Check) -> bool:
        """Whether a probe of the configuration measures for it; without one every check is asked."""
        return (
            self._options.config is None
            or not self._asked.intervals
            or bool(fed_by(check) & set(self._asked.intervals))
        )

    def _default_s(self) -> float:
        read = [interval_s for name, interval_s in self._asked.intervals.items() if self._reads(name)]
        return max([SINCE_S, *(SINCE_INTERVALS * interval_s for interval_s in read)])

    def _reads(self, signal: str) -> bool:
        return any(signal in check.reads for check in self._chosen)

    def _period_s(self) -> float:
        if self._options.since is None:
            return self._default_s()
        from monitor.config.rules import duration_s

        try:
            period_s = duration_s(self._options.since)
        except ValueError:
            raise CannotCheck(f"--since {self._options.since}: a duration such as 15m, 1h or 90d is needed") from None
        if period_s <= 0:
            raise CannotCheck("--since: a duration of more than nothing is needed")
        return period_s

    def _read_limits(self) -> Limits:
        labels = {label for check in self._chosen for label in check.limits}
        if self._wanted(publish_impact.NAME) and self._options.name in (publish_impact.NAME, ALL):
            labels |= set(publish_impact.LABELS)
        return Limits(
            warning=dict(_ranges("--warning", self._options.warning, labels)),
            critical=dict(_ranges("--critical", self._options.critical, labels)),
        )

    def _question(self) -> Question:
        """Of the last minutes. Imported drops are counted apart."""
        imported: Counter[str] = Counter()

        def count(fact: Observation) -> None:
            imported[fact.site] += isinstance(fact, Disconnected)

        since_s = self._now_s - self._period_s()
        return replace(self._asked_since(since_s, self._evidence(since_s, count)), imported=imported)

    def _asked_since(self, since_s: float, evidence: Evidence) -> Question:
        alone = self._options.config is not None and not self._options.journals and not self._options.prometheus
        return Question(
            evidence=evidence,
            since_s=since_s,
            now_s=self._now_s,
            limits=self._limits,
            sites=self._options.sites or ((self._asked.site,) if alone else ()),
            intervals=self._asked.intervals if alone else {},
            silent=() if self._options.prometheus or alone else tuple(self._silent(since_s)),
        )

    def _evidence(self, since_s: float, on_import: Callable[[Observation], None] | None = None) -> Evidence:
        if self._options.prometheus:
            from monitor.outputs.sources.prometheus.api import PrometheusError
            from monitor.outputs.sources.prometheus.reading import read_prometheus

            try:
                return read_prometheus(self._options.prometheus, since_s, self._now_s, limit_s=self._asked.limit_s)
            except PrometheusError as error:
                raise CannotCheck(str(error)) from None
        from monitor.outputs.sources.journals import read_journals

        return read_journals(self._paths(), since_s, self._now_s, limit_s=self._asked.limit_s, on_import=on_import)

    def _paths(self) -> tuple[Path, ...]:
        return self._options.journals or (self._asked.journal,)

    def _silent(self, since_s: float) -> Iterator[str]:
        """Journals that tell nothing of the period: their sites would otherwise vanish from the answer."""
        for path in self._paths():
            if next(JournalReader(path).facts(since_s, self._now_s), None) is None:
                yield str(path)

    def _impact(self) -> Status:
        """Of everything since a day that stays the same for a quarter, unless `--since` asks for this check alone."""
        zone, moving = zone_of(self._asked), self._options.since is not None and self._options.name != ALL
        since_s = self._now_s - self._period_s() if moving else fixed_beginning(self._now_s, zone)
        question = self._asked_since(since_s, self._evidence(since_s))
        if not moving:
            question = replace(question, beginning=datetime.fromtimestamp(since_s, zone).date().isoformat())
        nothing = publish_impact.nothing_to_judge(question)
        if nothing is not None:
            return nothing
        from monitor.analysis.verdict.analyse import analyse

        rules = rules_of(self._asked, question.since_s, question.now_s)
        return publish_impact.impact(analyse(question.evidence, rules), question)


def _unknown_check(name: str) -> Status:
    why = f"no check is named {name!r}; one of {', '.join(NAMES)}"
    return Status(name="check", state=State.UNKNOWN, summary=why)


def fed_by(check: Check) -> set[str]:
    """Signals of which one must be measured; a softphone's gatherings ask TURN servers that the platform names."""
    from monitor.facts import signals

    return {*check.reads, *((signals.ICE_GATHERING,) if signals.TURN_ALLOCATE in check.reads else ())}


def _ranges(option: str, given: tuple[str, ...], labels: set[str]) -> Iterator[tuple[str, Range]]:
    for text in given:
        label, _, limits = text.partition("=")
        if label not in labels:
            raise CannotCheck(f"{option} {text}: LABEL=RANGE is needed, LABEL one of {', '.join(sorted(labels))}")
        try:
            yield label, read_range(limits)
        except ValueError as error:
            raise CannotCheck(f"{option} {text}: {error}") from None
