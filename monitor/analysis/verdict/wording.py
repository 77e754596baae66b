"""What a verdict says beside its figures: the method, what the design cannot tell apart, what was left out; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from monitor.analysis.verdict.calendar import LocalCalendar
from monitor.analysis.verdict.outcomes import HARM_FLOOR
from monitor.analysis.verdict.permutation import Tested
from monitor.analysis.verdict.placed import Pattern, Placed
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals

WEEKDAYS: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
TITLES: Final = {
    "drops": "drops",
    signals.WS_RTT: "ping round trip",
    signals.ICE_SERVERS: "ICE-server fetch",
    signals.ICE_GATHERING: "failed ICE gatherings",
}


def not_separable(
    pattern: Pattern, placed: Sequence[Placed], calendar: LocalCalendar, weekday_controls: int
) -> Iterator[str]:
    """What else could look the same in this design, one sentence each."""
    jobs = sorted({one.window.job for one in placed if one.window.job})
    if len(jobs) > 1:
        yield f"the jobs {', '.join(jobs)} from one another: their windows were tested together"
    if not placed:
        return
    if pattern is Pattern.RANDOMISED:
        yield "the publish itself and anything else that was switched on and off together with it"
        return
    days = sorted({one.day.weekday() for one in placed})
    clock_s = sorted(one.clock_s for one in placed)[len(placed) // 2]
    when = f"{_joined([WEEKDAYS[day] for day in days])} at {int(clock_s // 3600):02d}:{int(clock_s % 3600 // 60):02d}"
    if pattern is Pattern.DAILY:
        yield f"anything else that happens every working day at {when.rsplit(' ', 1)[1]}: randomise the job's times"
    elif pattern in (Pattern.WEEKLY, Pattern.SEVERAL_A_WEEK, Pattern.ONCE):
        besides = "" if weekday_controls else ", for want of such days without a publish"
        yield f"anything else that happens on {when}{besides}"
    else:
        yield "whatever made people, or the job, choose just these times"
    yield "the publish itself and what people do because of it, such as reading their new schedules"


def method(
    rules: Rules, pattern: Pattern, tested: Tested | None, outcomes: Sequence[str], sites: int, strata: int, rows: str
) -> str:
    """How it was judged, so that somebody else could do it again."""
    if tested is None:
        return "No test: the design cannot reach the wanted error rate."
    dealt = "the arms dealt again within each block" if pattern is Pattern.RANDOMISED else "windows moved to other days"
    unit = "" if pattern is Pattern.RANDOMISED else " of their week"
    how = "all arrangements" if tested.exact else f"{tested.arrangements} arrangements drawn by seed {rules.seed}"
    names = ", ".join(TITLES.get(name, name) for name in outcomes)
    looks = " Judged by a p-value that stays valid however often one looks." if rules.provisional else ""
    return (
        f"Permutation test over {how}: {dealt}{unit}; {rows}: {strata}. Each window with {rules.tail_s:g} s of tail is "
        f"compared with the two hours before and after it, as a ratio. Outcomes tested together, each against the "
        f"largest of all: {names}{' and each of these at every site' if sites > 1 else ''}. Latencies by their 90th "
        f"percentile, harm from a factor of {HARM_FLOOR:g} on; timeouts rank above every latency. One-sided, alpha "
        f"{rules.alpha:g}; it must hold at twice that with any one window left out.{looks}"
    )


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
