"""What every test run needs: helpers beside the tests can be imported, and signals reach the programs under test."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# A run in the background (nohup, `&` in a script) starts with these ignored, and every program that a test starts would
# inherit that and never be told to stop.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

# Rooms and files that only calculate, or that ask a server of their own at leisure. Their tests run first, on every
# core at once.
CALCULATING = (
    *("analysis", "config", "facts", "golden", "histories", "oncall"),
    *("commands/incident", "commands/test_experiment_text.py", "commands/test_rehearsal.py", "commands/test_report.py"),
    *("dashboards/alertmanager", "dashboards/prometheus", "dashboards/remote_write"),
    *(f"dashboards/grafana/test_{name}.py" for name in ("figures", "generated", "linter_rules", "queries")),
    "dashboards/kubernetes/test_manifests.py",
    *(f"genesys/test_{name}.py" for name in ("payloads", "session", "stanzas")),
    *("outputs/sources", "outputs/test_catalogue.py", "outputs/test_metrics.py"),
    *("publish/flow", "publish/plan", "publish/strategy"),
    *("simulator/history", "simulator/virtual", "simulator/world"),
    "system/test_same_verdict.py",
    *("test_answers.py", "test_architecture.py", "test_cli_verdict.py", "test_drops_example.py", "test_golden.py"),
    "web/live",
)
# Those that start servers and processes of their own and wait for what these do: a busy neighbour makes them slower and
# changes no result. Their files run next, several at once, each by one worker.
SHARING = (
    *("commands", "conformance", "dashboards", "genesys", "outputs", "publish", "simulator", "system", "web"),
    *("test_app.py", "test_cli.py", "test_runbook.py"),
)
# Those that want about a processor each, for a browser or for sound: two at once.
PAIRING = ("browser", "media", "probes", "system/test_coturn.py", "test_example_reports.py")
# All others measure times, or live on a clock that runs quicker: they have the machine to themselves, like those here.
ALONE = (
    "commands/test_experiment_live.py",
    "publish/test_locustfile.py",
    "simulator/test_live.py",
    *(f"system/test_{name}.py" for name in ("alertmanager", "demo")),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what may share the machine. Files that wait long come first: a worker that gets one last ends last."""
    for item in items:
        if _is_in(item, CALCULATING):
            item.add_marker(pytest.mark.calculating)
        elif _is_in(item, PAIRING):
            item.add_marker(pytest.mark.pairing)
        elif _is_in(item, SHARING) and not _is_in(item, ALONE):
            item.add_marker(pytest.mark.sharing)
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


def _is_in(item: pytest.Item, rooms: Iterable[str]) -> bool:
    return any(item.path.is_relative_to(Path(__file__).parent / room) for room in rooms)


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
