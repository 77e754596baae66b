"""What a synthetic history is to hold: the calendar, how drops and pings behave, and what a publish does to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
OfWeekday = tuple[tuple[int, float], ...]  # weekday (0 is Monday) and its factor; 1 where not named


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """When the job runs, in local time.

    weekly: (weekday, hour) of every run of a week. at_random: that many runs a week, at random moments of the working
    hours instead; in_trouble: of these, the share that somebody starts while drops are frequent. blocks: runs are
    randomised: a week has a block of two moments on different days, and chance says at which of them it publishes.
    skew_s: markers are this much behind the facts. missed: share of weeks without a run.
    """

    weekly: tuple[tuple[int, float], ...] = ((1, 10.0),)
    minutes: float = 10.0
    at_random: int = 0
    in_trouble: float = 0.0
    blocks: bool = False
    skew_s: float = 0.0
    missed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How often agents drop, and how that varies without any publish.

    per_hour: drops of the whole centre. peak: the rate at peak_hour is (1 + peak) times the usual one, peak_width_h
    wide; peak_sigma and peak_drift_h let its height and its hour vary from day to day and from week to week; peak_days:
    a factor of its height on that weekday. weekday: a factor of the whole weekday. day_sigma: spread of the logarithm
    of a day's factor, which keeps day_memory of the day before. bad_slots_sigma: the same for each quarter of an hour.
    burst: share of incidents that hit several agents, burst_agents on average. growth: factor of the rate from one week
    to the next; alternate: of every second week; holiday: of a day off. outages: a week, each of outage_agents drops
    within a minute at a random moment. grid_s: drops are known to this grid only, as in an export to the minute.
    """

    per_hour: float = 2.0
    peak: float = 0.0
    peak_hour: float = 10.1
    peak_width_h: float = 0.4
    peak_sigma: float = 0.0
    peak_drift_h: float = 0.0
    peak_days: OfWeekday = ()
    weekday: OfWeekday = ()
    day_sigma: float = 0.2
    day_memory: float = 0.0
    bad_slots_sigma: float = 0.0
    burst: float = 0.0
    burst_agents: float = 6.0
    growth: float = 1.0
    alternate: float = 1.0
    outages: float = 0.0
    outage_agents: float = 30.0
    holiday: float = 1.0
    grid_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What a publish does. ratio: of the drop rate in a run. burst: as Behaviour's. sites: where; everywhere if empty.

    ping, fetch: factors of the ping round trip and the time of an ICE-server fetch in a run. lasts_s: longer than it.
    only_run: the number of the one run that does it; None for all.
    """

    ratio: float = 1.0
    burst: float = 0.0
    sites: tuple[str, ...] = ()
    ping: float = 1.0
    fetch: float = 1.0
    lasts_s: float = 60.0
    only_run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """A synthetic history. sites: share of the agents. sample_s: between two pings of a site; 0 for drops alone.

    days_off: holidays, on which hardly anybody works; told says whether the analysis gets to know them. gaps: a week,
    of gap_s each, in which nothing was measured.
    """

    weeks: int = 6
    start: date = date(2026, 4, 6)  # a Monday; no US holiday and no DST change in the seven weeks after it
    hours: tuple[float, float] = (8.0, 18.0)
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    agents: int = 150
    sites: tuple[tuple[str, float], ...] = (("chicago", 0.6), ("dallas", 0.4))
    job: Job = Job()
    usual: Behaviour = Behaviour()
    harm: Harm = Harm()
    sample_s: float = 300.0
    days_off: tuple[date, ...] = ()
    told: bool = True
    gaps: float = 0.0
    gap_s: float = 2400.0

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sites."""
        return tuple(name for name, _ in self.sites)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the agents at each site."""
        return tuple(share for _, share in self.sites)
