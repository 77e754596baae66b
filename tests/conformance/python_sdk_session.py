"""Run by test_python_sdk.py in a process of its own: the real Genesys Python SDK against one simulator.

Reads the simulator's start-up line and the steps to walk from argv, prints what the SDK saw, step by step, as one JSON
object. Importing the SDK takes seconds, so one process walks them all.
"""

from __future__ import annotations

import datetime
import gzip
import json
import sys
import time
import urllib.request
from typing import Any

import PureCloudPlatformClientV2 as sdk  # noqa: N813 - the package's name
from PureCloudPlatformClientV2.rest import ApiException
from websockets.sync.client import connect

INFO: dict[str, Any] = json.loads(sys.argv[1])


def logged_in() -> Any:
    """An SDK client with a client-credentials token of its own."""
    client = sdk.api_client.ApiClient(host=INFO["rest"])
    return client.get_client_credentials_token(INFO["client_id"], INFO["client_secret"])


def refused_login() -> dict[str, Any]:
    """The two refusals of the login service."""
    seen = {}
    for name, client_id, secret in (("unknown", "stranger", "x"), ("wrong", INFO["client_id"], "x")):
        try:
            sdk.api_client.ApiClient(host=INFO["rest"]).get_client_credentials_token(client_id, secret)
        except ApiException as error:
            seen[name] = [error.status, json.loads(error.body)["error"]]
    return seen


def put(url: str, headers: dict[str, str], content: bytes) -> int:
    """Upload to the signed URL, as a publish script does beside the SDK."""
    request = urllib.request.Request(url, data=content, headers=headers, method="PUT")
    with urllib.request.urlopen(request, timeout=20) as reply:
        return int(reply.status)


def publish() -> dict[str, Any]:
    """The whole chain, with the outcome read from the notification channel and from the schedule itself."""
    client = logged_in()
    wfm, notifications = sdk.WorkforceManagementApi(client), sdk.NotificationsApi(client)
    unit, week = INFO["business_unit"], datetime.date.fromisoformat(INFO["week"])
    listed = wfm.get_workforcemanagement_businessunit_week_schedules(unit, INFO["week"])
    schedule = wfm.get_workforcemanagement_businessunit_week_schedule(unit, week, listed.entities[0].id)
    query = sdk.BuQueryAgentSchedulesRequest()
    query.management_unit_id = schedule.management_units[0].management_unit.id
    agents = wfm.post_workforcemanagement_businessunit_week_schedule_agentschedules_query(
        unit, week, schedule.id, query
    )
    channel = notifications.post_notifications_channels()
    topic = sdk.ChannelTopic()
    topic.id = f"v2.workforcemanagement.businessunits.{unit}.schedules"
    subscribed = notifications.put_notifications_channel_subscriptions(channel.id, [topic])
    document = {
        "description": "published by the real SDK",
        "published": True,
        "agentSchedules": [{"userId": a.user.id, "shifts": []} for a in agents.result.agent_schedules],
        "metadata": {"version": schedule.metadata.version},
    }
    content = gzip.compress(json.dumps(document).encode())
    wanted, process = sdk.UploadUrlRequestBody(), sdk.ProcessScheduleUpdateUploadRequest()
    wanted.content_length_bytes = len(content)
    with connect(channel.connect_uri) as socket:
        socket.send('{"message": "ping"}')
        socket.recv(timeout=20)
        upload = wfm.post_workforcemanagement_businessunit_week_schedule_update_uploadurl(
            unit, week, schedule.id, wanted
        )
        stored = put(upload.url, upload.headers, content)
        process.upload_key = upload.upload_key
        accepted = wfm.post_workforcemanagement_businessunit_week_schedule_update(unit, week, schedule.id, process)
        event = json.loads(socket.recv(timeout=20))
        while event["eventBody"]["status"] == "Processing":  # the platform may tell the beginning as well
            event = json.loads(socket.recv(timeout=20))
    after = wfm.get_workforcemanagement_businessunit_week_schedule(unit, week, schedule.id)
    return {
        "before": [schedule.published, schedule.metadata.version],
        "agents": len(agents.result.agent_schedules),
        "time_zone": agents.result.business_unit_time_zone,
        "topic": [subscribed.entities[0].id == topic.id, subscribed.entities[0].state],
        "stored": stored,
        "accepted": accepted.status,
        "same_operation": event["eventBody"]["operationId"] == accepted.operation_id,
        "event": [event["topicName"] == topic.id, event["eventBody"]["status"], event["eventBody"]["eventType"]],
        "after": [after.published, after.metadata.version, after.description],
    }


def too_many() -> dict[str, Any]:
    """More calls than a window allows: the SDK sleeps Retry-After by itself and goes on."""
    client = logged_in()
    organization = sdk.OrganizationApi(client)
    counts, seconds = [], []
    for _ in range(12):
        started = time.monotonic()
        organization.get_organizations_me()
        seconds.append(time.monotonic() - started)
        counts.append(int(client.last_response.getheader("inin-ratelimit-count")))
    return {"counts": counts, "eleventh_s": seconds[10]}


def writes() -> dict[str, Any]:
    """Presence one by one and in bulk, routing status, and the softphone's own reads with a user's token."""
    client = logged_in()
    presence, users = sdk.PresenceApi(client), sdk.UsersApi(client)
    wanted = sdk.UserPresence()
    wanted.presence_definition = sdk.PresenceDefinition()
    wanted.presence_definition.system_presence = "Busy"
    written = presence.patch_user_presences_purecloud(INFO["user"], wanted)
    everybody = users.get_users(page_size=100).entities
    bulk = []
    for user in everybody:
        item = sdk.MutableUserPresence()
        item.id, item.presence_definition = user.id, sdk.PresenceDefinition()
        item.presence_definition.id = written.presence_definition.id
        bulk.append(item)
    status = sdk.RoutingStatus()
    status.status = "IDLE"
    own = sdk.api_client.ApiClient(host=INFO["rest"])
    own.access_token = INFO["user_token"]
    me = sdk.UsersApi(own).get_users_me(expand=["station"])
    station = sdk.StationsApi(own).get_station(me.station.effective_station.id)
    return {
        "presence": written.presence_definition.system_presence,
        "read_back": presence.get_user_presences_purecloud(INFO["user"]).presence_definition.system_presence,
        "bulk": [p.presence_definition.system_presence for p in presence.put_users_presences_bulk(bulk)],
        "routing": users.put_user_routingstatus(INFO["user"], status).status,
        "limits": {
            limit.key: limit.value
            for limit in sdk.OrganizationApi(client).get_organizations_limits_namespace("platform.api").entities
        },
        "me": [me.id == INFO["user"], "@" in me.chat.jabber_id],
        "station": [station.type, station.web_rtc_user_id == INFO["user"]],
    }


def not_there() -> dict[str, Any]:
    """What the SDK makes of refusals in ErrorBody."""
    seen = {}
    client = logged_in()
    calls = {
        "unknown_user": lambda: sdk.UsersApi(client).get_user("stranger"),
        "no_user_context": lambda: sdk.UsersApi(client).get_users_me(),
        "bad_week": lambda: sdk.WorkforceManagementApi(client).get_workforcemanagement_businessunit_week_schedules(
            INFO["business_unit"], "tuesday"
        ),
    }
    for name, call in calls.items():
        try:
            call()
        except ApiException as error:
            seen[name] = [error.status, json.loads(error.body)["code"]]
    return seen


STEPS = {step.__name__: step for step in (refused_login, publish, too_many, writes, not_there)}

if __name__ == "__main__":
    print(json.dumps({step: STEPS[step]() for step in sys.argv[2:]}), flush=True)
