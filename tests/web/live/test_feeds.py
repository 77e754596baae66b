"""Which fact feeds which track, with which outcome."""

from __future__ import annotations

import pytest
from live_facts import T0, api, drop, gathering, lag, media, phase, ping

from monitor.facts.failures import Reason
from monitor.facts.ice import Signature
from monitor.facts.observations import Observation
from monitor.web.live.feeds import TRACKS, samples_of
from monitor.web.live.rings import Sample


@pytest.mark.parametrize(
    ("fact", "samples"),
    [
        (ping(), [Sample("ws_rtt", 0.02)]),
        (ping(channel="notification"), [Sample("notification_rtt", 0.02)]),
        (ping(channel="websocket"), [Sample("edge_rtt", 0.02)]),
        (ping(channel="carrier_pigeon"), []),
        (ping(rtt_s=None, outcome="timeout"), [Sample("ws_rtt", None, True, "timeout")]),
        (phase("ice_servers"), [Sample("ice_servers", 0.1)]),
        (phase("ice_servers", T0, None, Reason.TIMEOUT), [Sample("ice_servers", None, True, "timeout")]),
        (phase("sasl"), []),
        (gathering(), [Sample("ice_gathering", 0.5)]),
        (gathering(Signature.SLOW), [Sample("ice_gathering", 0.5, False, "slow")]),
        (gathering(Signature.HOST_ONLY), [Sample("ice_gathering", None, True, "host_only")]),
        (api(), [Sample("api", 0.05)]),
        (api("429"), [Sample("api", 0.05, True, "429")]),
        (media(), [Sample("media_rtt", 0.05), Sample("media_jitter", 0.004), Sample("media_loss", 0.0)]),
        (media(rtt_s=None), [Sample("media_jitter", 0.004), Sample("media_loss", 0.0)]),
        (lag(lag_s=0.3), [Sample("loop_lag", 0.3)]),
        (drop(), []),
    ],
)
def test_a_fact_feeds_its_track(fact: Observation, samples: list[Sample]) -> None:
    assert list(samples_of(fact)) == samples
    assert {sample.track for sample in samples} <= set(TRACKS)
