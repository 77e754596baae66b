"""REST and tokens against a real HTTP server: every failure is a value, secrets are in none of them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpcore
import pytest
from ports import free_port

sys.path.insert(0, str(Path(__file__).parent))

from genesys_servers import Asked, RestServer, Told, endpoints, rest_server

from monitor.facts.clock import ManualClock, SystemClock
from monitor.facts.failures import Failure, Fault, Reason
from monitor.genesys import exchange
from monitor.genesys.auth import ClientCredentials, StaticToken, Token
from monitor.genesys.exchange import make_http
from monitor.genesys.rest import OPERATIONS, Rest
from monitor.genesys.rest_messages import RateLimit, RestReply, RestRequest

SECRET = "sEcReT-value"


@contextlib.asynccontextmanager
async def client(answer: Callable[[Asked], Told]) -> AsyncIterator[tuple[Rest, RestServer, list[RestReply]]]:
    replies: list[RestReply] = []
    async with rest_server(answer) as server:
        tokens = StaticToken("a", SECRET)
        rest = Rest(endpoints(server.url, "ws://127.0.0.1:1"), tokens, clock=SystemClock(), on_reply=replies.append)
        try:
            yield rest, server, replies
        finally:
            await rest.aclose()
            await rest.aclose()


async def test_a_good_answer_with_all_its_headers() -> None:
    headers = {
        "ININ-Correlation-Id": "corr-1",
        "inin-ratelimit-count": "7",
        "inin-ratelimit-allowed": "300",
        "inin-ratelimit-reset": "42",
    }
    async with client(lambda _: Told(body={"id": "x"}, headers=headers)) as (rest, server, replies):
        reply = await rest.call("organizations_me", "GET", "organizations/me")
        assert reply.ok
        assert (reply.status, reply.body, reply.correlation_id) == (200, {"id": "x"}, "corr-1")
        assert reply.rate_limit == RateLimit(7, 300, 42.0)
        assert reply.seconds is not None
        assert reply.seconds > 0
        assert replies == [reply]
        (asked,) = server.asked
        assert asked.path == "/api/v2/organizations/me"
        assert asked.headers["authorization"] == f"Bearer {SECRET}"
        assert asked.headers["content-type"] == "application/json"


async def test_connecting_is_not_in_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = httpcore.AnyIOBackend.connect_tcp

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.5)
        return await connect(*args, **kwargs)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", slowly)
    async with client(lambda _: Told(body={})) as (rest, _, _replies):
        started_s = SystemClock().mono_s()
        reply = await rest.call("organizations_me", "GET", "organizations/me")
        took_s = SystemClock().mono_s() - started_s
        assert reply.seconds is not None
        assert reply.seconds < took_s - 0.4


@pytest.mark.parametrize(("renewed_meanwhile", "invalidated"), [(False, 1), (True, 0)])
async def test_a_refusal_of_an_old_token_leaves_its_successor_alone(renewed_meanwhile: bool, invalidated: int) -> None:
    class Tokens(StaticToken):
        told = 0

        def invalidate(self) -> None:
            self.told += 1

    tokens = Tokens("a", SECRET)

    def refuse(_: Asked) -> Told:
        if renewed_meanwhile:
            tokens._token = Token("newer", 0.0, None)
        return Told(401, {})

    async with rest_server(refuse) as server:
        rest = Rest(endpoints(server.url, "ws://127.0.0.1:1"), tokens, clock=SystemClock())
        assert (await rest.call("users_me", "GET", "users/me")).status == 401
        await rest.aclose()
    assert tokens.told == invalidated


async def test_bodies_and_parameters_are_sent() -> None:
    async with client(lambda _: Told(202, "")) as (rest, server, _):
        path = "/api/v2/notifications/channels/c/subscriptions"
        reply = await rest.call("subscriptions", "PUT", path, json=[{"id": "t"}], params={"ignoreErrors": "true"})
        assert (reply.ok, reply.body) == (True, None)
        assert server.asked[0].path == f"{path}?ignoreErrors=true"
        assert server.asked[0].body.replace(" ", "") == '[{"id":"t"}]'


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.UNEXPECTED_STATUS),
        (401, Reason.AUTH),
        (403, Reason.FORBIDDEN),
        (404, Reason.NOT_FOUND),
        (429, Reason.RATE_LIMITED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
        (302, Reason.UNEXPECTED_STATUS),
    ],
)
async def test_a_refusal_is_a_value_with_the_platforms_words(status: int, reason: Reason) -> None:
    body = {"code": "some.code", "message": f"because of {SECRET}", "status": status}
    async with client(lambda _: Told(status, body, {"retry-after": "3", "location": "http://127.0.0.1:1/"})) as (
        rest,
        server,
        _,
    ):
        reply = await rest.call("stations", "GET", "stations/1")
        assert not reply.ok
        assert reply.failure is not None
        assert (reply.status, reply.failure.reason, reply.failure.operation) == (status, reason, "stations")
        assert reply.failure.detail == f"HTTP {status} some.code because of ***"
        assert reply.retry_after_s == 3.0
        assert reply.seconds is not None
        assert len(server.asked) == 1


@pytest.mark.parametrize("retry_after", ["soon", "-1", "inf", "nan", ""])
async def test_a_strange_retry_after_is_none(retry_after: str) -> None:
    async with client(lambda _: Told(429, {}, {"retry-after": retry_after, "inin-ratelimit-count": "x"})) as (
        rest,
        _,
        _,
    ):
        reply = await rest.call("stations", "GET", "stations/1")
        assert reply.retry_after_s is None
        assert reply.rate_limit is None


@pytest.mark.parametrize(
    ("retry_after", "date", "expected"),
    [
        ("Mon, 23 Nov 2026 10:01:40 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 100.0),  # whatever our own clock says
        ("Mon, 23 Nov 2026 09:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 10:01:40", "Mon, 23 Nov 2026 10:00:00 GMT", None),
        ("Mon, 99 Nov 2026 10:01:40 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", None),
    ],
)
async def test_a_retry_after_may_be_a_date(retry_after: str, date: str, expected: float | None) -> None:
    async with client(lambda _: Told(429, {}, {"retry-after": retry_after, "date": date})) as (rest, _, _):
        assert (await rest.call("stations", "GET", "stations/1")).retry_after_s == expected


async def test_a_request_as_a_value_is_sent_under_the_token() -> None:
    async with client(lambda _: Told(body={"id": "x"})) as (rest, server, replies):
        reply = await rest.send(RestRequest(1, "presence", "PATCH", "/api/v2/users/u/presences/purecloud", {"a": 1}))
        assert replies == [reply]
        assert (reply.ok, reply.operation) == (True, "presence")
        (asked,) = server.asked
        assert (asked.method, asked.path) == ("PATCH", "/api/v2/users/u/presences/purecloud")
        assert asked.body.replace(" ", "") == '{"a":1}'
        assert asked.headers["authorization"] == f"Bearer {SECRET}"


async def test_a_whole_url_gets_exactly_its_headers_and_content_and_no_token() -> None:
    async with client(lambda _: Told(403, "denied: sig=hush")) as (rest, server, _):
        headers = {"Content-Type": "application/json", "x-amz-tagging": "ttl=1"}
        url = f"{server.url}/storage/1?sig=hush"
        reply = await rest.send(RestRequest(1, "schedule_upload", "PUT", url, content=b"{}", headers=headers))
        assert reply.failure is not None
        assert "hush" not in reply.failure.detail
        (asked,) = server.asked
        assert (asked.method, asked.path, asked.body) == ("PUT", "/storage/1?sig=hush", "{}")
        assert "authorization" not in asked.headers
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["x-amz-tagging"] == "ttl=1"


@pytest.mark.parametrize("body", ["<html>", "[" * 100_000, "{", "\x00"])
async def test_a_body_that_is_not_json_is_text(body: str) -> None:
    async with client(lambda _: Told(body=body)) as (rest, _, _):
        assert (await rest.call("stations", "GET", "stations")).body == body


async def test_a_body_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_BODY_BYTES", 1000)
    async with client(lambda _: Told(body="x" * 2000)) as (rest, _, _):
        reply = await rest.call("stations", "GET", "stations")
        assert reply.failure is not None
        assert (reply.failure.reason, reply.seconds) == (Reason.TOO_LARGE, None)


async def test_no_answer_in_time_is_a_timeout_without_seconds() -> None:
    async with client(lambda _: Told(body={}, delay_s=30)) as (rest, _, replies):
        reply = await rest.call("stations", "GET", "stations", timeout_s=0.05)
        assert reply.failure is not None
        assert (reply.failure.reason, reply.failure.fault, reply.seconds) == (Reason.TIMEOUT, Fault.PATH, None)
        assert replies == [reply]


async def test_a_cut_connection_is_a_reset_and_one_attempt_only() -> None:
    async with client(lambda _: Told(0)) as (rest, server, _):
        reply = await rest.call("stations", "POST", "stations")
        assert reply.failure is not None
        assert reply.failure.reason is Reason.RESET
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://127.0.0.1:{free_port()}", Reason.REFUSED),
        ("http://no-such-host.invalid", Reason.DNS),
    ],
    ids=["closed port", "no such host"],
)
async def test_unreachable_servers(url: str, reason: Reason) -> None:
    rest = Rest(endpoints(url, "ws://127.0.0.1:1"), StaticToken("a", SECRET), clock=SystemClock())
    reply = await rest.call("stations", "GET", "stations")
    await rest.aclose()
    assert reply.failure is not None
    assert reply.failure.reason is reason
    assert reply.status is None


async def test_calls_do_not_wait_for_each_other() -> None:
    """Forty slow calls at once: with a pool limit some would wait for others, and time that wait."""
    running = peak = 0

    def answer(_: Asked) -> Told:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        return Told(body={}, delay_s=0.2)

    async with client(answer) as (rest, _, _):
        replies = await asyncio.gather(*(rest.call("stations", "GET", "stations") for _ in range(40)))
        assert all(reply.ok for reply in replies)
        assert peak == 40


# --- tokens


def credentials(server: RestServer, clock: ManualClock, replies: list[RestReply]) -> ClientCredentials:
    http = make_http(server.url)
    ends = endpoints(server.url, "ws://127.0.0.1:1")
    return ClientCredentials(ends, "id", SECRET, clock, http, on_reply=replies.append)


@contextlib.asynccontextmanager
async def source(*answers: Told) -> AsyncIterator[tuple[ClientCredentials, RestServer, ManualClock, list[RestReply]]]:
    queue, clock, replies = list(answers), ManualClock(), []
    async with rest_server(lambda _: queue.pop(0)) as server:
        made = credentials(server, clock, replies)
        try:
            yield made, server, clock, replies
        finally:
            await made._http.aclose()


def granted(name: str, life: object = 1000) -> Told:
    return Told(body={"access_token": name, "token_type": "bearer", "expires_in": life})


async def test_the_token_request_is_as_the_sdk_makes_it() -> None:
    async with source(granted("t1")) as (tokens, server, clock, replies):
        token = await tokens.token()
        assert isinstance(token, Token)
        assert (token.value, token.issued_wall_s, token.expires_wall_s) == ("t1", clock.wall_s(), clock.wall_s() + 1000)
        assert token.seconds is not None
        (asked,) = server.asked
        assert (asked.method, asked.path, asked.body) == ("POST", "/oauth/token", "grant_type=client_credentials")
        assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"id:{SECRET}".encode()).decode()
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert [reply.operation for reply in replies] == ["token"]
        assert "t1" not in repr(token)


async def test_renewed_at_eighty_percent_and_after_invalidate() -> None:
    async with source(granted("t1"), granted("t2"), granted("t3")) as (tokens, server, clock, _):
        first = await tokens.token()
        clock.advance(799.9)
        assert await tokens.token() is first
        clock.advance(0.1)
        second = await tokens.token()
        assert isinstance(second, Token)
        assert second.value == "t2"
        tokens.invalidate()
        third = await tokens.token()
        assert isinstance(third, Token)
        assert third.value == "t3"
        assert tokens.current is third
        assert len(server.asked) == 3


async def test_a_failed_renewal_leaves_the_old_token_until_it_dies() -> None:
    async with source(granted("t1"), Told(503, {}), Told(503, {})) as (tokens, _, clock, _):
        first = await tokens.token()
        clock.advance(900)
        assert await tokens.token() is first
        clock.advance(100)
        failed = await tokens.token()
        assert isinstance(failed, Failure)
        assert failed.reason is Reason.SERVER_ERROR


async def test_many_askers_fetch_once() -> None:
    async with source(granted("t1")) as (tokens, server, _, _):
        got = await asyncio.gather(*(tokens.token() for _ in range(10)))
        assert len(server.asked) == 1
        assert len(set(map(id, got))) == 1


async def test_a_token_without_life_is_kept() -> None:
    async with source(granted("t1", None)) as (tokens, _, clock, _):
        first = await tokens.token()
        clock.advance(10**7)
        assert await tokens.token() is first


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (Told(400, {"error": "invalid_client", "description": "client not found"}), Reason.AUTH),
        (Told(401, {"error": "invalid_client", "description": "authentication failed"}), Reason.AUTH),
        (Told(400, {"error": "invalid_request"}), Reason.UNEXPECTED_STATUS),
        (Told(429, {}, {"retry-after": "5"}), Reason.RATE_LIMITED),
        (Told(200, {}), Reason.MALFORMED),
        (Told(200, []), Reason.MALFORMED),
        (Told(200, "html"), Reason.MALFORMED),
        (Told(200, {"access_token": 7}), Reason.MALFORMED),
        (Told(200, {"access_token": "a\r\nb"}), Reason.MALFORMED),
        (Told(200, {"access_token": ""}), Reason.MALFORMED),
        (Told(200, {"access_token": "\N{SNOWMAN}"}), Reason.MALFORMED),
    ],
)
async def test_refusals_of_a_token(told: Told, reason: Reason) -> None:
    async with source(told) as (tokens, _, _, _):
        failed = await tokens.token()
        assert isinstance(failed, Failure)
        assert (failed.operation, failed.reason) == ("token", reason)
        assert SECRET not in repr(failed)


@pytest.mark.parametrize("life", ["86400", True, -1, 0, 1e300, [], {}])
async def test_a_strange_life_is_no_life(life: object) -> None:
    async with source(granted("t1", life)) as (tokens, _, _, _):
        token = await tokens.token()
        assert isinstance(token, Token)
        assert token.expires_wall_s is None


async def test_a_401_makes_the_next_call_fetch_another_token() -> None:
    count = 0

    def answer(asked: Asked) -> Told:
        nonlocal count
        if asked.path == "/oauth/token":
            count += 1
            return granted(f"t{count}")
        return Told(200 if asked.headers["authorization"] == "Bearer t2" else 401, {})

    async with rest_server(answer) as server:
        tokens = credentials(server, ManualClock(), [])
        rest = Rest(endpoints(server.url, "ws://127.0.0.1:1"), tokens, clock=SystemClock())
        assert [(await rest.call("users_me", "GET", "users/me")).status for _ in range(2)] == [401, 200]
        await rest.aclose()
        await tokens._http.aclose()


async def test_without_a_token_nothing_is_sent() -> None:
    async with source(Told(401, {"error": "invalid_client"})) as (tokens, server, _, _):
        rest = Rest(endpoints(server.url, "ws://127.0.0.1:1"), tokens, clock=SystemClock())
        reply = await rest.call("users_me", "GET", "users/me")
        await rest.aclose()
        assert reply.failure is not None
        assert (reply.operation, reply.failure.operation, reply.status) == ("users_me", "token", None)


async def test_a_given_token_is_just_there() -> None:
    clock = ManualClock()
    tokens = StaticToken("synthetic-1", SECRET, clock=clock)
    token = await tokens.token()
    assert isinstance(token, Token)
    assert (token.value, token.issued_wall_s, token.expires_wall_s, token.seconds) == (
        SECRET,
        clock.wall_s(),
        None,
        None,
    )
    tokens.invalidate()
    assert await tokens.token() is token
    assert tokens.current is token
    assert SECRET not in repr(token)


def test_operations_are_a_closed_list() -> None:
    assert len(set(OPERATIONS)) == len(OPERATIONS)
    assert {"token", "organizations_me", "users_me", "stations", "channel_create", "subscriptions"} <= set(OPERATIONS)
