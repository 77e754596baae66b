"""How calls end: which words mean that a softphone was lost, which a normal end, and which nobody knows."""

from __future__ import annotations

import pytest

from monitor.facts.failures import DISCONNECT_REASONS
from monitor.outputs.sources.analytics.endings import NORMAL, ending_of

EDGE = "error.ininedgecontrol."
WEBRTC = f"{EDGE}connection.webrtc.endpoint."


@pytest.mark.parametrize(
    ("kind", "code", "drop"),
    [
        ("transportFailure", "", "ice/transport_failure"),
        ("transport.failure", "", "ice/transport_failure"),
        ("error", f"{WEBRTC}disconnect.iceIdleDetection", "ice/consent_expired"),
        ("ERROR", f"{WEBRTC}disconnect.dtlsPeerDisconnect", "dtls/closed_by_peer"),
        ("timeout", f"{WEBRTC}mediaRecovery", "media/silence"),
        ("timeout", f"{EDGE}connection.timeout", "platform/connect_timeout"),
        ("error", f"{WEBRTC}disconnect", "platform/endpoint_lost"),
    ],
)
def test_a_lost_softphone(kind: str, code: str, drop: str) -> None:
    end = ending_of(kind, code)
    assert end.layer is not None
    assert f"{end.layer}/{end.reason}" == drop
    assert end.reason in DISCONNECT_REASONS[end.layer]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        *(
            (kind, "")
            for kind in ("peer", "client", "endpoint", "transfer", "system", "noAnswerTransfer", "sessionExpired")
        ),
        ("endpoint", f"{WEBRTC}disconnect"),
        ("error", f"{EDGE}session.inactive"),
        ("error", f"{EDGE}connection.dialplan.notReachable"),
    ],
)
def test_a_normal_end(kind: str, code: str) -> None:
    assert ending_of(kind, code) == NORMAL
    assert not ending_of(kind, code).is_drop


@pytest.mark.parametrize(
    ("kind", "code"), [("error", ""), ("timeout", ""), ("other", ""), ("", "new.code"), ("error", "new")]
)
def test_an_end_that_nobody_knows_keeps_its_words(kind: str, code: str) -> None:
    assert ending_of(kind, code).unknown == f"{kind} {code}".strip()
