"""Start a real coturn on a free loopback port, and stop it by its pid."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aioice import stun
from system_programs import require_program

USER, PASSWORD, REALM = "softphone", "correct horse", "test.invalid"
START_LIMIT_S = 20.0


@dataclass(frozen=True)
class Coturn:
    """A running server. tls_port is None unless it was given a certificate."""

    host: str
    port: int
    tls_port: int | None
    pid: int
    username: str = USER
    password: str = PASSWORD

    def url(self, scheme: str, transport: str = "") -> str:
        """A server URI, e.g. url("turn", "tcp")."""
        port = self.tls_port if scheme.endswith("s") else self.port
        return f"{scheme}:{self.host}:{port}" + (f"?transport={transport}" if transport else "")


@asynccontextmanager
async def running_coturn(
    directory: Path,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    host: str = "127.0.0.1",
    options: Sequence[str] = (),
) -> AsyncIterator[Coturn]:
    """coturn with long-term credentials, UDP and TCP, and TLS when given a certificate and its key (PEM files).

    options: more of its command line, such as `--user-quota=2`.
    """
    program = require_program("turnserver", "apt-get install coturn")
    port, tls_port = free_port(host), free_port(host)
    arguments = [
        "-n",
        f"--listening-ip={host}",
        f"--relay-ip={host}",
        f"--listening-port={port}",
        f"--tls-listening-port={tls_port}",
        "--min-port=43000",
        "--max-port=43999",
        "--lt-cred-mech",
        f"--realm={REALM}",
        f"--user={USER}:{PASSWORD}",
        "--fingerprint",
        "--allow-loopback-peers",
        "--no-cli",
        "--no-dtls",
        "--no-multicast-peers",
        f"--pidfile={directory}/pid",
        f"--userdb={directory}/users.db",
        "--log-file=stdout",
        "--simple-log",
        *options,
    ]
    if certificate is None:
        arguments.append("--no-tls")
    else:
        arguments += [f"--cert={certificate}", f"--pkey={key}"]
    with (directory / "coturn.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(program, *arguments, stdout=log, stderr=log, cwd=directory)
    try:
        await _accepts(process, host, port, directory / "coturn.log")
        yield Coturn(host, port, None if certificate is None else tls_port, process.pid)
    finally:
        await stop(process)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that neither TCP nor UDP uses now. coturn sets SO_REUSEPORT, so a taken one would start silently."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((host, port))
                return port


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process of ours by its pid: SIGTERM, then SIGKILL."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(5):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _accepts(process: asyncio.subprocess.Process, host: str, port: int, log: Path) -> None:
    """Wait until it serves both: its threads open TCP and UDP each in their own time."""
    async with asyncio.timeout(START_LIMIT_S):
        for asked in (_over_tcp, _over_udp):
            while not await asked(host, port):
                assert process.returncode is None, f"turnserver ended, see {log}"
                await asyncio.sleep(0.05)


async def _over_tcp(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _over_udp(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((host, port))
        try:
            sock.send(bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)))
            async with asyncio.timeout(0.5):
                return bool(await asyncio.get_running_loop().sock_recv(sock, 2048))
        except OSError:  # TimeoutError is one
            return False
