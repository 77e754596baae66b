"""Who may ask: what a foreign web page cannot do, and what nobody can without the token."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from exporter_bench import OPEN, START, Bench, exporter, make_bench
from starlette.datastructures import URL
from starlette.requests import Request

from monitor.web.exporter import create_app


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An exporter on loopback."""
    async with exporter(tmp_path) as one:
        yield one


async def test_a_foreign_name_for_a_loopback_address_is_refused(bench: Bench) -> None:
    own = ("localhost", "127.0.0.1:9464", "[::1]:9464", "LOCALHOST:1")
    foreign = ("evil.example", "127.0.0.1.evil.example", "localhost.", "evil@localhost.example", "", "[")
    for host in own + foreign:
        reply = await bench.http.get("/-/healthy", headers={"Host": host})
        assert (host, reply.status_code) == (host, 200 if host in own else 403)


async def test_every_loopback_address_may_be_called_by_its_own_name(tmp_path: Path) -> None:
    async with exporter(tmp_path, host="127.0.0.2") as bench:
        for host, status in (("127.0.0.2:9464", 200), ("localhost", 200), ("127.0.0.3", 403)):
            assert (await bench.http.get("/-/healthy", headers={"Host": host})).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000", "Host": "localhost:9464"}, 403),
        ({"Origin": "http://localhost:9464", "Host": "localhost:9464"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
async def test_a_page_of_another_origin_cannot_post(bench: Bench, headers: dict[str, str], status: int) -> None:
    reply = await bench.http.post("/markers", json=START, headers=headers)
    assert reply.status_code == status
    assert len(bench.journal.markers()) == (status == 201)


async def test_a_page_of_another_origin_cannot_start_a_probe_but_may_link_to_the_index(bench: Bench) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await bench.http.get("/probe", params={"target": "api-1"}, headers=foreign)).status_code == 403
    assert bench.asked == []
    assert (await bench.http.get("/", headers=foreign)).status_code == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/markers", "text/plain"),
        ("/markers", "application/x-www-form-urlencoded"),
        ("/markers", "multipart/form-data; boundary=x"),
        ("/markers", None),
        ("/-/reload", "text/plain"),
    ],
)
async def test_writes_are_json_only(bench: Bench, path: str, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    reply = await bench.http.post(path, content=json.dumps(START), headers=headers)
    assert reply.status_code == 415
    assert bench.journal.markers() == []


async def test_json_with_a_charset_is_json(bench: Bench) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await bench.http.post("/markers", content=json.dumps(START), headers=headers)).status_code == 201


async def test_off_loopback_everything_wants_the_token(tmp_path: Path) -> None:
    paths = ("/", "/metrics", "/markers", "/probe?target=api-1", "/-/ready", "/nothing")
    wrong = (None, "Bearer wrong", "Bearer", "Basic s3cret", "s3cret", "Bearer s3cret é")
    async with exporter(tmp_path, **OPEN) as bench:
        for path, authorization in itertools.product(paths, wrong):
            headers = [] if authorization is None else [(b"Authorization", authorization.encode())]
            reply = await bench.http.get(path, headers=headers)
            assert (reply.status_code, path, authorization) == (401, path, authorization)
            assert reply.headers["www-authenticate"] == "Bearer"
            assert "s3cret" not in reply.text


async def test_off_loopback_the_token_opens(tmp_path: Path) -> None:
    async with exporter(tmp_path, **OPEN) as bench:
        bearer = {"Authorization": "Bearer s3cret", "Host": "monitor.example:9464"}
        assert (await bench.http.get("/metrics", headers=bearer)).status_code == 200
        assert (await bench.http.post("/markers", json=START, headers=bearer)).status_code == 201
        assert (await bench.http.post("/markers", json=START)).status_code == 401
        assert (await bench.http.get("/-/healthy")).status_code == 200
        foreign = {**bearer, "Origin": "http://evil.example"}
        assert (await bench.http.post("/markers", json=START, headers=foreign)).status_code == 403


async def test_what_host_says_of_a_path_opens_nothing(tmp_path: Path) -> None:
    async with exporter(tmp_path, **OPEN) as bench:
        for host in ("x/-/healthy?", "x/static/", "x/login?", "/static/"):
            for path in ("/metrics", "/"):
                assert (await bench.http.get(path, headers={"Host": host})).status_code in (400, 401)
            assert (await bench.http.post("/markers", json=START, headers={"Host": host})).status_code in (400, 401)
        assert bench.journal.markers() == []


@pytest.mark.parametrize("url", ["http://x/-/healthy?/metrics", "http://x/static/metrics"])
async def test_nor_does_it_where_starlette_believes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(Request, "url", URL(url))  # as 1.0.0 builds it of such a Host
    async with exporter(tmp_path, **OPEN) as bench:
        assert (await bench.http.get("/metrics")).status_code == 401
    monkeypatch.setattr(Request, "url", URL("http://x/"))
    async with exporter(tmp_path, **OPEN) as bench:
        foreign = {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer s3cret"}
        assert (await bench.http.get("/metrics", headers=foreign)).status_code == 403
        form = await bench.http.get("/metrics", headers={"Accept": "text/html"})
        assert form.headers["content-type"] == "application/json"


@pytest.mark.parametrize("token", [None, ""])
async def test_off_loopback_without_a_token_is_refused_at_once(tmp_path: Path, token: str | None) -> None:
    bench = make_bench(tmp_path)
    with pytest.raises(ValueError, match="needs a token"):
        create_app(bench.context(host="0.0.0.0", token=token))
    await bench.journal.close()
