"""Stations: read, taken away with all that belongs to them, given back; and the lists of limits and topics."""

from __future__ import annotations

import pytest
from raw_softphone import RawSoftphone
from simulated_rest import instant, rest_side
from websockets.exceptions import ConnectionClosed

from monitor.simulator.server import SimulatorOptions, serve


async def test_a_station_is_taken_away_told_and_given_back() -> None:
    async with rest_side() as side:
        user = side.platform.first_user
        socket = side.listen(f"v2.users.{user.id}.station")
        assert (await side.call("DELETE", f"stations/{user.station_id}/associateduser")).status_code == 202
        assert await socket.event(f"v2.users.{user.id}.station") == {"associatedStation": None}
        station = (await side.call("GET", f"stations/{user.station_id}")).json()
        assert (station["status"], station.get("userId"), station["webRtcUserId"]) == ("AVAILABLE", None, user.id)
        of_user = (await side.call("GET", f"users/{user.id}/station")).json()
        assert set(of_user) == {"defaultStation", "lastAssociatedStation"}
        back = await side.as_user("PUT", f"users/{user.id}/station/associatedstation/{user.station_id}")
        assert back.status_code == 202
        told = await socket.event(f"v2.users.{user.id}.station")
        assert told["associatedStation"]["id"] == user.station_id
        assert (await side.as_user("DELETE", f"users/{user.id}/station/associatedstation")).status_code == 202


async def test_agents_may_not_take_stations_and_nobody_gets_another_users() -> None:
    async with rest_side() as side:
        first, second = list(side.platform.users.values())[:2]
        refused = await side.as_user("DELETE", f"stations/{second.station_id}/associateduser")
        assert (refused.status_code, second.has_station) == (403, True)
        refused = await side.as_user("DELETE", f"users/{second.id}/station/associatedstation")
        assert (refused.status_code, second.has_station) == (403, True)
        other = await side.call("PUT", f"users/{first.id}/station/associatedstation/{second.station_id}")
        assert other.status_code == 409
        assert (await side.call("DELETE", "stations/none/associateduser")).status_code == 404


async def test_without_its_station_a_softphone_loses_its_call_and_its_session() -> None:
    running = await serve(SimulatorOptions(instant()))
    try:
        platform, user = running.platform, running.platform.first_user
        grant = platform.grant(running.info["user_token"])
        assert grant is not None
        channel = platform.create_channel(grant, "streaming").id
        async with RawSoftphone(running.info["ws"], channel) as phone:
            await phone.login(user.jid, running.info["user_token"])
            assert platform.streaming is not None
            await platform.streaming.propose(sdp=True, autoanswer=False, priv="")
            await phone.until("propose")
            assert await platform.streaming.drop_user(user.id) == 1
            await phone.until("retract")
            with pytest.raises(ConnectionClosed):
                await phone.until("nothing", timeout_s=5.0)
    finally:
        await running.close()


async def test_the_routing_status_of_many_is_one_call_and_each_event_stands_for_itself() -> None:
    async with rest_side() as side:
        known = list(side.platform.users)[:2]
        socket = side.listen(*(f"v2.users.{user}.routingStatus" for user in known))
        events = [{"eventId": str(n), "agentId": u, "status": "IDLE"} for n, u in enumerate([*known, "stranger"])]
        reply = await side.call("POST", "events/users/routingstatus", json={"userRoutingStatusEvents": events})
        assert [error["eventId"] for error in reply.json()["errors"]] == ["2"]
        for user in known:
            assert side.platform.users[user].routing_status == "IDLE"
            assert (await socket.event(f"v2.users.{user}.routingStatus"))["routingStatus"]["status"] == "IDLE"


async def test_writes_for_many_cost_rest_one_call_and_signalling_every_event() -> None:
    async with rest_side(instant("coupling: 1.0")) as side:
        world, users = side.platform.world, list(side.platform.users)
        away = {"presenceDefinition": {"systemPresence": "Away"}}
        before = world.rest.accepted_s
        await side.call("PUT", "users/presences/bulk", json=[{"id": user, **away} for user in users])
        bulk = world.rest.accepted_s - before
        signalled = world.signalling.accepted_s
        for user in users:
            await side.call("PATCH", f"users/{user}/presences/purecloud", json=away)
        singles = world.rest.accepted_s - before - bulk
        assert singles > bulk
        assert world.signalling.accepted_s - signalled > singles  # the calls' own share, and an event each


async def test_limits_in_force_and_by_default() -> None:
    async with rest_side(instant("rate_limit: {per_minute: 77}")) as side:
        base = "organizations/limits/namespaces/platform.api"
        for path, expected in ((base, 77), (f"{base}/defaults", 300)):
            entities = (await side.call("GET", path)).json()["entities"]
            assert {"key": "token.rate.per.minute", "namespace": "platform.api", "value": expected} in entities
        known = await side.call("GET", "organizations/limits/namespaces/workforce.management")
        assert known.status_code == 200
        assert (await side.call("GET", "organizations/limits/namespaces/weather")).status_code == 404


async def test_the_topics_that_there_are_can_be_subscribed_to() -> None:
    async with rest_side() as side:
        reply = await side.call("GET", "notifications/availabletopics", params={"expand": "requiresPermissions"})
        topics = {topic["id"]: topic for topic in reply.json()["entities"]}
        unit = "v2.workforcemanagement.businessunits.{id}.schedules"
        assert topics[unit]["requiresPermissions"] == ["wfm:publishedSchedule:view"]
        assert "transports" not in topics[unit]
        ids = {"users": side.platform.first_user.id, "businessunits": side.platform.business_unit_id}
        ids["managementunits"] = side.platform.management_unit_id
        for name in topics:
            kind = next((kind for kind in ids if f".{kind}." in name), "")
            assert side.platform.rejection(name.replace("{id}", ids.get(kind, ""))) is None, name
