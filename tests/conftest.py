"""What every test run needs: helpers beside the tests can be imported, and signals reach the programs under test."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# A run in the background (nohup, `&` in a script) starts with these ignored, and every program that a test starts would
# inherit that and never be told to stop.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

# Rooms that only calculate. Their tests run first, on every core at once; the others, which use real sockets and
# clocks, run one after another with the machine to themselves.
CALCULATING = (
    *("analysis", "config", "facts", "golden", "histories", "oncall"),
    *("dashboards/alertmanager", "dashboards/prometheus", "dashboards/remote_write"),
    *("outputs/sources/analytics", "outputs/sources/files"),
    *("publish/flow", "publish/plan", "publish/strategy"),
    *("simulator/history", "simulator/virtual", "simulator/world"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that only calculate."""
    rooms = [Path(__file__).parent / room for room in CALCULATING]
    for item in items:
        if any(item.path.is_relative_to(room) for room in rooms):
            item.add_marker(pytest.mark.calculating)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Nothing traces a test marked `no_cover`: in a worker of xdist coverage runs twice, and pytest-cov pauses one."""
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
