"""Tell the monitor when a publish job starts, sends a batch, ends. One file, standard library only, Python 3.8 on.

Copy it beside your own script, or import it from the package. Two lines around the script are enough:

    from softphone_markers import publish_run    # or: from monitor.publish.client import publish_run
    with publish_run("weekly", instrument=True) as run:
        for agents in batches:
            ...                                  # your own calls, untouched
            run.batch(agents)                    # if there are batches

The monitor's address and token are taken from MONITOR_URL and MONITOR_TOKEN, else http://127.0.0.1:9464. With
`instrument` the calls of urllib3 (hence of requests and of the Genesys Cloud Python SDK) and of httpx are counted:
method, path, status, Retry-After and time, never a header of yours, a query or a body. To tell markers one by one:

    client = MarkerClient()
    run = client.start("weekly").run_id
    client.batch("weekly", run, batch_size=50)
    client.end("weekly", run, outcome="ok")

Nothing here raises into your script. A marker that cannot be delivered now is kept on disk and sent, in order and with
its own time, by a later call; `publish_run` delivers in the background, a MarkerClient waits for a few seconds at most.
"""

from __future__ import annotations

import contextvars
import email.utils
import functools
import hashlib
import importlib
import itertools
import json
import logging
import math
import os
import re
import signal
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Callable, Iterator, NamedTuple  # noqa: UP035 - Python 3.8

DEFAULT_URL = "http://127.0.0.1:9464"
DEFAULT_SPOOL = "~/.cache/softphone-monitor/spool"
TIMEOUT_S = 2.0  # for one request
FLUSH_S = 5.0  # for everything that one call sends
LEAVE_S = 2.0  # how long the end of a publish_run waits for a monitor that neither answers nor refuses
SPOOL_LIMIT = 10_000  # markers; more than that is not an outage but a mistake
REFUSED = (400, 413, 415, 422)  # the monitor will never take this marker: it is set aside, not tried again
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_ATTRIBUTES, NAME_LENGTH, ATTRIBUTE_LENGTH = 64, 100, 500  # of one marker: what POST /markers takes
MOST_COUNT = 1_000_000
MOST_OPERATIONS, MOST_STATUSES = 12, 12  # told apart in one marker; the rest is `other`
LONGEST_WAIT_S = 86_400.0  # what a Retry-After may ask for and be believed
FIELDS = ("strategy", "batch_size", "agents", "time_min", "time_max", "found_by")  # of a marker; all else: attributes

SENT, SPOOLED, REJECTED, LOST = "sent", "spooled", "rejected", "lost"
OTHER = "other"
LOG = logging.getLogger("softphone_markers")


class Told(NamedTuple):
    """What became of a marker: `sent`, `spooled` (will be sent later), `rejected` (refused for good) or `lost`."""

    run_id: str
    state: str
    why: str = ""


class MarkerClient:
    """Sends markers to one monitor. `at` is Unix seconds or RFC 3339 text, by default now.

    spool: directory for what cannot be delivered, by default MONITOR_SPOOL or DEFAULT_SPOOL.
    """

    def __init__(self, url: str = "", token: str = "", spool: str | Path = "", timeout_s: float = TIMEOUT_S) -> None:
        self.url = (url or os.environ.get("MONITOR_URL") or DEFAULT_URL).rstrip("/")
        self._token = token or os.environ.get("MONITOR_TOKEN", "")
        self._timeout_s = timeout_s
        base = _directory_named(spool or os.environ.get("MONITOR_SPOOL") or DEFAULT_SPOOL)
        self._spool = base / re.sub(r"[^A-Za-z0-9.]+", "_", self.url)[:100]  # one monitor's markers go to no other
        self._numbers = itertools.count()

    def start(self, job: str, run_id: str = "", at: float | str | None = None, **told: Any) -> Told:
        """The run starts. Without a run_id one is made up, which `batch` and `end` then know for this job.

        told: strategy, batch_size, agents, attributes, time_min, time_max, found_by, as POST /markers takes them.
        """
        run_id = run_id or new_run_id()
        self.remember(job, run_id)
        return self._tell("start", job, run_id, at, told)

    def batch(self, job: str, run_id: str = "", at: float | str | None = None, **told: Any) -> Told:
        """A batch of the run is done. told: as for `start`, and outcome."""
        return self._tell("batch", job, run_id or self._run_of(job), at, told)

    def end(self, job: str, run_id: str = "", at: float | str | None = None, outcome: str = "ok", **told: Any) -> Told:
        """The run has ended: outcome `ok`, `failed` or `aborted`."""
        run_id = run_id or self._run_of(job)
        self.forget(job)
        return self._tell("end", job, run_id, at, dict(told, outcome=outcome))

    def flush(self) -> str:
        """Send what is kept on disk, oldest first. Why that stopped, or nothing when all of it is delivered."""
        try:
            return self.deliver()[1]
        except Exception as error:  # the user's script must not notice
            return _words(error)

    def _tell(self, phase: str, job: str, run_id: str, at: float | str | None, told: dict[str, Any]) -> Told:
        try:
            return self._deliver_one(run_id, marker_body(phase, job, run_id, at, told))
        except Exception as error:  # the user's script must not notice
            return Told(run_id, LOST, _words(error))

    def _deliver_one(self, run_id: str, body: bytes) -> Told:
        """First to the disk, so that order and marker survive whatever comes, then from there to the monitor."""
        try:
            name = self.keep(body)
        except OSError as error:
            status, why = self.post(body)
            return Told(run_id, SENT, "") if status in (200, 201) else Told(run_id, LOST, f"{why}; {_words(error)}")
        states, why = self.deliver()
        state, about = states.get(name, (SPOOLED, why))
        return Told(run_id, state, about)

    def keep(self, body: bytes) -> str:
        """Write a marker to the spool, whole or not at all. Its name sorts by time. Raises OSError."""
        self._directory()
        if len(self._waiting()) >= SPOOL_LIMIT:
            raise OSError(f"{self._spool} holds {SPOOL_LIMIT} unsent markers")
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers):06d}.json"
        unfinished = self._spool / f"{name}.tmp"
        unfinished.write_bytes(body)
        unfinished.replace(self._spool / name)
        return name

    def _directory(self, inside: str = "") -> Path:
        """The spool, or a directory inside it, made where it is not there yet."""
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._spool / inside).mkdir(mode=0o700, exist_ok=True)
        return self._spool / inside

    def _waiting(self) -> list[Path]:
        return sorted(self._spool.glob("*.json")) if self._spool.is_dir() else []

    def deliver(self) -> tuple[dict[str, tuple[str, str]], str]:
        """Send what is kept. What became of each marker that was tried to its end, and why the rest still waits."""
        states: dict[str, tuple[str, str]] = {}
        until = time.monotonic() + FLUSH_S
        for path, body in self._bodies():
            if time.monotonic() > until:
                return states, "many markers are waiting; the next call goes on"
            status, why = self.post(body)
            if status in (200, 201):
                states[path.name] = (SENT, "")
                _remove(path)
            elif status in REFUSED:
                states[path.name] = (REJECTED, why)
                _move(path, self._directory("rejected") / path.name)
            else:
                return states, why
        return states, ""

    def _bodies(self) -> Iterator[tuple[Path, bytes]]:
        for path in self._waiting():
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:  # another process has just sent it
                continue

    def post(self, body: bytes) -> tuple[int | None, str]:
        """One marker to the monitor: HTTP status, None where there was none, and what went wrong."""
        try:
            request = _request(f"{self.url}/markers", body, self._token)
            with _opener(self.url).open(request, timeout=self._timeout_s) as reply:
                return reply.status, ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, f"HTTP {error.code}: {error.read(2000).decode(errors='replace')}"
        except Exception as error:  # no such host, refused, timed out, not HTTP at all, a bad URL
            return None, _words(error)

    def remember(self, job: str, run_id: str) -> None:
        """Make this the job's run for whoever tells a batch or an end without a run_id."""
        try:
            self._directory("runs")
            self._run_file(job).write_text(run_id, encoding="utf-8")
        except OSError:
            return  # then batch and end need the run_id told

    def _run_of(self, job: str) -> str:
        """The run that was last started for this job: by a parent (`mark run`), by this process, by an earlier one."""
        if run_id_given(job):
            return run_id_given(job)
        try:
            return self._run_file(job).read_text(encoding="utf-8")
        except OSError:
            run_id = new_run_id()
            self.remember(job, run_id)
            return run_id

    def forget(self, job: str) -> None:
        """An end without a start must not stretch last week's run to today."""
        try:
            _remove(self._run_file(job))
        except OSError:
            return

    def _run_file(self, job: str) -> Path:
        return self._spool / "runs" / hashlib.sha256(str(job).encode(errors="replace")).hexdigest()[:16]


# A whole run, around the user's own code


def publish_run(job: str, instrument: bool = False, **options: Any) -> PublishRun:
    """A context manager that tells start and end of a run, and counts its HTTP calls where `instrument` says so.

    options: run_id, url, token, spool; strategy, batch_size, pause (between batches), agents; anything else becomes an
    attribute of the start marker. The outcome is `ok`, `failed` after an exception or a non-zero exit, `aborted` after
    Ctrl-C, SIGTERM, SIGHUP or a cancelled task. Exceptions pass through as they are.
    """
    return PublishRun(job, instrument, options)


class PublishRun:
    """One run of a publish job. job, run_id: under which the monitor knows it."""

    def __init__(self, job: str, instrument: bool, options: dict[str, Any]) -> None:
        self.job = _printable(job, NAME_LENGTH) or "publish"
        given = {name: _text(options.pop(name, "")) for name in ("url", "token", "spool", "run_id")}
        self.run_id = _printable(given["run_id"], NAME_LENGTH) or run_id_given(self.job) or new_run_id()
        self._told = options
        self._client = MarkerClient(given["url"], given["token"], given["spool"])
        self._courier = _Courier(self._client)
        self._calls = _Calls() if instrument else None
        self._process = os.getpid()
        self._batch_began_s = time.monotonic()

    def __enter__(self) -> PublishRun:
        try:
            self._begin(time.time())
        except BaseException as error:  # Ctrl-C while it begins: the block is not entered, so that nobody leaves it
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _begin(self, at: float) -> None:
        self._batch_began_s = time.monotonic()
        _quietly(_SIGNALS.watch, id(self))
        _quietly(self._client.remember, self.job, self.run_id)
        _quietly(self._tell, "start", at, self._told, {})
        if self._calls is not None:
            _quietly(_TAP.listen, self._calls)

    def batch(self, agents: Any = None, outcome: str = "ok", **told: Any) -> None:
        """A batch is done. agents: how many it had, or they themselves; told: more, which becomes attributes.

        The marker says how many seconds, calls, statuses and waits there were since the batch before, or the start.
        """
        _quietly(self._batch, time.time(), dict(told, batch_size=agents, outcome=outcome))

    def _batch(self, at: float, told: dict[str, Any]) -> None:
        now_s = time.monotonic()
        seconds, self._batch_began_s = now_s - self._batch_began_s, now_s
        counted = self._calls.batch() if self._calls is not None else {}
        self._tell("batch", at, told, dict(counted, seconds=_seconds(seconds)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        at = time.time()
        if os.getpid() != self._process:  # a fork of the script has left the block: the run is not its own
            return
        try:
            self._end(at, error)
        except (KeyboardInterrupt, SystemExit):  # while the marker was being written; the same twice is stored once
            self._end(at, error)
            raise
        self._courier.leave(LEAVE_S, self.job)

    def _end(self, at: float, error: BaseException | None) -> None:
        if self._calls is not None:
            _quietly(_TAP.leave, self._calls)
        counted = self._calls.total() if self._calls is not None else {}
        if error is not None:
            counted["error"] = type(error).__name__  # its words may hold anything
        _quietly(self._tell, "end", at, {"outcome": outcome_of(error)}, counted)
        _quietly(self._client.forget, self.job)
        _quietly(_SIGNALS.release, id(self))

    def _tell(self, phase: str, at: float, told: dict[str, Any], counted: dict[str, str]) -> None:
        """What is counted goes first, so that the limit on attributes never costs a figure."""
        fields, attributes = _told_apart(told)
        fields["attributes"] = dict(itertools.islice({**counted, **attributes, **counted}.items(), MOST_ATTRIBUTES))
        self._courier.hand(marker_body(phase, self.job, self.run_id, at, fields))


def outcome_of(error: BaseException | None) -> str:
    """How a run has ended that an exception, or none, has left."""
    if isinstance(error, SystemExit):
        code = 0 if error.code is None else error.code
        if isinstance(code, int) and code > 128:  # as a shell tells of a signal
            return "aborted"
        return "ok" if code == 0 else "failed"
    if error is None:
        return "ok"
    return "failed" if isinstance(error, Exception) else "aborted"


class _Courier:
    """Delivers a run's markers from the spool in the background: a monitor that is away costs the script nothing."""

    def __init__(self, client: MarkerClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._unkept: list[bytes] = []  # the disk would not take them
        self._wanted = self._busy = self._refused = False
        self._why = ""
        self._idle = threading.Event()
        self._idle.set()

    def hand(self, body: bytes) -> None:
        """Keep a marker on disk, and see that it is sent."""
        unkept = []
        try:
            self._client.keep(body)
        except OSError:
            unkept = [body]
        with self._lock:
            self._unkept += unkept
            self._wanted = True
            if self._busy:
                return
            self._busy = True
            self._idle.clear()
        try:
            threading.Thread(target=self._work, name="softphone-markers", daemon=True).start()
        except RuntimeError:  # no thread to be had, as at the very end of a process: a later run sends it
            with self._lock:
                self._busy = False
            self._idle.set()

    def leave(self, seconds: float, job: str) -> None:
        """Wait a little for what is under way; say in one line what has not arrived."""
        if not self._idle.wait(seconds):
            self._why = "no answer yet"
        if self._why:
            LOG.warning("markers of %s are kept on disk and sent later: %s", job, " ".join(self._why.split()))

    def _work(self) -> None:
        while self._more():
            try:
                self._send()
            except Exception as error:  # nobody is there to hear it
                self._why = _words(error)

    def _more(self) -> bool:
        with self._lock:
            more, self._wanted = self._wanted, False
            if not more:
                self._busy = False
                self._idle.set()
            return more

    def _send(self) -> None:
        states, self._why = self._client.deliver()
        with self._lock:
            unkept, self._unkept = self._unkept, []
        for body in unkept:
            status, why = self._client.post(body)
            if status not in (200, 201):
                LOG.warning("a marker is lost: %s", " ".join(why.split()))
        refusals = [why for state, why in states.values() if state == REJECTED]
        if refusals and not self._refused:
            self._refused = True
            LOG.warning("the monitor refuses a marker: %s", " ".join(refusals[0].split()))


# Signals: a script that is told to end still tells its end


class _Signals:
    """Has SIGTERM and SIGHUP end the script by SystemExit while runs are open, where they would kill it silently."""

    def __init__(self) -> None:
        self._runs: set[int] = set()
        self._lock = threading.RLock()

    def watch(self, run: int) -> None:
        """A run has begun. What the script itself handles or ignores stays as it is."""
        with self._lock:
            self._runs.add(run)
            self._swap(signal.SIG_DFL, self._end)

    def release(self, run: int) -> None:
        """A run is over; after the last one everything is as it was."""
        with self._lock:
            self._runs.discard(run)
            if not self._runs:
                self._swap(self._end, signal.SIG_DFL)

    def _swap(self, old: Any, new: Any) -> None:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python lets nobody handle signals
            for number in (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)):
                if signal.getsignal(number) == old:
                    signal.signal(number, new)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self._runs:  # the last one has ended in another thread
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise SystemExit(128 + number)


_SIGNALS = _Signals()


# Counting


class _Tally:
    """Calls, statuses, waits and operations of one stretch of time."""

    def __init__(self) -> None:
        self.calls = 0
        self.waited_s = 0.0
        self.statuses: dict[str, int] = {}
        self.operations: dict[str, list[float]] = {}  # calls, seconds of the answered ones

    def add(self, operation: str, status: str, seconds: float | None) -> None:
        self.calls += 1
        status = _admitted(self.statuses, status, MOST_STATUSES)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        figures = self.operations.setdefault(_admitted(self.operations, operation, MOST_OPERATIONS), [0, 0.0])
        figures[0] += 1
        figures[1] += seconds or 0.0

    def attributes(self, with_operations: bool) -> dict[str, str]:
        """As a marker carries them."""
        told = {"calls": str(self.calls), "retry_after_seconds": _seconds(self.waited_s)}
        told.update((f"status_{status}", str(count)) for status, count in sorted(self.statuses.items()))
        for name, (calls, seconds) in sorted(self.operations.items()) if with_operations else ():
            told[f"operation_{name}_calls"] = str(int(calls))
            told[f"operation_{name}_seconds"] = _seconds(seconds)
        return told


class _Calls:
    """A run's calls, in all and since its last batch; told of from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total, self._since = _Tally(), _Tally()

    def add(self, operation: str, status: str, seconds: float | None) -> None:
        """One attempt: its status, or why there was none; seconds where it was answered."""
        with self._lock:
            self._total.add(operation, status, seconds)
            self._since.add(operation, status, seconds)

    def waited(self, seconds: float) -> None:
        """Somebody waited as a Retry-After had asked."""
        with self._lock:
            self._total.waited_s += seconds
            self._since.waited_s += seconds

    def batch(self) -> dict[str, str]:
        """What happened since the last call of this."""
        with self._lock:
            since, self._since = self._since, _Tally()
        return since.attributes(with_operations=False)

    def total(self) -> dict[str, str]:
        """What happened in all."""
        with self._lock:
            return self._total.attributes(with_operations=True)


def _admitted(known: dict[str, Any], name: str, most: int) -> str:
    return name if name in known or len(known) < most else OTHER


_SCHEDULES = r"workforcemanagement/businessunits/[^/]+/weeks/[^/]+/schedules"
_OF_API = (  # the operations that publish scripts are made of, named as the monitor names its own; the first that fits
    ("schedule_upload_url", rf"POST {_SCHEDULES}/.+/uploadurl"),
    ("schedule_update", rf"POST {_SCHEDULES}/[^/]+/update"),
    ("agent_schedules", rf"POST {_SCHEDULES}/[^/]+/agentschedules/query"),
    ("schedules", rf"GET {_SCHEDULES}(/[^/]+)?"),
    ("presence_bulk", r"(PUT users/presences|GET users/presences/[^/]+)/bulk"),
    ("presence", r"\w+ users/[^/]+/presences(/[^/]+)?"),
    ("routing_status", r"\w+ users/[^/]+/routingstatus"),
    ("routing_status_bulk", r"POST events/users/routingstatus"),
    ("organizations_me", r"GET organizations/me"),
    ("limits", r"GET organizations/limits(/.*)?"),
    ("users_me", r"GET users/me"),
    ("stations", r"GET stations/[^/]+"),
    ("channel_create", r"POST notifications/channels"),
    ("channel_verify", r"HEAD notifications/channels/[^/]+"),
    ("subscriptions", r"\w+ notifications/channels/[^/]+/subscriptions"),
    ("audits", r"\w+ audits(/.*)?"),
)
_OPERATIONS = [(name, re.compile(pattern)) for name, pattern in _OF_API]
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")  # a segment of a path template; anything else is somebody's id


def operation_name(method: str, path: str) -> str:
    """What a call is for, from its method and its path without the query: ids do not show.

    A name of the list above, else method and path template as in `get_users_queues`. Outside the API: `token` for the
    login, `schedule_upload` for a PUT (the signed storage address), else `other`.
    """
    method = method.upper()
    _, api, call = path.partition("/api/v2/")
    if not api:
        login = method == "POST" and path.endswith("/oauth/token")
        return "token" if login else "schedule_upload" if method == "PUT" else OTHER
    for name, pattern in _OPERATIONS:
        if pattern.fullmatch(f"{method} {call.rstrip('/')}"):
            return name
    words = [segment.replace("-", "_") for segment in call.split("/") if _WORD.fullmatch(segment)]
    return re.sub(r"[^a-z_]", "", "_".join([method, *words]).lower())[:60] or OTHER


# Instrumentation: every attempt that goes over the wire, where the libraries hand it to their connection

_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("softphone_markers_inside", default=False)
_asked: contextvars.ContextVar[tuple[float, float] | None] = contextvars.ContextVar(
    "softphone_markers_asked", default=None
)  # when an answer with Retry-After came, and the seconds it asked for; per thread and per asyncio task


class _Tap:
    """Who listens to the calls of this process, and what is patched for it."""

    def __init__(self) -> None:
        self.listeners: tuple[_Calls, ...] = ()
        self._patched: list[tuple[type, str, Any, Any]] = []  # class, attribute, what it was, what it is
        self._lock = threading.RLock()

    def listen(self, calls: _Calls) -> None:
        """Count from now on, in these too. The first listener patches the libraries that this Python has."""
        found = [(_class_of(module, name), attribute, wrap) for module, name, attribute, wrap in _targets()]
        with self._lock:
            self.listeners = (*self.listeners, calls)
            for owner, attribute, wrap in found:
                original = getattr(owner, attribute, None)
                if original is not None and not any((owner, attribute) == one[:2] for one in self._patched):
                    replacement = wrap(original)
                    setattr(owner, attribute, replacement)
                    self._patched.append((owner, attribute, original, replacement))

    def leave(self, calls: _Calls) -> None:
        """Count in these no more. After the last listener the libraries are as they were.

        Where somebody else has patched on top of us meanwhile, our part stays and passes calls on.
        """
        with self._lock:
            self.listeners = tuple(one for one in self.listeners if one is not calls)
            while self._patched and not self.listeners:
                owner, attribute, original, replacement = self._patched.pop()
                if getattr(owner, attribute, None) is replacement:
                    setattr(owner, attribute, original)


_TAP = _Tap()


def _targets() -> list[tuple[str, str, str, Callable[[Any], Any]]]:
    """requests and the Genesys Cloud SDK both call through urllib3."""
    return [
        ("urllib3.connectionpool", "HTTPConnectionPool", "_make_request", _around_urllib3),
        ("httpx", "HTTPTransport", "handle_request", _around_httpx),
        ("httpx", "AsyncHTTPTransport", "handle_async_request", _around_async_httpx),
    ]


def _class_of(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except Exception:  # not installed, or broken, or another version's
        return None


def _around_urllib3(original: Any) -> Any:
    @functools.wraps(original)
    def _make_request(self: Any, conn: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = _Attempt.begun(method, url)
        try:
            response = original(self, conn, method, url, *args, **kwargs)
        except BaseException as error:
            attempt.failed(error)
            raise
        attempt.answered(response, "status")
        return response

    return _make_request


def _around_httpx(original: Any) -> Any:
    @functools.wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        attempt = _Attempt.begun(request.method, request.url)
        try:
            response = original(self, request)
        except BaseException as error:
            attempt.failed(error)
            raise
        attempt.answered(response, "status_code")
        return response

    return handle_request


def _around_async_httpx(original: Any) -> Any:
    @functools.wraps(original)
    async def handle_async_request(self: Any, request: Any) -> Any:
        attempt = _Attempt.begun(request.method, request.url)
        try:
            response = await original(self, request)
        except BaseException as error:
            attempt.failed(error)
            raise
        attempt.answered(response, "status_code")
        return response

    return handle_async_request


class _Attempt:
    """One request on the wire, told to every listener there was when it began. None of its methods raises."""

    def __init__(self, listeners: tuple[_Calls, ...], operation: str) -> None:
        self._listeners = listeners
        self._operation = operation
        self._inside = _inside.set(True)  # so that a second patch of ours below a foreign one does not count it again
        self._began_s = time.perf_counter()

    @staticmethod
    def begun(method: Any, url: Any) -> _Attempt | _NoAttempt:
        """The attempt that begins now."""
        try:
            listeners = _TAP.listeners
            if not listeners or _inside.get():
                return _NOBODY_LISTENS
            _count_wait(listeners)
            return _Attempt(listeners, operation_name(str(method), _path(url)))
        except Exception:  # the user's script must not notice
            return _NOBODY_LISTENS

    def answered(self, response: Any, status_attribute: str) -> None:
        """It was answered, whatever the status."""
        ended_s = time.perf_counter()
        try:
            self._leave()
            self._count(_status_text(getattr(response, status_attribute)), ended_s - self._began_s)
            asked_s = retry_after_s(response.headers.get("Retry-After"), time.time())
            if asked_s:
                _asked.set((ended_s, asked_s))
        except Exception as error:
            LOG.debug("a call is not counted: %s", type(error).__name__)

    def failed(self, error: BaseException) -> None:
        """There was no answer."""
        try:
            self._leave()
            self._count("timeout" if "timeout" in type(error).__name__.lower() else "error", None)
        except Exception as trouble:
            LOG.debug("a call is not counted: %s", type(trouble).__name__)

    def _leave(self) -> None:
        try:
            _inside.reset(self._inside)
        except ValueError:  # begun in another context, which nobody does but nothing forbids
            _inside.set(False)

    def _count(self, status: str, seconds: float | None) -> None:
        for calls in self._listeners:
            calls.add(self._operation, status, seconds)


class _NoAttempt:
    """Where nobody listens."""

    def answered(self, response: Any, status_attribute: str) -> None:
        """Nothing to do."""

    def failed(self, error: BaseException) -> None:
        """Nothing to do."""


_NOBODY_LISTENS = _NoAttempt()


def _count_wait(listeners: tuple[_Calls, ...]) -> None:
    """The time since an answer with Retry-After in this thread or task, as far as that had asked for it.

    It covers the sleeps inside urllib3 as well as the script's own.
    """
    asked = _asked.get()
    if asked is not None:
        _asked.set(None)
        for calls in listeners:
            calls.waited(min(asked[1], time.perf_counter() - asked[0]))


def retry_after_s(value: str | None, now_wall_s: float) -> float:
    """The seconds that a Retry-After header asks for, as a number or a date; 0 where it asks for none."""
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now_wall_s
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return seconds if math.isfinite(seconds) and 0 < seconds <= LONGEST_WAIT_S else 0.0


def _path(url: Any) -> str:
    """The path of a URL, of a path with its query, or of an httpx.URL."""
    path = getattr(url, "path", None)
    return path if isinstance(path, str) else urllib.parse.urlsplit(str(url)).path


def _status_text(status: Any) -> str:
    return str(status) if isinstance(status, int) and 100 <= status <= 599 else OTHER


# Small things


def marker_body(phase: str, job: str, run_id: str, at: float | str | None, told: dict[str, Any]) -> bytes:
    """The body of POST /markers; what is None or empty is not told. Raises for what is no JSON."""
    moment = at if isinstance(at, str) else _rfc3339(time.time() if at is None else at)
    marker = {"job": job, "run_id": run_id, "phase": phase, "time": moment}
    marker.update((name, value) for name, value in told.items() if value not in (None, {}))
    return json.dumps(marker).encode()


def _told_apart(told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Fields and attributes of a marker, in a form that the monitor cannot refuse."""
    given = {name: value for name, value in told.items() if value is not None}
    more = given.pop("attributes", {})
    fields = {name: given.pop(name) for name in ("outcome", *FIELDS) if name in given}
    for name in ("strategy", "found_by"):
        fields[name] = _printable(fields.get(name, ""), NAME_LENGTH) or None
    for name in ("batch_size", "agents"):
        fields[name] = _how_many(fields.get(name))
    if fields.get("outcome") not in ("ok", "failed", "aborted"):
        fields.pop("outcome", None)
    attributes = {**given, **(more if isinstance(more, dict) else {})}
    kept = {_printable(name, NAME_LENGTH): _printable(value, ATTRIBUTE_LENGTH) for name, value in attributes.items()}
    kept.pop("", None)
    return fields, kept


def _how_many(value: Any) -> int | None:
    """A number of agents, or the length of a list of them; None where it is neither."""
    if not isinstance(value, (int, float, str)) and hasattr(value, "__len__"):
        value = len(value)
    return value if type(value) is int and 0 <= value <= MOST_COUNT else None


def _printable(value: Any, length: int) -> str:
    return "".join(c if c.isprintable() else " " for c in _text(value)[:length]).strip()


def _text(value: Any) -> str:
    try:
        return "" if value is None else str(value)
    except Exception:  # an object of the script's that cannot say what it is
        return type(value).__name__


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _quietly(do: Callable[..., Any], *args: Any) -> None:
    """The user's script must not notice."""
    try:
        do(*args)
    except Exception as error:
        LOG.warning("marker trouble: %s", _words(error))


def _directory_named(name: str | Path) -> Path:
    """A user without a home, as in many containers, gets a directory under the system's temporary one instead."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        owner = os.getuid() if hasattr(os, "getuid") else "user"
        return Path(tempfile.gettempdir()) / f"softphone-monitor-{owner}"


def run_id_given(job: str) -> str:
    """The run that a parent process (`mark run`) has already started for this job, or nothing."""
    return os.environ.get("MONITOR_RUN_ID", "") if os.environ.get("MONITOR_JOB") == job else ""


def new_run_id() -> str:
    """An id for a run that has none of its own: its start in UTC and something random."""
    return time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + uuid.uuid4().hex[:6]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere, and turn the POST into a GET."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """A proxy from the environment is for the network, not for this machine."""
    local = urllib.parse.urlsplit(url).hostname in LOOPBACK
    proxies = urllib.request.ProxyHandler({}) if local else urllib.request.ProxyHandler()
    return urllib.request.build_opener(proxies, _NoRedirect)


def _request(url: str, body: bytes, token: str) -> urllib.request.Request:
    if not url.startswith(("http://", "https://")) or "@" in urllib.parse.urlsplit(url).netloc:
        raise ValueError("the monitor's address is not http or https, or holds a password: that goes to MONITOR_TOKEN")
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above


def _rfc3339(seconds: float) -> str:
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{micro:06d}Z"


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:  # another process has just sent it too
        return


def _move(path: Path, where: Path) -> None:
    try:
        path.replace(where)
    except FileNotFoundError:  # another process has just set it aside too
        return


def _words(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason if reason is not None else error) or type(error).__name__
