"""How long the watcher stays quiet after an answer."""

from __future__ import annotations

import math

import pytest

from monitor.facts.failures import Reason, failure
from monitor.genesys.rest_messages import RateLimit, RestReply
from monitor.publish.watch.questions import LONGEST_PAUSE_S, REFUSED_PAUSE_S, pause_s


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (RestReply("schedules", 200), 0.0),
        (RestReply("schedules", 429, retry_after_s=42.0, failure=failure("schedules", Reason.RATE_LIMITED)), 42.0),
        (RestReply("schedules", 200, rate_limit=RateLimit(270, 300, 17.0)), 17.0),
        (RestReply("schedules", 200, rate_limit=RateLimit(269, 300, 17.0)), 0.0),
        (RestReply("schedules", 403, failure=failure("schedules", Reason.FORBIDDEN)), REFUSED_PAUSE_S),
        (RestReply("schedules", 503, retry_after_s=1e12), LONGEST_PAUSE_S),
        (RestReply("schedules", 200, rate_limit=RateLimit(300, 300, math.inf)), LONGEST_PAUSE_S),
    ],
)
def test_a_header_is_heeded_but_does_not_end_the_watch(reply: RestReply, seconds: float) -> None:
    assert pause_s(reply) == seconds
