"""The API probe: one small REST request, the control that tells API trouble from signalling trouble."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.config.model import ApiProbe as ApiSettings
from monitor.facts.failures import Failure
from monitor.facts.observations import ApiObserved
from monitor.genesys.rest import Rest
from monitor.genesys.rest_messages import RestReply
from monitor.probes.base import Context
from monitor.probes.reporting import api_fact
from monitor.probes.service import ServiceSession

OPERATION = "organizations_me"


class ApiProbe:
    """GET organizations/me with the service token; a 429 and its Retry-After are values like any other."""

    kind = "api"

    def __init__(self, settings: ApiSettings, context: Context, service: ServiceSession) -> None:
        self.name = settings.name
        self.interval_s = settings.interval_s
        self.timeout_s = settings.timeout_s
        self._context = context
        # a client of its own: the service's would report the same reply a second time, under its own name
        self._rest = Rest(service.plan.endpoints, service.tokens, clock=context.clock)

    async def run(self) -> Sequence[ApiObserved]:
        """One request."""
        reply = await self._rest.call(OPERATION, "GET", "organizations/me", timeout_s=self.timeout_s)
        return [api_fact(self._context, self.name, reply)]

    def failed(self, failure: Failure) -> Sequence[ApiObserved]:
        """A request that did not even end."""
        return [api_fact(self._context, self.name, RestReply(OPERATION, None, failure=failure))]

    async def close(self) -> None:
        """Close the connections."""
        await self._rest.aclose()
