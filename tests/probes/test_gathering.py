from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.config.probes import GatheringProbe as Settings
from monitor.facts.clock import ManualClock
from monitor.facts.failures import Fault, Reason, failure
from monitor.facts.ice import CandidateType, IceServer, ServerOutcome, ServerResult, Signature
from monitor.genesys.events import IceServersFetched
from monitor.media.gathering import Gathering
from monitor.probes.base import Context
from monitor.probes.channel import ChannelError
from monitor.probes.gathering import GatheringProbe
from monitor.probes.lag import LagMeter
from monitor.probes.shard_messages import GatherRequest, from_params, to_params

HOST, SRFLX, RELAY = CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY
STUN = IceServer("stun:stun.example.com:3478")
TURN = IceServer("turn:turn.example.com:3478", "user", "secret")
RESULT = ServerResult("stun.example.com:3478", "stun", "udp", ServerOutcome.OK, 0.02, "192.0.2.1:5")
DONE = Gathering(frozenset({HOST, SRFLX}), frozenset({HOST, SRFLX}), Signature.OK, (RESULT,), 0.03)


class Shard:
    """Answers `gather` and remembers what it was asked."""

    def __init__(self, gathering: Gathering = DONE) -> None:
        self.gathering = gathering
        self.asked: list[GatherRequest] = []
        self.timeouts_s: list[float] = []
        self.error: ChannelError | None = None

    def on(self, method: str, handler: Any) -> None: ...

    def off(self, method: str, handler: Any) -> None: ...

    def tell(self, method: str, params: dict[str, Any]) -> bool:
        return True

    async def ask(self, method: str, params: dict[str, Any], timeout_s: float = 30.0) -> dict[str, Any]:
        assert method == "gather"
        if self.error:
            raise self.error
        self.asked.append(from_params(GatherRequest, params))
        self.timeouts_s.append(timeout_s)
        return {"gathering": to_params(self.gathering), "lag_s": 0.001}


class Connection:
    relay_only = False

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.fetched = IceServersFetched((TURN,), 0.1, relay_only=True)

    async def fetch_ice_servers(self, timeout_s: float) -> IceServersFetched:
        self.clock.advance(2.0)
        return self.fetched


class Probing:
    """A probe with everything it hangs on."""

    def __init__(self, *, agent: bool = True, **settings: Any) -> None:
        self.clock = ManualClock()
        self.shard = Shard()
        self.agent = SimpleNamespace(
            name="synthetic-1", was_connected=True, ice_servers=(STUN,), connection=Connection(self.clock)
        )
        context = Context("here", lambda fact: None, self.clock, LagMeter(self.clock))
        if agent:
            settings["agent"] = "synthetic-1"
        self.probe = GatheringProbe(
            Settings(name="gathering-1", **settings), context, self.shard, self.agent if agent else None
        )

    async def run(self) -> Any:
        (fact,) = await self.probe.run()
        return fact


async def test_the_sessions_cached_list_is_what_the_softphone_would_use() -> None:
    probing = Probing()
    fact = await probing.run()
    assert (fact.site, fact.probe, fact.servers, fact.agent) == ("here", "gathering-1", "platform", "synthetic-1")
    assert (fact.signature, fact.seconds, fact.results) == (Signature.OK, 0.03, (RESULT,))
    assert (fact.wanted, fact.obtained) == ((HOST, SRFLX), (HOST, SRFLX))
    assert fact.lag_s == 0.001
    (asked,) = probing.shard.asked
    assert (asked.servers, asked.relay_only, asked.timeout_s) == ((STUN,), False, 10.0)
    assert probing.shard.timeouts_s[0] > asked.timeout_s


async def test_before_the_first_connect_there_is_no_list_and_that_is_an_error() -> None:
    probing = Probing()
    probing.agent.was_connected, probing.agent.ice_servers = False, ()
    fact = await probing.run()
    assert (fact.signature, fact.seconds, fact.failure.reason) == (Signature.ERROR, None, Reason.NOT_CONNECTED)
    assert probing.shard.asked == []


async def test_while_it_reconnects_the_list_is_empty_and_the_gathering_too_as_with_the_softphone() -> None:
    probing = Probing()
    probing.agent.ice_servers = ()
    probing.shard.gathering = Gathering(frozenset({RELAY}), frozenset(), Signature.EMPTY, (), 0.0)
    assert (await probing.run()).signature is Signature.EMPTY
    assert probing.shard.asked[0] == replace(probing.shard.asked[0], servers=(), relay_only=True)


async def test_an_empty_list_gathers_all_the_same_relay_only() -> None:
    probing = Probing()
    probing.agent.ice_servers, probing.agent.connection.relay_only = (), True
    probing.shard.gathering = Gathering(frozenset({RELAY}), frozenset(), Signature.EMPTY, (), 0.0)
    assert (await probing.run()).signature is Signature.EMPTY
    assert probing.shard.asked[0].relay_only is True


async def test_a_fresh_list_is_fetched_first_within_the_same_limit() -> None:
    probing = Probing(fetch="fresh")
    await probing.run()
    (asked,) = probing.shard.asked
    assert (asked.servers, asked.relay_only, asked.timeout_s) == ((TURN,), True, 8.0)


async def test_a_fetch_that_failed_is_an_error_with_its_failure() -> None:
    probing = Probing(fetch="fresh")
    problem = failure("ice_servers", Reason.TIMEOUT)
    probing.agent.connection.fetched = IceServersFetched((), None, problem)
    fact = await probing.run()
    assert (fact.signature, fact.failure) == (Signature.ERROR, problem)


async def test_own_servers_under_the_probes_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN_USER", "user")
    monkeypatch.setenv("TURN_PASSWORD", "secret")
    turn = {"url": TURN.url, "username_env": "TURN_USER", "password_env": "TURN_PASSWORD"}
    probing = Probing(agent=False, stun=(STUN.url,), turn=(turn,), relay_only=True, interface="eth0")
    fact = await probing.run()
    assert (fact.servers, fact.agent) == ("gathering-1", "")
    (asked,) = probing.shard.asked
    assert (asked.servers, asked.relay_only, asked.interface) == ((STUN, TURN), True, "eth0")
    assert "secret" not in repr(fact)


async def test_a_missing_secret_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    turn = {"url": TURN.url, "username_env": "NO_SUCH_SECRET", "password_env": "NO_SUCH_SECRET"}
    fact = await Probing(agent=False, turn=(turn,)).run()
    assert (fact.signature, fact.failure.fault) == (Signature.ERROR, Fault.LOCAL)
    assert "NO_SUCH_SECRET" in fact.failure.detail


async def test_a_shard_that_is_away_is_an_error() -> None:
    probing = Probing()
    probing.shard.error = ChannelError("shard0: gather: not connected")
    fact = await probing.run()
    assert (fact.signature, fact.failure.detail) == (Signature.ERROR, "shard0: gather: not connected")
    (failed,) = probing.probe.failed(failure("gathering", Reason.TIMEOUT))
    assert (failed.signature, failed.wanted, failed.seconds) == (Signature.ERROR, (), None)
