"""The body of POST /markers: every field at fault is named, and a good one becomes the marker it tells of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.facts.markers import Marker, MarkerPhase
from monitor.web.markers import MarkerBody, MarkerError, marker_json, parse_marker

NOW = 1_795_536_000.0  # 2026-11-24T16:00:00Z
START = {"job": "weekly", "run_id": "r1", "phase": "start"}


def problems(body: object) -> dict[str, tuple[Any, str]]:
    """Field -> (value, what is allowed) of a refused body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(MarkerError) as raised:
        parse_marker(raw, NOW)
    json.dumps(raised.value.problems, ensure_ascii=False).encode()
    assert all(set(one) == {"field", "value", "allowed"} for one in raised.value.problems)
    return {one["field"]: (one["value"], one["allowed"]) for one in raised.value.problems}


def parsed(**more: Any) -> Marker:
    """The marker of START with more fields."""
    return parse_marker(json.dumps({**START, **more}).encode(), NOW)[0]


def test_the_least_that_is_needed() -> None:
    marker, told_time = parse_marker(json.dumps(START).encode(), NOW)
    assert marker == Marker(job="weekly", run_id="r1", phase=MarkerPhase.START, at_wall_s=NOW)
    assert told_time is False


def test_everything_that_can_be_told() -> None:
    marker = parsed(
        time="2026-11-24T10:00:00.5-06:00",
        time_min=NOW - 5,
        time_max="2026-11-24T16:00:10Z",
        found_by="poll",
        strategy="steady",
        batch_size=50,
        agents=150,
        outcome="ok",
        attributes={"pause": 2.5, "ticket": "CHG-1", "dry": False},
    )
    assert (marker.at_wall_s, marker.at_min_wall_s, marker.at_max_wall_s) == (NOW + 0.5, NOW - 5, NOW + 10)
    assert (marker.found_by, marker.strategy, marker.batch_size, marker.agents) == ("poll", "steady", 50, 150)
    assert (marker.outcome, marker.pause_s) == ("ok", 2.5)
    assert marker.attributes == {"pause": "2.5", "ticket": "CHG-1", "dry": "false"}


def test_a_noticed_edge_without_a_time_had_happened_by_the_latest() -> None:
    assert parsed(time_min=NOW - 60, time_max=NOW - 30).at_wall_s == NOW - 30


def test_every_field_at_fault_is_named() -> None:
    body = {
        "job": "",
        "run_id": 3,
        "phase": "middle",
        "time": "2026-01-01T00:00:00",
        "time_min": "yesterday",
        "time_max": NOW * 1000,
        "found_by": "a\nb",
        "strategy": "x" * 101,
        "batch_size": -1,
        "agents": True,
        "outcome": "good",
        "attributes": {"a": [1]},
        "batchsize": 4,
    }
    assert set(problems(body)) == set(body)
    assert set(MarkerBody.model_fields) <= set(body), "a new field needs a bad value here"


def test_what_is_missing_is_named() -> None:
    assert {field: value for field, (value, _) in problems({}).items()} == {"job": None, "run_id": None, "phase": None}


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("phase", "begin", "start, end, batch"),
        ("phase", None, "start, end, batch"),
        ("outcome", "great", "ok, failed, aborted"),
        ("time", "10:00", "RFC 3339 with an offset"),
        ("time", 1_795_536_000_000, "Unix seconds; from 2000 to 2100"),
        ("time", True, "RFC 3339"),
        ("time", 10**400, "RFC 3339"),
        ("batch_size", 2.5, "a whole number"),
        ("batch_size", "50", "a whole number"),
        ("agents", 1_000_001, "from 0 to 1000000"),
        ("attributes", {str(i): i for i in range(65)}, "at most 64"),
        ("attributes", {"a": "x" * 501}, "500 characters"),
        ("attributes", {"": 1}, "names"),
        ("attributes", [], "an object"),
        ("job", "   ", "1 to 100 characters"),
        ("job", "tab\there", "no control characters"),
        ("jobs", "weekly", "known are job, run_id, phase"),
    ],
)
def test_one_bad_field_and_what_is_allowed(field: str, value: object, allowed: str) -> None:
    found = problems({**START, field: value})
    assert list(found) == [field]
    assert allowed in found[field][1]


def test_bounds_out_of_order_are_found_beside_other_faults() -> None:
    body = {**START, "phase": "x", "time": NOW, "time_min": NOW + 5, "time_max": NOW - 5}
    assert set(problems(body)) == {"phase", "time", "time_max"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"start"',
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"time": NaN}',
        b'{"job": "\\ud800"}',
        b"1" * 5000,
    ],
    ids=["empty", "array", "null", "text", "half", "not utf-8", "deep", "nan", "surrogate", "long number"],
)
def test_what_is_no_json_object(raw: bytes) -> None:
    assert problems(raw)[""][1] == "a JSON object"


def test_a_long_value_is_cut_in_the_answer() -> None:
    assert len(problems({**START, "job": "x" * 60_000})["job"][0]) <= 200


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(sorted(MarkerBody.model_fields)) | st.text(), inner)
        ),
    )
)
@settings(max_examples=300, deadline=None)
def test_any_body_is_a_marker_or_a_list_of_problems(body: object) -> None:
    try:
        parse_marker(json.dumps(body).encode(), NOW)
        found = None
    except MarkerError as error:
        found = error.problems
    assert found != []
    json.dumps(found, ensure_ascii=False).encode()


def test_a_marker_is_shown_in_the_words_of_the_body() -> None:
    marker = parsed(time="2026-11-24T10:00:00-06:00", batch_size=50, attributes={"pause": "2s"})
    shown = marker_json(marker)
    assert shown == {
        **START,
        "time": "2026-11-24T16:00:00.000Z",
        "found_by": "told",
        "batch_size": 50,
        "attributes": {"pause": "2s"},
    }
    assert parse_marker(json.dumps(shown).encode(), NOW)[0] == marker
