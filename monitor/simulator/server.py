"""Run the simulator: bind the REST and WebSocket ports, say where everything is, stop cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from monitor.config.values import is_loopback
from monitor.facts.clock import Clock, SystemClock
from monitor.simulator.kept_credentials import keep, keep_softphones, user_tokens
from monitor.simulator.live import LiveWorld
from monitor.simulator.platform import Platform
from monitor.simulator.rest.app import create_app
from monitor.simulator.rest.control import Control
from monitor.simulator.rest.gate import Gate
from monitor.simulator.streaming.streaming import Streaming
from monitor.simulator.world.scenario import Scenario, ScenarioError, Turn, load_scenario

KEEP_ALIVE_S: Final = 120  # longer than clients leave a connection idle, so that none is cut under a request
GRACE_S: Final = 1  # for answers under way when the simulator stops
WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - named, not bound to


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """How to run. Port 0 picks a free one. The control API exists only where `host` is loopback.

    certificate: PEM files of a certificate chain and its key; with them everything is https and wss.
    advertise: the name or address that clients are told to reach it at, where `host` is a wildcard or behind a
    container's network; in URLs and for the embedded STUN and TURN servers alike.
    credentials: a folder whose secret and tokens are used again, and where `simulate` keeps what it prints.
    softphones: how many users are given a token; with a folder, settings to run a monitor with them are written there.
    """

    scenario: Scenario
    host: str = "127.0.0.1"
    rest_port: int = 0
    ws_port: int = 0
    seed: int = 1
    control: bool = True
    certificate: tuple[Path, Path] | None = None
    advertise: str | None = None
    credentials: Path | None = None
    softphones: int = 1


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: whoever runs the simulator owns SIGINT and SIGTERM."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class RunningSimulator:
    """A simulator that accepts connections. `info` is what `simulate` prints, `tokens` one of each softphone."""

    def __init__(
        self, platform: Platform, streaming: Streaming, server: QuietServer, info: dict[str, Any], tokens: list[str]
    ) -> None:
        self.platform = platform
        self.live = LiveWorld(platform, streaming)
        self._streaming = streaming
        self._server = server
        self._serving: asyncio.Task[None] | None = None
        self._living: asyncio.Task[None] | None = None
        self.info = info
        self.tokens = tokens

    async def start(self, listener: socket.socket) -> None:
        """Begin to answer REST calls on a socket that is bound already, and let the scenario's time pass."""
        self._living = asyncio.create_task(self.live.run())
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("the REST server stopped before it had started")
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Stop both servers and all background work; takes at most a few seconds. Idempotent."""
        self._server.should_exit = True
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        ending = [self._streaming.close()] + ([self._serving] if self._serving is not None else [])
        await asyncio.gather(*ending)
        await self.platform.close()


async def serve(options: SimulatorOptions, clock: Clock | None = None) -> RunningSimulator:
    """Start a simulator in this event loop. Raises OSError: a port is taken, a certificate or folder is no use."""
    tls = _tls(options.certificate)
    platform = Platform(options.scenario, seed=options.seed, clock=clock or SystemClock())
    tokens = user_tokens(platform, options.credentials, options.softphones)
    listener = listen(options.host, options.rest_port)
    try:
        streaming = await Streaming.start(platform, options.host, options.ws_port, tls=tls)
    except BaseException:
        listener.close()
        raise
    host = options.advertise or options.host
    platform.urls.rest = _url("https" if tls else "http", host, listener.getsockname()[1])
    platform.urls.ws = _url("wss" if tls else "ws", host, streaming.port)
    platform.urls.advertised = options.advertise
    gate = Gate(platform)
    control = options.control and is_loopback(options.host)
    app = create_app(gate, Control(gate).routes() if control else [])
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=options.certificate[0] if options.certificate else None,
        ssl_keyfile=options.certificate[1] if options.certificate else None,
    )
    running = RunningSimulator(platform, streaming, QuietServer(config), _info(platform, control, tokens[0]), tokens)
    await running.start(listener)
    return running


def _tls(certificate: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    """The server's side of TLS, None for none. Raises OSError, naming the files."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(*certificate)
    except OSError as error:
        words = error.strerror or str(error)
        raise OSError(f"certificate {certificate[0]} with key {certificate[1]}: {words}") from None
    return context


def simulate(
    host: str = "127.0.0.1",
    rest_port: int = 0,
    ws_port: int = 0,
    scenario: str = "quiet",
    seed: int = 1,
    control: bool = True,
    turn: Turn | None = None,
    certificate: tuple[Path, Path] | None = None,
    advertise: str | None = None,
    credentials: Path | None = None,
    softphones: int = 1,
) -> int:
    """The command: one JSON line on stdout when ready, then serve until SIGINT or SIGTERM. The exit status.

    scenario: a shipped one's name or a file. turn: handed out instead of the scenario's own. advertise, credentials,
    softphones: see SimulatorOptions.
    2: a scenario that cannot be used; 1: a port that cannot be bound, a certificate or a folder that is no use; both
    with the reason on stderr.
    """
    try:
        chosen = load_scenario(scenario)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 2
    if turn is not None:
        chosen = chosen.model_copy(update={"turn": turn})
    options = SimulatorOptions(
        chosen, host, rest_port, ws_port, seed, control, certificate, advertise, credentials, softphones
    )
    try:
        asyncio.run(_until_stopped(options))
    except OSError as error:
        print(f"simulate: cannot serve on {host}: {error}", file=sys.stderr)
        return 1
    return 0


async def _until_stopped(options: SimulatorOptions) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    running = await serve(options)
    try:
        if options.credentials is not None:
            keep(options.credentials, running.info)
            if options.softphones > 1:
                keep_softphones(options.credentials, running.info["rest"], running.info["ws"], running.tokens)
        print(json.dumps(running.info), flush=True)
        await stopped.wait()
    finally:
        await running.close()


def _info(platform: Platform, control: bool, token: str) -> dict[str, Any]:
    schedule = next(iter(platform.schedules.schedules.values()))
    return {
        "rest": platform.urls.rest,
        "ws": platform.urls.ws,
        "client_id": platform.client_id,
        "client_secret": platform.client_secret,
        "user_token": token,
        "business_unit": platform.business_unit_id,
        "week": schedule.week_id,
        "schedule": schedule.id,
        "user": platform.first_user.id,
        "control": f"{platform.urls.rest}/control" if control else None,
    }


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket (port 0 picks one). Raises OSError.

    The protocol is named because asyncio turns Nagle's algorithm off only on sockets that name it; without that every
    answer in two writes would wait 40 ms for the client's delayed acknowledgement.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _url(scheme: str, host: str, port: int) -> str:
    """The address to tell clients; of a wildcard, the one on this machine."""
    name = WILDCARDS.get(host, host)
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"
