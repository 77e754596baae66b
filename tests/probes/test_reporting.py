"""A session's events become facts, each once, and reach every listener even if one of them is broken."""

from __future__ import annotations

import pytest

from monitor.facts.clock import ManualClock
from monitor.facts.failures import DISCONNECT_REASONS, Layer, Reason, failure
from monitor.facts.observations import (
    ApiObserved,
    CertificateObserved,
    ConnectionChanged,
    Disconnected,
    Observation,
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
from monitor.probes.lag import LagMeter
from monitor.probes.reporting import Reporter, api_fact


class Told:
    """A reporter and what it emitted."""

    def __init__(self, *, softphone: bool = True) -> None:
        self.clock = ManualClock()
        self.lag = LagMeter(self.clock)
        self.facts: list[Observation] = []
        self.context = Context("here", self.facts.append, self.clock, self.lag)
        self.reporter = Reporter(self.context, "synthetic-1", softphone=softphone)


def a_drop(clock: ManualClock, *, was_connected: bool = True) -> Dropped:
    now = clock.wall_s()
    return Dropped("closed", 1001, "going away", now - 14.0, now, True, was_connected)


def test_phases_carry_agent_seconds_and_the_lag_while_they_ran() -> None:
    told = Told()
    told.lag.expect(told.clock.mono_s())
    told.clock.advance(0.101)
    told.lag.woke()
    told.reporter.event(PhaseTimed("bind", 0.2))
    told.clock.advance(0.001)
    told.reporter.event(PhaseTimed("sasl", None, failure("sasl", Reason.AUTH, "not-authorized")))
    bind, sasl = told.facts
    assert isinstance(bind, PhaseObserved)
    assert (bind.site, bind.probe, bind.agent, bind.phase, bind.seconds) == (
        "here",
        "synthetic-1",
        "synthetic-1",
        "bind",
        0.2,
    )
    assert round(bind.lag_s, 6) == 0.1
    assert isinstance(sasl, PhaseObserved)
    assert sasl.seconds is None
    assert sasl.failure is not None
    assert sasl.lag_s == 0.0  # the lag lay before it


def test_up_drop_and_up_again() -> None:
    told = Told()
    told.reporter.begin()
    told.reporter.event(Connected("", 0.8))
    told.reporter.event(a_drop(told.clock))
    told.reporter.event(Connected("soft", 2.9))
    states = [
        (fact.connected, fact.reconnect, fact.seconds) for fact in told.facts if isinstance(fact, ConnectionChanged)
    ]
    assert states == [(False, "", None), (True, "", 0.8), (False, "", None), (True, "soft", 2.9)]
    [drop] = [fact for fact in told.facts if isinstance(fact, Disconnected)]
    assert (drop.layer, drop.reason, drop.code) == (Layer.SIGNALLING, "closed", 1001)
    assert drop.reason in DISCONNECT_REASONS[drop.layer]
    assert drop.noticed_wall_s - drop.last_good_wall_s == 14.0


def test_a_silence_is_told_and_is_no_drop(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    told.reporter.event(SilenceNoticed(9.0, "path"))
    told.reporter.event(SilenceEnded(23.0))
    silences = [(f.agent, f.silent, f.seconds, f.where) for f in told.facts if isinstance(f, SilenceObserved)]
    assert silences == [("synthetic-1", True, 9.0, "path"), ("synthetic-1", False, 23.0, "")]
    assert len(told.facts) == 2
    assert "the way is cut" in caplog.text


def test_a_drop_noticed_before_its_end_carries_the_lag_of_then() -> None:
    told = Told()
    told.lag.expect(told.clock.mono_s())
    told.clock.advance(0.101)
    told.lag.woke()
    noticed_s = told.clock.wall_s()
    told.clock.advance(49.0)  # a silence that was noticed early and ended in a drop
    told.reporter.event(Dropped("ping_timeout", None, "", noticed_s - 9.0, noticed_s, True))
    [drop] = [fact for fact in told.facts if isinstance(fact, Disconnected)]
    assert round(drop.lag_s, 6) == 0.1


def test_an_attempt_torn_down_before_it_was_up_is_a_drop_but_no_change() -> None:
    told = Told()
    told.reporter.event(a_drop(told.clock, was_connected=False))
    assert [fact.kind for fact in told.facts] == ["disconnect"]


def test_closing_an_open_session_is_a_change_but_no_drop() -> None:
    told = Told()
    told.reporter.event(Connected("", 0.8))
    told.reporter.down()
    told.reporter.down()
    assert [fact.kind for fact in told.facts] == ["connection", "connection"]


def test_giving_up_is_remembered_and_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    told.reporter.event(Connected("", 0.8))
    told.reporter.event(GaveUp(failure("sasl", Reason.AUTH, "not-authorized")))
    told.reporter.event(RequestFailed(failure("subscribe", Reason.TIMEOUT)))
    assert told.reporter.gave_up
    assert isinstance(told.facts[-1], ConnectionChanged)
    assert [record.getMessage().strip() for record in caplog.records] == [
        "synthetic-1: gave up: auth not-authorized",
        "synthetic-1: subscribe: timeout",
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_the_service_channel_is_no_softphone(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(softphone=False)
    told.reporter.event(Connected("", 0.8))
    told.reporter.event(a_drop(told.clock))
    assert told.facts == []  # else one planned move of the platform would count as two softphones dropped
    assert [record.getMessage() for record in caplog.records] == ["synthetic-1: dropped: closed going away"]


def test_a_drop_carries_the_lag_since_the_last_sign_of_life() -> None:
    told = Told()
    told.lag.expect(told.clock.mono_s())
    told.clock.advance(10.001)
    told.lag.woke()
    told.clock.advance(1.0)
    told.reporter.event(a_drop(told.clock))
    [drop] = [fact for fact in told.facts if isinstance(fact, Disconnected)]
    assert round(drop.lag_s, 6) == 10.0


def test_every_listener_hears_every_event_in_order_until_it_unsubscribes() -> None:
    told = Told()
    heard: list[tuple[str, Event]] = []

    def broken(event: Event) -> None:
        raise RuntimeError("a mistake")

    told.reporter.subscribe(broken)
    unsubscribe = told.reporter.subscribe(lambda event: heard.append(("first", event)))
    told.reporter.subscribe(lambda event: heard.append(("second", event)))
    up, down = Connected("", 0.8), a_drop(told.clock)
    told.reporter.event(up)
    unsubscribe()
    unsubscribe()
    told.reporter.event(down)
    assert heard == [("first", up), ("second", up), ("second", down)]


def test_a_token_is_told_by_its_times_alone() -> None:
    told = Told()
    told.reporter.token(None)
    told.reporter.token(Token("s3cret", 100.0, 3700.0))
    [fact] = told.facts
    assert isinstance(fact, TokenObserved)
    assert (fact.token, fact.issued_wall_s, fact.expires_wall_s) == ("synthetic-1", 100.0, 3700.0)
    assert "s3cret" not in repr(fact)


def test_a_certificate_is_told_by_its_end() -> None:
    told = Told()
    told.reporter.event(CertificateSeen(1_799_000_000.0))
    assert [(type(fact), fact.expires_wall_s) for fact in told.facts] == [(CertificateObserved, 1_799_000_000.0)]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (RestReply("organizations_me", 200, seconds=0.03, correlation_id="c-1"), "200"),
        (
            RestReply(
                "organizations_me",
                429,
                seconds=0.01,
                retry_after_s=42.0,
                failure=failure("organizations_me", Reason.RATE_LIMITED),
            ),
            "429",
        ),
        (RestReply("organizations_me", None, failure=failure("organizations_me", Reason.TIMEOUT)), "timeout"),
    ],
)
def test_a_rest_reply_is_a_value_whatever_came(reply: RestReply, status: str) -> None:
    told = Told()
    fact = api_fact(told.context, "api-1", reply)
    assert isinstance(fact, ApiObserved)
    assert (fact.probe, fact.operation, fact.status) == ("api-1", "organizations_me", status)
    assert (fact.seconds, fact.retry_after_s, fact.correlation_id, fact.failure) == (
        reply.seconds,
        reply.retry_after_s,
        reply.correlation_id,
        reply.failure,
    )
