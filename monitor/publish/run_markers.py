"""The driver's markers: start, batch and end of a publish run with strategy, sizes and figures, told in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from monitor.publish.client import SENT, MarkerClient, Told
from monitor.publish.flow.events import FAILED, OK, BatchDone, Ended, Started
from monitor.publish.flow.job import PublishSpec
from monitor.publish.flow.tally import Summary
from monitor.publish.strategy.strategies import Strategy


class RunMarkers:
    """Tells one run's markers to a monitor, one after another, without ever holding the run up.

    say: told one line when markers do not arrive, and once only.
    """

    def __init__(self, client: MarkerClient, job: str, run_id: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._job = job
        self._run_id = run_id
        self._say = say
        self._said = False
        self._waiting: asyncio.Queue[Callable[[], Told] | None] = asyncio.Queue()

    def start(self, wall_s: float, event: Started, spec: PublishSpec, strategy: Strategy) -> None:
        """The run starts."""
        size = len(event.agents) if strategy.pacing.whole else spec.batch_size
        attributes = {"pause": f"{spec.pause_s if strategy.pacing.pauses else 0.0:g}", "batches": str(event.batches)}
        told = {"strategy": strategy.name, "batch_size": size, "agents": len(event.agents), "attributes": attributes}
        self._waiting.put_nowait(lambda: self._client.start(self._job, self._run_id, wall_s, **told))

    def batch(self, wall_s: float, event: BatchDone) -> None:
        """A batch is over."""
        outcome = FAILED if event.failed else OK
        told = {"batch_size": len(event.agents), "outcome": outcome, "attributes": batch_attributes(event)}
        self._waiting.put_nowait(lambda: self._client.batch(self._job, self._run_id, wall_s, **told))

    def end(self, wall_s: float, event: Ended) -> None:
        """The run is over."""
        attributes = end_attributes(event.summary)
        told = {"agents": event.summary.published, "attributes": attributes}
        self._waiting.put_nowait(lambda: self._client.end(self._job, self._run_id, wall_s, event.outcome, **told))

    async def run(self) -> None:
        """Tell what is put in, in order, until `close`."""
        while (tell := await self._waiting.get()) is not None:
            told = await asyncio.to_thread(tell)
            if told.state != SENT and not self._said:
                self._said = True
                self._say(f"markers are {told.state}: {' '.join(told.why.split())}")

    def close(self) -> None:
        """Nothing more will be put in: `run` ends when all is told."""
        self._waiting.put_nowait(None)


def batch_attributes(event: BatchDone) -> dict[str, str]:
    """What a batch marker says of the batch."""
    return {
        "seconds": _figure(event.seconds),
        "calls": str(event.calls),
        **_statuses(event.statuses),
        "retry_after_seconds": _figure(event.retry_after_s),
        "stalled_seconds": _figure(event.stalled_s),
    }


def end_attributes(summary: Summary) -> dict[str, str]:
    """What an end marker says of the run."""
    attributes = {
        "calls": str(summary.calls),
        **_statuses(summary.statuses),
        "retry_after_seconds": _figure(summary.retry_after_s),
        "stalled_seconds": _figure(summary.stalled_s),
        "failed_agents": str(len(summary.failed_agents)),
    }
    for name, latency in summary.operations.items():
        attributes[f"operation_{name}_calls"] = str(latency.calls)
        attributes[f"operation_{name}_seconds"] = _figure(latency.seconds)
    return attributes


def _statuses(statuses: Mapping[str, int]) -> dict[str, str]:
    return {f"status_{status}": str(count) for status, count in statuses.items()}


def _figure(seconds: float) -> str:
    return f"{seconds:.3f}"
