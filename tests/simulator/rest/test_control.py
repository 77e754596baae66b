"""The control API: every order reaches what it is for, and every bad parameter is named."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from simulated_rest import INSTANT, RestSide, instant, rest_side

from monitor.simulator.organisation.model import StreamingControl


class Streaming:
    """Remembers the orders it was given; finds no session for the sid `none`."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, dict[str, Any]]] = []

    def state(self) -> dict[str, Any]:
        return {"sessions": ["a@b/c"], "calls": {}}

    def __getattr__(self, name: str) -> Any:
        async def order(**arguments: Any) -> dict[str, Any]:
            if arguments.get("sid") == "none":
                raise LookupError("no such call")
            if arguments.get("reason") == "nonsense":
                raise ValueError("reason: not a condition of XEP-0166")
            self.orders.append((name, arguments))
            return {"sid": "s1"}

        return order


def with_streaming(side: RestSide) -> Streaming:
    """Join a recording streaming side."""
    side.platform.streaming = streaming = Streaming()
    keep: StreamingControl = streaming  # the fake must fit what control is typed against
    assert keep is streaming
    return streaming


async def order(side: RestSide, verb: str, **options: Any) -> httpx.Response:
    """POST /control/VERB."""
    return await side.http.post(f"/control/{verb}", **options)


@pytest.mark.parametrize(
    ("verb", "params", "expected"),
    [
        ("propose", {}, {"sdp": True, "autoanswer": False, "priv": "", "user": None}),
        (
            "propose",
            {"sdp": "false", "autoanswer": "true", "priv": "Auto"},
            {"sdp": False, "autoanswer": True, "priv": "Auto", "user": None},
        ),
        ("retract", {"sid": "s"}, {"sid": "s"}),
        ("terminate", {"sid": "s"}, {"sid": "s", "reason": "success"}),
        ("terminate", {"sid": "s", "reason": "gone"}, {"sid": "s", "reason": "gone"}),
        ("mediadrop", {"sid": "s"}, {"sid": "s"}),
        ("drop", {}, {"code": 1001, "reason": ""}),
        ("drop", {"code": "4000", "reason": "bye"}, {"code": 4000, "reason": "bye"}),
        ("abort", {}, {}),
        ("blackhole", {}, {}),
        ("cxfr", {}, {}),
    ],
)
async def test_streaming_orders_are_handed_on(verb: str, params: dict[str, str], expected: dict[str, Any]) -> None:
    async with rest_side() as side:
        streaming = with_streaming(side)
        reply = await order(side, verb, params=params)
        assert (reply.status_code, reply.json()) == (200, {"sid": "s1"})
        assert streaming.orders == [(verb, expected)]


async def test_a_call_may_be_for_one_user_by_id_or_place() -> None:
    async with rest_side() as side:
        streaming = with_streaming(side)
        third = list(side.platform.users)[2]
        for user in ("2", third):
            assert (await order(side, "propose", params={"user": user})).status_code == 200
            assert streaming.orders[-1][1]["user"] == third
        assert (await order(side, "propose", params={"user": "nobody"})).status_code == 404


async def test_what_the_streaming_side_cannot_do_is_told() -> None:
    async with rest_side() as side:
        with_streaming(side)
        missing = await order(side, "retract", params={"sid": "none"})
        assert (missing.status_code, missing.json()["message"]) == (404, "no such call")
        wrong = await order(side, "terminate", params={"sid": "s", "reason": "nonsense"})
        assert (wrong.status_code, wrong.json()["message"]) == (400, "reason: not a condition of XEP-0166")


async def test_without_a_streaming_side_its_orders_are_503() -> None:
    async with rest_side() as side:
        assert (await order(side, "abort")).status_code == 503


async def test_state_tells_sessions_calls_scenario_and_backlog() -> None:
    async with rest_side() as side:
        with_streaming(side)
        side.platform.world.rest.add(side.platform.now_s(), 100_000.0)
        state = (await order(side, "state")).json()
    assert (state["sessions"], state["calls"], state["scenario"]) == (["a@b/c"], {}, "instant")
    assert state["backlog"] == {"rest_seconds": 1.0, "signalling_seconds": 0.0}


@pytest.mark.parametrize(
    ("verb", "params", "named"),
    [
        ("retract", {}, ["sid"]),
        ("retract", {"sid": ""}, ["sid"]),
        ("propose", {"sdp": "maybe", "autoanswer": "1"}, ["autoanswer", "sdp"]),
        ("drop", {"code": "1005"}, ["code"]),
        ("drop", {"code": "99", "reason": "x" * 124}, ["code", "reason"]),
        ("fail", {}, ["match", "status"]),
        ("fail", {"match": "(", "status": "200", "times": "0", "retry_after": "1.5"}, ["match", "retry_after"]),
        ("load", {"rps": "nan", "seconds": "-1"}, ["rps", "seconds"]),
        ("load", {"rps": "inf", "seconds": "x"}, ["rps", "seconds"]),
        ("state", {"verbose": "1"}, ["verbose"]),
    ],
)
async def test_every_bad_parameter_is_named(verb: str, params: dict[str, str], named: list[str]) -> None:
    async with rest_side() as side:
        streaming = with_streaming(side)
        reply = await order(side, verb, params=params)
        told = {problem.partition(":")[0] for problem in reply.json()["problems"]}
    assert reply.status_code == 400
    assert told.issuperset(named)
    assert streaming.orders == []


async def test_an_unknown_order_is_404_and_only_post_is_served() -> None:
    async with rest_side() as side:
        assert "propose" in (await order(side, "explode")).json()["message"]
        assert (await order(side, "explode")).status_code == 404
        assert (await side.http.get("/control/state")).status_code == 405


async def test_a_web_page_of_another_origin_gets_nowhere() -> None:
    async with rest_side() as side:
        with_streaming(side)
        reply = await order(side, "state", headers={"Origin": "https://page.example"})
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers
        assert (await order(side, "state", headers={"Origin": "http://simulator"})).status_code == 200


async def test_notify_delivers_an_event_to_whoever_subscribed() -> None:
    async with rest_side() as side:
        topic = f"v2.users.{side.platform.first_user.id}.station"
        socket = side.listen(topic)
        assert (await order(side, "notify", params={"topic": topic}, json={"a": 1})).json() == {"sockets": 1}
        assert (await order(side, "notify", params={"topic": topic})).json() == {"sockets": 1}
        assert socket.events == [(topic, {"a": 1}), (topic, {})]
        for body in (b"[1]", b"{", b"\xff", b"null"):
            assert (await order(side, "notify", params={"topic": topic}, content=body)).status_code == 400


async def test_fail_refuses_the_next_matching_calls_in_the_platforms_words() -> None:
    async with rest_side() as side:
        fault = {"match": "POST .*channels", "status": "429", "times": "2", "retry_after": "3"}
        await order(side, "fail", params=fault)
        assert (await side.as_user("GET", "users/me")).status_code == 200
        for _ in range(2):
            reply = await side.as_user("POST", "notifications/channels")
            assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
            assert "Retry the request in [3] seconds" in reply.json()["message"]
            assert reply.json()["contextId"] == reply.headers["ININ-Correlation-Id"]
        assert (await side.as_user("POST", "notifications/channels")).status_code == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504])
async def test_any_failure_status_can_be_ordered_without_retry_after(status: int) -> None:
    async with rest_side() as side:
        await order(side, "fail", params={"match": "oauth", "status": str(status)})
        reply = await side.http.post("/oauth/token", content=b"grant_type=client_credentials")
        assert reply.status_code == reply.json()["status"] == status
        assert "Retry-After" not in reply.headers


async def test_load_is_other_clients_work_in_the_rest_queue() -> None:
    async with rest_side() as side:
        slow = side.scenario.rest.model_copy(update={"capacity": 10.0})
        side.platform.use_scenario(side.scenario.model_copy(update={"rest": slow}))
        assert (await order(side, "load", params={"rps": "50", "seconds": "2"})).json() == {"calls": 100}
        side.clock.advance(2.0)
        assert side.platform.world.backlogs_s(side.platform.now_s())[0] == pytest.approx(8.0, abs=0.2)
        assert (await order(side, "load", params={"rps": "10000", "seconds": "3600"})).status_code == 400


async def test_a_scenario_replaces_the_current_one_and_reset_brings_the_first_back() -> None:
    async with rest_side() as side:
        streaming = with_streaming(side)
        text = INSTANT.replace("instant", "other").replace("agents: 3", "agents: 4")
        assert (await order(side, "scenario", content=text)).json() == {"scenario": "other"}
        assert len(side.platform.users) == 4
        await order(side, "fail", params={"match": ".", "status": "500"})
        side.platform.world.rest.add(side.platform.now_s(), 1e6)
        assert (await order(side, "reset")).json() == {"scenario": "instant"}
        assert streaming.orders == [("reset", {})]
        assert side.platform.world.backlogs_s(side.platform.now_s()) == (0.0, 0.0)
        assert (await side.as_user("GET", "users/me")).status_code == 200


async def test_reset_forgets_rate_limit_windows() -> None:
    async with rest_side() as side:
        side.platform.use_scenario(
            side.scenario.model_copy(
                update={"rate_limit": side.scenario.rate_limit.model_copy(update={"per_minute": 1})}
            )
        )
        assert (await side.as_user("GET", "users/me")).status_code == 200
        assert (await side.as_user("GET", "users/me")).status_code == 429
        await order(side, "reset")
        assert (await side.as_user("GET", "users/me")).headers["inin-ratelimit-count"] == "1"


async def test_a_scenario_that_cannot_be_used_is_400_with_a_line_for_each_field() -> None:
    async with rest_side() as side:
        reply = await order(side, "scenario", content=INSTANT + "coupling: -1\nsurprise: 1\n")
        assert reply.status_code == 400
        assert [line.split(": ")[1] for line in reply.json()["problems"]] == ["coupling", "surprise"]
        assert side.platform.scenario.name == "instant"
        assert (await order(side, "scenario", content=b"x" * 200_000)).status_code == 413


async def test_tokens_of_any_agent_by_place_or_id() -> None:
    async with rest_side(instant("sites: {north: 2, south: 1}")) as side:
        users = list(side.platform.users)
        for asked, place in (("2", 2), (users[0], 0)):
            told = (await order(side, "token", params={"user": asked})).json()
            assert (told["user"], told["site"]) == (users[place], "south" if place == 2 else "north")
            me = (await side.call("GET", "users/me", token=told["token"])).json()
            assert (me["id"], me["chat"]["jabberId"]) == (told["user"], told["jid"])
        for unknown in ("3", "stranger", "-1", "99999999"):
            assert (await order(side, "token", params={"user": unknown})).status_code == 404
        assert (await order(side, "token")).json()["problems"] == ["user: is missing"]
