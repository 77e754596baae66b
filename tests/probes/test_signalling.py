"""The signalling probe: a fetch is told with its time, or with why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from measured import Facts, context_of

from monitor.config.model import SignallingProbe as SignallingSettings
from monitor.facts.failures import Reason, failure
from monitor.genesys.events import IceServersFetched
from monitor.probes.agent import AgentSession
from monitor.probes.signalling import SignallingProbe

TIMEOUT = failure("ice_servers", Reason.TIMEOUT, "no answer within 15 s")


@dataclass
class Connection:
    """Fetches what the test says."""

    result: IceServersFetched

    async def fetch_ice_servers(self, timeout_s: float) -> IceServersFetched:
        assert timeout_s == 15.0
        return self.result


@dataclass
class Session:
    """An agent's session as far as the probe looks."""

    connection: Connection
    name: str = "synthetic-1"


def probe_of(result: IceServersFetched) -> SignallingProbe:
    settings = SignallingSettings(name="sig", agent="synthetic-1", timeout_s=15.0)
    return SignallingProbe(settings, context_of(Facts()), cast(AgentSession, Session(Connection(result))))


async def test_a_fetch_is_the_phase_ice_servers() -> None:
    [fact] = await probe_of(IceServersFetched((), 0.012)).run()
    assert (fact.probe, fact.agent, fact.phase) == ("sig", "synthetic-1", "ice_servers")
    assert (fact.seconds, fact.failure) == (0.012, None)


async def test_a_failed_fetch_carries_its_reason_and_no_time() -> None:
    [fact] = await probe_of(IceServersFetched((), None, TIMEOUT)).run()
    assert (fact.seconds, fact.failure) == (None, TIMEOUT)


async def test_a_cancelled_slot_is_a_failed_fetch() -> None:
    probe = probe_of(IceServersFetched((), 0.012))
    [fact] = probe.failed(TIMEOUT)
    assert (fact.seconds, fact.failure) == (None, TIMEOUT)
    await probe.close()
