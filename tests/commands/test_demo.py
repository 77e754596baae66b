"""What the demo makes of the journal: only what was answered or timed out is a latency."""

from __future__ import annotations

import pytest

from monitor.analysis.experiment.blocks import Block
from monitor.commands.demo import GIVE_UP_S, ICE_SERVERS, explain
from monitor.facts.failures import Reason, failure
from monitor.facts.observations import PhaseObserved


def fetch(at_wall_s: float, reason: Reason | None) -> PhaseObserved:
    """An ICE-server fetch that took 0.1 s, or failed for a reason."""
    failed = None if reason is None else failure("ice_servers", reason)
    seconds = 0.1 if reason is None else None
    return PhaseObserved(
        site="demo", probe="signalling-1", at_wall_s=at_wall_s, phase="ice_servers", seconds=seconds, failure=failed
    )


@pytest.mark.parametrize(("reason", "timeouts"), [(Reason.TIMEOUT, (1, 0)), (Reason.NOT_CONNECTED, (0, 0))])
def test_a_fetch_that_found_no_connection_is_no_timeout(reason: Reason, timeouts: tuple[int, int]) -> None:
    """A timeout began GIVE_UP_S before it was noticed; what failed at once must not be put so far back."""
    blocks = [Block(1, "none", 1000.0, 1005.0), Block(2, "publish", 1010.0, 1015.0)]
    facts = [fetch(1001.0, None), fetch(1011.0, None), fetch(1012.0, reason)]
    assert GIVE_UP_S[ICE_SERVERS] == 10
    rows = explain(facts, blocks, seed=1).blocks
    assert tuple(row.cells[ICE_SERVERS].timeouts for row in rows) == timeouts
    assert [row.cells[ICE_SERVERS].samples for row in rows] == [1, 1]
