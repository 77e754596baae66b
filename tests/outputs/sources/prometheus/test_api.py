"""One clear line for everything that may be wrong with a Prometheus server, and the bearer token nowhere in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ports import free_port

from monitor.outputs.sources.prometheus import api as prometheus_api
from monitor.outputs.sources.prometheus.api import TOKEN_ENV, TOKEN_FILE_ENV, PrometheusApi, PrometheusError, token_from
from tests.promql_stub import Answer, serving

JSON = "application/json"
SECRET = "s3cret-token"


def refused(status: int, content_type: str, body: bytes) -> str:
    """What is said of a server that answers so."""

    def answer(promql: str, at_s: float) -> Answer:
        return status, content_type, body

    with serving(answer) as url, PrometheusApi(url, SECRET) as api:
        with pytest.raises(PrometheusError) as error:
            api.vector("up", 0.0)
        text = str(error.value)
        assert text.startswith(url)
    assert "\n" not in text
    assert SECRET not in text
    return text


def success(data: object) -> bytes:
    return json.dumps({"status": "success", "data": data}).encode()


NOTHING = success({"resultType": "vector", "result": []})


@pytest.mark.parametrize(
    ("status", "content_type", "body", "words"),
    [
        (401, "text/plain", b"no", "refuses access (401): a valid bearer token is needed in"),
        (403, JSON, b"{}", "refuses access (403)"),
        (200, "text/html", b"<html>log in</html>", "answered 200 with text/html, not as the Prometheus HTTP API"),
        (404, "text/plain", b"404 page not found", "answered 404 with text/plain"),
        (502, "", b"", "answered 502 with no content type"),
        (422, JSON, b'{"status":"error","errorType":"execution","error":"too\\nmany"}', ": execution: too many"),
        (200, JSON, b'{"status":"success"}', "the address up to /api/v1 is needed"),
        (200, JSON, success({"resultType": "matrix", "result": []}), "the address up to /api/v1 is needed"),
        (200, JSON, success({"resultType": "vector", "result": [{"metric": {}}]}), "answered something else"),
        (200, JSON, success({"resultType": "vector", "result": [3]}), "answered something else"),
        (200, JSON, b"[" * 100_000, "answered 200"),
    ],
)
def test_what_is_no_answer_is_one_clear_line(status: int, content_type: str, body: bytes, words: str) -> None:
    assert words in refused(status, content_type, body)


def test_too_much_data_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_api, "LARGEST_BYTES", 1 << 20)
    assert "too much data: one answer is longer than 1 MB; choose a shorter period" in refused(200, JSON, b" " * 2**21)


def test_samples_that_are_no_numbers_are_refused() -> None:
    def answer(promql: str, at_s: float) -> Answer:
        return 200, JSON, success({"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]})

    with serving(answer) as url, PrometheusApi(url, "") as api, pytest.raises(PrometheusError, match="something else"):
        list(api.matrix("up[1m]", 0.0))


def test_nobody_there_is_one_clear_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with PrometheusApi(url, "") as api, pytest.raises(PrometheusError, match="cannot be reached"):
        api.vector("up", 0.0)


@pytest.mark.parametrize("url", ["localhost:9090", "ftp://host", "http://", "http://host:port", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(PrometheusError, match="http://HOST:PORT is needed"):
        PrometheusApi(url, "")


def test_a_password_in_the_address_is_never_shown() -> None:
    assert PrometheusApi("http://me:hidden@[::1]:9090/prom/", "").shown == "http://[::1]:9090/prom"


def test_the_token_is_sent_as_bearer() -> None:
    seen: list[dict[str, str]] = []
    with serving(lambda promql, at_s: (200, JSON, NOTHING), seen) as url, PrometheusApi(url, SECRET) as api:
        assert api.vector("up", 0.0) == []
    assert seen[0]["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("url", ["http://prometheus.example:9090", "http://127.0.0.1.evil.example", "http://192.0.2.9"])
@pytest.mark.parametrize("status", [200, 401])
def test_the_token_is_not_sent_in_clear_text_to_another_machine(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str, status: int
) -> None:
    seen: list[dict[str, str]] = []
    answer = (status, JSON, b'{"status":"error"}' if status == 401 else NOTHING)
    monkeypatch.setenv(TOKEN_ENV, SECRET)
    with serving(lambda promql, at_s: answer, seen) as here, PrometheusApi(url) as api:
        api._query_url = f"{here}/api/v1/query"  # a name that leads here
        told = ""
        try:
            assert api.vector("up", 0.0) == api.vector("up", 0.0) == []
        except PrometheusError as error:
            told = str(error)
    assert [headers.get("authorization") for headers in seen] == [None] * len(seen)
    assert seen
    (line,) = [told] if told else [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{url}: ")
    assert line.endswith("the bearer token is not sent over http: to another machine; give an https: address")
    assert SECRET not in line


def test_over_tls_the_token_is_sent_to_anybody() -> None:
    with PrometheusApi("https://prometheus.example", SECRET) as api:
        assert api._http.headers["authorization"] == f"Bearer {SECRET}"


def test_the_token_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    assert token_from({}) == ""
    assert token_from({TOKEN_ENV: "other", TOKEN_FILE_ENV: str(file)}) == "other"
    assert token_from({TOKEN_FILE_ENV: str(file)}) == SECRET
    with pytest.raises(PrometheusError, match=f"{TOKEN_FILE_ENV}: file .* cannot be read"):
        token_from({TOKEN_FILE_ENV: str(tmp_path / "missing")})


def test_a_token_that_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(PrometheusError) as error:
        PrometheusApi("https://host", "tök\nen")
    assert "tök" not in str(error.value)
