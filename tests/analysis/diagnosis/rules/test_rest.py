"""REST: whose slowness it is, and which calls a rate limit keeps waiting."""

from __future__ import annotations

from monitor.analysis.diagnosis.diagnose import diagnose
from monitor.analysis.diagnosis.result import Diagnosis
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import Window
from monitor.facts.evidence_builder import EvidenceBuilder
from tests.analysis.diagnosis.made import START_S, Attempt, between, regular, well

SLOW: Attempt = (2.0, "200")
TROUBLE = (1200.0, 1500.0)


def told(rest: Attempt, *, publish: bool, pings: Attempt = (0.025, "ok"), operation: str = "users") -> Diagnosis:
    builder = EvidenceBuilder()
    regular(builder, signals.API, lambda s: rest if 1200 <= s < 1500 else (0.04, "200"), target=operation)
    regular(builder, signals.WS_RTT, between(*TROUBLE, pings, 0.025), phase_s=7.0)
    regular(builder, signals.ICE_SERVERS, well(0.05), phase_s=11.0)
    if publish:
        builder.windows.append(Window(start_s=START_S + 1190, end_s=START_S + 1510))
    return diagnose(builder.build(), Rules())


def test_slow_rest_with_all_else_well_is_the_api() -> None:
    assert told(SLOW, publish=False).cause == "api_overloaded"
    assert told((None, "503"), publish=False).cause == "api_overloaded"
    assert told((None, "timeout"), publish=False).cause == "api_overloaded"


def test_in_our_own_window_it_is_our_own_doing() -> None:
    found = told(SLOW, publish=True)
    assert found.cause == "none"
    assert any("inside publish windows alone" in sentence for sentence in found.causes[0].evidence)


def test_late_pings_beside_it_do_not_fit() -> None:
    assert told(SLOW, publish=False, pings=(3.0, "ok")).cause != "api_overloaded"


def test_a_refusal_that_is_the_callers_own_business_is_no_trouble() -> None:
    assert told((0.04, "404"), publish=False).cause == "none"


def test_calls_of_connecting_softphones_that_are_told_to_wait() -> None:
    assert told((0.04, "429"), publish=False, operation="channel_create").cause == "api_rate_limited"
    assert told((0.04, "429"), publish=True, operation="channel_create").cause == "api_rate_limited"


def test_a_control_call_that_shares_the_publishing_token_is_no_harm() -> None:
    assert told((0.04, "429"), publish=True).cause == "none"
