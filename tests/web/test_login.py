"""The login: a cookie for the token, over real HTTP, and what nobody else gets."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from exporter_bench import OPEN, START, Bench, exporter

from monitor.facts.clock import ManualClock
from monitor.web.api import FILES
from monitor.web.login import COOKIE, LASTS_S, Passes

LOGIN_FORM = (FILES / "login.html").read_text()
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def log_in(bench: Bench, token: object = "s3cret") -> httpx.Response:
    body = json.dumps({"token": token})  # httpx itself would not send half a character
    return await bench.http.post("/login", content=body, headers={"Content-Type": "application/json"})


def passes_after(seconds: float, token: str = "s3cret") -> tuple[str, Passes]:
    """A cookie's value, and who is asked about it so much later, after a restart."""
    clock = ManualClock()
    value = Passes("s3cret", clock).new()
    clock.advance(seconds)
    return value, Passes(token, clock)


@pytest.mark.parametrize(
    ("seconds", "token", "holds"),
    [(0.0, "s3cret", True), (LASTS_S - 2, "s3cret", True), (LASTS_S + 1, "s3cret", False), (0.0, "new one", False)],
)
def test_a_cookie_holds_for_twelve_hours_over_restarts_but_not_over_a_new_token(
    seconds: float, token: str, holds: bool
) -> None:
    value, passes = passes_after(seconds, token)
    assert passes.holds(value) is holds


def test_a_forged_cookie_is_none() -> None:
    value, passes = passes_after(0.0)
    expires, _, signature = value.partition(".")
    forged = (
        "",
        ".",
        expires,
        f"{int(expires) + 1}.{signature}",
        f"{expires}.{signature[:-1]}x",
        f"x.{signature}",
        "é.é",
    )
    assert [passes.holds(one) for one in forged] == [False] * len(forged)
    assert "s3cret" not in value
    assert passes.holds_cookie(f"other=1; {passes.cookie}={value}; more=2")
    assert not passes.holds_cookie(f"other={value}")


async def test_a_person_without_the_token_is_shown_the_form_and_nothing_else(tmp_path: Path) -> None:
    async with exporter(tmp_path, **OPEN) as bench:
        form = await bench.http.get("/", headers=BROWSER)
        assert (form.status_code, form.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert form.text == LOGIN_FORM
        plain = await bench.http.get("/")
        assert (plain.status_code, plain.headers["www-authenticate"]) == (401, "Bearer")
        for path in ("/api/page", "/api/timeline", "/api/live", "/api/probes", "/metrics"):
            assert (await bench.http.get(path, headers=BROWSER)).json()["error"].endswith("TOKEN is needed")
        assert (await bench.http.get("/static/login.js")).status_code == 200


async def test_the_token_gives_a_cookie_that_opens_and_can_be_given_back(tmp_path: Path) -> None:
    async with exporter(tmp_path, **OPEN) as bench:
        reply = await log_in(bench)
        assert (reply.status_code, reply.content) == (204, b"")
        given = reply.headers["set-cookie"]
        assert all(word in given for word in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={LASTS_S}"))
        assert (await bench.http.get("/", headers=BROWSER)).status_code == 200
        told = (await bench.http.get("/api/page")).json()
        assert told["token_needed"]
        assert (await bench.http.post("/markers", json=START)).status_code == 201
        foreign = {"Origin": "http://evil.example"}
        assert (await bench.http.post("/markers", json=START, headers=foreign)).status_code == 403
        assert (await bench.http.get("/api/timeline", headers=foreign)).status_code == 403
        assert (await bench.http.get("/api/timeline", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
        bench.clock.advance(LASTS_S + 1)
        assert (await bench.http.get("/api/page")).status_code == 401
        await log_in(bench)
        assert (await bench.http.post("/logout")).status_code == 204
        assert (await bench.http.get("/api/page")).status_code == 401


def test_two_monitors_on_one_host_leave_each_other_logged_in() -> None:
    here, there = Passes("s3cret"), Passes("other")
    assert here.cookie != there.cookie
    assert here.cookie.startswith(COOKIE)
    jar = (
        f"{here.cookie}={here.new()}; {there.cookie}={there.new()}"  # a browser sends both to either, whatever the port
    )
    assert here.holds_cookie(jar)
    assert there.holds_cookie(jar)
    assert Passes("s3cret").cookie == here.cookie


@pytest.mark.parametrize("token", ["wrong", "", None, 7, ["s3cret"], "s3cret ", "\ud800"])
async def test_a_wrong_token_gives_nothing(tmp_path: Path, token: object) -> None:
    async with exporter(tmp_path, **OPEN) as bench:
        reply = await log_in(bench, token)
        assert (reply.status_code, reply.json()) == (401, {"error": "this is not the token"})
        assert "set-cookie" not in reply.headers


async def test_logging_in_is_json_and_of_our_own_page_only(tmp_path: Path) -> None:
    async with exporter(tmp_path, **OPEN) as bench:
        assert (await bench.http.post("/login", data={"token": "s3cret"})).status_code == 415
        evil = {"Origin": "http://evil.example"}
        assert (await bench.http.post("/login", json={"token": "s3cret"}, headers=evil)).status_code == 403
        assert (await bench.http.get("/login")).status_code == 405
        for body in (b"{", b"[]", b"[" * 50_000):
            reply = await bench.http.post("/login", content=body, headers={"Content-Type": "application/json"})
            assert reply.status_code == 401


async def test_on_loopback_nobody_needs_to_log_in(tmp_path: Path) -> None:
    async with exporter(tmp_path) as bench:
        reply = await log_in(bench, "anything")
        assert (reply.status_code, "set-cookie" in reply.headers) == (204, False)
