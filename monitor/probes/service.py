"""The monitor's service credentials: one token source, REST client and notification channel for all who need them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from monitor.genesys.auth import ClientCredentials
from monitor.genesys.exchange import make_http
from monitor.genesys.notifications import NotificationConnection, NotificationOptions
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest import Rest
from monitor.genesys.rest_messages import RestReply
from monitor.probes.base import Context
from monitor.probes.reporting import TOKEN_REPORT_S, Listener, Reporter

SERVICE = "service"


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """Everything that makes the service session what it is. notifications: whether it holds a notification channel."""

    site: str
    endpoints: Endpoints
    notifications: bool
    interface: str | None
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


class ServiceSession:
    """Client credentials and what hangs on them; `rest` reports every reply, `tokens` may serve further clients."""

    name = SERVICE

    def __init__(self, plan: ServicePlan, context: Context) -> None:
        self.plan = plan
        self._report = Reporter(context, SERVICE, softphone=False)
        self._renewed = asyncio.Event()
        self._http = make_http(plan.endpoints.login)
        self.tokens = ClientCredentials(
            plan.endpoints, plan.client_id, plan.client_secret, context.clock, self._http, on_reply=self._token_reply
        )
        self.rest = Rest(plan.endpoints, self.tokens, clock=context.clock, on_reply=self._report.reply)
        options = NotificationOptions(interface=plan.interface)
        self.connection = NotificationConnection(plan.endpoints, self.rest, options, self._report.event, context.clock)

    @property
    def gave_up(self) -> bool:
        """True once the platform refused the credentials for the notification channel."""
        return self._report.gave_up

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event of the notification channel; returns what ends that."""
        return self._report.subscribe(listener)

    async def run(self) -> None:
        """Keep token and notification channel alive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew(), name="service token")
            if self.plan.notifications:
                tasks.create_task(self.connection.run(), name="service notifications")

    async def close(self) -> None:
        """Leave the platform in order. Idempotent."""
        await self.connection.close()
        await self.rest.aclose()
        await self._http.aclose()

    async def _renew(self) -> None:
        while True:
            await self.tokens.token()  # renews when due
            self._renewed.clear()
            self._report.token(self.tokens.current)
            with suppress(TimeoutError):
                async with asyncio.timeout(TOKEN_REPORT_S):
                    await self._renewed.wait()

    def _token_reply(self, reply: RestReply) -> None:
        self._report.reply(reply)
        if reply.ok:  # somebody else's call may have been the one that renewed it
            self._renewed.set()
