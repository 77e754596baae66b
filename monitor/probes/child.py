"""One child process of ours: spawned with its sockets, spoken to over its channel, ended within a deadline."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import monitor
from monitor.probes.channel import Channel, Handler

STDERR_FD = 2

log = logging.getLogger(__name__)


class Child:
    """A running child. Its messages are handled from `spawn` on; `wait` tells its end."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.name = name
        self.channel = channel
        self._process = process
        self._talking = asyncio.create_task(channel.run(), name=f"channel {name}")
        self._ended = asyncio.create_task(process.wait(), name=f"process {name}")

    @classmethod
    async def spawn(
        cls, name: str, module: str, inherited: socket.socket, handlers: Mapping[str, Handler], *arguments: str
    ) -> Child:
        """Start `python -m module FD_MAIN FD ARGUMENTS`, FD being its copy of `inherited`, which is closed here."""
        ours, theirs = socket.socketpair()
        with theirs, inherited:
            channel = await Channel.from_socket(ours, name)
            for method, handler in handlers.items():
                channel.on(method, handler)
            try:
                process = await _start(module, (theirs, inherited), arguments)
            except BaseException:
                await channel.close()
                raise
        return cls(name, process, channel)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit status once it has ended, negative for a signal."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """End it by force, at once."""
        if self.alive:
            self._process.kill()

    async def stop(self, deadline_s: float) -> None:
        """End it by SIGTERM (which also ends one that is still starting), by force after `deadline_s`. Idempotent."""
        try:
            if self.alive:
                self._process.terminate()
            async with asyncio.timeout(deadline_s):
                await self.wait()
                await asyncio.shield(self._talking)  # what it said last
        except TimeoutError:
            log.warning("%s did not end within %g s: killed", self.name, deadline_s)
        finally:
            self.kill()
            await self.wait()
            await self.channel.close()
            await self._talking


async def _start(module: str, sockets: Iterable[socket.socket], arguments: Iterable[str]) -> asyncio.subprocess.Process:
    fds = tuple(sock.fileno() for sock in sockets)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *map(str, fds), *arguments),
        pass_fds=fds,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=STDERR_FD,  # standard output belongs to results
        env=environment(),
        process_group=0,  # Ctrl-C goes to us alone: we end our children in order
    )


def environment(only: Iterable[str] = ("*",)) -> dict[str, str]:
    """Ours, with the folder of this package first, as -P keeps whatever lies in the working directory out.

    only: shell patterns of the names that are passed on; PYTHONPATH always is.
    """
    package = str(Path(monitor.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    passed_on = {name: value for name, value in os.environ.items() if any(fnmatchcase(name, one) for one in only)}
    return {**passed_on, "PYTHONPATH": os.pathsep.join(filter(None, (package, inherited)))}
