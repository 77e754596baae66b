"""The HTTP API that Prometheus, VictoriaMetrics, Mimir and Thanos share: raw samples, and one clear line of trouble."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from monitor.config.secrets import SecretMissing, SecretRef, resolve
from monitor.config.values import is_loopback_url
from monitor.facts.evidence import Floats

if TYPE_CHECKING:
    import httpx

TOKEN_ENV: Final = "PROMETHEUS_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE_ENV: Final = "PROMETHEUS_TOKEN_FILE"  # noqa: S105 - and of another
TIMEOUT_S: Final = 60.0
LARGEST_BYTES: Final = 64 * 1024 * 1024  # of one answer
WORDS_SHOWN: Final = 200  # characters of the server's own words
WANTED: Final = (
    "a valid bearer token is needed in the environment variable "
    f"{TOKEN_ENV}, or in the file that {TOKEN_FILE_ENV} names"
)
WITHHELD: Final = "the bearer token is not sent over http: to another machine; give an https: address"

Labels = Mapping[str, str]

log = logging.getLogger(__name__)


class PrometheusError(Exception):
    """The server gives no data. The message is one line for the user: which server, what is wrong."""


def token_from(env: Mapping[str, str]) -> str:
    """The bearer token, empty where none is asked for. Raises PrometheusError where a named one cannot be read."""
    if not env.get(TOKEN_ENV) and env.get(TOKEN_FILE_ENV):
        try:
            return resolve(SecretRef(file=env[TOKEN_FILE_ENV]))
        except SecretMissing as error:
            raise PrometheusError(f"{TOKEN_FILE_ENV}: {error}") from None
    return env.get(TOKEN_ENV, "").strip()


class PrometheusApi:
    """Instant queries to one server. A context manager; every question raises PrometheusError."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """url: up to and without /api/v1. token: None takes it from the environment.

        Nobody but this machine is sent a token without TLS: everybody on the way could read it.
        """
        import httpx

        self.shown = _shown(url)
        secret = token_from(os.environ) if token is None else token
        self._withheld = bool(secret) and not _is_private(url)
        headers = {"Authorization": f"Bearer {secret}"} if secret and not self._withheld else {}
        self._told_withheld = False
        self._timeout_s = timeout_s
        try:
            # Without TLS no certificates are read, which would take longer than many an answer.
            self._http = httpx.Client(headers=headers, timeout=timeout_s, verify=url.lower().startswith("https:"))
        except ValueError:
            raise PrometheusError("the bearer token has characters that no HTTP header can carry") from None
        self._query_url = url.rstrip("/") + "/api/v1/query"

    def __enter__(self) -> PrometheusApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def vector(self, promql: str, at_s: float) -> list[tuple[Labels, float]]:
        """The value of every series of an instant vector at that moment."""
        try:
            return [(one["metric"], float(one["value"][1])) for one in self._result(promql, at_s, "vector")]
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._no_answer() from None

    def matrix(self, promql: str, at_s: float) -> Iterator[tuple[Labels, Floats, Floats]]:
        """Raw samples of every series of a range selector that ends at that moment: times, values, in order of time."""
        for one in self._result(promql, at_s, "matrix"):
            try:
                rows = np.array(one["values"], dtype=np.float64)
                labels = dict(one["metric"])
            except (KeyError, TypeError, ValueError):
                raise self._no_answer() from None
            if rows.ndim != 2 or rows.shape[1] != 2:
                raise self._no_answer()
            yield labels, rows[:, 0], rows[:, 1]

    def _result(self, promql: str, at_s: float, kind: str) -> list[Any]:
        status, content_type, body = self._ask({"query": promql, "time": f"{at_s:.3f}"})
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        refused = status in (401, 403)
        if isinstance(answer, dict) and answer.get("status") == "error" and not (refused and self._withheld):
            words = " ".join(f"{answer.get('errorType', 'error')}: {answer.get('error', '')}".split())
            raise PrometheusError(f"{self.shown}: {words[:WORDS_SHOWN]}")
        if refused:
            raise PrometheusError(f"{self.shown}: refuses access ({status}): {WITHHELD if self._withheld else WANTED}")
        if status != 200 or not isinstance(answer, dict):
            raise self._no_answer(f"{status} with {content_type or 'no content type'}")
        data = answer.get("data")
        if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data.get("result"), list):
            raise self._no_answer()
        self._tell_withheld()
        result: list[Any] = data["result"]
        return result

    def _tell_withheld(self) -> None:
        """Once, of a server that answers without the token, too."""
        if self._withheld and not self._told_withheld:
            self._told_withheld = True
            log.warning("%s: %s", self.shown, WITHHELD)

    def _ask(self, form: dict[str, str]) -> tuple[int, str, bytes]:
        import httpx

        try:
            with self._http.stream("POST", self._query_url, data=form) as reply:
                return reply.status_code, reply.headers.get("content-type", ""), self._read(reply)
        except httpx.TimeoutException:
            raise PrometheusError(f"{self.shown}: did not answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            words = " ".join(str(error).split())[:WORDS_SHOWN] or type(error).__name__
            raise PrometheusError(f"{self.shown}: cannot be reached: {words}") from None

    def _read(self, reply: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in reply.iter_bytes():
            size += len(part)
            if size > LARGEST_BYTES:
                raise PrometheusError(
                    f"{self.shown}: too much data: one answer is longer than {LARGEST_BYTES >> 20} MB; "
                    "choose a shorter period with --since and --until"
                )
            parts.append(part)
        return b"".join(parts)

    def _no_answer(self, what: str = "something else") -> PrometheusError:
        return PrometheusError(
            f"{self.shown}: answered {what}, not as the Prometheus HTTP API does: the address up to /api/v1 is needed"
        )


def _is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    return url.lower().startswith("https:") or is_loopback_url(url)


def _shown(url: str) -> str:
    """The address without user and password. Raises PrometheusError for what is no http or https address."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise PrometheusError("the Prometheus address is no URL: http://HOST:PORT is needed") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PrometheusError("the Prometheus address is no http or https URL: http://HOST:PORT is needed")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit((parts.scheme, host + port, parts.path.rstrip("/"), "", ""))
