"""The REST side as clients see it: identity, refusals, limits, channels, presence, conversations, hostile input."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_rest import RestSide, instant, rest_side

ERROR_BODY = {"message", "code", "status", "contextId", "details", "errors"}


def refused(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The ErrorBody of a refusal that must have this status and code."""
    body: dict[str, Any] = reply.json()
    assert (reply.status_code, body["code"], body["status"]) == (status, code, status)
    assert set(body) == ERROR_BODY
    assert body["contextId"] == reply.headers["ININ-Correlation-Id"]
    return body


# OAuth


async def log_in(side: RestSide, client: tuple[str, str], grant_type: str = "client_credentials") -> httpx.Response:
    """POST /oauth/token."""
    return await side.http.post("/oauth/token", auth=client, data={"grant_type": grant_type})


async def test_client_credentials_give_a_new_token_each_time() -> None:
    async with rest_side() as side:
        client = (side.platform.client_id, side.platform.client_secret)
        replies = [await log_in(side, client) for _ in range(2)]
        one, two = (reply.json() for reply in replies)
        assert one["access_token"] != two["access_token"]
        assert (one["token_type"], one["expires_in"]) == ("bearer", 86_400)
        assert (await side.call("GET", "organizations/me", token=one["access_token"])).status_code == 200


async def test_an_unknown_client_is_400_and_a_wrong_secret_401_in_the_oauth_shape() -> None:
    async with rest_side() as side:
        unknown = await log_in(side, ("stranger", "x"))
        wrong = await log_in(side, (side.platform.client_id, "x"))
        other = await log_in(side, (side.platform.client_id, side.platform.client_secret), "password")
    assert (unknown.status_code, unknown.json()["error"]) == (400, "invalid_client")
    assert unknown.json()["description"] == "client not found"
    assert (wrong.status_code, wrong.json()["description"]) == (401, "authentication failed")
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic /w==", "Bearer abc", "Basic bm9jb2xvbg=="])
async def test_credentials_that_cannot_be_read_are_400(header: str) -> None:
    async with rest_side() as side:
        reply = await side.http.post("/oauth/token", headers={"Authorization": header}, content=b"grant_type=x")
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


# Identity and refusals


async def test_no_token_a_made_up_one_and_an_expired_one_have_their_own_codes() -> None:
    async with rest_side(instant("tokens: {user_s: 10}")) as side:
        refused(await side.http.get("/api/v2/users/me"), 401, "authentication.required")
        refused(await side.call("GET", "users/me", token="made-up"), 401, "bad.credentials")
        side.clock.advance(11)
        refused(await side.as_user("GET", "users/me"), 401, "credentials.expired")


async def test_an_unknown_path_is_404_the_path_of_the_users_thread_included() -> None:
    async with rest_side() as side:
        refused(await side.http.post("/v2/wfm/schedules/publish"), 404, "not.found")
        refused(await side.call("GET", "nothing/here"), 404, "not.found")
        refused(await side.call("DELETE", "users"), 405, "method.not.allowed")
        refused(await side.call("GET", "users/stranger"), 404, "not.found")
        refused(await side.call("GET", "stations/stranger"), 404, "not.found")


async def test_the_softphones_bootstrap_finds_everything_it_reads() -> None:
    async with rest_side() as side:
        user = side.platform.first_user
        me = (await side.as_user("GET", "users/me", params={"expand": "station"})).json()
        assert (me["id"], me["chat"]["jabberId"]) == (user.id, user.jid)
        station_id = me["station"]["effectiveStation"]["id"]
        station = (await side.as_user("GET", f"stations/{station_id}")).json()
        assert (station["type"], station["userId"]) == ("inin_webrtc_softphone", user.id)
        assert "station" not in (await side.as_user("GET", "users/me")).json()
        assert (await side.as_user("GET", "organizations/me")).json()["id"] == side.platform.organization_id
        assert (await side.call("GET", f"users/{user.id}/station")).json()["associatedStation"]["id"] == station_id


async def test_client_credentials_have_no_user_of_their_own() -> None:
    async with rest_side() as side:
        assert "user context" in refused(await side.call("GET", "users/me"), 400, "bad.request")["message"]
        refused(await side.call("POST", "conversations/calls", json={"phoneNumber": "1"}), 400, "bad.request")


async def test_users_come_in_pages() -> None:
    async with rest_side() as side:
        first = (await side.call("GET", "users", params={"pageSize": 2})).json()
        second = (await side.call("GET", "users", params={"pageSize": 2, "pageNumber": 2})).json()
        assert (len(first["entities"]), len(second["entities"]), first["total"], first["pageCount"]) == (2, 1, 3, 2)
        for bad in ("0", "-1", "501", "x", "1e3", "9" * 40):
            refused(await side.call("GET", "users", params={"pageSize": bad}), 400, "invalid.value")


async def test_telemetry_of_any_type_is_accepted() -> None:
    async with rest_side() as side:
        headers = {"Content-Type": "text/plain"}
        reply = await side.as_user("POST", "diagnostics/trace", content=b"not json", headers=headers)
        assert reply.status_code == 202
        assert (await side.as_user("POST", "diagnostics/newrelic/insights", json={})).status_code == 202


# CORS


async def test_a_preflight_is_answered_for_every_path_and_names_authorization() -> None:
    async with rest_side() as side:
        asked = {
            "Origin": "https://page.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        for path in ("/api/v2/users/me", "/oauth/token", "/nowhere"):
            reply = await side.http.options(path, headers=asked)
            assert reply.status_code == 204
            assert reply.headers["access-control-allow-origin"] == "https://page.example"
            assert reply.headers["access-control-allow-headers"] == "authorization,content-type"
            assert "PUT" in reply.headers["access-control-allow-methods"]


async def test_a_browser_may_read_answers_and_refusals_alike() -> None:
    async with rest_side() as side:
        for reply in (await side.as_user("GET", "users/me"), await side.http.get("/api/v2/users/me")):
            assert reply.headers["access-control-allow-origin"] == "*"
            assert "Retry-After" in reply.headers["access-control-expose-headers"]


# Rate limit


async def test_ordinary_answers_tell_the_window_and_the_call_beyond_it_is_429_as_documented() -> None:
    async with rest_side(instant("rate_limit: {per_minute: 3}")) as side:
        for count in (1, 2, 3):
            reply = await side.call("GET", "organizations/me")
            told = [reply.headers[f"inin-ratelimit-{name}"] for name in ("count", "allowed", "reset")]
            assert told == [str(count), "3", str(60 - (count - 1) * 10)]
            side.clock.advance(10)
        limited = await side.call("GET", "organizations/me")
        body = refused(limited, 429, "too.many.requests.retry.after")
        assert body["message"] == "Rate limit exceeded the maximum. Retry the request in [30] seconds"
        assert limited.headers["Retry-After"] == "30"
        assert limited.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
        assert limited.headers["Strict-Transport-Security"] == "max-age=600; includeSubDomains"
        assert "x-ratelimit-limit" not in limited.headers
        side.clock.advance(29.5)
        assert (await side.call("GET", "organizations/me")).headers["Retry-After"] == "1"
        side.clock.advance(0.5)
        assert (await side.call("GET", "organizations/me")).headers["inin-ratelimit-count"] == "1"


async def test_another_token_of_the_same_client_has_its_own_window() -> None:
    async with rest_side(instant("rate_limit: {per_minute: 1}")) as side:
        other = side.platform.issue_client_token()[0]
        assert (await side.call("GET", "organizations/me")).status_code == 200
        assert (await side.call("GET", "organizations/me")).status_code == 429
        assert (await side.call("GET", "organizations/me", token=other)).status_code == 200


@pytest.mark.parametrize(("count_rejected", "counts"), [("false", 2), ("true", 4)])
async def test_whether_rejected_calls_count_is_the_scenarios_choice(count_rejected: str, counts: int) -> None:
    extra = f"rate_limit: {{per_minute: 2, count_rejected: {count_rejected}}}"
    async with rest_side(instant(extra)) as side:
        replies = [await side.call("GET", "organizations/me") for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 429, 429]
        window = side.platform.limiter.take("another", 0.0, side.scenario.rate_limit)
        assert window.count == 1
        limited = side.platform.limiter.take(side.client_token, side.platform.now_s(), side.scenario.rate_limit)
        assert limited.count == counts + (count_rejected == "true")


# Overload


async def test_a_full_rest_service_answers_503_in_error_body() -> None:
    async with rest_side(instant()) as side:
        full = instant().rest.model_copy(update={"capacity": 1.0, "backlog_limit_s": 0.001})
        side.platform.use_scenario(side.scenario.model_copy(update={"rest": full}))
        side.platform.world.rest.add(side.platform.now_s(), 5.0)
        reply = await side.call("GET", "organizations/me")
        refused(reply, 503, "service.unavailable")
        assert reply.headers["inin-ratelimit-count"] == "1"


# Notification channels


async def test_a_channel_is_made_listed_verified_and_unknown_to_others() -> None:
    async with rest_side() as side:
        made = (await side.as_user("POST", "notifications/channels", params={"connectionType": "streaming"})).json()
        assert made["connectUri"] == f"ws://simulator/channels/{made['id']}"
        assert side.platform.channels[made["id"]].kind == "streaming"
        assert (await side.as_user("GET", "notifications/channels")).json()["entities"] == [made]
        path = f"notifications/channels/{made['id']}"
        assert (await side.as_user("HEAD", path)).status_code == 200
        assert (await side.call("HEAD", path)).status_code == 404
        assert (await side.as_user("HEAD", path + "x")).status_code == 404
        reply = await side.as_user("POST", "notifications/channels", params={"connectionType": "carrier-pigeon"})
        refused(reply, 400, "invalid.value")


async def test_subscriptions_are_replaced_added_listed_and_cleared() -> None:
    async with rest_side() as side:
        user = side.platform.first_user.id
        path = f"notifications/channels/{(await side.as_user('POST', 'notifications/channels')).json()['id']}"
        path += "/subscriptions"
        combined, presence = f"v2.users.{user}?conversations&station", f"v2.users.{user}.presence"
        put = (await side.as_user("PUT", path, json=[{"id": combined}])).json()["entities"]
        assert [(e["id"], e["state"]) for e in put] == [(combined, "Permitted")]
        await side.as_user("POST", path, json=[{"id": presence}])
        listed = (await side.as_user("GET", path)).json()["entities"]
        assert [e["id"] for e in listed] == [combined, presence]
        await side.as_user("PUT", path, json=[{"id": presence}])
        assert [e["id"] for e in (await side.as_user("GET", path)).json()["entities"]] == [presence]
        assert (await side.as_user("DELETE", path)).status_code == 200
        assert (await side.as_user("GET", path)).json()["entities"] == []


async def test_one_rejected_topic_fails_the_whole_call_unless_errors_are_ignored() -> None:
    async with rest_side() as side:
        good, bad = f"v2.users.{side.platform.first_user.id}.presence", "v2.users.stranger.presence"
        channel = (await side.as_user("POST", "notifications/channels")).json()["id"]
        path, topics = f"notifications/channels/{channel}/subscriptions", [{"id": good}, {"id": bad}]
        refused(await side.as_user("PUT", path, json=topics), 403, "not.authorized")
        assert side.platform.channels[channel].topics == {}
        partial = await side.as_user("PUT", path, json=topics, params={"ignoreErrors": "true"})
        states = {e["id"]: e["state"] for e in partial.json()["entities"]}
        assert states == {good: "Permitted", bad: "Rejected"}
        assert set(side.platform.channels[channel].topics) == {good}


async def test_a_channel_takes_1000_topics_and_not_one_more() -> None:
    async with rest_side() as side:
        channel = (await side.as_user("POST", "notifications/channels")).json()["id"]
        path = f"notifications/channels/{channel}/subscriptions"
        topics = [{"id": f"v2.system.topic{number}"} for number in range(1001)]
        refused(await side.as_user("PUT", path, json=topics), 400, "bad.request")
        assert (await side.as_user("PUT", path, json=topics[:1000])).status_code == 200
        refused(await side.as_user("POST", path, json=topics[1000:]), 400, "bad.request")
        assert (await side.as_user("PUT", path, json=topics[1:])).status_code == 200


# Presence and routing


async def test_a_presence_write_is_read_back_and_told_to_subscribers() -> None:
    async with rest_side() as side:
        user = side.platform.first_user.id
        socket = side.listen(f"v2.users.{user}?presence&routingStatus")
        path, wanted = f"users/{user}/presences/purecloud", {"presenceDefinition": {"systemPresence": "Busy"}}
        written = (await side.call("PATCH", path, json={**wanted, "message": "back soon"})).json()
        assert written["presenceDefinition"]["systemPresence"] == "Busy"
        assert (await side.call("GET", path)).json() == written
        assert (await socket.event(f"v2.users.{user}.presence")) == written
        by_id = {"presenceDefinition": {"id": written["presenceDefinition"]["id"]}}
        assert (await side.call("PATCH", path, json=by_id)).json()["message"] == "back soon"
        refused(await side.call("PATCH", path, json={"presenceDefinition": {"id": "x"}}), 400, "invalid.value")
        refused(await side.call("GET", f"users/{user}/presences/skype"), 404, "not.found")


async def test_a_bulk_presence_write_is_done_for_all_or_for_none() -> None:
    async with rest_side() as side:
        users = list(side.platform.users)
        socket = side.listen(*(f"v2.users.{user}.presence" for user in users))
        away = {"presenceDefinition": {"systemPresence": "Away"}}
        stranger = [{"id": users[0], **away}, {"id": "stranger", **away}]
        refused(await side.call("PUT", "users/presences/bulk", json=stranger), 404, "not.found")
        bad = [{"id": users[0], **away}, {"id": users[1], "presenceDefinition": {"systemPresence": "Asleep"}}]
        refused(await side.call("PUT", "users/presences/bulk", json=bad), 400, "invalid.value")
        assert side.platform.first_user.presence == "Available"
        assert socket.events == []
        done = await side.call("PUT", "users/presences/bulk", json=[{"id": user, **away} for user in users])
        assert [p["presenceDefinition"]["systemPresence"] for p in done.json()] == ["Away"] * 3
        assert len(socket.events) == 3


async def test_a_routing_write_is_read_back_and_told_to_subscribers() -> None:
    async with rest_side() as side:
        user = side.platform.first_user.id
        socket = side.listen(f"v2.users.{user}.routingStatus")
        path = f"users/{user}/routingstatus"
        side.clock.advance(60)
        written = (await side.call("PUT", path, json={"status": "IDLE"})).json()
        assert (written["userId"], written["status"]) == (user, "IDLE")
        assert (await side.call("GET", path)).json() == written
        event = await socket.event(f"v2.users.{user}.routingStatus")
        assert event["routingStatus"] == {"status": "IDLE", "startTime": written["startTime"]}
        refused(await side.call("PUT", path, json={"status": "ASLEEP"}), 400, "invalid.value")
        refused(await side.call("PUT", path), 400, "invalid.value")


# Conversations: the calls themselves are the streaming side's


class Calls:
    """What REST asks the streaming side for."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, str]] = []
        self.changed: list[tuple[str, str, dict[str, Any]]] = []

    async def place_call(self, user_id: str, number: str) -> str:
        self.placed.append((user_id, number))
        if number == "unreachable":
            raise LookupError("no softphone is connected")
        return "c1"

    async def set_participant_state(self, conversation_id: str, participant_id: str, changes: dict[str, Any]) -> bool:
        self.changed.append((conversation_id, participant_id, changes))
        if participant_id == "flooded":
            raise LookupError("call s1 is over or too busy")
        return participant_id == "p1"

    def conversation(self, conversation_id: str) -> dict[str, Any] | None:
        return {"id": "c1", "participants": []} if conversation_id == "c1" else None


async def test_calls_are_placed_read_and_changed_through_the_streaming_side() -> None:
    async with rest_side() as side:
        side.platform.calls = calls = Calls()
        made = await side.as_user("POST", "conversations/calls", json={"phoneNumber": "+15550100", "callQueueId": "q"})
        assert (made.status_code, made.json()["id"]) == (202, "c1")
        assert calls.placed == [(side.platform.first_user.id, "+15550100")]
        assert (await side.as_user("GET", "conversations/c1")).json()["id"] == "c1"
        refused(await side.as_user("GET", "conversations/c2"), 404, "not.found")
        path = "conversations/calls/c1/participants/"
        assert (await side.as_user("PATCH", path + "p1", json={"state": "disconnected"})).status_code == 202
        assert calls.changed == [("c1", "p1", {"state": "disconnected"})]
        refused(await side.as_user("PATCH", path + "p2", json={"muted": True}), 404, "not.found")
        refused(await side.as_user("PATCH", path + "flooded", json={"muted": True}), 409, "conflict")
        refused(await side.as_user("PATCH", path + "p1", json={"state": "singing"}), 400, "invalid.value")
        refused(await side.as_user("POST", "conversations/calls", json={}), 400, "invalid.value")
        unreachable = {"phoneNumber": "unreachable"}
        refused(await side.as_user("POST", "conversations/calls", json=unreachable), 400, "bad.request")


# Hostile input


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "bad.request"),
        (b"\xff\xfe", "application/json", 400, "bad.request"),
        (b"[" * 100_000, "application/json", 400, "bad.request"),
        (b'{"status": NaN}', "application/json", 400, "bad.request"),
        (b'{"status": ' + b"9" * 10_000 + b"}", "application/json", 400, "bad.request"),
        (rb'{"status": "\ud800"}', "application/json", 400, "bad.request"),
        (b"null", "application/json", 400, "invalid.value"),
        (b"[]", "application/json", 400, "invalid.value"),
        (b'{"status": 3}', "application/json", 400, "invalid.value"),
        (b'{"status": {"a": []}}', "application/json; charset=utf-8", 400, "invalid.value"),
        (b"status=IDLE", "application/x-www-form-urlencoded", 415, "unsupported.media.type"),
        (b'"' + b"x" * 512_001 + b'"', "application/json", 413, "request.entity.too.large"),
    ],
)
async def test_a_body_that_cannot_be_used_is_a_4xx(content: bytes, content_type: str, status: int, code: str) -> None:
    async with rest_side() as side:
        path = f"users/{side.platform.first_user.id}/routingstatus"
        reply = await side.call("PUT", path, content=content, headers={"Content-Type": content_type})
        refused(reply, status, code)
        assert side.platform.first_user.routing_status == "OFF_QUEUE"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ["id", "status", "presenceDefinition", "systemPresence", "message", "phoneNumber", "uploadKey", "userIds"]
)
bodies = anything | st.dictionaries(keys, anything, max_size=4) | st.lists(st.dictionaries(keys, anything), max_size=3)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(bodies)
async def test_no_json_whatever_makes_any_writing_route_fail(body: object) -> None:
    async with rest_side() as side:
        platform = side.platform
        platform.calls = Calls()
        user = platform.first_user.id
        channel = platform.create_channel(platform.grant(side.user_token), "notification").id  # type: ignore[arg-type]
        schedule = next(iter(platform.schedules.schedules.values()))
        unit = f"workforcemanagement/businessunits/{platform.business_unit_id}/weeks/{schedule.week_id}/schedules"
        for method, path, token in (
            ("PUT", f"users/{user}/routingstatus", None),
            ("PATCH", f"users/{user}/presences/purecloud", None),
            ("PUT", "users/presences/bulk", None),
            ("PUT", f"notifications/channels/{channel}/subscriptions", side.user_token),
            ("POST", "conversations/calls", side.user_token),
            ("PATCH", "conversations/calls/c1/participants/p1", side.user_token),
            ("POST", f"{unit}/{schedule.id}/agentschedules/query", None),
            ("POST", f"{unit}/{schedule.id}/update/uploadurl", None),
            ("POST", f"{unit}/{schedule.id}/update", None),
        ):
            content = json.dumps(body).encode()
            headers = {"Content-Type": "application/json"}
            reply = await side.call(method, path, token=token, content=content, headers=headers)
            assert reply.status_code < 500, (method, path, reply.text)
