"""Run by detection_rig.py in a process of its own: publishes with the real Genesys Python SDK, once a line on stdin.

Reads the simulator's start-up line from argv. `publish` and `draft` (an edit that publishes nothing) each answer with
one JSON line: Unix seconds just before and after the update call, and what the schedule says once it is done.
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

INFO: dict[str, Any] = json.loads(sys.argv[1])
UNIT, WEEK, SCHEDULE = INFO["business_unit"], datetime.date.fromisoformat(INFO["week"]), INFO["schedule"]


def upload(wfm: Any, document: dict[str, Any]) -> str:
    """Bring the document to the signed URL; its upload key."""
    content = gzip.compress(json.dumps(document).encode())
    wanted = sdk.UploadUrlRequestBody()
    wanted.content_length_bytes = len(content)
    place = wfm.post_workforcemanagement_businessunit_week_schedule_update_uploadurl(UNIT, WEEK, SCHEDULE, wanted)
    request = urllib.request.Request(place.url, data=content, headers=place.headers, method="PUT")
    with urllib.request.urlopen(request, timeout=20):
        return str(place.upload_key)


def update(wfm: Any, *, published: bool) -> dict[str, Any]:
    """One update of the schedule with all its agents, and its outcome once it is saved."""
    before = wfm.get_workforcemanagement_businessunit_week_schedule(UNIT, WEEK, SCHEDULE)
    agents = [{"userId": agent.id, "shifts": []} for unit in before.management_units for agent in unit.agents]
    version = {"version": before.metadata.version}
    process = sdk.ProcessScheduleUpdateUploadRequest()
    process.upload_key = upload(wfm, {"published": published, "agentSchedules": agents, "metadata": version})
    asked_s = time.time()
    wfm.post_workforcemanagement_businessunit_week_schedule_update(UNIT, WEEK, SCHEDULE, process)
    answered_s = time.time()
    while True:
        after = wfm.get_workforcemanagement_businessunit_week_schedule(UNIT, WEEK, SCHEDULE)
        if after.metadata.version > before.metadata.version:
            break
        time.sleep(0.05)
    saved_s = after.metadata.date_modified.timestamp()
    told = {"asked_s": asked_s, "answered_s": answered_s, "saved_s": saved_s}
    return {**told, "version": after.metadata.version, "agents": len(agents), "published": after.published}


def main() -> None:
    """Obey stdin until it ends."""
    client = sdk.api_client.ApiClient(host=INFO["rest"])
    wfm = sdk.WorkforceManagementApi(client.get_client_credentials_token(INFO["client_id"], INFO["client_secret"]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(update(wfm, published=line.strip() == "publish")), flush=True)


if __name__ == "__main__":
    main()
