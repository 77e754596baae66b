"""Virtual softphones behave as the real client: its times, its backoff in lockstep, and what it does with tokens."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from monitor.facts.failures import DISCONNECT_REASONS, Layer
from monitor.simulator.world.agents import AgentEvent, Population, agent_token
from monitor.simulator.world.limits import RateLimiter
from monitor.simulator.world.scenario import Occurrence, Queue, Scenario, load_scenario
from monitor.simulator.world.world import World

START = 1_790_000_000.0


def scenario(*occurrences: dict[str, Any], **figures: Any) -> Scenario:
    """A platform with room to spare; no calls unless asked for."""
    made = tuple(Occurrence(**occurrence) for occurrence in occurrences)
    patient = Queue(capacity=2000.0, base_s=0.002, jitter_s=0.0, backlog_limit_s=120.0)
    update = {"agents": 20, "call_every_s": 1e6, "occurrences": made, "signalling": patient}
    return load_scenario("quiet").model_copy(update={**update, **figures})


def population(*occurrences: dict[str, Any], seed: int = 1, **figures: Any) -> Population:
    made = scenario(*occurrences, **figures)
    return Population(made, seed, World(made, seed), RateLimiter(), START)


def of(events: list[AgentEvent], kind: str, agent: int | None = None) -> list[AgentEvent]:
    return [event for event in events if event.kind == kind and agent in (None, event.agent)]


def stall(crowd: Population, now_s: float, seconds: float) -> None:
    """Give signalling so many seconds of work."""
    for _ in range(round(seconds * 2000)):
        crowd.world.signalling_turn(now_s, "connect")


def test_everybody_is_connected_from_the_start_and_pings_14_s_after_the_previous_answer() -> None:
    crowd = population()
    events = crowd.advance(300.0)
    assert crowd.online == 20
    assert set(Counter(e.kind for e in events)) <= {"ping_ok", "extdisco_ok"}
    for agent in range(20):
        pings = of(events, "ping_ok", agent)
        gaps = [after.at_s - before.at_s for before, after in pairwise(pings)]
        assert all(14.0 < gap < 14.1 for gap in gaps)
    first = [of(events, "ping_ok", agent)[0].at_s for agent in range(20)]
    assert max(first) - min(first) > 7.0  # not all at once


def test_events_come_in_order_and_are_the_same_for_one_seed() -> None:
    def told(seed: int, step_s: float) -> list[AgentEvent]:
        crowd = population({"kind": "restart", "at": (30.0,)}, seed=seed, call_every_s=60.0)
        return [event for step in range(round(120 / step_s)) for event in crowd.advance((step + 1) * step_s)]

    one = told(1, 1.0)
    assert [event.at_s for event in one] == sorted(event.at_s for event in one)
    assert one == told(1, 40.0)  # however often one looks
    assert one != told(2, 1.0)


def test_a_stall_is_noticed_after_the_second_missed_ping_at_most_58_s_after_the_last_answer() -> None:
    crowd = population()
    crowd.advance(60.0)
    stall(crowd, 60.0, 100.0)
    events = crowd.advance(130.0)
    drops = of(events, "dropped")
    assert len(drops) == 20
    for drop in drops:
        assert (drop.reason, drop.layer) == ("ping_timeout", "signalling")
        assert drop.last_good_s is not None
        assert drop.at_s - drop.last_good_s == pytest.approx(58.0, abs=0.01)
        missed = of(events, "ping_missed", drop.agent)
        assert missed[1].at_s - missed[0].at_s == pytest.approx(29.0)


def test_the_server_closes_and_everybody_is_back_after_2_s_on_the_same_channel() -> None:
    crowd = population()
    crowd.advance(10.0)
    crowd.cut(10.0, "closed", 1001)
    assert crowd.online == 0
    events = crowd.advance(20.0)
    assert {(e.reason, e.code, e.last_good_s) for e in of(events, "dropped")} == {("closed", 1001, 10.0)}
    assert {(e.at_s, e.detail) for e in of(events, "connecting")} == {(12.0, "soft")}
    assert not of(events, "rest")
    assert all(2.0 < (e.seconds or 0.0) < 4.0 and e.detail == "soft" for e in of(events, "connected"))
    assert {(e.detail) for e in of(events, "extdisco_ok")} == {"attempt", "refresh"}
    assert crowd.online == 20


def test_one_site_alone_is_cut() -> None:
    crowd = population(sites={"chicago": 12, "dallas": 8})
    crowd.cut(0.0, "reset", None, "dallas")
    events = crowd.advance(1.0)
    assert {e.site for e in of(events, "dropped")} == {"dallas"}
    assert len(of(events, "dropped")) == 8


def test_failed_attempts_double_the_delay_without_jitter() -> None:
    crowd = population({"kind": "restart", "down_s": 100.0, "at": (10.0,)})
    events = crowd.advance(200.0)
    times = [event.at_s - 10.0 for event in of(events, "connecting", 0)]
    gaps = [after - before for before, after in pairwise(times)]
    assert times[0] == pytest.approx(2.0)
    assert gaps == pytest.approx([4.02, 8.02, 16.02, 32.02, 64.02])
    assert {e.reason for e in of(events, "connecting", 0)[1:]} == {"refused"}
    assert len({event.at_s for event in of(events, "connecting")}) == 6  # all of them at the same moments
    assert crowd.online == 20


def test_an_attempt_is_given_15_s_and_an_ice_server_list_15_more() -> None:
    crowd = population(agents=1)
    crowd.cut(0.0, "closed", 1001)
    crowd.advance(1.9)
    stall(crowd, 1.9, 16.0)
    events = crowd.advance(25.0)
    assert [(e.at_s, e.reason) for e in of(events, "connecting")] == [(2.0, ""), (21.0, "timeout")]


def test_an_ice_server_list_that_takes_over_15_s_tears_the_socket_down() -> None:
    slow = Queue(capacity=10.0, backlog_limit_s=60.0, base_s=0.0, jitter_s=0.0)
    crowd = population(agents=1, signalling=slow)
    crowd.cut(0.0, "closed", 1001)
    crowd.advance(2.21)  # connect took 0.1 s, SASL 0.1, and bind is under way
    for _ in range(170):
        crowd.world.signalling_turn(2.22, "connect")
    events = crowd.advance(30.0)
    assert [(round(e.at_s, 2), e.detail) for e in of(events, "extdisco_failed")] == [(17.25, "attempt")]
    assert [(round(e.at_s, 2), e.reason) for e in of(events, "connecting")] == [(21.25, "ice_servers")]
    assert not of(events, "dropped")  # it had not been connected


def test_a_refresh_after_6_h_that_fails_keeps_the_old_list_and_the_connection() -> None:
    crowd = population(agents=1)
    crowd.cut(0.0, "closed", 1001)
    crowd.advance(60.0)
    phone = crowd.phones[0]
    held = phone.held
    connected_s = 2.01
    due_s = connected_s + 6 * 3600.0
    crowd.coast(due_s - 10.0, calls=True)
    stall(crowd, due_s - 10.0, 55.0)
    events = crowd.advance(due_s + 29.0)
    assert [(e.detail, round(e.at_s - due_s)) for e in of(events, "extdisco_failed")] == [("refresh", 15)]
    assert phone.held is held
    later = crowd.advance(due_s + 3600.0)
    assert len(of(later, "extdisco_failed")) <= 2
    assert phone.held is not held


def test_every_tenth_reuse_of_a_channel_is_hard_and_costs_two_rest_calls() -> None:
    crowd = population(agents=1)
    events: list[AgentEvent] = []
    for step in range(21):
        events += crowd.advance(step * 10.0)
        crowd.cut(step * 10.0, "closed", 1001)
    events += crowd.advance(210.0)
    attempts = [event.detail for event in of(events, "connecting")]
    assert attempts == ["soft"] * 9 + ["hard"] + ["soft"] * 9 + ["hard", "soft"]
    assert [event.detail for event in of(events, "rest")] == ["users_me", "channel_create"] * 2


def test_a_planned_move_reconnects_hard_after_2_s() -> None:
    crowd = population({"kind": "planned_move", "at": (10.0,)})
    events = crowd.advance(20.0)
    assert {e.reason for e in of(events, "dropped")} == {"moved"}
    assert {e.detail for e in of(events, "connecting")} == {"hard"}
    assert Counter(e.detail for e in of(events, "rest")) == {"users_me": 20, "channel_create": 20}
    assert crowd.online == 20


def test_a_takeover_concerns_one_agent_alone() -> None:
    crowd = population({"kind": "takeover", "at": (10.0, 40.0)})
    drops = of(crowd.advance(60.0), "dropped")
    assert {(e.reason, e.code) for e in drops} == {("duplicate_id", 1000)}
    assert len(drops) == 2
    assert len({e.agent for e in drops}) == 1


def test_a_429_waits_retry_after_and_the_backoff_on_top() -> None:
    made = scenario(shared_agent_token=True)
    made = made.model_copy(update={"rate_limit": made.rate_limit.model_copy(update={"per_minute": 30})})
    crowd = Population(made, 1, World(made, 1), RateLimiter(), START)
    crowd.cut(10.0, "duplicate_id", 1000)
    events = crowd.advance(200.0)
    refused = [e for e in of(events, "rest") if e.status == 429]
    assert len(refused) == 10  # 20 agents make 40 calls, and the token has 30
    for refusal in refused:
        following = next(e for e in of(events, "connecting", refusal.agent) if e.at_s > refusal.at_s)
        assert refusal.retry_after_s is not None
        assert following.at_s == pytest.approx(refusal.at_s + refusal.retry_after_s + 4.0)
        assert following.reason == "http_429"
    assert crowd.online == 20


def test_tokens_of_their_own_do_not_meet_in_one_limit() -> None:
    crowd = population()
    crowd.cut(10.0, "duplicate_id", 1000)
    assert {e.status for e in of(crowd.advance(60.0), "rest")} == {200}
    assert agent_token(3, shared=False) != agent_token(4, shared=False)
    assert agent_token(3, shared=True) == agent_token(4, shared=True)


def test_an_ended_token_ends_the_stream_and_the_softphone_gives_up_until_people_sign_in() -> None:
    crowd = population({"kind": "token", "life_s": 10.0, "at": (30.0,), "for_s": 60.0})
    events = crowd.advance(80.0)
    assert {(e.at_s, e.reason) for e in of(events, "dropped")} == {(40.0, "auth")}
    assert {(e.reason, e.detail) for e in of(events, "gave_up")} == {("auth", "not-authorized")}
    assert crowd.online == 0
    later = crowd.advance(130.0)
    assert {e.detail for e in of(later, "connecting")} == {"hard"}
    assert max(e.at_s for e in of(later, "connecting")) - min(e.at_s for e in of(later, "connecting")) > 5.0
    assert crowd.online == 20


def test_a_hard_reconnect_with_an_ended_token_is_refused_over_rest() -> None:
    crowd = population({"kind": "token", "life_s": 5.0, "at": (30.0,), "for_s": 600.0})
    crowd.advance(34.0)
    crowd.cut(34.0, "duplicate_id", 1000)
    events = crowd.advance(60.0)
    assert {(e.status, e.detail) for e in of(events, "rest")} == {(401, "users_me")}
    assert {e.detail for e in of(events, "gave_up")} == {"401"}


def test_with_server_pings_the_silence_is_noticed_after_35_s() -> None:
    crowd = population(keepalive="server")
    crowd.advance(100.0)
    assert crowd.online == 20
    stall(crowd, 100.0, 100.0)
    drops = of(crowd.advance(160.0), "dropped")
    assert {e.reason for e in drops} == {"silence"}
    assert all(e.at_s - (e.last_good_s or 0.0) == pytest.approx(35.0, abs=0.01) for e in drops)


def test_a_proxy_cuts_hidden_tabs_at_a_constant_idle_age_and_nobody_else() -> None:
    proxy = {"kind": "idle_cut", "after_s": 60.0}
    drops = of(population(proxy, hidden_tabs=1.0).advance(300.0), "dropped")
    assert len(drops) >= 20
    assert {e.reason for e in drops} == {"reset"}
    assert all(60.0 - 0.1 < e.at_s - (e.last_good_s or 0.0) < 60.0 + 0.1 for e in drops[20:])
    assert not of(population(proxy).advance(300.0), "dropped")
    assert not of(population(hidden_tabs=1.0).advance(300.0), "dropped")


def test_a_call_that_waited_for_the_reconnect_finds_an_empty_list() -> None:
    crowd = population({"kind": "restart", "at": (30.0,)}, call_every_s=3.0)
    events = crowd.advance(45.0)
    before = [e.reason for e in of(events, "gathered") if e.at_s < 30.0]
    assert set(before) == {"ok"}
    empty = [e for e in of(events, "gathered") if e.reason == "empty"]
    assert empty
    lost = [e for e in of(events, "dropped") if e.reason == "no_candidates"]
    assert [(e.agent, e.at_s) for e in lost] == [(e.agent, e.at_s) for e in empty]
    assert {e.layer for e in lost} == {"ice"}


def test_calls_lose_their_media_with_the_path_of_their_site() -> None:
    cut = {"kind": "path", "loss": 1.0, "blocks": ("media",), "site": "chicago", "at": (100.0,), "for_s": 60.0}
    crowd = population(cut, call_every_s=20.0, sites={"chicago": 12, "dallas": 8})
    drops = of(crowd.advance(160.0), "dropped")
    assert {e.site for e in drops} == {"chicago"}
    in_progress = [e for e in drops if e.reason == "consent_expired"]
    assert in_progress
    assert all(e.last_good_s == 100.0 and 115.0 < e.at_s < 118.0 for e in in_progress)
    assert {e.reason for e in drops} <= {"consent_expired", "checks_failed"}


def test_every_reason_is_one_that_a_disconnect_can_carry() -> None:
    for name in ("site_path_loss", "nat_binding", "dtls_failure", "persistent_connection_idle", "session_takeover"):
        made = load_scenario(name)
        crowd = Population(made, 1, World(made, 1), RateLimiter(), START)
        drops = of(crowd.advance(240.0), "dropped")
        assert drops
        assert all(event.reason in DISCONNECT_REASONS[Layer(event.layer)] for event in drops)


def test_a_changed_schedule_is_read_by_some_clients() -> None:
    crowd = population(schedule_reads=0.5)
    crowd.advance(10.0)
    crowd.schedule_changed(10.0, range(20))
    reads = of(crowd.advance(20.0), "rest")
    assert 2 < len(reads) < 18
    assert {e.detail for e in reads} == {"schedules"}


def test_coasting_tells_no_ping_and_leaves_everybody_at_a_moment_of_their_own() -> None:
    crowd = population()
    crowd.advance(20.0)
    assert not of(crowd.coast(5000.0, calls=True), "ping_ok")
    events = crowd.advance(5014.5)
    first = {event.agent: event.at_s for event in reversed(of(events, "ping_ok"))}
    assert len(first) == 20
    assert max(first.values()) - min(first.values()) > 7.0
    assert not of(events, "dropped")


def test_who_loses_the_connection_while_coasting_pings_once_and_not_twice() -> None:
    crowd = population()
    crowd.advance(20.0)
    crowd.coast(100.0, calls=True)
    crowd.cut(100.0, "reset", None)
    crowd.coast(200.0, calls=True)
    crowd.advance(300.0)
    pings = Counter(e.agent for e in of(crowd.advance(440.0), "ping_ok"))
    assert set(pings.values()) <= {9, 10}


def test_a_live_start_lies_anywhere_on_the_clock() -> None:
    made = scenario({"kind": "restart", "at": (30.0,)})
    crowd = Population(made, 1, World(made, 1), RateLimiter(), START, start_s=5000.0)
    assert 5000.0 <= crowd.next_s() < 5015.0
    events = crowd.advance(5060.0)
    assert {round(e.at_s, 3) for e in of(events, "dropped")} == {5030.0}


def test_a_takeover_at_a_site_hits_somebody_there() -> None:
    for seed in range(1, 9):
        sites = {"chicago": 19, "dallas": 1}
        crowd = population({"kind": "takeover", "site": "dallas", "at": (10.0,)}, seed=seed, sites=sites)
        assert [e.site for e in of(crowd.advance(11.0), "dropped")] == ["dallas"]


def test_a_move_during_the_ice_server_fetch_makes_the_next_attempt_hard() -> None:
    slow = Queue(capacity=10.0, backlog_limit_s=60.0, base_s=0.0, jitter_s=0.0)
    crowd = population(agents=1, signalling=slow)
    crowd.cut(0.0, "closed", 1001)
    crowd.advance(2.3)  # bound, and the ICE servers are asked for
    assert crowd.phones[0].reachable
    assert not crowd.online
    crowd.cut(2.3, "moved", None)
    events = crowd.advance(20.0)
    assert [(e.reason, e.detail) for e in of(events, "connecting")] == [("moved", "hard")]


def test_a_socket_that_is_torn_down_for_want_of_ice_servers_was_last_well_when_it_was_bound() -> None:
    slow = Queue(capacity=10.0, backlog_limit_s=60.0, base_s=0.0, jitter_s=0.0)
    crowd = population(agents=1, signalling=slow)
    crowd.cut(0.0, "closed", 1001)
    crowd.advance(2.21)
    for _ in range(170):
        crowd.world.signalling_turn(2.22, "connect")
    assert [round(e.last_good_s or 0.0, 2) for e in of(crowd.advance(30.0), "extdisco_failed")] == [2.25]


def test_only_who_is_bound_is_asked_to_move() -> None:
    slow = Queue(capacity=10.0, backlog_limit_s=60.0, base_s=0.0, jitter_s=0.0)
    crowd = population(agents=1, signalling=slow)
    crowd.cut(0.0, "closed", 1001)
    crowd.advance(2.15)  # SASL is under way: the platform does not know yet whom to ask
    crowd.move(2.15)
    events = crowd.advance(20.0)
    assert not of(events, "connecting")
    assert [e.detail for e in of(events, "connected")] == ["soft"]
