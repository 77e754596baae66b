"""Each probe's log: phases of one attempt in one entry, failures kept longest."""

from __future__ import annotations

from typing import Any

from live_facts import T0, api, call_phase, drop, gathering, phase, ping

from monitor.facts.failures import Reason
from monitor.facts.ice import Signature
from monitor.facts.observations import Observation
from monitor.web.live.attempts import MOST, Attempts, ProbeName

NAMES = tuple(
    ProbeName(name, kind)
    for name, kind in (
        ("beat", "heartbeat"),
        ("a1", "session"),
        ("call", "call"),
        ("gather", "gathering"),
        ("rest", "api"),
    )
)


def log_of(name: str, *facts: Observation) -> list[dict[str, Any]]:
    """What is known of a probe after these facts, newest first."""
    attempts = Attempts(NAMES)
    for fact in facts:
        attempts.add(fact)
    told = attempts.detail(name)
    assert told is not None
    return list(told["recent"])


def names_of(entry: dict[str, Any]) -> list[str]:
    return [one["name"] for one in entry["phases"]]


CONNECTING = ("channel_create", "tcp", "tls", "upgrade", "sasl", "bind", "ice_servers")


def test_a_ping_is_one_entry() -> None:
    (entry,) = log_of("beat", ping())
    assert entry == {
        "at": T0,
        "took_s": 0.02,
        "outcome": "ok",
        "text": "xmpp ping: ok in 20.0 ms",
        "suspect": False,
        "phases": [{"name": "ping", "outcome": "ok", "seconds": 0.02}],
        "failure": None,
    }


def test_the_phases_of_one_connecting_are_one_entry() -> None:
    again = [phase(name, T0 + 60 + n) for n, name in enumerate(CONNECTING)]
    second, first = log_of("session:a1", *(phase(name, T0 + n) for n, name in enumerate(CONNECTING)), *again)
    assert names_of(first) == names_of(second) == list(CONNECTING)
    assert (round(first["took_s"], 6), first["at"]) == (0.7, T0 + 6)


def test_a_failed_phase_ends_its_attempt() -> None:
    told = (phase("tcp"), phase("tls", seconds=None, reason=Reason.TLS), phase("tcp", T0 + 1))
    attempts = Attempts(NAMES)
    for fact in told:
        attempts.add(fact)
    detail = attempts.detail("session:a1")
    assert detail is not None
    later, failed = detail["recent"]
    assert detail["failures"] == [failed]
    assert (names_of(failed), failed["outcome"]) == (["tcp", "tls"], "tls")
    assert failed["failure"] == {"operation": "tls", "reason": "tls", "fault": "remote", "detail": "no answer"}
    assert (names_of(later), later["outcome"]) == (["tcp"], "ok")


def test_a_later_fetch_alone_is_an_attempt_of_its_own() -> None:
    fetch, connecting = log_of("session:a1", phase("bind"), phase("ice_servers", T0 + 1), phase("ice_servers", T0 + 30))
    assert (names_of(connecting), names_of(fetch)) == (["bind", "ice_servers"], ["ice_servers"])
    assert len(log_of("session:a1", phase("tcp"), phase("tls", T0 + 3600))) == 2


def test_calls_are_told_apart_by_their_conversation() -> None:
    phases = ("propose", "offer", "ice_checks", "dtls", "first_media")
    facts = [call_phase(name, "c1", T0 + n) for n, name in enumerate(phases)]
    other, first = log_of("call", *facts, call_phase("propose", "c2", T0 + 5))
    assert names_of(first) == list(phases)
    assert names_of(other) == ["propose"]


def test_a_gathering_has_a_phase_for_each_server() -> None:
    (entry,) = log_of("gather", gathering(Signature.NO_SRFLX))
    assert entry["phases"] == [
        {"name": "stun stun.example:3478 udp", "outcome": "timeout", "seconds": None},
        {"name": "turn turn.example:3478 udp", "outcome": "ok", "seconds": 0.03},
    ]
    assert entry["text"] == "wanted host srflx, obtained host: no_srflx in 500.0 ms"


def test_failures_are_kept_longest_and_counted() -> None:
    attempts = Attempts(NAMES)
    attempts.add(ping(T0 - 30 * 3600, None, "timeout"))
    attempts.add(ping(T0, None, "timeout"))
    for second in range(1, 100):
        attempts.add(ping(T0 + second))
    told = attempts.detail("beat")
    assert told is not None
    assert len(told["recent"]) == MOST
    assert {entry["outcome"] for entry in told["recent"]} == {"ok"}
    assert [entry["at"] for entry in told["failures"]] == [T0, T0 - 30 * 3600]
    (overview,) = (one for one in attempts.overview(T0 + 100) if one["name"] == "beat")
    assert (overview["failures"], overview["last"]["at"]) == (1, T0 + 99)


def test_what_is_no_attempt_of_a_known_probe_is_passed_over() -> None:
    assert log_of("beat", ping(probe="agents"), drop()) == []
    assert log_of("session:a1", api(probe="a1")) == []
    (entry,) = log_of("rest", api("429", probe="rest"))
    assert entry["text"] == "users_me: 429: rate_limited in 50.0 ms: slow down"
    assert Attempts(NAMES).detail("nobody") is None


def test_a_session_is_told_apart_from_a_probe_of_its_name() -> None:
    attempts = Attempts((ProbeName("a1", "signalling", "a1"), ProbeName("a1", "session", "a1")))
    for fact in (phase("tcp"), phase("tls", T0 + 1), phase("ice_servers", T0 + 30), api(probe="a1"), ping(probe="a1")):
        attempts.add(fact)
    logs = {one["name"]: one["kind"] for one in attempts.overview(T0)}
    assert logs == {"a1": "signalling", "session:a1": "session"}
    probe, session = attempts.detail("a1"), attempts.detail("session:a1")
    assert probe is not None
    assert session is not None
    assert [names_of(entry) for entry in probe["recent"]] == [["ice_servers"]]
    assert [names_of(entry) for entry in session["recent"]] == [["tcp", "tls"]]


def test_older_attempts_are_put_before_newer_ones() -> None:
    now, before = Attempts(NAMES), Attempts(NAMES)
    now.add(ping(T0))
    before.add(ping(T0 - 20, None, "timeout"))
    before.add(ping(T0 - 10))
    now.merge(before)
    told = now.detail("beat")
    assert told is not None
    assert [entry["at"] for entry in told["recent"]] == [T0, T0 - 10, T0 - 20]
    assert len(told["failures"]) == 1


def test_a_reload_forgets_the_probes_that_are_gone() -> None:
    attempts = Attempts(NAMES)
    attempts.add(ping())
    attempts.expect(NAMES[1:])
    assert attempts.detail("beat") is None
    attempts.add(ping())
    assert [one["name"] for one in attempts.overview(T0)] == [name.shown for name in NAMES[1:]]
