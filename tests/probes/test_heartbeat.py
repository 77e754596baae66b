"""The heartbeat probe: each outcome is told as it is; a late pong is counted once and never averaged."""

from __future__ import annotations

import pytest

from monitor.config.model import HeartbeatProbe as HeartbeatSettings
from monitor.facts.clock import ManualClock
from monitor.facts.failures import Reason, failure
from monitor.facts.observations import HeartbeatObserved, Observation
from monitor.genesys.events import PingResult, PongReceived
from monitor.probes.base import Context
from monitor.probes.heartbeat import HeartbeatProbe
from monitor.probes.lag import LagMeter
from monitor.probes.reporting import Reporter


class Bench:
    """A heartbeat over a connection that answers what the test says."""

    def __init__(self, *results: PingResult) -> None:
        self.clock = ManualClock()
        self.lag = LagMeter(self.clock)
        self.facts: list[Observation] = []
        self.results = list(results)
        context = Context("here", self.facts.append, self.clock, self.lag)
        self.session = Reporter(context, "synthetic-1", softphone=True)
        settings = HeartbeatSettings(name="beat", channel="xmpp", agent="synthetic-1", interval_s=15.0, timeout_s=5.0)
        self.probe = HeartbeatProbe(
            settings, context, ping=self.ping, subscribe=self.session.subscribe, agent="synthetic-1"
        )

    async def ping(self, timeout_s: float) -> PingResult:
        assert timeout_s == 5.0
        return self.results.pop(0)


@pytest.mark.parametrize(
    "result",
    [
        PingResult("ok", 0.021, 0.020),
        PingResult("timeout", failure=failure("xmpp_ping", Reason.TIMEOUT)),
        PingResult("not_connected", failure=failure("xmpp_ping", Reason.NOT_CONNECTED)),
        PingResult("error", failure=failure("xmpp_ping", Reason.REJECTED)),
    ],
    ids=lambda result: result.outcome,
)
async def test_every_outcome_is_told_as_it_is(result: PingResult) -> None:
    bench = Bench(result)
    [fact] = await bench.probe.run()
    assert (fact.probe, fact.channel, fact.agent) == ("beat", "xmpp", "synthetic-1")
    assert (fact.outcome, fact.rtt_s, fact.tcp_rtt_s, fact.failure) == (
        result.outcome,
        result.rtt_s,
        result.tcp_rtt_s,
        result.failure,
    )


async def test_a_late_pong_is_a_fact_of_its_own_without_a_time() -> None:
    bench = Bench(PingResult("timeout"))
    await bench.probe.run()
    bench.session.event(PongReceived("xmpp", 6.2, late=True))
    bench.session.event(PongReceived("xmpp", 6.3, late=True))  # of another probe: ours was answered
    [fact] = bench.facts
    assert isinstance(fact, HeartbeatObserved)
    assert (fact.outcome, fact.rtt_s) == ("late", None)


async def test_a_late_pong_carries_the_lag_since_its_ping() -> None:
    bench = Bench(PingResult("timeout"))
    await bench.probe.run()
    bench.lag.expect(bench.clock.mono_s())
    bench.clock.advance(6.001)
    bench.lag.woke()
    bench.clock.advance(0.1)
    bench.session.event(PongReceived("xmpp", 6.2, late=True))
    assert [round(fact.lag_s, 6) for fact in bench.facts] == [6.0]


async def test_pongs_of_others_and_pongs_in_time_are_not_late() -> None:
    bench = Bench(PingResult("timeout"))
    bench.session.event(PongReceived("xmpp", 6.2, late=True))  # nothing of ours was overdue
    await bench.probe.run()
    bench.session.event(PongReceived("websocket", 6.2, late=True))
    bench.session.event(PongReceived("xmpp", 0.2, late=False))
    assert bench.facts == []


async def test_closed_it_listens_no_more() -> None:
    bench = Bench(PingResult("timeout"))
    await bench.probe.run()
    await bench.probe.close()
    await bench.probe.close()
    bench.session.event(PongReceived("xmpp", 6.2, late=True))
    assert bench.facts == []


async def test_a_cancelled_run_is_a_timeout_and_a_mistake_an_error() -> None:
    probe = Bench().probe
    [cancelled] = probe.failed(failure("heartbeat", Reason.TIMEOUT))
    [mistake] = probe.failed(failure("heartbeat", Reason.ERROR))
    assert (cancelled.outcome, mistake.outcome) == ("timeout", "error")
