"""What happens to a simulated platform and when: causes with their times, on a timeline of Unix seconds; pure.

A time is seconds after the simulator's start, or a weekly local one. A local time that a change to summer time leaves
out is taken as the next one that exists; of one that occurs twice the first is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from monitor.facts.clock import as_utc
from monitor.simulator.world.scenario_parts import Positive, Rate, Seconds, Section, Share, SiteName

Kind = Literal[
    "background",
    "clock_step",
    "dns",
    "dtls",
    "ice_list_empty",
    "idle_cut",
    "nat",
    "own_lag",
    "path",
    "persistent_idle",
    "planned_move",
    "restart",
    "stun",
    "takeover",
    "token",
    "turn",
    "turn_credentials",
    "vpn",
]
Blocked = Literal["media", "stun", "turn"]

# The figures that an occurrence of each kind may give; one of them it must.
FIGURES: dict[str, frozenset[str]] = {
    "background": frozenset({"rest_per_s", "signalling_per_s"}),
    "clock_step": frozenset({"by_s"}),
    "dns": frozenset(),
    "dtls": frozenset({"slow_s", "silent"}),
    "ice_list_empty": frozenset(),
    "idle_cut": frozenset({"after_s"}),
    "nat": frozenset({"symmetric", "binding_s"}),
    "own_lag": frozenset({"lag_s"}),
    "path": frozenset({"loss", "blocks"}),
    "persistent_idle": frozenset({"after_s"}),
    "planned_move": frozenset(),
    "restart": frozenset({"service", "down_s"}),
    "stun": frozenset({"loss", "delay_s", "capacity", "requests_per_s"}),
    "takeover": frozenset(),
    "token": frozenset({"life_s"}),
    "turn": frozenset({"silent", "allocations_per_s", "requests_per_s"}),
    "turn_credentials": frozenset({"life_s"}),
    "vpn": frozenset({"interface"}),
}
MOMENTARY = frozenset({"clock_step", "planned_move", "restart", "takeover"})  # these have a time and no length
EVERYWHERE = frozenset({"background", "clock_step", "ice_list_empty", "turn_credentials"})  # these have no site

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400.0
_WEEKLY = re.compile(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? ([01]\d|2[0-3]):([0-5]\d)")


class Occurrence(Section):
    """One cause. at: when it begins, each time (none: from the start on); for_s: how long it lasts each time.

    site: where, None everywhere, as those of EVERYWHERE must be. The other figures belong to kinds, see FIGURES:
    background: other clients' work a second. restart: the service closes its sockets and is down for down_s.
    stun: loss of each datagram (0..1), added delay_s; or requests_per_s of everybody against a capacity.
    turn: silent to all, or silent to what exceeds allocations_per_s of a site's requests_per_s (one address).
    turn_credentials: those in use are worth life_s after they were issued. path: loss (1: nothing gets through) for
    media, stun, turn. vpn: the interface whose STUN is dead. nat: symmetric, or a binding that ends after binding_s of
    silence. idle_cut: a proxy cuts what the client has sent nothing over for after_s. persistent_idle: the persistent
    connection ends after_s after its last call. dtls: the edge's handshake takes slow_s more, or it is silent. token:
    the users' tokens end life_s after the beginning, and at the end of for_s the users sign in anew. own_lag: the
    monitor's own loops stand for lag_s. clock_step: the monitor's wall clock jumps by_s.
    """

    kind: Kind
    at: tuple[float | str, ...] = ()
    for_s: Positive | None = None
    site: SiteName | None = None
    rest_per_s: Rate = 0.0
    signalling_per_s: Rate = 0.0
    service: Literal["signalling"] = "signalling"
    down_s: Seconds = 5.0
    loss: Share = 0.0
    delay_s: Seconds = 0.0
    capacity: Positive | None = None
    requests_per_s: Rate = 0.0
    silent: bool = False
    allocations_per_s: Positive | None = None
    life_s: Seconds = 0.0
    blocks: tuple[Blocked, ...] = ("media", "stun", "turn")
    interface: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,15}$")] = "vpn"
    symmetric: bool = False
    binding_s: Positive | None = None
    after_s: Positive = 600.0
    slow_s: Seconds = 0.0
    lag_s: Seconds = 0.0
    by_s: Annotated[float, Field(ge=-86_400, le=86_400, allow_inf_nan=False)] = 0.0

    @field_validator("at")
    @classmethod
    def _readable_times(cls, times: tuple[float | str, ...]) -> tuple[float | str, ...]:
        for moment in times:
            if isinstance(moment, str) and not _WEEKLY.fullmatch(moment):
                raise ValueError(f"{moment!r} is not a weekly time such as `tue 10:05` or `mon-fri 10:00`")
            if not isinstance(moment, str) and not 0 <= moment <= 366 * DAY_S:
                raise ValueError("seconds after the start must be from 0 to a year")
        return times

    @model_validator(mode="after")
    def _fitting_figures(self) -> Occurrence:
        given = self.model_fields_set - {"kind", "at", "for_s", "site"}
        if strange := sorted(given - FIGURES[self.kind]):
            raise ValueError(f"{self.kind} has no {strange[0]}")
        if FIGURES[self.kind] and not given and self.kind not in ("path", "restart", "persistent_idle", "vpn"):
            raise ValueError(f"{self.kind} needs one of {', '.join(sorted(FIGURES[self.kind]))}")
        if self.kind in MOMENTARY and (self.for_s is not None or not self.at):
            raise ValueError(f"{self.kind} happens at moments: give `at` and no `for_s`")
        if self.kind in EVERYWHERE and self.site is not None:
            raise ValueError(f"{self.kind} is the same at every site: give no `site`")
        if self.kind not in MOMENTARY and (self.for_s is None) != (not self.at):
            raise ValueError("what begins at a time needs for_s, and what always holds has neither")
        return self


@dataclass(frozen=True, slots=True)
class Edge:
    """A moment at which an occurrence begins or ends, Unix seconds. What always holds begins at the start."""

    at_wall_s: float
    occurrence: Occurrence
    begins: bool


class HasOccurrences(Protocol):
    """What a Timeline is made of; a Scenario is one."""

    @property
    def timezone(self) -> str: ...
    @property
    def occurrences(self) -> tuple[Occurrence, ...]: ...


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer of `active` and the stretch of time that it holds for."""

    from_wall_s: float
    until_wall_s: float
    occurrence: Occurrence | None


class Timeline:
    """The occurrences of a scenario from start_wall_s (Unix seconds) on."""

    def __init__(self, scenario: HasOccurrences, start_wall_s: float) -> None:
        self._zone = ZoneInfo(scenario.timezone)
        self._occurrences = scenario.occurrences
        self._kinds = {occurrence.kind for occurrence in scenario.occurrences}
        self._start_wall_s = start_wall_s
        self._known: dict[tuple[str, str | None], _Known] = {}

    def active(self, kind: str, wall_s: float, site: str | None = None) -> Occurrence | None:
        """The occurrence of `kind` that is going on at that moment; with a site: there, or everywhere."""
        if kind not in self._kinds:
            return None
        known = self._known.get((kind, site))
        if known is None or not known.from_wall_s <= wall_s < known.until_wall_s:
            until_wall_s = self.next_edge(wall_s)
            found = self._find(kind, wall_s, site)
            known = _Known(wall_s, float("inf") if until_wall_s is None else until_wall_s, found)
            self._known[kind, site] = known
        return known.occurrence

    def edges(self, from_wall_s: float, to_wall_s: float) -> list[Edge]:
        """Every edge in [from, to), in order; what ends comes before what begins at the same moment."""
        found = [edge for edge in self._edges_near(from_wall_s, to_wall_s) if from_wall_s <= edge.at_wall_s < to_wall_s]
        return sorted(found, key=lambda edge: (edge.at_wall_s, edge.begins))

    def next_edge(self, after_wall_s: float) -> float | None:
        """The first moment after `after_wall_s` at which anything begins or ends; None when nothing does any more."""
        for ahead_s in (DAY_S, 9 * DAY_S, 400 * DAY_S):
            until_wall_s = after_wall_s + ahead_s  # an end that is found beyond it need not be the first edge there
            near = self._edges_near(after_wall_s, until_wall_s)
            later = [edge.at_wall_s for edge in near if after_wall_s < edge.at_wall_s <= until_wall_s]
            if later:
                return min(later)
        return None

    def _find(self, kind: str, wall_s: float, site: str | None) -> Occurrence | None:
        for occurrence in self._occurrences:
            if occurrence.kind != kind or (site is not None and occurrence.site not in (None, site)):
                continue
            if not occurrence.at:
                return occurrence if wall_s >= self._start_wall_s else None
            length_s = occurrence.for_s or 0.0
            if any(start <= wall_s < start + length_s for start in self._starts(occurrence, wall_s - length_s, wall_s)):
                return occurrence
        return None

    def _edges_near(self, from_wall_s: float, to_wall_s: float) -> Iterator[Edge]:
        for occurrence in self._occurrences:
            if not occurrence.at:
                yield Edge(self._start_wall_s, occurrence, begins=True)
            length_s = occurrence.for_s
            for start in self._starts(occurrence, from_wall_s - (length_s or 0.0), to_wall_s):
                yield Edge(start, occurrence, begins=True)
                if length_s is not None:
                    yield Edge(start + length_s, occurrence, begins=False)

    def _starts(self, occurrence: Occurrence, from_wall_s: float, to_wall_s: float) -> Iterator[float]:
        """Beginnings of an occurrence in [from, to], none before the start; in no particular order."""
        from_wall_s = max(from_wall_s, self._start_wall_s)
        for moment in occurrence.at:
            if isinstance(moment, str):
                found = weekly_moments(moment, self._zone, from_wall_s, to_wall_s)
            else:
                found = iter((self._start_wall_s + moment,))
            yield from (start for start in found if from_wall_s <= start <= to_wall_s)


def weekly_moments(text: str, zone: ZoneInfo, from_wall_s: float, to_wall_s: float) -> Iterator[float]:
    """Unix seconds of a weekly local time such as `tue 10:05` or `mon-fri 10:00`, on every day of [from, to]."""
    match = _WEEKLY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a weekly time such as `tue 10:05` or `mon-fri 10:00`")
    first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
    days = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    clock_time = time(int(match[3]), int(match[4]))
    day = as_utc(from_wall_s).astimezone(zone).date() - timedelta(days=1)
    end = as_utc(to_wall_s).astimezone(zone).date()
    while day <= end:
        if day.weekday() in days:
            yield local_moment(day, clock_time, zone)
        day += timedelta(days=1)


def local_moment(day: date, clock_time: time, zone: ZoneInfo) -> float:
    """Unix seconds of a local time; the next existing one when it is skipped, the first when it occurs twice."""
    local = datetime.combine(day, clock_time, zone)
    while as_utc(local.timestamp()).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        local += timedelta(minutes=1)
    return local.timestamp()
