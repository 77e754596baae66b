"""What the section on self-distrust reads, and what it hogs."""

import os
import subprocess
import sys

import pytest

from monitor.commands.bench.distrust import hogging, processes_of, sums

METRICS = """\
# HELP softphone_disconnects_total Drops.
# TYPE softphone_disconnects_total counter
softphone_disconnects_total{site="a",layer="ice",reason="x y"} 2.0
softphone_disconnects_total{site="a",layer="dtls",reason="{}"} 1.0
softphone_monitor_suspect{site="a"} 0.0
up 1
softphone_media_rtt_seconds_bucket{site="a",le="+Inf"} 4.0
"""


def test_the_series_of_a_metric_are_summed() -> None:
    """Whatever their labels say."""
    found = sums(METRICS)
    assert found["softphone_disconnects_total"] == 3.0
    assert found["softphone_monitor_suspect"] == 0.0
    assert found["softphone_media_rtt_seconds_bucket"] == 4.0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone can bind a process to a processor")
async def test_all_processes_share_one_processor_with_the_busy_loop_and_are_free_again_afterwards() -> None:
    """The children's as well."""
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE) as parent:  # noqa: ASYNC220 - it is quick
        try:
            while len(processes_of(parent.pid)) < 2:
                pass
            async with hogging(parent.pid):
                bound = [os.sched_getaffinity(one) for one in processes_of(parent.pid)]
            free = [os.sched_getaffinity(one) for one in processes_of(parent.pid)]
        finally:
            assert parent.stdin is not None
            parent.stdin.close()
    assert bound == [{min(os.sched_getaffinity(0))}] * 2
    assert free == [os.sched_getaffinity(0)] * 2
