"""What a publish flow tells while it runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.publish.flow.tally import Summary

OK, FAILED, ABORTED = "ok", "failed", "aborted"


@dataclass(frozen=True, slots=True)
class Started:
    """The agents are known and the first batch begins. batches: how many there are; version: the schedule's."""

    agents: tuple[str, ...]
    batches: int
    version: int


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the user should know; one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Published:
    """A batch's document has been applied. version: the schedule's since then. editor: who the platform says we are,
    empty while that is not certain.
    """

    index: int
    agents: tuple[str, ...]
    version: int
    editor: str = ""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """An update has certainly not been applied and will not be. version: the one it was made from."""

    index: int
    version: int


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A batch is over. seconds: without the pause after it. retry_after_s: summed over its requests. stalled_s: wall
    seconds in which it only waited for a retry. failed: requests of it that failed for good.
    """

    index: int
    agents: tuple[str, ...]
    seconds: float
    calls: int
    statuses: Mapping[str, int]
    retry_after_s: float
    stalled_s: float
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over. outcome: ok, failed or aborted."""

    outcome: str
    summary: Summary


FlowEvent = Started | Noted | Published | Overtaken | BatchDone | Ended
