"""What a gathering makes of a network that is not there: a process in network and mount namespaces of its own.

`python own_network.py CASE`, inside the namespaces, tells in JSON what probe and call say about `SERVERS`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from system_programs import require_program

from monitor.facts.ice import IceServer
from monitor.media.gathering import gather
from monitor.media.ice_connection import IceConnection

ADDRESS, NAME_SERVER = "192.0.2.2", "127.0.0.1"
USER = ("user", "secret")
SERVERS = (
    IceServer("stun:192.0.2.1"),
    IceServer("turn:192.0.2.1", *USER),
    IceServer("turn:192.0.2.1?transport=tcp", *USER),
    IceServer("stun:stun.example.com"),
    IceServer("turn:turn.example.com", *USER),
)
TIMEOUT_S = 1.0
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 0x1
# sysfs shows the namespace it was mounted in
PREPARE = 'mount -t sysfs none /sys && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


def told_in_own_network(case: str, directory: Path) -> dict[str, Any]:
    """Run this file there; skips where this machine does not let us have namespaces."""
    names = directory / "resolv.conf"
    names.write_text(f"nameserver {NAME_SERVER}\n")
    unshare = require_program("unshare", "apt-get install util-linux")
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    inside = [unshare, *rights, "--net", "--mount", "sh", "-c", PREPARE, "sh", str(names)]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us have network and mount namespaces of our own")
    command = [*inside, sys.executable, __file__, case]
    path = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    ran = subprocess.run(command, capture_output=True, check=False, timeout=60, env={**os.environ, **path})
    assert ran.returncode == 0, ran.stderr.decode()
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def prepare(case: str, sock: socket.socket) -> None:
    """Make the network of `case` out of the one interface that a new namespace has, which is down."""
    interface = b"lo".ljust(16, b"\0")
    if case == "address_kept_but_down":
        address = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(ADDRESS))
        fcntl.ioctl(sock, SIOCSIFADDR, interface + address)
    elif case == "silent_name_server":
        flags = struct.unpack_from("=H", fcntl.ioctl(sock, SIOCGIFFLAGS, interface + bytes(16)), 16)[0]
        fcntl.ioctl(sock, SIOCSIFFLAGS, interface + struct.pack("=H14x", flags | IFF_UP))
        sock.bind((NAME_SERVER, 53))


async def tell() -> dict[str, Any]:
    """Ask SERVERS as the probe does and as a call does."""
    probed = await gather(SERVERS, timeout_s=TIMEOUT_S)
    agent = IceConnection(ice_controlling=False)
    agent.servers, agent.gather_timeout_s, agent.gather_cap_s = SERVERS, 5.0, TIMEOUT_S
    await agent.gather_candidates()
    candidates = len(agent.local_candidates)
    await agent.close()
    return {
        "signature": probed.signature,
        "obtained": sorted(probed.obtained),
        "probe": [one.outcome for one in probed.results],
        "call": [one.outcome for one in agent.results],
        "details": [one.detail for one in (*probed.results, *agent.results)],
        "candidates": candidates,
    }


if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        prepare(sys.argv[1], sock)
        print(json.dumps(asyncio.run(tell())))
