"""The explaining children's keeper, with small programs in their place: started for readers, never a trouble."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.web.live.explaining import CHILDREN, Explaining

HANG_S = 30.0
SETTINGS = '{"site": "chicago"}'
PROGRAM = """
import json, os, sys
settings = json.loads(sys.stdin.readline())
print(json.dumps({"busy": True}), flush=True)
print(json.dumps({sys.argv[2].replace("now", "checks"): settings["site"], "pid": os.getpid()}), flush=True)
print(json.dumps({"busy": False, "problem": None}), flush=True)
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
sys.stdin.read()
"""
GOES_ON = """
import itertools, json, os, select, sys
sys.stdin.readline()
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
for number in itertools.count():
    print(json.dumps({"checks": number}), flush=True)
    if select.select([sys.stdin], [], [], 0.02)[0]:
        break
"""
ASKS = """
import json, os, sys
sys.stdin.readline()
told = {"session": os.getsid(0), "group": os.getpgid(0), "pid": os.getpid(), "environment": dict(os.environ)}
print(json.dumps({"checks": told}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Explaining]]:
    """Makes one with a program in the children's place; stopped when the test ends."""
    monkeypatch.setattr("monitor.web.live.explaining.BACKOFF_S", (0.01,))
    made: list[Explaining] = []

    def make(program: str, **more: Any) -> Explaining:
        made.append(Explaining(SETTINGS, (sys.executable, "-c", program, str(tmp_path)), **more))
        return made[-1]

    yield make
    for one in made:
        await one.stop()
    assert all(not alive(pid) for pid in pids(tmp_path))


def pids(folder: Path) -> list[int]:
    """Children that have begun."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(holds: Callable[[], Any]) -> None:
    """Until it holds."""
    async with asyncio.timeout(HANG_S):
        while not holds():  # noqa: ASYNC110 - it is processes that are waited for
            await asyncio.sleep(0.01)


async def test_children_run_while_somebody_looks(tmp_path: Path, started: Callable[..., Explaining]) -> None:
    explaining = started(PROGRAM, linger_s=0.0)
    assert explaining.told() == {"checks": None, "diagnosis": None, "verdict": None, "problem": None, "busy": False}
    explaining.readers(1)
    explaining.readers(2)
    await until(lambda: len(pids(tmp_path)) == len(CHILDREN))
    told = {"checks": "chicago", "diagnosis": None, "verdict": "chicago", "problem": None, "busy": False}
    await until(lambda: explaining.told() == told)
    explaining.readers(0)
    await until(lambda: not any(map(alive, pids(tmp_path))))
    assert explaining.told() == told  # what was known is shown at once to the next who looks
    explaining.readers(1)
    await until(lambda: len(pids(tmp_path)) == 2 * len(CHILDREN))


async def test_a_page_that_is_loaded_anew_finds_the_children_there(
    tmp_path: Path, started: Callable[..., Explaining]
) -> None:
    explaining = started(GOES_ON, linger_s=0.0)
    explaining.readers(1)
    await until(lambda: len(pids(tmp_path)) == len(CHILDREN) and explaining.told()["checks"])
    before, seen = pids(tmp_path), explaining.told()["checks"]
    explaining.readers(0)
    explaining.readers(1)
    await until(lambda: explaining.told()["checks"] > seen + 5)  # a child that begins anew begins at 0
    assert pids(tmp_path) == before
    assert all(map(alive, before))


async def test_children_are_in_our_session_in_a_group_of_their_own_and_are_given_no_secret(
    started: Callable[..., Explaining], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s3cret")
    explaining = started(ASKS, environment={"PROMETHEUS_TOKEN": "t0ken"})
    explaining.readers(1)
    await until(lambda: explaining.told()["checks"])
    told = explaining.told()["checks"]
    # The kernel shares the processor out among sessions first: in one of its own a child's niceness counts for nothing.
    assert told["session"] == os.getsid(0)
    assert told["group"] == told["pid"]  # Ctrl-C on the terminal is for us
    assert told["environment"].pop("PROMETHEUS_TOKEN") == "t0ken"
    assert set(told["environment"]) <= {"LC_CTYPE"}  # Python's own, where nothing says a language


async def test_new_settings_are_told_to_new_children(tmp_path: Path, started: Callable[..., Explaining]) -> None:
    explaining = started(PROGRAM)
    explaining.reload('{"site": "dallas"}')
    assert pids(tmp_path) == []
    explaining.readers(1)
    await until(lambda: explaining.told()["checks"] == "dallas")
    explaining.reload('{"site": "austin"}')
    await until(lambda: explaining.told()["checks"] == "austin")


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("raise SystemExit(3)", "ended with status 3"),
        ("print('no JSON', flush=True); import sys; sys.stdin.read()", "told nothing that can be understood"),
        ("print('[1]', flush=True); raise SystemExit(0)", "ended with status 0"),
        (
            "import json, sys; print(json.dumps({'problem': 'no such file'}), flush=True); sys.stdin.read()",
            "no such file",
        ),
    ],
)
async def test_what_does_not_work_is_told_and_tried_again(
    started: Callable[..., Explaining], program: str, problem: str
) -> None:
    explaining = started(program)
    explaining.readers(1)
    for _ in range(2):
        before = explaining.version
        await until(lambda: problem in (explaining.told()["problem"] or ""))
        if problem != "no such file":
            await until(lambda before=before: explaining.version > before + 1)


async def test_a_command_that_is_not_there_is_a_problem(started: Callable[..., Explaining]) -> None:
    explaining = Explaining(SETTINGS, ("/nowhere/python",))
    explaining.readers(1)
    await until(lambda: "cannot be started: No such file" in (explaining.told()["problem"] or ""))
    await explaining.stop()


async def test_a_child_that_does_not_listen_is_made_to_end(
    tmp_path: Path, started: Callable[..., Explaining], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.live.explaining.END_S", 0.1)
    deaf = "import os, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    explaining = started(deaf + "open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close()\ntime.sleep(600)")
    explaining.readers(1)
    await until(lambda: len(pids(tmp_path)) == len(CHILDREN))
    await explaining.stop()
    assert not any(map(alive, pids(tmp_path)))
    explaining.readers(1)
    assert len(pids(tmp_path)) == len(CHILDREN)  # stopped for good
    assert json.dumps(explaining.told())


async def test_a_child_that_is_being_ended_when_we_stop_is_ended_all_the_same(
    tmp_path: Path, started: Callable[..., Explaining]
) -> None:
    slow = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("no JSON", flush=True)
sys.stdin.readline(), sys.stdin.read()  # its end: what was told is not understood, so the child is to go
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
time.sleep(600)
"""
    explaining = started(slow)
    explaining.readers(1)
    await until(lambda: len(pids(tmp_path)) == len(CHILDREN))
    await explaining.stop()
    assert not any(map(alive, pids(tmp_path)))
