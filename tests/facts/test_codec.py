"""Every kind of fact survives the way through JSON, and what is no fact is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.facts.codec import FACT_TYPES, fact_from_dict, fact_from_json, fact_to_dict
from monitor.facts.failures import Failure, Reason, failure
from monitor.facts.observations import (
    ConnectionChanged,
    HeartbeatObserved,
    MediaSampled,
    Observation,
    OwnLagObserved,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, NUMBERS)


def facts() -> st.SearchStrategy[Observation]:
    """Any fact of any kind, with any value that its types allow."""
    return st.one_of([st.from_type(cls) for cls in FACT_TYPES.values()])


def test_every_kind_of_observation_is_known() -> None:
    assert {cls.__name__ for cls in FACT_TYPES.values()} == {cls.__name__ for cls in Observation.__subclasses__()}
    assert all(kind == cls.kind for kind, cls in FACT_TYPES.items())


@given(fact=facts())
@settings(max_examples=400, deadline=None)
def test_a_fact_survives_json(fact: Observation) -> None:
    there = json.dumps(fact_to_dict(fact))
    back = fact_from_dict(json.loads(there))
    assert back == fact
    assert type(back) is type(fact)
    assert fact_from_json(fact.kind, there) == fact


@pytest.mark.parametrize("kind", sorted(FACT_TYPES))
def test_every_kind_was_drawn(kind: str) -> None:
    @given(fact=st.from_type(FACT_TYPES[kind]))
    @settings(max_examples=20, deadline=None)
    def survives(fact: Observation) -> None:
        written = fact_to_dict(fact)
        assert written["kind"] == kind
        assert set(written) == set(get_type_hints(type(fact)))
        assert fact_from_dict(json.loads(json.dumps(written))) == fact

    survives()


STAMP: dict[str, Any] = {"site": "s", "probe": "p", "at_wall_s": 1.0}
HEARTBEAT = HeartbeatObserved(site="s", probe="p", at_wall_s=1.0, channel="xmpp", outcome="ok", rtt_s=0.05)


@pytest.mark.parametrize(
    "change",
    [{"kind": "nonsense"}, {"kind": None}, {"at_wall_s": "soon"}, {"rtt_s": "fast"}, {"site": 5}],
    ids=lambda change: str(change),
)
def test_what_is_no_fact_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        fact_from_dict({**fact_to_dict(HEARTBEAT), **change})


def test_a_missing_field_is_refused() -> None:
    written = fact_to_dict(HEARTBEAT)
    del written["channel"]
    with pytest.raises(ValueError, match="channel"):
        fact_from_dict(written)
    with pytest.raises(ValueError, match="channel"):
        fact_from_json("heartbeat", json.dumps(written))


@pytest.mark.parametrize(("kind", "text"), [("nonsense", "{}"), ("heartbeat", "{"), ("heartbeat", "3")])
def test_what_is_no_fact_as_json_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        fact_from_json(kind, text)


def test_suspect_means_own_lag_over_a_tenth_of_the_measurement() -> None:
    assert not replace(HEARTBEAT, lag_s=0.005).suspect
    assert replace(HEARTBEAT, lag_s=0.0051).suspect
    assert not replace(HEARTBEAT, rtt_s=None, outcome="timeout", lag_s=3.0).suspect


def test_jitter_by_a_callback_makes_a_sample_suspect_of_less_lag_than_its_round_trip() -> None:
    media = MediaSampled(**STAMP, rtt_s=0.2, jitter_s=0.002, loss_ratio=0.0, mos=4.3, packets_received=50, lag_s=0.01)
    assert not replace(media, arrival_clock="kernel").suspect
    assert replace(media, arrival_clock="callback").suspect
    assert not replace(media, arrival_clock="callback", lag_s=0.0015).suspect
    assert replace(media, arrival_clock="callback", rtt_s=None).suspect
    assert not replace(media, arrival_clock="kernel", lag_s=0.03).suspect
    assert replace(media, arrival_clock="", lag_s=0.03).suspect


def test_a_reconnection_is_measured() -> None:
    back = ConnectionChanged(**STAMP, agent="one", connected=True, reconnect="soft", seconds=2.0)
    assert not replace(back, lag_s=0.2).suspect
    assert replace(back, lag_s=0.21).suspect
    assert not replace(back, seconds=None, lag_s=9.0).suspect


def test_own_lag_of_an_older_journal_is_read() -> None:
    old = {"kind": "own_lag", **STAMP, "lag_s": 0.0, "lateness_s": 0.0, "process": "prober"}
    fact = fact_from_dict({**old, "lag_samples_s": [0.3], "lateness_samples_s": []})
    assert fact == OwnLagObserved(**STAMP, process="prober", lag_samples_s=(0.3,))


def test_a_failure_keeps_only_one_short_line_of_the_other_sides_words() -> None:
    one = failure("tcp", Reason.REFUSED, "line one\nline two\t" + "x" * 500)
    assert one == Failure("tcp", Reason.REFUSED, one.fault, one.detail)
    assert one.detail.startswith("line one line two xxx")
    assert len(one.detail) == 200
