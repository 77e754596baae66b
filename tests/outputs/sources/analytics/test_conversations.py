"""Conversation details: drops of agents' legs, and a count of everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evidence_files import file_of, json_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.facts.clock import parse_rfc3339
from monitor.facts.failures import DISCONNECT_REASONS
from monitor.outputs.sources.analytics.conversations import EndingsFound, read_conversations
from monitor.outputs.sources.files.problems import Problems

END = "2026-03-03T10:05:00.123Z"
ICE_IDLE = "error.ininedgecontrol.connection.webrtc.endpoint.disconnect.iceIdleDetection"


def conversation(name: str, *segments: dict[str, Any], purpose: str = "agent", media: str = "voice") -> dict[str, Any]:
    """A conversation with a customer and one agent, who has these segments."""
    session = {"sessionId": "s", "mediaType": media, "segments": list(segments)}
    customer = {"purpose": "customer", "sessions": [{"mediaType": "voice", "segments": [segment("transportFailure")]}]}
    agent = {"purpose": purpose, "userId": "ann", "sessions": [session]}
    return {"conversationId": name, "participants": [customer, agent]}


def segment(disconnect_type: str, code: str = "", end: Any = END) -> dict[str, Any]:
    """A segment that ended so."""
    return {"segmentType": "interact", "segmentEnd": end, "disconnectType": disconnect_type, "errorCode": code}


def found_in(folder: Path, text: str, skip_bad: bool = False) -> tuple[EndingsFound, Problems]:
    """What is found in a file, and its problems."""
    problems = Problems(skip_bad)
    return read_conversations(file_of(folder, "details.json", text), "lyon", problems), problems


ALL = (
    conversation(
        "1", {"segmentType": "alert"}, segment("error", ICE_IDLE), segment("peer", end="2026-03-03T11:00:00Z")
    ),
    conversation("2", segment("peer")),
    conversation("3", segment("error", "new.code"), purpose="user"),
    conversation("4", {"segmentType": "interact"}),
    conversation("5", segment("transportFailure", end="yesterday")),
    conversation("6", segment("transportFailure"), media="chat"),
    conversation("7", segment("transportFailure"), purpose="ivr"),
)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"conversations": ALL, "totalHits": 7}),
        json.dumps({"totalHits": 7, "conversations": ALL}, indent=2),
        json.dumps(ALL),
        json_lines(*ALL),
    ],
)
def test_an_agents_lost_leg_is_a_drop(tmp_path: Path, text: str) -> None:
    found, problems = found_in(tmp_path, text)
    assert problems.count == 0
    (drop,) = found.drops
    at_s = parse_rfc3339(END)
    assert (drop.site, drop.agent, drop.conversation_id) == ("lyon", "ann", "1")
    assert (drop.layer, drop.reason, drop.detail) == ("ice", "consent_expired", f"error {ICE_IDLE}")
    assert drop.at_wall_s == drop.noticed_wall_s == drop.last_good_wall_s == at_s
    assert (found.normal, found.open_legs, dict(found.unknown)) == (1, 2, {"error new.code": 1})


def test_what_is_no_conversation_is_told_at_its_line(tmp_path: Path) -> None:
    found, problems = found_in(tmp_path, json_lines(ALL[0], 17, {"participants": 3}))
    assert len(found.drops) == 1
    assert [line.rsplit("/", 1)[1][:15] for line in problems.lines] == ["details.json:2:", "details.json:3:"]


@pytest.mark.parametrize("text", ["", "[", "{", "[" * 100_000, "\0\0"])
def test_what_is_no_json_is_fatal(tmp_path: Path, text: str) -> None:
    _, problems = found_in(tmp_path, text, skip_bad=True)
    with pytest.raises(Exception, match=r"details.json:1:-"):
        problems.check()


_odd = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.just(END),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["participants", "sessions", "segments", "purpose", "segmentEnd", "disconnectType", "errorCode"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_odd)
def test_odd_shapes_never_end_in_a_traceback(tmp_path: Path, value: Any) -> None:
    found, problems = found_in(tmp_path, json.dumps([{"participants": value}, value]))
    assert all(drop.reason in DISCONNECT_REASONS[drop.layer] for drop in found.drops)
    assert problems.count <= 1 + (len(value) if isinstance(value, list) else 1)
