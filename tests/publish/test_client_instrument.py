"""The marker client's instrumentation: what it counts of urllib3, requests and httpx, and what it leaves alone."""

from __future__ import annotations

import asyncio
import email.utils
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import urllib3
from marker_monitor import NOBODY, waiting
from urllib3.connectionpool import HTTPConnectionPool

from monitor.genesys.rest import OPERATIONS
from monitor.publish import client as client_module
from monitor.publish.client import MOST_OPERATIONS, PublishRun, operation_name, publish_run, retry_after_s
from monitor.publish.flow.requests import WRITES, Builder, ScheduleRef
from monitor.web.markers import parse_marker

USER = "8d0e6a1e-61c4-4c1c-9a3e-0d3f1f6c2b7a"
PRESENCE = f"/api/v2/users/{USER}/presences/purecloud"
HOOKS = (
    (HTTPConnectionPool, "_make_request"),
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
)


def hooks() -> list[Any]:
    """What the patched attributes are now."""
    return [vars(owner)[name] for owner, name in HOOKS]


class Platform(ThreadingHTTPServer):
    """Answers 200, or what stands in `answers`: (status, Retry-After) each."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Platform)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, retry_after = self.server.answers.pop(0) if self.server.answers else (200, "")
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PATCH = do_PUT = do_POST = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform on loopback."""
    server = Platform()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    before = hooks()
    yield
    assert hooks() == before


@pytest.fixture(autouse=True)
def _no_environment(_left_as_it_was: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONITOR_URL", "MONITOR_TOKEN", "MONITOR_SPOOL", "MONITOR_JOB", "MONITOR_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def counted(spool: Path) -> Callable[..., PublishRun]:
    """publish_run with instrumentation and no monitor."""
    return lambda job="weekly": publish_run(job, instrument=True, url=NOBODY, spool=spool)


def attributes(spool: Path, phase: str = "end", job: str = "weekly") -> dict[str, str]:
    """The attributes of the one marker of that phase, as the monitor takes them."""
    markers = [parse_marker(json.dumps(one).encode(), 0.0)[0] for one in waiting(spool)]
    (marker,) = [one for one in markers if (one.phase, one.job) == (phase, job)]
    return marker.attributes


# The libraries


def by_urllib3(url: str) -> None:
    with urllib3.PoolManager() as pool:
        pool.request("PATCH", url, body=b"{}", retries=False)


def by_requests(url: str) -> None:
    with requests.Session() as session:
        session.patch(url, json={})


def by_httpx(url: str) -> None:
    with httpx.Client() as client:
        client.patch(url, json={})


def by_async_httpx(url: str) -> None:
    async def patch() -> None:
        async with httpx.AsyncClient() as client:
            await client.patch(url, json={})

    asyncio.run(patch())


LIBRARIES = pytest.mark.parametrize("call", [by_urllib3, by_requests, by_httpx, by_async_httpx])


@LIBRARIES
def test_calls_statuses_and_operations_are_counted(
    call: Callable[[str], None], platform: Platform, tmp_path: Path
) -> None:
    platform.answers = [(200, ""), (429, "7"), (503, "")]
    call(f"{platform.url}/before")
    platform.answers = [(200, ""), (429, "7"), (503, "")]
    with counted(tmp_path)():
        for path in (PRESENCE, PRESENCE, "/api/v2/users/me"):
            call(platform.url + path)
    call(f"{platform.url}/after")
    told = attributes(tmp_path)
    assert float(told.pop("operation_presence_seconds")) >= 0  # on a quick machine less than half a millisecond
    assert float(told.pop("operation_patch_users_me_seconds")) >= 0
    assert 0 <= float(told.pop("retry_after_seconds")) < 7
    assert told == {
        "calls": "3",
        "status_200": "1",
        "status_429": "1",
        "status_503": "1",
        "operation_presence_calls": "2",
        "operation_patch_users_me_calls": "1",
    }


@LIBRARIES
def test_an_attempt_without_an_answer_is_counted_and_its_error_passes(
    call: Callable[[str], None], tmp_path: Path
) -> None:
    errors = (urllib3.exceptions.HTTPError, requests.ConnectionError, httpx.ConnectError)
    with counted(tmp_path)(), pytest.raises(errors):
        call(f"{NOBODY}{PRESENCE}")
    told = attributes(tmp_path)
    assert (told["calls"], told["status_error"], told["operation_presence_seconds"]) == ("1", "1", "0.000")


def test_a_timeout_is_counted_as_one(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def timed_out(self: object, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", timed_out)
    with counted(tmp_path)(), pytest.raises(httpx.ReadTimeout):
        by_httpx(platform.url)
    assert attributes(tmp_path)["status_timeout"] == "1"


def test_retries_inside_urllib3_are_each_counted(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda self, response=None: None)
    platform.answers = [(429, "1"), (429, "1"), (200, "")]
    with counted(tmp_path)(), urllib3.PoolManager() as pool:
        assert pool.request("GET", platform.url + PRESENCE).status == 200
    told = attributes(tmp_path)
    assert (told["calls"], told["status_429"], told["status_200"]) == ("3", "2", "1")


def test_threads_are_counted_together(platform: Platform, tmp_path: Path) -> None:
    def work() -> None:
        for _ in range(20):
            pool.request("GET", platform.url + PRESENCE)

    with counted(tmp_path)() as run, urllib3.PoolManager(maxsize=8) as pool:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run.batch(8)
    assert attributes(tmp_path)["operation_presence_calls"] == "160"
    assert attributes(tmp_path, "batch")["status_200"] == "160"


def test_no_secret_and_no_id_gets_into_a_marker(platform: Platform, tmp_path: Path) -> None:
    url = f"{platform.url}/api/v2/users/{USER}/queues/0815/members?secret=s3cret"
    with counted(tmp_path)(), httpx.Client(headers={"Authorization": "Bearer s3cret"}) as client:
        client.post(url, json={"password": "s3cret"})
    (start, end) = waiting(tmp_path)
    assert "operation_post_users_queues_members_calls" in end["attributes"]
    assert not any(word in json.dumps([start, end]) for word in ("s3cret", USER, "0815", platform.url))


# Without a wire: a transport that takes as long, and answers, as told


class Wire:
    """Stands where httpx's transport is, below our patch; moves the client's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.took_s = 0.25
        self.answers: list[tuple[int, str]] = []
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda transport, request: self.answer())

        async def answer(transport: object, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0)
            return self.answer()

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
        clock = type("Clock", (), {"__getattr__": lambda _, name: getattr(time, name)})()
        clock.perf_counter = clock.monotonic = lambda: self.now_s
        monkeypatch.setattr(client_module, "time", clock)

    def answer(self) -> httpx.Response:
        self.now_s += self.took_s
        status, retry_after = self.answers.pop(0) if self.answers else (200, "")
        return httpx.Response(status, headers={"Retry-After": retry_after} if retry_after else {})


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A wire that takes a quarter of a second each way and back."""
    return Wire(monkeypatch)


def get(path: str = PRESENCE) -> None:
    with httpx.Client(base_url="http://platform", trust_env=False) as client:
        client.get(path)


def test_batches_tell_what_happened_since_the_one_before(wire: Wire, tmp_path: Path) -> None:
    with counted(tmp_path)() as run:
        get()
        get()
        wire.now_s += 1.0
        run.batch(50)
        wire.answers = [(503, "")]
        get()
        run.batch(50)
    told = [one["attributes"] for one in waiting(tmp_path)[1:]]
    waited = {"retry_after_seconds": "0.000"}
    assert told == [
        {"calls": "2", "seconds": "1.500", "status_200": "2", **waited},
        {"calls": "1", "seconds": "0.250", "status_503": "1", **waited},
        {
            "calls": "3",
            "status_200": "2",
            "status_503": "1",
            "operation_presence_calls": "3",
            "operation_presence_seconds": "0.750",
            **waited,
        },
    ]


@pytest.mark.parametrize(
    ("asked", "gap_s", "waited"),
    [
        ("5", 3.0, "3.000"),  # went on too early
        ("5", 5.002, "5.000"),
        ("5", 600.0, "5.000"),  # did something else afterwards
        ("5", 0.0, "0.000"),  # did not wait at all
        ("soon", 9.0, "0.000"),
        ("", 9.0, "0.000"),
    ],
)
def test_a_wait_counts_as_far_as_it_was_asked_for(
    asked: str, gap_s: float, waited: str, wire: Wire, tmp_path: Path
) -> None:
    wire.answers = [(429, asked)]
    with counted(tmp_path)():
        get()
        wire.now_s += gap_s
        get("/api/v2/users/other")
        wire.now_s += 60.0
        get()
    assert attributes(tmp_path)["retry_after_seconds"] == waited


def test_each_task_and_each_thread_has_its_own_waits(wire: Wire, tmp_path: Path) -> None:
    async def twice(client: httpx.AsyncClient, answered: asyncio.Barrier, go: asyncio.Event) -> None:
        await client.get(PRESENCE)
        await answered.wait()
        await go.wait()
        await client.get(PRESENCE)

    async def both() -> None:
        answered, go = asyncio.Barrier(3), asyncio.Event()
        async with (
            httpx.AsyncClient(base_url="http://platform", trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(2):
                group.create_task(twice(client, answered, go))
            await answered.wait()
            wire.now_s += 100.0
            go.set()

    wire.answers = [(429, "4"), (429, "6")]
    with counted(tmp_path)():
        asyncio.run(both())
        wire.answers = [(429, "30")]
        thread = threading.Thread(target=get)
        thread.start()
        thread.join()
        wire.now_s += 30.0
        get()  # another thread than the one that was told to wait
    assert attributes(tmp_path)["retry_after_seconds"] == "10.000"


def test_operations_and_statuses_are_bounded(wire: Wire, tmp_path: Path) -> None:
    wire.answers = [(status, "") for status in range(200, 300)]
    with counted(tmp_path)(), httpx.Client(base_url="http://platform", trust_env=False) as client:
        for i in range(100):
            client.get(f"/api/v2/thing/{'abcdefghij'[i // 10]}{'abcdefghij'[i % 10]}")
    told = attributes(tmp_path)
    operations = [name for name in told if name.startswith("operation_") and name.endswith("_calls")]
    assert len(operations) == MOST_OPERATIONS + 1
    assert told["operation_other_calls"] == str(100 - MOST_OPERATIONS)
    assert sum(int(count) for name, count in told.items() if name.startswith("status_")) == 100


# Patches


def test_nested_and_overlapping_runs_count_each_their_own(wire: Wire, tmp_path: Path) -> None:
    run = counted(tmp_path)
    outer, inner = run("outer"), run("inner")
    get()
    outer.__enter__()
    get()
    inner.__enter__()
    get()
    outer.__exit__(None, None, None)
    get()
    inner.__exit__(None, None, None)
    get()
    assert [attributes(tmp_path, job=job)["calls"] for job in ("outer", "inner")] == ["2", "2"]


def test_a_patch_on_top_of_ours_stays_and_nothing_is_counted_twice(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs_called = []
    with counted(tmp_path)():
        ours = httpx.HTTPTransport.handle_request

        def theirs(self: Any, request: httpx.Request) -> httpx.Response:
            theirs_called.append(request)
            return ours(self, request)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", theirs)
    assert httpx.HTTPTransport.handle_request is theirs
    with counted(tmp_path)("later"):
        get()
    assert httpx.HTTPTransport.handle_request is theirs
    get()
    assert (attributes(tmp_path, job="later")["calls"], len(theirs_called)) == ("1", 2)
    monkeypatch.undo()


@pytest.mark.parametrize("broken", ["operation_name", "_status_text", "retry_after_s", "_count_wait"])
def test_a_fault_of_ours_never_reaches_the_call(
    broken: str, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(client_module, broken, fault)
    wire.answers = [(429, "1"), (200, "")]
    with counted(tmp_path)():
        get()
        get()
    assert wire.answers == []
    assert "error" not in attributes(tmp_path)


def test_a_library_that_is_not_there_is_left_out(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with counted(tmp_path)():
        by_httpx(platform.url + PRESENCE)
        by_requests(platform.url + PRESENCE)
    assert attributes(tmp_path)["calls"] == "1"


def test_a_version_of_a_library_that_we_do_not_know_is_left_out(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(HTTPConnectionPool, "_make_request")
    with counted(tmp_path)():
        by_httpx(platform.url + PRESENCE)
    assert attributes(tmp_path)["calls"] == "1"


def test_without_instrument_nothing_is_touched(wire: Wire, tmp_path: Path) -> None:
    before = hooks()
    with publish_run("weekly", url=NOBODY, spool=tmp_path):
        assert hooks() == before
        get()
    assert attributes(tmp_path) == {}


# Names and headers


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/oauth/token", "token"),
        ("POST", "/gateway/login/oauth/token", "token"),
        ("PATCH", PRESENCE, "presence"),
        ("get", f"/api/v2/users/{USER}/presences/purecloud", "presence"),
        ("PUT", f"/api/v2/users/{USER}/routingstatus", "routing_status"),
        ("PUT", "/api/v2/users/presences/bulk", "presence_bulk"),
        ("GET", "/gateway/api/v2/organizations/me", "organizations_me"),
        ("POST", "/api/v2/notifications/channels", "channel_create"),
        ("PUT", "/some-bucket/2f6e?x", "schedule_upload"),
        ("GET", "/", "other"),
        ("GET", f"/api/v2/users/{USER}/queues", "get_users_queues"),
        ("GET", "/api/v2/users/some.one@example.com", "get_users"),
        ("DELETE", f"/api/v2/stations/{USER}/associateduser", "delete_stations_associateduser"),
        ("GET", "/api/v2/", "get"),
        ("BREW é", "/api/v2/%F0%9F%92%A9/" + "x" * 500, "brew"),
        ("", "/api/v2/", "other"),
    ],
)
def test_operation_names(method: str, path: str, name: str) -> None:
    assert operation_name(method, path) == name


def test_names_are_those_of_the_driver_and_of_the_monitor() -> None:
    builder, ref = Builder(), ScheduleRef(USER, "2026-11-23", USER)
    built = [
        builder.read_schedule(ref),
        builder.query_agents(ref, [USER]),
        builder.upload_url(ref, 10),
        builder.upload("https://bucket.example/key?signature=x", {}, b""),
        builder.update(ref, "key"),
        *(builder.write(kind, USER) for kind in WRITES),
        *(builder.write_many(kind, [USER], 0.0, "tag") for kind in WRITES),
    ]
    for request in built:
        path = httpx.URL(request.path).path
        assert operation_name(request.method, path) == request.operation
    own = {name for name, _ in client_module._OPERATIONS} - {request.operation for request in built}
    assert own <= set(OPERATIONS)


NOW = 1_795_536_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("", 0.0),
        ("42", 42.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("1e9", 0.0),
        ("soon", 0.0),
        ("9" * 400, 0.0),
        (email.utils.formatdate(NOW + 30, usegmt=True), 30.0),
        (email.utils.formatdate(NOW - 30, usegmt=True), 0.0),
        ("Mon, 99 Foo 2026 99:99:99 GMT", 0.0),
    ],
)
def test_what_a_retry_after_asks_for(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, NOW) == seconds
