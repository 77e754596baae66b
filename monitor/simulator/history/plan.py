"""What a history is to hold: which weeks and hours, when the job publishes, how often each probe measures; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time

from monitor.genesys.rest_messages import RestScript
from monitor.simulator.virtual.platform import VirtualPlatform

ScriptFor = Callable[[VirtualPlatform, int], RestScript]  # the platform it runs against, and the run's own seed


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTimes:
    """When the job publishes, in the scenario's local time.

    weekly: `tue 10:00` or `mon-fri 10:00`, as many as there are. at: further moments, each aware. share_without: that
    share of the planned moments is left without a publish, chosen by the seed, so that the rest is randomised.
    strategy: what the markers call it.
    """

    job: str = "weekly"
    strategy: str = "script"
    weekly: tuple[str, ...] = ("tue 10:00",)
    at: tuple[datetime, ...] = ()
    share_without: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.share_without <= 1:
            raise ValueError(f"share_without is a share, not {self.share_without}")
        if any(moment.tzinfo is None for moment in self.at):
            raise ValueError("every moment in `at` needs a UTC offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Seconds between the slots of each probe; one grid from the first to the last day, never denser near a publish.

    heartbeat_s: of the notification and XMPP heartbeats. call_s: between the starts of two calls, of which each is held
    for hold_s and sampled every media_s.
    """

    heartbeat_s: float = 15.0
    websocket_s: float = 60.0
    signalling_s: float = 30.0
    gathering_s: float = 60.0
    api_s: float = 30.0
    call_s: float = 900.0
    hold_s: float = 120.0
    media_s: float = 5.0
    own_lag_s: float = 60.0
    token_s: float = 3600.0

    def __post_init__(self) -> None:
        for name in fields(self):
            if not getattr(self, name.name) > 0:
                raise ValueError(f"{name.name} must be more than 0 seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundDrops:
    """The drops that happen anyway, in every scenario.

    per_agent_hour: rate in working hours. A share of `clustered` of the incidents hits more than one agent of a site,
    `cluster_agents` on average, within `cluster_s` seconds, as a flaky access point does.
    """

    per_agent_hour: float = 0.01
    clustered: float = 0.15
    cluster_agents: float = 4.0
    cluster_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPlan:
    """A history: `weeks` times seven days from local midnight of `start`, of which the working hours are simulated.

    script_for: makes the publish that runs at each moment of `publish`; None is the built-in one of history_script. The
    platform's `week_id` and `schedule_id` are then those of the schedule to publish, which names the working agents.
    Raises ValueError for what is no plan.
    """

    start: date
    weeks: int = 12
    publish: PublishTimes | None = field(default_factory=PublishTimes)
    hours: tuple[time, time] = (time(8), time(18))
    days: str = "mon-fri"
    days_off: tuple[date, ...] = ()
    cadence: Cadence = Cadence()
    background: BackgroundDrops = BackgroundDrops()
    script_for: ScriptFor | None = None

    def __post_init__(self) -> None:
        if self.weeks < 1:
            raise ValueError(f"a history has at least one week, not {self.weeks}")
        if self.hours[0] >= self.hours[1]:
            raise ValueError("working hours begin and end on the same day")
