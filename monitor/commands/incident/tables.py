"""Tables by site, by kind of drop and by run, the ways of publishing side by side, and how to do it all again."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from monitor.analysis.timeline.drop_kinds import DropKind
from monitor.analysis.timeline.runs import RunFigures
from monitor.analysis.timeline.sites import SiteFigures
from monitor.analysis.verdict.placed import NONE_ARM, Pattern
from monitor.analysis.verdict.result import Result
from monitor.analysis.verdict.rules import Rules
from monitor.commands.calendar_words import CalendarWords
from monitor.commands.drop_kinds_text import COLUMNS, drop_kind_row
from monitor.commands.incident.document import Code, Section, Table, Text
from monitor.commands.incident.wording import amount_of, exact_text, length_text, moment_text, seconds_of
from monitor.commands.verdict_sentence import probability, ratio
from monitor.commands.verdict_text import UNNAMED, amount
from monitor.facts.evidence import Window

NO_COMMAND: Final = "No publish window is known: analyze would refuse the files of the appendix, as it needs one."
ONE_WAY: Final = "One way only{name}: nothing to compare. To compare ways, see docs/experiments.md."
EVENTS_NAME, WINDOWS_NAME = "events.csv", "windows.csv"
PACKAGES: Final = ("softphone-monitor", "numpy", "scipy", "holidays", "tzdata")


def sites_section(result: Result, figures: Sequence[SiteFigures]) -> Section:
    """One row a site."""
    judged = {one.site: one for one in result.sites}
    rows = []
    for one in figures:
        told = judged.get(one.site)
        words = (ratio(told.rate_ratio), probability(told.p_value)) if told else ("-", "-")
        rows.append((one.site or UNNAMED, amount_of(one.agents), str(one.drops_in), str(one.drops_out), *words))
    if not rows:
        return Section("sites", "Site by site", (Text("No site is known."),))
    columns = ("site", "most agents", "drops in windows", "outside", "against expected", "smallest p")
    return Section("sites", "Site by site", (Table("", columns, tuple(rows), (1, 2, 3, 4, 5)),))


def drop_kinds_section(kinds: Sequence[DropKind]) -> Section:
    """One row a kind of drop, with how soon it was noticed and when a real softphone would have."""
    if not kinds:
        return Section("drops", "Drops by kind", (Text("No drop is known."),))
    text = (
        "Noticed: the median since the last sign of life, where one is told. A real softphone: as measured with the "
        "real clients, where that is known."
    )
    return Section("drops", "Drops by kind", (Text(text), Table("", COLUMNS, tuple(map(drop_kind_row, kinds)), (2,))))


def runs_section(figures: Sequence[RunFigures], rules: Rules) -> Section:
    """One row a publish window. Its drops are put beside the mean of the same clock time on other days."""
    columns = (
        *("start", "job", "length", "strategy", "calls", "drops", "other days"),
        *("ping 95 %", "fetch 95 %", "gatherings failed"),
    )
    if not figures:
        return Section("runs", "Run by run", (Text("No publish window is known in this period."),))
    rows = tuple(_run(one, rules) for one in figures)
    text = (
        f"Local time ({rules.zone}). Each window counts with {length_text(rules.tail_s)} of tail. Other days: the mean "
        "at the same clock time of working days without a publish; the verdict itself also goes by the hours around."
    )
    return Section("runs", "Run by run", (Text(text), Table("", columns, rows, (2, 4, 5, 6, 7, 8, 9), (0,))))


def _run(one: RunFigures, rules: Rules) -> tuple[str, ...]:
    window, (failed, tried) = one.window, one.gatherings
    return (
        moment_text(window.start_s, rules.zone),
        window.job or UNNAMED,
        length_text(window.end_s - window.start_s),
        window.strategy or "-",
        amount_of(window.calls),
        amount_of(one.drops),
        amount_of(one.usual),
        seconds_of(one.ping_s),
        seconds_of(one.fetch_s),
        f"{failed} of {tried}" if tried else "-",
    )


def strategies_section(result: Result, windows: Sequence[Window]) -> Section:
    """Ways of publishing side by side, where there are several. windows: all of the evidence."""
    if not result.strategies:
        named = len({one.strategy for one in windows if one.arm != NONE_ARM})
        one_way = ONE_WAY.format(name="") if windows else "No publish window is known."
        words = "Not judged: no window could be tested." if named > 1 else one_way
        return Section("strategies", "Ways of publishing", (Text(words),))
    if len(result.strategies) < 2:
        name = f" ({result.strategies[0].strategy})" if result.strategies[0].strategy else ""
        return Section("strategies", "Ways of publishing", (Text(ONE_WAY.format(name=name)),))
    columns = ("strategy", "windows", "drops", "against expected")
    rows = tuple(
        (one.strategy or UNNAMED, str(one.windows), amount(one.events_in), ratio(one.rate_ratio))
        for one in result.strategies
    )
    text = _dealt(result, [one for one in windows if one.arm != NONE_ARM])
    return Section("strategies", "Ways of publishing", (Text(text), Table("", columns, rows, (1, 2, 3))))


def _dealt(result: Result, windows: Sequence[Window]) -> str:
    """How the ways came about, and what may be made of a difference between them."""
    chosen = [one.randomised for one in windows]
    if not any(chosen):
        return (
            "Side by side as they came, not dealt by chance: a difference may have other reasons (docs/experiments.md)."
        )
    if not all(chosen):
        return (
            f"{sum(chosen)} of {len(chosen)} windows were dealt by chance, the others came as they came: a difference "
            "may have other reasons (docs/experiments.md)."
        )
    if result.design == Pattern.RANDOMISED:
        return (
            "Dealt by chance. The verdict compares publishing with not publishing, not one way with another: for that, "
            "see `softphone-monitor experiment report` (docs/experiments.md)."
        )
    return (
        "Dealt by chance, but this verdict's design could not use that, for want of enough blocks in which chance "
        f"decided between publishing and not: it judged the windows as {result.design or 'they came'}. To compare one "
        "way with another, see `softphone-monitor experiment report` (docs/experiments.md)."
    )


def method_section(result: Result, rules: Rules, words: CalendarWords, windows: Sequence[Window]) -> Section:
    """How it was judged, with every setting and version, and the command that does it again, where there is one."""
    rows = tuple(_settings(result, rules, words))
    again = Code("To do it again, with the files of the appendix", command(words)) if windows else Text(NO_COMMAND)
    return Section(
        "method",
        "Method",
        (
            Text(result.method if result.method and windows else "Nothing was tested."),
            Table("Settings", ("what", "value"), rows),
            versions_table(),
            again,
        ),
    )


def command(words: CalendarWords) -> str:
    """The command that judges the appendix by the same rules."""
    told = ["softphone-monitor", "analyze", EVENTS_NAME, "--windows", WINDOWS_NAME]
    options = (
        *(("--tz", words.tz), ("--hours", words.hours), ("--days", words.days), ("--holidays", words.holidays)),
        *(("--exclude", one) for one in words.exclude),
        *(("--agents", None if words.agents is None else f"{words.agents:g}"), ("--tail", words.tail)),
        *(("--margin", f"{words.margin:g}"), ("--alpha", f"{words.alpha:g}"), ("--seed", str(words.seed))),
    )
    return shlex.join([*told, *(part for name, value in options if value is not None for part in (name, value))])


def _settings(result: Result, rules: Rules, words: CalendarWords) -> Iterator[tuple[str, str]]:
    hours = words.hours or "all day"
    days = words.days or "mon-fri and the weekdays of windows"
    yield "seed of the random draws", str(rules.seed)
    yield "alpha, one-sided", f"{rules.alpha:g}"
    yield "margin of an acquittal", f"x {rules.margin:g}"
    yield "tail of a window", length_text(rules.tail_s)
    yield "design", result.design or "-"
    yield "time zone", str(rules.zone)
    yield "working hours and days", f"{hours}, {days}"
    yield "holidays", words.holidays or "none told"
    yield from (("excluded", f"{exact_text(a, rules.zone)} to {exact_text(b, rules.zone)}") for a, b in rules.excluded)
    yield "agents", "head counts as measured" if rules.agents is None else f"{rules.agents:g}, as told"
    yield "judged", "again and again (anytime-valid)" if rules.provisional else "once"


def versions_table() -> Table:
    """Of everything that a figure may depend on."""
    rows = (("Python", platform.python_version()), *((name, _version(name)) for name in PACKAGES))
    return Table("Versions", ("what", "version"), rows)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not known"
