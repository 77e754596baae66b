"""`publish` as a user has it: against a live simulator, killed and taken up again, and every mistake in one line."""

from __future__ import annotations

import asyncio
import http.server
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from product import line_with, started

from monitor.commands import publish as command
from monitor.commands.publish import run_publish
from monitor.commands.publish_target import PublishOptions, target_of
from monitor.facts.clock import SystemClock, rfc3339
from monitor.genesys.rest_messages import RestReply
from monitor.publish.flow.requests import Builder, ScheduleRef
from monitor.publish.ledger import Ledger
from monitor.publish.live import rest_of

SCENARIO = """
name: brisk
description: quick answers, an update takes a moment
expected: {publish_harms_softphones: false, cause: none}
agents: 6
rest: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
signalling: {capacity: 100000.0, base_s: 0.0, jitter_s: 0.0}
publish_s: 0.2
"""
RUN = """
import json, sys
from pathlib import Path
from monitor.commands.publish import PublishOptions, run_publish
words = json.loads(sys.argv[1])
words["ledger"] = Path(words["ledger"])
sys.exit(run_publish(PublishOptions(**words)))
"""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A simulator of six agents as a process."""
    file = tmp_path_factory.mktemp("simulator") / "brisk.yaml"
    file.write_text(SCENARIO)
    with started("simulate", "--scenario", str(file), "--rest-port", "0", "--ws-port", "0") as process:
        yield json.loads(line_with(process.stdout, '"rest"'))


@pytest.fixture
def words(simulator: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a command line says that publishes on the simulator, in three batches."""
    monkeypatch.setenv("GENESYS_CLIENT_ID", simulator["client_id"])
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", simulator["client_secret"])
    monkeypatch.delenv("MONITOR_URL", raising=False)
    names = ("rest", "business_unit", "week", "schedule")
    return {
        **{name: simulator[name] for name in names},
        "streaming": simulator["ws"],
        "ledger": tmp_path / "publish.jsonl",
        "batch_size": 2,
        "pause_s": 0.0,
        "job": "weekly",
    }


class Monitor:
    """Takes markers, and remembers them."""

    def __init__(self) -> None:
        self.markers: list[dict[str, Any]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.markers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(201)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Be quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def phases(self) -> list[str]:
        """The markers' phases, and the outcome of each end."""
        return [f"{m['phase']} {m['outcome']}" if m["phase"] == "end" else m["phase"] for m in self.markers]


@pytest.fixture
def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    """A monitor that takes markers; the spool is a directory of the test's."""
    monkeypatch.setenv("MONITOR_SPOOL", str(tmp_path / "spool"))
    one = Monitor()
    yield one
    one.close()


def control(simulator: dict[str, Any], what: str) -> None:
    """Tell the simulator something."""
    request = urllib.request.Request(f"{simulator['control']}/{what}", method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def version(words: dict[str, Any]) -> int:
    """The schedule's version now: each applied document is one more."""
    target = target_of(PublishOptions(**words))
    ref = ScheduleRef(target.business_unit, target.week, target.schedule)

    async def read() -> RestReply:
        async with rest_of(target.account, SystemClock()) as rest:
            return await rest.send(Builder().read_schedule(ref))

    found: int = asyncio.run(read()).body["metadata"]["version"]
    return found


def test_a_run_ends_with_a_table_and_says_that_it_is_simulated(
    words: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = version(words)
    assert run_publish(PublishOptions(**words)) == 0
    told = capsys.readouterr()
    assert "SIMULATED: ok after" in told.out
    assert "agents: 6, published 6; batches: 3" in told.out
    assert "schedule_update" in told.out
    assert "batch 3/3: 2 agents" in told.err
    assert version(words) == before + 3


def test_json_alone_on_stdout_and_markers_with_the_figures(
    words: dict[str, Any], monitor: Monitor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_publish(PublishOptions(**words, json=True, monitor=monitor.url, pacing="batch_single")) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["outcome"], result["simulated"], result["strategy"]) == ("ok", True, "batch_single+retry_after")
    assert result["published"] == 6
    assert monitor.phases == ["start", *["batch"] * 6, "end ok"]
    start, batch, end = monitor.markers[0], monitor.markers[1], monitor.markers[-1]
    assert (start["job"], start["strategy"], start["batch_size"]) == ("weekly", "batch_single+retry_after", 2)
    assert float(batch["attributes"]["seconds"]) > 0
    assert end["attributes"]["calls"] == str(result["calls"])
    assert {marker["run_id"] for marker in monitor.markers} == {result["run_id"]}


def started_publish(words: dict[str, Any], **more: Any) -> subprocess.Popen[str]:
    """A publish as a process of its own."""
    told = {**words, **more, "ledger": str(words["ledger"])}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(told)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str], number: int) -> int:
    """Signal the process and wait; its status."""
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode


@pytest.mark.parametrize("words_before", ["batch 1/3", "3 batches"])
def test_killed_and_taken_up_again_nobody_is_published_twice(
    words: dict[str, Any], monitor: Monitor, words_before: str
) -> None:
    before = version(words)
    process = started_publish(words, monitor=monitor.url)
    line_with(process.stderr, words_before)
    assert ended(process, signal.SIGKILL) == -signal.SIGKILL
    assert run_publish(PublishOptions(**words, monitor=monitor.url, resume=True)) == 0
    assert version(words) == before + 3
    assert monitor.phases.count("end ok") == 1
    assert len({marker["run_id"] for marker in monitor.markers}) == 1
    assert len({marker["time"] for marker in monitor.markers if marker["phase"] == "start"}) == 1
    assert run_publish(PublishOptions(**words, resume=True)) == 0  # there is nothing left to do
    assert version(words) == before + 3


def test_killed_and_begun_anew_the_old_run_gets_its_end(
    words: dict[str, Any], monitor: Monitor, capsys: pytest.CaptureFixture[str]
) -> None:
    process = started_publish(words, monitor=monitor.url)
    line_with(process.stderr, "batch 1/3")
    killed_s = time.time()
    ended(process, signal.SIGKILL)
    assert run_publish(PublishOptions(**words, monitor=monitor.url)) == 0
    assert "was killed and is over now, as aborted" in capsys.readouterr().err
    ends = [marker for marker in monitor.markers if marker["phase"] == "end"]
    assert [marker["outcome"] for marker in ends] == ["aborted", "ok"]
    assert ends[0]["run_id"] != ends[1]["run_id"]
    last_sign = rfc3339(killed_s)
    assert ends[0]["time_min"] <= last_sign <= ends[0]["time_max"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_as_aborted(words: dict[str, Any], monitor: Monitor, number: int) -> None:
    process = started_publish(words, monitor=monitor.url)
    line_with(process.stderr, "batch 1/3")
    assert ended(process, number) == 1
    assert monitor.phases[-1] == "end aborted"
    with Ledger(words["ledger"]) as ledger:
        assert ledger.unfinished is not None
        assert ledger.unfinished.outcome == "aborted"


def test_without_any_target_it_brings_its_own_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    options = PublishOptions(pacing="burst", retry="none", writes=("presence",), batch_size=500, json=True)
    assert run_publish(options) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["simulated"], result["agents"], result["published"]) == (True, 150, 150)


def test_off_loopback_it_only_says_what_it_would_do(
    words: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The guard itself has tests of its own; here it says no, as it does of any address that is not loopback."""
    before = version(words)
    monkeypatch.setattr(command, "allowed_to_write", lambda *_: "api.example.com is not loopback")
    assert run_publish(PublishOptions(**{**words, "pause_s": 2.0})) == 0
    out = capsys.readouterr().out
    assert "DRY RUN, nothing is written: api.example.com is not loopback" in out
    assert "19 calls in 3 batches for 6 agents" in out
    assert "takes at least 4.0 s" in out
    assert version(words) == before
    assert not words["ledger"].exists()


def test_a_platform_that_cannot_be_reached_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("GENESYS_CLIENT_ID", "id"), ("GENESYS_CLIENT_SECRET", "hush-hush"), ("NO_PROXY", "*")):
        monkeypatch.setenv(name, value)
    options = PublishOptions(rest="https://127.0.0.1:1", business_unit="bu", week="2026-11-23", schedule="s")
    assert run_publish(options) == 1
    told = capsys.readouterr()
    assert "publish: token: refused: " in told.err
    assert "hush-hush" not in told.err + told.out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schedule": "no-such-schedule"}, "schedules: not_found: HTTP 404"),
        ({"week": "2020-01-06"}, "schedules: not_found: HTTP 404"),
        ({"business_unit": "another"}, "schedules: not_found: HTTP 404"),
    ],
)
def test_a_schedule_that_is_not_there_is_one_clear_line(
    words: dict[str, Any], wrong: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_publish(PublishOptions(**{**words, **wrong})) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"publish: {said}")
    assert last.endswith("(fault: platform)")


def test_a_token_without_permission_is_one_clear_line(
    words: dict[str, Any], simulator: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    control(simulator, "fail?match=uploadurl&status=403&times=1")
    assert run_publish(PublishOptions(**words)) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("publish: schedule_upload_url: forbidden: HTTP 403")
    assert last.endswith("(fault: here: credentials, permissions or settings)")


def test_a_wrong_secret_is_one_clear_line_that_does_not_show_it(
    words: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", "hush-hush")
    assert run_publish(PublishOptions(**words)) == 1
    told = capsys.readouterr()
    assert "publish: token: auth" in told.err
    assert "hush-hush" not in told.err + told.out


def test_what_is_resumed_must_be_the_same_publish(words: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger(words["ledger"]) as ledger:
        ledger.begin("run-1", 1.0, {"job": "weekly", "strategy": "burst+none"})
    assert run_publish(PublishOptions(**words, resume=True)) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("publish: --resume: run run-1 was told otherwise: business_unit, week")


def test_nothing_to_resume(words: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_publish(PublishOptions(**words, resume=True)) == 1
    assert "there is no unfinished run to resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pacing": "fast"}, "unknown pacing 'fast'; known: burst, batch, batch_single, paced, off_peak"),
        ({"retry": "always"}, "unknown retry 'always'; known: none, backoff, retry_after, sdk_default"),
        ({"batch_size": 0}, "a batch size of 0 is not between 1 and 500"),
        ({"batch_size": -5}, "a batch size of -5 is not between 1 and 500"),
        ({"pause_s": -1.0}, "a pause of -1 s is not between 0 and 3600 s"),
        ({"in_flight": 0}, "0 requests in flight: a number from 1 to 64 is needed"),
        ({"pacing": "paced", "rate_per_s": 0.0}, "a rate of 0 requests a second is not between 0 and 1000"),
        ({"retry": "backoff", "retry_limit": -1}, "a retry limit of -1 is not between 0 and 100"),
        ({"pacing": "off_peak"}, "off_peak needs a window and a time zone, such as 22:00-05:00 and America/Chicago"),
        ({"writes": ("presents",)}, "unknown write 'presents'; known: presence, routing_status"),
        ({"writes": (), "publish": False}, "neither a schedule to publish nor anything to write: there is nothing"),
        ({"week": "tuesday", "business_unit": "b", "schedule": "s"}, "week 'tuesday' is not the week's first day"),
        ({"rest": "https://api.example.com", "week": "2026-11-23"}, "--business-unit, --schedule: needed to say which"),
        ({"rest": "http://api.example.com"}, "http://api.example.com: unencrypted off loopback"),
        ({"rest": "api.example.com"}, "'api.example.com' is not a URL"),
        ({"agents": Path("/no/such/file")}, "/no/such/file: No such file or directory"),
        ({"scenario": "no-such"}, "no-such"),
        ({"resume": True}, "--resume needs the platform's address"),
        ({"config": Path("/no/such.yaml")}, "/no/such.yaml"),
        ({"config": Path("/no/such.yaml"), "rest": "https://api.example.com"}, "--config and --rest both name a"),
        ({"job": ""}, "--job '': 1 to 100 printable characters are needed"),
        ({"job": "j" * 101}, "printable characters are needed"),
        ({"business_unit": "b", "yes_publish": "b"}, "--business-unit, --yes-publish: on which platform?"),
        ({"login": "https://login.example.com"}, "--login: on which platform?"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_line(
    wrong: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_publish(PublishOptions(**wrong)) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert told.err.startswith("publish: ")
    assert said in told.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a-1\na/2\n", ":2: 'a/2' is not a user id"),
        ("a-1\n# a comment\n\na-1\n", ":4: a-1 is in line 1 already"),
        ("# nobody\n", ": 0 user ids; 1 to 5000 are needed"),
    ],
)
def test_a_bad_list_of_agents(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agents").write_text(text)
    assert run_publish(PublishOptions(agents=tmp_path / "agents")) == 2
    assert said in capsys.readouterr().err


def test_a_missing_secret_names_its_variable(
    words: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GENESYS_CLIENT_SECRET")
    assert run_publish(PublishOptions(**words)) == 2
    assert capsys.readouterr().err == "publish: environment variable GENESYS_CLIENT_SECRET is not set\n"
