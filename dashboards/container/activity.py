"""A simulated working day: calls to the synthetic softphone, and from time to time a publish by the real upload flow.

Runs beside simulator and monitor, in their network (profile `demo` of docker-compose.yml). Everything is SIMULATED.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

CREDENTIALS = Path(os.environ.get("SIMULATOR_CREDENTIALS", "/var/lib/softphone-simulator"))
TOKEN_FILE = Path(os.environ.get("MONITOR_TOKEN_FILE", "/run/secrets/monitor_token"))
MONITOR_URL = os.environ.get("MONITOR_URL", "http://127.0.0.1:9464")
ALIVE = Path(os.environ.get("ALIVE_FILE", "/tmp/alive"))  # noqa: S108 - the container's own
CALL_EVERY_S = float(os.environ.get("CALL_EVERY_S", "60"))
CALL_FOR_S = float(os.environ.get("CALL_FOR_S", "30"))
FIRST_PUBLISH_S = float(os.environ.get("FIRST_PUBLISH_S", "120"))
PUBLISH_EVERY_S = float(os.environ.get("PUBLISH_EVERY_S", "1200"))
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands before the simulator
PACING = os.environ.get("PACING", "burst")


def main() -> None:
    """Calls and publishes until stopped. A simulator that is away is waited for."""
    publish_at_s = time.monotonic() + FIRST_PUBLISH_S
    publishing: subprocess.Popen[bytes] | None = None
    while True:
        ALIVE.touch()
        began_s = time.monotonic()
        try:
            if publishing is not None and publishing.poll() is not None:
                print(f"activity: the publish ended with status {publishing.returncode}", file=sys.stderr)
                publishing = None
            if publishing is None and began_s >= publish_at_s:
                publishing = publish()
                publish_at_s += PUBLISH_EVERY_S
            one_call()
        except (OSError, LookupError, ValueError, http.client.HTTPException) as error:
            print(f"activity: {error}; trying again", file=sys.stderr)
        time.sleep(max(1.0, began_s + CALL_EVERY_S - time.monotonic()))


def one_call() -> None:
    """Offer a call to the newest session, and hang up after CALL_FOR_S. OSError when it could not be offered."""
    sid = order("propose", sdp="true", autoanswer="true")["sid"]
    time.sleep(CALL_FOR_S)
    try:
        order("terminate", sid=sid)
    except urllib.error.HTTPError as gone:
        print(f"activity: call {sid} had ended before: {gone}", file=sys.stderr)


def publish() -> subprocess.Popen[bytes]:
    """One publish in a process of its own, beside the calls: it drives the real flow and tells the monitor."""
    ledger = ALIVE.with_name(f"publish-{time.time_ns()}.jsonl")
    command = ["softphone-monitor", "publish", "--job", "weekly", "--pacing", PACING, "--monitor", MONITOR_URL]
    command += ["--rest", value("rest"), "--streaming", value("ws"), "--ledger", str(ledger)]
    command += [word for name in ("business_unit", "week", "schedule") for word in (option(name), value(name))]
    secrets = {"GENESYS_CLIENT_ID": value("client_id"), "GENESYS_CLIENT_SECRET": value("client_secret")}
    token = TOKEN_FILE.read_text(encoding="utf-8").strip()
    return subprocess.Popen(command, env={**os.environ, **secrets, "MONITOR_TOKEN": token})  # noqa: S603


def order(verb: str, **parameters: str) -> dict[str, str]:
    """One order to the simulator's control API; its answer."""
    url = f"{value('control')}/{verb}?{urllib.parse.urlencode(parameters)}"
    with DIRECTLY.open(urllib.request.Request(url, method="POST"), timeout=10) as answer:  # noqa: S310
        told: dict[str, str] = json.load(answer)
        return told


def value(name: str) -> str:
    """What the simulator keeps under that name; read each time, as another simulator may have come."""
    return (CREDENTIALS / name).read_text(encoding="utf-8").strip()


def option(name: str) -> str:
    """Its option of `publish`."""
    return "--" + name.replace("_", "-")


if __name__ == "__main__":
    main()
