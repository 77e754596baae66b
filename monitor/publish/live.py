"""One publish run against a live platform: token, REST, notifications, flow, driver, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from monitor.facts.clock import Clock
from monitor.genesys.auth import ClientCredentials
from monitor.genesys.events import Event, Notified
from monitor.genesys.exchange import make_http
from monitor.genesys.notifications import NotificationConnection, NotificationOptions
from monitor.genesys.regions import Endpoints
from monitor.genesys.rest import Rest
from monitor.publish.client import MarkerClient
from monitor.publish.driver import DriverError, Outputs, PublishDriver
from monitor.publish.flow.events import Ended
from monitor.publish.flow.flow import PublishFlow
from monitor.publish.flow.job import PublishSpec
from monitor.publish.guard import allowed_to_write
from monitor.publish.ledger import Unfinished
from monitor.publish.run_markers import RunMarkers
from monitor.publish.strategy.strategies import Strategy

CALL_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Account:
    """Whose platform, and as whom. yes_publish: the business unit that somebody has typed, for the guard."""

    endpoints: Endpoints
    client_id: str
    client_secret: str = field(repr=False)
    yes_publish: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run. job: the name its markers carry; markers: where they go, None for nowhere. resume: what it takes up.

    listen: also have the platform's notifications tell when an update is complete, which saves polls and costs two
    calls. on_driver: is given the driver, to stop it with.
    """

    spec: PublishSpec
    strategy: Strategy
    job: str
    run_id: str
    seed: int = 0
    markers: MarkerClient | None = None
    resume: Unfinished | None = None
    listen: bool = True
    say: Callable[[str], None] = lambda _line: None
    on_driver: Callable[[PublishDriver], None] = lambda _driver: None


@asynccontextmanager
async def rest_of(account: Account, clock: Clock) -> AsyncIterator[Rest]:
    """REST calls under a fresh token of the account."""
    async with make_http(account.endpoints.login) as http:
        tokens = ClientCredentials(
            account.endpoints, account.client_id, account.client_secret, clock, http, name="publish"
        )
        rest = Rest(account.endpoints, tokens, clock=clock)
        try:
            yield rest
        finally:
            await rest.aclose()


async def publish(run: Run, account: Account, outputs: Outputs, clock: Clock) -> Ended:
    """Publish, from the token to the last marker. Raises DriverError: not allowed, or the ledger fails."""
    refusal = allowed_to_write(account.endpoints, run.spec.business_unit, account.yes_publish)
    if refusal is not None:
        raise DriverError(refusal)
    progress = run.resume.progress if run.resume is not None else None
    offset_s = clock.wall_s() - clock.mono_s()
    spec = replace(run.spec, editor=run.spec.editor or account.client_id)
    flow = PublishFlow(spec, run.strategy, seed=run.seed, resume=progress, wall_offset_s=offset_s)
    if run.markers is not None:
        outputs = replace(outputs, markers=RunMarkers(run.markers, run.job, run.run_id, run.say))
    same_run = run.resume is not None and run.resume.run_id == run.run_id
    started_wall_s = run.resume.started_wall_s if run.resume is not None and same_run else None
    async with rest_of(account, clock) as rest:
        driver = PublishDriver(
            flow, lambda request: rest.send(request, CALL_TIMEOUT_S), clock, outputs, started_wall_s=started_wall_s
        )
        run.on_driver(driver)
        if not (run.listen and spec.publish):
            return await driver.run()
        async with _listening(account.endpoints, rest, spec, driver, clock):
            return await driver.run()


@asynccontextmanager
async def _listening(
    endpoints: Endpoints, rest: Rest, spec: PublishSpec, driver: PublishDriver, clock: Clock
) -> AsyncIterator[None]:
    """Feed the driver with the events of the business unit's schedules. Without them, polling does."""
    topic = f"v2.workforcemanagement.businessunits.{spec.business_unit}.schedules"

    def heard(event: Event) -> None:
        if isinstance(event, Notified) and event.topic == topic and isinstance(event.body, dict):
            driver.notified(event.body)

    connection = NotificationConnection(endpoints, rest, NotificationOptions((topic,)), heard, clock)
    listening = asyncio.create_task(connection.run())
    try:
        yield
    finally:
        await connection.close()
        listening.cancel()
        await asyncio.wait({listening})
