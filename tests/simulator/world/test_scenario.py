"""Scenarios: the shipped ones load, and every bad field is one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.simulator.world.scenario import ScenarioError, load_scenario, parse_scenario, shipped_scenarios

GOOD = """
name: mine
description: a test
expected: {publish_harms_softphones: true, cause: signalling_saturated}
"""


def problems(text: str) -> list[str]:
    """Each problem of a scenario that cannot be used."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text.encode())
    assert all("\n" not in line for line in caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_shipped_scenario_loads_under_its_own_name(name: str) -> None:
    assert load_scenario(name).name == name


def test_the_experiment_has_its_pair_and_only_one_of_them_is_coupled() -> None:
    harmful, innocent = load_scenario("publish_saturates_signalling"), load_scenario("publish_innocent")
    assert harmful.expected.publish_harms_softphones
    assert not innocent.expected.publish_harms_softphones
    assert harmful.signalling == innocent.signalling
    assert harmful.coupling > 0 == innocent.coupling


def test_the_former_name_still_loads() -> None:
    assert load_scenario("innocent") == load_scenario("publish_innocent")


def test_agents_work_at_their_sites() -> None:
    assert parse_scenario(GOOD.encode()).site_sizes == {"simulated": 150}
    two = parse_scenario(f"{GOOD}agents: 5\nsites: {{chicago: 3, dallas: 2}}".encode())
    assert two.site_sizes == {"chicago": 3, "dallas": 2}


def test_a_file_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD + "turn: {host: 127.0.0.1, port: 3479, transports: [udp, tcp], username: u, password: p}\n")
    scenario = load_scenario(str(path))
    assert scenario.turn is not None
    assert scenario.turn.transports == ("udp", "tcp")
    assert "password" not in repr(scenario)


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ScenarioError, match=r"'nope'.*innocent.*publish_saturates_signalling"):
        load_scenario("nope")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("agents: 0", "line 5: agents: Input should be greater than or equal to 1 (got 0)"),
        ("agents: 3.5", "line 5: agents: "),
        ("agents: '3'", "line 5: agents: "),
        ("coupling: -1.0", "line 5: coupling: "),
        ("rest: {capacity: 0.0}", "line 5: rest.capacity: Input should be greater than 0 (got 0.0)"),
        ("rest: {capacity: fast}", "line 5: rest.capacity: "),
        ("rate_limit: {per_minute: 0}", "line 5: rate_limit.per_minute: "),
        ("tokens: {client_s: 999999}", "line 5: tokens.client_s: "),
        ("heartbeat_period_s: 0.0", "line 5: heartbeat_period_s: "),
        ("turn: {host: h, username: u}", "line 5: turn: give either password or secret"),
        ("turn: {host: h, port: 70000, username: u, secret: s}", "line 5: turn.port: "),
        ("surprise: 1", "line 5: surprise: Extra inputs are not permitted"),
        ("force_turn: yes", "line 5: force_turn: write true or false"),
        ("agents: 1\nagents: 2", "line 6: agents: the key is there already"),
        ("timezone: America/Chicgao", "line 5: timezone: not a time zone"),
        ("timezone: ../../etc/passwd", "line 5: timezone: not a time zone"),
        ("sites: {chicago: 90}", "line 5: sites: sites must add up to the 150 agents"),
        ("occurrences: [{kind: dns, site: nowhere}]", "line 5: occurrences: nowhere is not one of"),
        ("occurrences: [{kind: gremlins}]", "line 5: occurrences.0.kind: "),
        ("occurrences: [{kind: dns, loss: 1.0}]", "line 5: occurrences.0: dns has no loss"),
        ("occurrences: [{kind: stun}]", "line 5: occurrences.0: stun needs one of capacity, delay_s"),
        ("occurrences: [{kind: stun, loss: 1.5}]", "line 5: occurrences.0.loss: "),
        ("occurrences: [{kind: takeover}]", "line 5: occurrences.0: takeover happens at moments"),
        ("occurrences: [{kind: dns, at: [30.0]}]", "line 5: occurrences.0: what begins at a time needs"),
        ("occurrences: [{kind: dns, for_s: 30.0}]", "line 5: occurrences.0: what begins at a time needs"),
        (
            "occurrences: [{kind: dns, at: [someday], for_s: 1.0}]",
            "line 5: occurrences.0.at: 'someday' is",
        ),
        (
            'occurrences: [{kind: dns, at: ["tue 25:00"], for_s: 1.0}]',
            "line 5: occurrences.0.at: 'tue 25:",
        ),
        ("occurrences: [{kind: dns, at: [-1.0], for_s: 1.0}]", "line 5: occurrences.0.at: seconds after"),
    ],
)
def test_a_bad_field_is_one_line(extra: str, words: str) -> None:
    found = problems(GOOD + extra)
    assert len(found) == 1
    assert found[0].startswith(words)


def test_every_bad_field_is_told_at_once() -> None:
    found = problems("name: Bad Name\nagents: none\ncoupling: 1000.0\n")
    assert len(found) == 5  # three bad, description and expected missing


@pytest.mark.parametrize("text", ["", "[1, 2]", "just words", "a: [", "\x00", "a: &x 1\nb: *x", "{" * 200])
def test_what_is_no_scenario_at_all_is_one_line_too(text: str) -> None:
    assert len(problems(text)) >= 1


def test_a_bad_secret_is_not_repeated() -> None:
    for turn in ("{host: h, username: u, password: [hunter2]}", "{host: h, username: u, passwd: hunter2}", "hunter2"):
        assert "hunter2" not in "".join(problems(f"{GOOD}turn: {turn}"))
