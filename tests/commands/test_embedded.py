"""The simulator that a command brings: it ends with the command, however that ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from product import line_with

COMMAND = """
import asyncio, json
from contextlib import AsyncExitStack
from monitor.commands.embedded import start_simulator

async def command():
    async with AsyncExitStack() as stack:
        print(json.dumps(await start_simulator("quiet", 1, stack)), flush=True)
        await asyncio.Event().wait()

asyncio.run(command())
"""


def test_a_command_that_is_killed_leaves_no_simulator_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, text=True) as process:
        rest = urlsplit(json.loads(line_with(process.stdout, '"rest"'))["rest"])
        with socket.create_connection((rest.hostname, rest.port), timeout=60) as connection:
            process.send_signal(signal.SIGKILL)
            assert connection.recv(1) == b""  # closed by its end; a simulator that stays would let this time out
