"""Tell the monitor when a publish job starts, sends a batch, ends. One file, standard library only, Python 3.8 on.

Copy it beside your own script, or import it from the package:

    client = MarkerClient()                      # MONITOR_URL, MONITOR_TOKEN, or http://127.0.0.1:9464
    run = client.start("weekly").run_id
    client.batch("weekly", run, batch_size=50)
    client.end("weekly", run, outcome="ok")

No call raises, and none waits long: a marker that cannot be delivered now is kept on disk and sent, in order and with
its own time, by a later call.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Iterator, NamedTuple  # noqa: UP035 - Python 3.8

DEFAULT_URL = "http://127.0.0.1:9464"
DEFAULT_SPOOL = "~/.cache/softphone-monitor/spool"
TIMEOUT_S = 2.0  # for one request
FLUSH_S = 5.0  # for everything that one call sends
SPOOL_LIMIT = 10_000  # markers; more than that is not an outage but a mistake
REFUSED = (400, 413, 415, 422)  # the monitor will never take this marker: it is set aside, not tried again
LOOPBACK = ("localhost", "127.0.0.1", "::1")

SENT, SPOOLED, REJECTED, LOST = "sent", "spooled", "rejected", "lost"


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
        self._remember(job, run_id)
        return self._tell("start", job, run_id, at, told)

    def batch(self, job: str, run_id: str = "", at: float | str | None = None, **told: Any) -> Told:
        """A batch of the run is done. told: as for `start`, and outcome."""
        return self._tell("batch", job, run_id or self._run_of(job), at, told)

    def end(self, job: str, run_id: str = "", at: float | str | None = None, outcome: str = "ok", **told: Any) -> Told:
        """The run has ended: outcome `ok`, `failed` or `aborted`."""
        run_id = run_id or self._run_of(job)
        self._forget(job)
        return self._tell("end", job, run_id, at, dict(told, outcome=outcome))

    def flush(self) -> str:
        """Send what is kept on disk, oldest first. Why that stopped, or nothing when all of it is delivered."""
        try:
            return self._flush()[1]
        except Exception as error:  # the user's script must not notice
            return _words(error)

    def _tell(self, phase: str, job: str, run_id: str, at: float | str | None, told: dict[str, Any]) -> Told:
        try:
            moment = at if isinstance(at, str) else _rfc3339(time.time() if at is None else at)
            marker = {"job": job, "run_id": run_id, "phase": phase, "time": moment}
            marker.update((name, value) for name, value in told.items() if value not in (None, {}))
            return self._deliver(run_id, json.dumps(marker).encode())
        except Exception as error:  # the user's script must not notice
            return Told(run_id, LOST, _words(error))

    def _deliver(self, run_id: str, body: bytes) -> Told:
        """First to the disk, so that order and marker survive whatever comes, then from there to the monitor."""
        try:
            name = self._keep(body)
        except OSError as error:
            status, why = self._post(body)
            return Told(run_id, SENT, "") if status in (200, 201) else Told(run_id, LOST, f"{why}; {_words(error)}")
        states, why = self._flush()
        state, about = states.get(name, (SPOOLED, why))
        return Told(run_id, state, about)

    def _keep(self, body: bytes) -> str:
        """Write a marker to the spool, whole or not at all. Its name sorts by time."""
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

    def _flush(self) -> tuple[dict[str, tuple[str, str]], str]:
        """What became of each marker that was tried to its end, and why the rest still waits."""
        states: dict[str, tuple[str, str]] = {}
        until = time.monotonic() + FLUSH_S
        for path, body in self._bodies():
            if time.monotonic() > until:
                return states, "many markers are waiting; the next call goes on"
            status, why = self._post(body)
            if status in (200, 201):
                states[path.name] = (SENT, "")
                _remove(path)
            elif status in REFUSED:
                states[path.name] = (REJECTED, why)
                path.replace(self._directory("rejected") / path.name)
            else:
                return states, why
        return states, ""

    def _bodies(self) -> Iterator[tuple[Path, bytes]]:
        for path in self._waiting():
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:  # another process has just sent it
                continue

    def _post(self, body: bytes) -> tuple[int | None, str]:
        """HTTP status, None where there was none, and what went wrong."""
        try:
            request = _request(f"{self.url}/markers", body, self._token)
            with _opener(self.url).open(request, timeout=self._timeout_s) as reply:
                return reply.status, ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, f"HTTP {error.code}: {error.read(2000).decode(errors='replace')}"
        except Exception as error:  # no such host, refused, timed out, not HTTP at all, a bad URL
            return None, _words(error)

    def _remember(self, job: str, run_id: str) -> None:
        try:
            self._directory("runs")
            self._run_file(job).write_text(run_id, encoding="utf-8")
        except OSError:
            return  # then batch and end need the run_id told

    def _run_of(self, job: str) -> str:
        """The run that was last started for this job: by a parent (`mark run`), by this process, by an earlier one."""
        if os.environ.get("MONITOR_JOB") == job and os.environ.get("MONITOR_RUN_ID"):
            return os.environ["MONITOR_RUN_ID"]
        try:
            return self._run_file(job).read_text(encoding="utf-8")
        except OSError:
            run_id = new_run_id()
            self._remember(job, run_id)
            return run_id

    def _forget(self, job: str) -> None:
        """An end without a start must not stretch last week's run to today."""
        try:
            _remove(self._run_file(job))
        except OSError:
            return

    def _run_file(self, job: str) -> Path:
        return self._spool / "runs" / hashlib.sha256(str(job).encode(errors="replace")).hexdigest()[:16]


def _directory_named(name: str | Path) -> Path:
    """A user without a home, as in many containers, gets a directory under the system's temporary one instead."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"softphone-monitor-{os.getuid()}"


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
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is no http or https address")
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


def _words(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason if reason is not None else error) or type(error).__name__
