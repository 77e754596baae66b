"""What to publish, and how it is cut into batches. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from monitor.publish.flow.requests import WRITES, ScheduleRef, is_id
from monitor.publish.strategy.pacing import Pacing

MOST_IN_BATCH = 500  # agents in one bulk request
LONGEST_PAUSE_S = 3600.0
MOST_WRITES = 20


@dataclass(frozen=True, slots=True)
class PublishSpec:
    """What to publish. agents: user ids, None for everybody on the schedule.

    writes: per-agent writes in order, each `presence` or `routing_status`, repeats allowed. publish False: writes
    only. batch_size: agents a batch, and for batch_single also single-agent requests a batch. pause_s: between
    batches. editor: how the platform calls us in a schedule's modifiedBy (the OAuth client's id), where that is known.
    Raises ValueError, in one line, for sizes, writes and ids that make no sense.
    """

    business_unit: str
    week: str
    schedule: str
    agents: tuple[str, ...] | None = None
    writes: tuple[str, ...] = WRITES
    publish: bool = True
    batch_size: int = 50
    pause_s: float = 2.0
    editor: str = ""

    def __post_init__(self) -> None:
        for what, text in (("business unit", self.business_unit), ("schedule", self.schedule)):
            if not is_id(text):
                raise ValueError(f"{what} {text!r} is not an id of letters, digits, hyphens and underscores")
        _check_week(self.week)
        _check_agents(self.agents)
        if not 1 <= self.batch_size <= MOST_IN_BATCH:
            raise ValueError(f"a batch size of {self.batch_size} is not between 1 and {MOST_IN_BATCH}")
        if not 0.0 <= self.pause_s <= LONGEST_PAUSE_S:
            raise ValueError(f"a pause of {self.pause_s:g} s is not between 0 and {LONGEST_PAUSE_S:g} s")
        if unknown := [write for write in self.writes if write not in WRITES]:
            raise ValueError(f"unknown write {unknown[0]!r}; known: {', '.join(WRITES)}")
        if len(self.writes) > MOST_WRITES:
            raise ValueError(f"{len(self.writes)} writes an agent are more than {MOST_WRITES}")
        if not self.publish and not self.writes:
            raise ValueError("neither a schedule to publish nor anything to write: there is nothing to do")

    @property
    def ref(self) -> ScheduleRef:
        """The schedule."""
        return ScheduleRef(self.business_unit, self.week, self.schedule)


@dataclass(frozen=True, slots=True)
class Write:
    """One request of a batch beside its document. key: the same in every process that goes on with the run."""

    kind: str
    agents: tuple[str, ...]
    key: str
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Agents whose document is uploaded first (`publish`, maybe none), then their writes: units of which any number
    may be under way side by side, while the writes of one unit keep their order.
    """

    index: int
    agents: tuple[str, ...]
    publish: tuple[str, ...]
    units: tuple[tuple[Write, ...], ...]

    @property
    def update_key(self) -> str:
        """The key of the batch's update."""
        return update_key(self.index)


def update_key(index: int) -> str:
    """The key of the update of the batch with that index."""
    return f"{index}/update"


def batches_of(job: PublishSpec, agents: Sequence[str], pacing: Pacing) -> tuple[Batch, ...]:
    """Cut the job: one batch for burst, else one for every batch_size agents.

    Under batch_single a batch holds at most batch_size requests as well, so that agents with several writes take
    several batches, of which the first uploads the document.
    """
    size = len(agents) if pacing.whole else job.batch_size
    batches: list[Batch] = []
    for first in range(0, len(agents), size):
        chunk = tuple(agents[first : first + size])
        publish = chunk if job.publish else ()
        if pacing.bulk:
            batches.append(_bulk_batch(len(batches), chunk, publish, job.writes))
            continue
        singles = [(kind, number, agent) for agent in chunk for number, kind in enumerate(job.writes)]
        portion = job.batch_size if pacing.pauses else len(singles)
        for start in range(0, len(singles), portion) if singles else (0,):
            part = singles[start : start + portion]
            batches.append(_single_batch(len(batches), chunk, publish if start == 0 else (), part))
    return tuple(batches)


def _bulk_batch(index: int, agents: tuple[str, ...], publish: tuple[str, ...], writes: tuple[str, ...]) -> Batch:
    unit = tuple(Write(kind, agents, f"{index}/{kind}/{number}", bulk=True) for number, kind in enumerate(writes))
    return Batch(index, agents, publish, (unit,) if unit else ())


def _single_batch(
    index: int, chunk: tuple[str, ...], publish: tuple[str, ...], singles: Sequence[tuple[str, int, str]]
) -> Batch:
    units: dict[str, list[Write]] = {}
    for kind, number, agent in singles:
        units.setdefault(agent, []).append(Write(kind, (agent,), f"{index}/{kind}/{number}/{agent}"))
    written = tuple(units)
    return Batch(index, publish or written or chunk, publish, tuple(tuple(unit) for unit in units.values()))


def _check_week(week: str) -> None:
    try:
        if date.fromisoformat(week).isoformat() == week:
            return
    except ValueError:
        pass
    raise ValueError(f"week {week!r} is not the week's first day as yyyy-MM-dd")


def _check_agents(agents: tuple[str, ...] | None) -> None:
    if agents is None:
        return
    if not agents:
        raise ValueError("the list of agents is empty")
    for agent in agents:
        if not is_id(agent):
            raise ValueError(f"agent {agent!r} is not a user id")
    if len(set(agents)) != len(agents):
        raise ValueError("the list of agents names somebody twice")
