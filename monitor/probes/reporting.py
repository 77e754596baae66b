"""What a session tells, as facts under the session's name: phases, ups and downs, REST replies, token times."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from monitor.facts.failures import Layer
from monitor.facts.observations import (
    ApiObserved,
    CertificateObserved,
    ConnectionChanged,
    Disconnected,
    PhaseObserved,
    SilenceObserved,
    TokenObserved,
)
from monitor.genesys.auth import Token
from monitor.genesys.events import (
    CertificateSeen,
    Connected,
    Dropped,
    Event,
    GaveUp,
    PhaseTimed,
    RequestFailed,
    SilenceEnded,
    SilenceNoticed,
)
from monitor.genesys.rest_messages import RestReply
from monitor.probes.base import Context

TOKEN_REPORT_S = 60.0
_WHERE = {
    "path": ": what we send is not acknowledged, so the way is cut",
    "server": ": what we send is acknowledged, and nobody answers",
}

log = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class TokenHolder(Protocol):
    """A token source that shows the token in hand."""

    @property
    def current(self) -> Token | None:
        """The token in hand, if any."""
        ...


def api_fact(context: Context, probe: str, reply: RestReply) -> ApiObserved:
    """A REST reply as a fact; `status` is the HTTP status, or the failure's reason when no answer came."""
    reason = reply.failure.reason.value if reply.failure else ""
    return ApiObserved(
        **context.stamp_over(probe, reply.seconds),
        operation=reply.operation,
        status=reason if reply.status is None else str(reply.status),
        seconds=reply.seconds,
        retry_after_s=reply.retry_after_s,
        correlation_id=reply.correlation_id,
        failure=reply.failure,
    )


class Reporter:
    """Turns one session's events into facts, then hands each event on to the probes that subscribed.

    name: the agent's name, or `service`. softphone: whether its ups and downs are a softphone's (ConnectionChanged,
    Disconnected); those of the service's notification channel are only logged, as its heartbeats tell them too.
    """

    def __init__(self, context: Context, name: str, *, softphone: bool) -> None:
        self.name = name
        self.gave_up = False
        self.was_connected = False
        self._context = context
        self._softphone = softphone
        self._up = False
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event, in order, from the event loop; returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def event(self, event: Event) -> None:
        """Take what the connection tells."""
        if isinstance(event, PhaseTimed):
            self._phase(event)
        elif isinstance(event, CertificateSeen):
            stamp = self._context.stamp(self.name)
            self._context.emit(CertificateObserved(**stamp, expires_wall_s=event.expires_wall_s))
        elif isinstance(event, Connected):
            self.was_connected = True
            self._set_up(True, event.reconnect, event.seconds)
        elif isinstance(event, Dropped):
            self._dropped(event)
        elif isinstance(event, SilenceNoticed):
            log.warning("%s: silent for %.1f s%s", self.name, event.seconds, _WHERE.get(event.where, ""))
            self._silence(event.seconds, event.where, silent=True)
        elif isinstance(event, SilenceEnded):
            log.warning("%s: heard again after %.1f s", self.name, event.seconds)
            self._silence(event.seconds, "", silent=False)
        elif isinstance(event, GaveUp):
            self.gave_up = True
            self.down()
            log.error("%s: gave up: %s %s", self.name, event.failure.reason, event.failure.detail)
        elif isinstance(event, RequestFailed):
            log.warning("%s: %s: %s %s", self.name, event.failure.operation, event.failure.reason, event.failure.detail)
        self._hand_on(event)

    def begin(self) -> None:
        """The session is expected from now on, and not up yet."""
        self._set_up(False)

    def down(self) -> None:
        """The session is no longer up, without a drop."""
        if self._up:
            self._set_up(False)

    def reply(self, reply: RestReply) -> None:
        """Take a REST reply."""
        self._context.emit(api_fact(self._context, self.name, reply))

    def token(self, token: Token | None) -> None:
        """Take a token's times."""
        if token is not None:
            stamp, issued, expires = self._context.stamp(self.name), token.issued_wall_s, token.expires_wall_s
            self._context.emit(TokenObserved(**stamp, token=self.name, issued_wall_s=issued, expires_wall_s=expires))

    async def report_token(self, tokens: TokenHolder) -> None:
        """Emit the token's times now and once a minute, until cancelled."""
        while True:
            self.token(tokens.current)
            await asyncio.sleep(TOKEN_REPORT_S)

    def _phase(self, event: PhaseTimed) -> None:
        stamp = self._context.stamp_over(self.name, event.seconds)
        self._context.emit(
            PhaseObserved(**stamp, phase=event.phase, seconds=event.seconds, agent=self.name, failure=event.failure)
        )

    def _set_up(self, up: bool, reconnect: str = "", seconds: float | None = None) -> None:
        self._up = up
        if self._softphone:
            stamp = self._context.stamp_over(self.name, seconds)
            self._context.emit(
                ConnectionChanged(**stamp, agent=self.name, connected=up, reconnect=reconnect, seconds=seconds)
            )

    def _silence(self, seconds: float, where: str, *, silent: bool) -> None:
        stamp = self._context.stamp_over(self.name, seconds)
        self._context.emit(SilenceObserved(**stamp, agent=self.name, silent=silent, seconds=seconds, where=where))

    def _dropped(self, event: Dropped) -> None:
        if not self._softphone:
            log.warning("%s: dropped: %s %s", self.name, event.layer_reason, event.detail)
            return
        self._context.emit(
            Disconnected(
                # lag of ours since the last sign of life may be what the other side seemed to be silent for
                **self._context.stamp_over(self.name, self._context.clock.wall_s() - event.last_good_wall_s),
                layer=Layer.SIGNALLING,
                reason=event.layer_reason,
                last_good_wall_s=event.last_good_wall_s,
                noticed_wall_s=event.noticed_wall_s,
                agent=self.name,
                code=event.code,
                detail=event.detail,
            )
        )
        self.down()

    def _hand_on(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:
                log.exception("%s: our own mistake in a listener: %s", self.name, type(error).__name__)
