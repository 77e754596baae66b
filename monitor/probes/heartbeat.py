"""The heartbeat probe: one application ping at a time over a connection that others keep up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from monitor.config.model import HeartbeatProbe as HeartbeatSettings
from monitor.facts.failures import Failure, Reason
from monitor.facts.observations import HeartbeatObserved
from monitor.genesys.events import Event, PingResult, PongReceived
from monitor.probes.base import Context
from monitor.probes.reporting import Listener

Ping = Callable[[float], Awaitable[PingResult]]


class HeartbeatProbe:
    """Pings and tells the outcome: ok, timeout, not_connected, error; a pong after its timeout is a fact `late`."""

    kind = "heartbeat"

    def __init__(
        self,
        settings: HeartbeatSettings,
        context: Context,
        *,
        ping: Ping,
        subscribe: Callable[[Listener], Callable[[], None]],
        agent: str = "",
    ) -> None:
        self.name = settings.name
        self.interval_s = settings.interval_s
        self.timeout_s = settings.timeout_s
        self._channel = settings.channel
        self._context = context
        self._agent = agent
        self._ping = ping
        self._overdue = 0  # pings that timed out and whose pong may yet come
        self._unsubscribe = subscribe(self._on_event)

    async def run(self) -> Sequence[HeartbeatObserved]:
        """One ping."""
        result = await self._ping(self.timeout_s)
        if result.outcome == "timeout":
            self._overdue += 1
        return [self._fact(result.outcome, result.rtt_s, result.tcp_rtt_s, result.failure)]

    def failed(self, failure: Failure) -> Sequence[HeartbeatObserved]:
        """A ping that did not even end."""
        return [self._fact("timeout" if failure.reason is Reason.TIMEOUT else "error", failure=failure)]

    async def close(self) -> None:
        """Stop listening for late pongs."""
        self._unsubscribe()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PongReceived) and event.late and event.kind == self._channel and self._overdue:
            self._overdue -= 1
            lag_s = self._context.stamp_over(self.name, event.rtt_s)["lag_s"]
            self._context.emit(replace(self._fact("late"), lag_s=lag_s))

    def _fact(
        self,
        outcome: str,
        rtt_s: float | None = None,
        tcp_rtt_s: float | None = None,
        failure: Failure | None = None,
    ) -> HeartbeatObserved:
        return HeartbeatObserved(
            **self._context.stamp(self.name),
            channel=self._channel,
            outcome=outcome,
            rtt_s=rtt_s,
            tcp_rtt_s=tcp_rtt_s,
            agent=self._agent,
            failure=failure,
        )
