"""A fleet's size becomes call probes and media processes: whose, under which names, and only where it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.config.fleet import expanded, media_processes, process_of_agents, shard_count
from monitor.config.load import load
from monitor.config.model import CallProbe, Fleet, Settings

FILE = """\
genesys:
  region: us-east-1
  agents: [{name: a, token_env: A}, {name: b, token_env: B}, {name: c, token_env: C}, {name: d, token_env: D}]
probes:
  - {kind: signalling, agent: a}
  - {kind: call, agent: b, answer: any, timeout: 7s}
  - {kind: api}
"""


def settings(agents: int, *carrying: str) -> Settings:
    probes: list[dict[str, Any]] = [{"kind": "signalling", "agent": "a"}]
    probes += [{"kind": "call", "agent": name, "answer": "any", "timeout": "7s", "media": "idle"} for name in carrying]
    listed = [{"name": name, "token_env": name.upper()} for name in "abcd"]
    genesys = {"region": "us-east-1", "agents": listed}
    return Settings.model_validate({"genesys": genesys, "probes": probes, "fleet": {"agents": agents}})


def calls(settings: Settings) -> list[tuple[str, str]]:
    return [(probe.name, probe.agent) for probe in settings.probes if isinstance(probe, CallProbe)]


def test_the_first_call_probe_is_repeated_for_further_agents_in_their_order() -> None:
    made = expanded(settings(3, "b"))
    assert calls(made) == [("call-1", "b"), ("call-1/a", "a"), ("call-1/c", "c")]
    repeated = made.probes[-1]
    assert isinstance(repeated, CallProbe)
    assert (repeated.answer, repeated.timeout_s, repeated.media) == ("any", 7, "idle")


@pytest.mark.parametrize(("agents", "carrying"), [(1, ()), (1, ("a", "b")), (2, ("a", "b")), (2, ("a", "b", "c"))])
def test_as_many_as_carry_calls_already_change_nothing(agents: int, carrying: tuple[str, ...]) -> None:
    given = settings(agents, *carrying)
    assert expanded(given) is given


def test_those_that_have_a_call_probe_of_their_own_count() -> None:
    assert calls(expanded(settings(4, "b", "d")))[2:] == [("call-1/a", "a"), ("call-1/c", "c")]


def test_expanding_again_and_the_way_to_a_child_process_change_nothing() -> None:
    made = expanded(settings(4, "b"))
    assert expanded(made) is made
    assert Settings.from_json(made.to_json()) == made


def test_a_file_is_loaded_with_its_fleet(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(FILE.replace("  - {kind: api}\n", "fleet: {agents: 3}\n"))
    assert calls(load(path)) == [("call-1", "b"), ("call-1/a", "a"), ("call-1/c", "c")]


@pytest.mark.parametrize(
    ("calls", "processors", "expected"),
    [(1, 8, 1), (150, 8, 1), (151, 8, 2), (600, 8, 4), (600, 2, 2), (10000, 1, 1)],
)
def test_auto_is_a_process_for_150_softphones_and_no_more_than_processors(
    calls: int, processors: int, expected: int
) -> None:
    assert shard_count(Fleet(), calls, processors) == expected


def test_a_number_of_processes_is_taken_as_given() -> None:
    assert shard_count(Fleet(shards=5), 1, 2) == 5


def test_agents_are_dealt_to_the_processes_in_turn() -> None:
    assert process_of_agents(expanded(settings(4, "b")), ("shard0", "shard1")) == {"b": 0, "a": 1, "c": 0, "d": 1}
    assert process_of_agents(settings(1), ("shard0",)) == {}


def test_the_first_calls_are_the_canaries_in_a_process_of_their_own() -> None:
    given = expanded(settings(4, "b"))
    given = given.model_copy(update={"fleet": Fleet(agents=4, shards=2, canaries=1)})
    processes = media_processes(given, 2)
    assert processes == ("shard0", "shard1", "canary")
    assert process_of_agents(given, processes) == {"b": 2, "a": 0, "c": 1, "d": 0}


def test_call_probes_of_their_own_count_as_well_as_the_fleets_size() -> None:
    names = [f"agent-{number}" for number in range(151)]
    calls = [{"kind": "call", "agent": name, "answer": "any"} for name in names]
    genesys = {"region": "us-east-1", "agents": [{"name": name, "token_env": "T"} for name in names]}
    given = Settings.model_validate({"genesys": genesys, "probes": calls})
    assert media_processes(given, 8) == ("shard0", "shard1")


def test_canaries_that_came_with_a_reload_have_no_process_and_go_with_the_others() -> None:
    given = settings(1, "a", "b").model_copy(update={"fleet": Fleet(canaries=2)})
    assert process_of_agents(given, ("shard0",)) == {"a": 0, "b": 0}
