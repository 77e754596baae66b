"""Settings to sessions and probes: who needs what, what is shared, and every missing credential at once."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.config.model import Settings
from monitor.facts.clock import ManualClock
from monitor.probes.agent import AgentPlan, AgentSession
from monitor.probes.base import Context
from monitor.probes.lag import LagMeter
from monitor.probes.link import Link
from monitor.probes.service import SERVICE, ServicePlan
from monitor.probes.table import Needs, Unready, make_probe, session_of, session_plans, unheeded_interfaces

ENV = {"ID": "id", "SECRET": "s3cret", "TOKEN_1": "t0ken-1", "TOKEN_2": "t0ken-2"}
GENESYS = {
    "rest": "http://127.0.0.1:1",
    "login": "http://127.0.0.1:1",
    "streaming": "ws://127.0.0.1:2",
    "client": {"id_env": "ID", "secret_env": "SECRET"},
    "agents": [{"name": "one", "token_env": "TOKEN_1"}, {"name": "two", "token_env": "TOKEN_2"}],
}
BEAT: dict[str, Any] = {"kind": "heartbeat", "channel": "notification"}


def settings(*probes: dict[str, Any], **others: Any) -> Settings:
    return Settings.model_validate({"site": "here", "genesys": GENESYS, "probes": probes, **others})


def test_no_probes_need_no_session() -> None:
    assert session_plans(settings(), ENV) == {}
    assert session_plans(Settings(), {}) == {}


def test_one_session_an_agent_however_many_probes_name_it() -> None:
    plans = session_plans(
        settings(
            {"kind": "signalling", "agent": "one", "keepalive": "server", "interface": "lo"},
            {"kind": "heartbeat", "channel": "xmpp", "agent": "one"},
            {"kind": "call", "agent": "one", "answer": "any"},
        ),
        ENV,
    )
    assert list(plans) == ["one"]
    plan = plans["one"]
    assert isinstance(plan, AgentPlan)
    assert (plan.options.keepalive, plan.interface, plan.token) == ("server", "lo", "t0ken-1")
    assert plan.endpoints.streaming == "ws://127.0.0.1:2"


def test_service_credentials_hold_a_notification_channel_only_for_a_heartbeat() -> None:
    for probes, held in (([{"kind": "api"}], False), ([{"kind": "api"}, BEAT], True)):
        plan = session_plans(settings(*probes), ENV)[SERVICE]
        assert isinstance(plan, ServicePlan)
        assert plan.notifications is held


def test_plans_compare_by_what_makes_a_session_the_same() -> None:
    probe = {"kind": "signalling", "agent": "one"}
    before = session_plans(settings(probe), ENV)
    assert session_plans(settings(probe, {"kind": "api"}), ENV)["one"] == before["one"]
    assert session_plans(settings(probe | {"keepalive": "server"}), ENV) != before
    assert session_plans(settings(probe), ENV | {"TOKEN_1": "renewed"}) != before
    assert session_plans(settings(probe, site="there"), ENV) != before


def test_secrets_show_in_no_plan() -> None:
    plans = session_plans(settings({"kind": "api"}, {"kind": "signalling", "agent": "one"}), ENV)
    assert len(plans) == 2
    for secret in ENV.values():
        assert secret == "id" or secret not in repr(plans)


def test_every_missing_credential_is_one_line_and_all_are_told() -> None:
    with pytest.raises(Unready) as caught:
        session_plans(settings({"kind": "api"}, {"kind": "signalling", "agent": "one"}), {"ID": "id", "TOKEN_2": "x"})
    assert len(caught.value.problems) == 2
    assert "SECRET" in caught.value.problems[0]
    assert "TOKEN_1" in caught.value.problems[1]
    assert not any("\n" in line for line in caught.value.problems)


def test_an_agent_nobody_configured_is_said_plainly() -> None:
    with pytest.raises(Unready, match="agent three: not among"):
        session_plans(settings({"kind": "signalling", "agent": "three"}), ENV)


def test_a_probe_without_its_session_is_said_plainly() -> None:
    clock = ManualClock()
    needs = Needs(Context("here", lambda fact: None, clock, LagMeter(clock)), [Link("shard0")])
    for probe, words in (
        ({"kind": "api"}, "probe api-1: no service credentials"),
        ({"kind": "signalling", "agent": "one"}, "probe signalling-1: no session of agent one"),
    ):
        with pytest.raises(Unready, match=words):
            make_probe(settings(probe).probes[0], needs)


def test_every_probe_knows_the_session_it_hangs_on() -> None:
    probes = settings(
        BEAT,
        {"kind": "heartbeat", "channel": "websocket", "agent": "two"},
        {"kind": "gathering", "stun": ["stun:127.0.0.1:3478"]},
        {"kind": "gathering", "agent": "one"},
        {"kind": "api"},
    ).probes
    assert [session_of(probe) for probe in probes] == [SERVICE, "two", "", "one", SERVICE]


def test_an_interface_that_cannot_be_heeded_is_said() -> None:
    lines = unheeded_interfaces(
        settings(
            {"kind": "api", "interface": "eth0"},
            {"kind": "heartbeat", "channel": "xmpp", "agent": "one", "interface": "eth0"},
            {"kind": "gathering", "agent": "one", "interface": "eth0"},
            {"kind": "signalling", "agent": "one", "interface": "eth0"},
            BEAT | {"interface": "eth0"},
        )
    )
    assert [line.split(":")[0] for line in lines] == ["probe api-1", "probe heartbeat-1"]


def test_an_agents_calls_go_to_its_shard_and_gatherings_to_the_first() -> None:
    clock = ManualClock()
    shards = [Link("shard0"), Link("shard1")]
    call = {"kind": "call", "answer": "any"}
    given = settings(call | {"agent": "two"}, call | {"agent": "one"}, {"kind": "gathering", "stun": ["stun:h"]})
    context = Context("here", lambda fact: None, clock, LagMeter(clock))
    plans = session_plans(given, ENV)
    agents = {name: AgentSession(plan, context) for name, plan in plans.items() if isinstance(plan, AgentPlan)}
    needs = Needs(context, shards, agents, shard_of={"two": 0, "one": 1})
    for probe in given.probes:
        make_probe(probe, needs)
    assert [sorted(name for name in shard._handlers if "ended" in name) for shard in shards] == [
        ["ended/call-1"],
        ["ended/call-2"],
    ]
