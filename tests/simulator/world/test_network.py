"""The network's answers follow from what is going on: each cause shows in what it touches and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.facts.ice import CandidateType, ServerOutcome, Signature
from monitor.simulator.world.network import EMPTY_LIST, SERVER_TIMEOUT_S, Gathered, IceList, Network
from monitor.simulator.world.occurrences import Timeline
from monitor.simulator.world.scenario import Occurrence, Scenario, load_scenario

START = 1_790_000_000.0
NOW = START + 100.0


def network(*occurrences: dict[str, Any], seed: int = 1, **figures: Any) -> Network:
    made = tuple(Occurrence(**occurrence) for occurrence in occurrences)
    scenario: Scenario = load_scenario("quiet").model_copy(update={"occurrences": made, **figures})
    return Network(scenario, Timeline(scenario, START), seed)


def gatherings(net: Network, count: int = 60, interface: str | None = None) -> list[Gathered]:
    held = IceList(NOW - 60.0)
    return [net.gather(NOW + step, "simulated", held, interface) for step in range(count)]


def signatures(net: Network) -> set[Signature]:
    return {gathered.signature for gathered in gatherings(net)}


def test_nothing_wrong_is_ok_within_a_few_round_trips() -> None:
    seen = gatherings(network())
    assert {g.signature for g in seen} == {Signature.OK}
    assert all(0.01 < (g.seconds or 0.0) < 0.2 for g in seen)
    assert seen[0].obtained == {CandidateType.HOST, CandidateType.SRFLX, CandidateType.RELAY}


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ({"kind": "stun", "loss": 1.0}, {Signature.NO_SRFLX}),
        ({"kind": "turn", "silent": True}, {Signature.NO_RELAY}),
        ({"kind": "turn_credentials", "life_s": 10.0}, {Signature.NO_RELAY}),
        ({"kind": "dns"}, {Signature.HOST_ONLY}),
        ({"kind": "path", "loss": 1.0}, {Signature.HOST_ONLY}),
        ({"kind": "path", "loss": 1.0, "blocks": ("media",)}, {Signature.OK}),
        ({"kind": "nat", "symmetric": True}, {Signature.OK}),
        ({"kind": "dtls", "silent": True}, {Signature.OK}),
        ({"kind": "vpn", "interface": "tun0"}, {Signature.OK}),
    ],
)
def test_each_cause_has_its_signature(cause: dict[str, Any], expected: set[Signature]) -> None:
    assert signatures(network(cause)) == expected


def test_a_dead_server_costs_its_timeout_and_a_missing_name_nothing() -> None:
    assert gatherings(network({"kind": "stun", "loss": 1.0}))[0].seconds is None
    assert (gatherings(network({"kind": "dns"}))[0].seconds or 1.0) < 0.01


def test_lost_datagrams_are_asked_for_again_in_steps_of_half_a_second() -> None:
    times = [network({"kind": "stun", "loss": 0.4}, seed=s).stun_binding(NOW, "simulated").seconds for s in range(200)]
    answered = sorted(time for time in times if time is not None)
    first, second = ([t for t in answered if low <= t < low + 0.3] for low in (0.0, 0.5))
    assert first
    assert second
    assert not [t for t in answered if 0.1 < t < 0.5]
    assert max(answered) < SERVER_TIMEOUT_S


def test_stun_over_its_capacity_is_slow_and_loses_the_excess() -> None:
    busy = network({"kind": "stun", "capacity": 100.0, "requests_per_s": 90.0})
    over = network({"kind": "stun", "capacity": 100.0, "requests_per_s": 200.0})
    calm = [network().stun_binding(NOW, "simulated").seconds or 0.0 for _ in range(50)]
    waiting = [busy.stun_binding(NOW, "simulated").seconds or 0.0 for _ in range(50)]
    assert min(waiting) > max(calm)
    assert Signature.SLOW in signatures(over)


def test_a_limit_per_address_spares_another_address() -> None:
    net = network({"kind": "turn", "allocations_per_s": 10.0, "requests_per_s": 1000.0})
    assert Signature.NO_RELAY in {g.signature for g in gatherings(net)}
    assert {g.signature for g in gatherings(net, interface="eth1")} == {Signature.OK}


def test_credentials_are_refused_by_their_age_alone() -> None:
    net = network(turn_credential_life_s=3600.0)
    assert net.turn_allocate(NOW, "simulated", NOW - 3599.0).outcome is ServerOutcome.OK
    assert net.turn_allocate(NOW, "simulated", NOW - 3601.0).outcome is ServerOutcome.AUTH


def test_an_empty_list_gathers_nothing_in_no_time() -> None:
    net = network({"kind": "ice_list_empty"})
    held = net.hand_out(NOW)
    assert held.servers == ()
    for empty in (held, EMPTY_LIST):
        gathered = net.gather(NOW, "simulated", empty)
        assert gathered.signature is Signature.EMPTY
        assert (gathered.seconds or 1.0) < 0.01


def test_force_turn_hands_out_relays_alone() -> None:
    held = network(force_turn=True).hand_out(NOW)
    assert held.relay_only
    assert [server.scheme for server in held.servers] == ["turn"]
    assert gatherings(network(force_turn=True))[0].signature is Signature.OK


def test_the_vpn_interface_alone_is_dead() -> None:
    net = network({"kind": "vpn", "interface": "tun0"})
    assert net.stun_binding(NOW, "simulated", "tun0").outcome is ServerOutcome.TIMEOUT
    assert net.stun_binding(NOW, "simulated", "eth0").outcome is ServerOutcome.OK


def test_a_symmetric_nat_maps_two_servers_to_two_ports_and_leaves_the_relay() -> None:
    net, plain = network({"kind": "nat", "symmetric": True}), network()
    first, second = (net.stun_binding(NOW, "simulated", server=n).address for n in (0, 1))
    assert first != second
    assert plain.stun_binding(NOW, "simulated").address == plain.stun_binding(NOW, "simulated", server=1).address
    whole = gatherings(net)[0]
    assert net.ice_checks(NOW, "simulated", whole) is not None
    without_relay = net.gather(NOW, "simulated", IceList(NOW, turn=False))
    assert net.ice_checks(NOW, "simulated", without_relay) is None


def test_dtls_is_slow_or_fails_while_ice_is_well() -> None:
    assert (network().dtls(NOW, "simulated") or 0.0) < 0.5
    assert (network({"kind": "dtls", "slow_s": 2.0}).dtls(NOW, "simulated") or 0.0) > 2.0
    assert network({"kind": "dtls", "silent": True}).dtls(NOW, "simulated") is None
    assert network({"kind": "dtls", "slow_s": 60.0}).dtls(NOW, "simulated") is None  # no client waits so long


def test_media_is_lost_with_its_path_and_only_there() -> None:
    net = network({"kind": "path", "loss": 1.0, "blocks": ("media",)})
    assert net.media(NOW, "simulated").loss_ratio == 1.0
    lost_after_s = net.media_lost_after_s(NOW, "simulated")
    assert lost_after_s is not None
    assert 15.0 < lost_after_s < 18.0
    assert network().media_lost_after_s(NOW, "simulated") is None
    assert network().media(NOW, "simulated").rtt_s is not None


def test_a_binding_ends_with_silence_alone() -> None:
    net = network({"kind": "nat", "binding_s": 30.0})
    assert net.media_lost_after_s(NOW, "simulated", silent_s=29.0) is None
    assert net.media_lost_after_s(NOW, "simulated", silent_s=31.0) is not None


def test_the_same_seed_gives_the_same_answers() -> None:
    def times(seed: int) -> list[float | None]:
        return [gathered.seconds for gathered in gatherings(network(seed=seed))]

    assert times(1) == times(1) != times(2)
