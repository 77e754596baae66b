"""The real genesys-cloud-streaming-client from npm, unmodified and in Node, against the simulator's own process.

Its constants cannot be shortened (a client ping comes 14 s after connecting, a reconnect after 2 s), so three pairs of
a simulator and a client run side by side once, and each test reads one transcript.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from npm_packages import node_with_packages

NODE_FOLDER = Path(__file__).parent / "node"
SCENARIO = """
name: conformance
description: A quick platform that pings its clients each second.
expected: {publish_harms_softphones: false, cause: none}
agents: 2
signalling: {capacity: 2000.0, base_s: 0.005, jitter_s: 0.0}
server_ping_period_s: 1.0
"""
STEP_S = 30.0  # for anything to happen; the longest is the client's first ping, after 14 s

Event = dict[str, Any]


@dataclass
class Platform:
    """One simulator process: what it printed, and its control API."""

    info: dict[str, Any]
    http: httpx.AsyncClient

    async def control(self, verb: str, **parameters: Any) -> dict[str, Any]:
        reply = await self.http.post(f"{self.info['control']}/{verb}", params=parameters)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())


@dataclass
class Transcript:
    """What the client told, and what the control API said at points of interest."""

    events: list[Event] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, name: str) -> list[Event]:
        return [event for event in self.events if event["event"] == name]

    async def seen(self, name: str, count: int = 1, **details: Any) -> Event:
        """The count-th event of that name and those details, once it has come."""
        async with asyncio.timeout(STEP_S):
            while True:
                found = [event for event in self.of(name) if details.items() <= event.items()]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def process(*command: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child that ends with the block: its stdin is closed first, and it is terminated if that does not suffice."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**22, **options)
    try:
        yield child
    finally:
        assert child.stdin is not None
        child.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), 0.5)
        with suppress(ProcessLookupError):
            child.terminate()
        await asyncio.wait_for(child.wait(), 10)


@asynccontextmanager
async def simulator(scenario: Path) -> AsyncIterator[Platform]:
    ports = ("--rest-port", "0", "--ws-port", "0")
    async with process(sys.executable, "-m", "monitor", "simulate", *ports, "--scenario", str(scenario)) as child:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), STEP_S)
        async with httpx.AsyncClient(trust_env=False) as http:
            yield Platform(json.loads(line), http)


@asynccontextmanager
async def softphone(node: str, platform: Platform, transcript: Transcript, **options: Any) -> AsyncIterator[None]:
    info = platform.info
    given = {"host": info["ws"], "apiHost": info["rest"], "authToken": info["user_token"], **options}
    async with process(node, "softphone.cjs", json.dumps(given), cwd=NODE_FOLDER) as child:
        assert child.stdout is not None
        reading = asyncio.create_task(_read(child.stdout, transcript))
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(stream: asyncio.StreamReader, transcript: Transcript) -> None:
    while line := await stream.readline():
        transcript.add(json.loads(line))


# The three runs


async def server_pings_and_moves(node: str, platform: Platform, told: Transcript) -> None:
    """Server-side pings, a call's propose, a drop and a planned move."""
    async with softphone(node, platform, told, useServerSidePings=True):
        await told.seen("refreshed")
        await told.seen("pong", 2, direction="out")
        proposed = await platform.control("propose", sdp="true")
        await told.seen("proceeded")
        await told.seen("notified", 2)
        told.notes["proposed"] = proposed
        told.notes["state"] = await platform.control("state")
        await platform.control("drop", code=1001)
        await told.seen("subscribed", 2)
        await platform.control("cxfr")
        await told.seen("subscribed", 3)
        told.notes["sessions after all"] = (await platform.control("state"))["sessions"]


async def client_pings(node: str, platform: Platform, told: Transcript) -> None:
    """Client pings, each 14 s."""
    async with softphone(node, platform, told, useServerSidePings=False):
        await told.seen("pong", direction="in")


async def rate_limited_then_unauthorized(node: str, platform: Platform, told: Transcript) -> None:
    """429 with Retry-After at the first attempt, then a move whose new channel is refused with 401."""
    await platform.control("fail", match="notifications/channels", status=429, times=1, retry_after=2)
    async with softphone(node, platform, told, connect={"keepTryingOnFailure": True}):
        await told.seen("settled", ok=True)
        await platform.control("fail", match="notifications/channels", status=401, times=100)
        await platform.control("cxfr")
        await told.seen("unhandled", type="invalid_token")
        with suppress(TimeoutError):
            await asyncio.wait_for(told.seen("connected", 2), 5)  # it would try again after 2 to 4 s


RUNS: tuple[Callable[[str, Platform, Transcript], Awaitable[None]], ...] = (
    server_pings_and_moves,
    client_pings,
    rate_limited_then_unauthorized,
)


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the client's packages installed beside the script exactly as locked."""
    return node_with_packages(NODE_FOLDER)


@pytest.fixture(scope="module")
def transcripts(node: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Transcript | BaseException]:
    """Every run's transcript by its name, or what went wrong in it."""
    scenario = tmp_path_factory.mktemp("conformance") / "scenario.yaml"
    scenario.write_text(SCENARIO, encoding="utf-8")

    async def one(scene: Callable[[str, Platform, Transcript], Awaitable[None]]) -> Transcript:
        transcript = Transcript()
        async with simulator(scenario) as platform:
            try:
                await scene(node, platform, transcript)
            except TimeoutError:
                tail = "\n".join(json.dumps(event)[:300] for event in transcript.events[-20:])
                raise AssertionError(
                    f"{scene.__name__}: what was waited for did not come; last events:\n{tail}"
                ) from None
        return transcript

    async def every() -> list[Transcript | BaseException]:
        return await asyncio.gather(*(one(scene) for scene in RUNS), return_exceptions=True)

    return dict(zip((scene.__name__ for scene in RUNS), asyncio.run(every()), strict=True))


@pytest.fixture
def transcript(request: pytest.FixtureRequest, transcripts: dict[str, Transcript | BaseException]) -> Transcript:
    """The transcript named by the test's parameter; a run that failed fails every test that reads it."""
    told = transcripts[request.param.__name__]
    if isinstance(told, BaseException):
        raise told
    return told


reads_moves = pytest.mark.parametrize("transcript", [server_pings_and_moves], indirect=True)
reads_client_pings = pytest.mark.parametrize("transcript", [client_pings], indirect=True)
reads_refusals = pytest.mark.parametrize("transcript", [rate_limited_then_unauthorized], indirect=True)

pytestmark = pytest.mark.system


@reads_moves
def test_authenticates_binds_its_own_resource_and_fetches_ice_servers(transcript: Transcript) -> None:
    assert transcript.of("loaded")[0]["version"] == "19.4.1"
    connected = transcript.of("connected")[0]
    assert transcript.notes["state"]["sessions"] == [connected["jid"]]
    assert connected["policy"] == "all"
    (stun,) = connected["ice"]
    assert stun["type"] == "stun"
    assert stun["urls"].startswith("stun:127.0.0.1:")
    assert transcript.of("refreshed")[0]["ice"] == connected["ice"]


@reads_moves
def test_subscribes_and_is_notified_of_its_conversation(transcript: Transcript) -> None:
    assert transcript.of("failed") == []
    told = transcript.of("notified")[0]["payload"]
    assert told["topicName"] == transcript.of("subscribed")[0]["topic"]
    assert told["eventBody"]["id"] == transcript.notes["proposed"]["cid"]


@reads_moves
def test_answers_server_side_pings_and_sends_none_of_its_own(transcript: Transcript) -> None:
    pings = transcript.of("ping")
    assert len(pings) >= 2
    assert {ping["direction"] for ping in pings} == {"in"}
    assert all(pong["result"] for pong in transcript.of("pong"))


@reads_moves
def test_takes_a_propose_and_sends_proceed(transcript: Transcript) -> None:
    proposed = transcript.of("proposed")[0]
    assert {"sid": proposed["sid"], "cid": proposed["cid"]} == transcript.notes["proposed"]
    assert "gjoll" in proposed["from"]
    assert transcript.notes["state"]["calls"][proposed["sid"]]["state"] == "offered"
    # the simulator sent its offer, which the client passes on to the browser's RTCPeerConnection: Node has none
    assert "RTCPeerConnection is not defined" in transcript.of("unhandled")[0]["message"]


@reads_moves
def test_a_dropped_socket_is_reconnected_softly_and_a_planned_move_with_a_new_channel(transcript: Transcript) -> None:
    first, dropped, moved = transcript.of("connected")
    assert (dropped["channel"], dropped["jid"]) == (first["channel"], first["jid"])
    assert moved["channel"] != first["channel"]
    assert moved["jid"] == first["jid"]
    assert [event["reconnecting"] for event in transcript.of("disconnected")] == [True, True, False]
    assert transcript.notes["sessions after all"] == [moved["jid"]]


@reads_client_pings
def test_pings_by_itself_and_takes_the_answer(transcript: Transcript) -> None:
    assert [(ping["direction"]) for ping in transcript.of("ping")] == ["out"]
    assert transcript.of("pong")[0]["result"] is True
    assert transcript.of("disconnected") == []


@reads_refusals
def test_waits_out_a_429_with_retry_after(transcript: Transcript) -> None:
    assert any("respecting retry-after" in entry["message"] for entry in transcript.of("log"))
    assert transcript.of("connected")[0]["at"] - transcript.of("loaded")[0]["at"] > 2.0


@reads_refusals
def test_gives_up_on_a_401(transcript: Transcript) -> None:
    assert transcript.of("unhandled")[0]["type"] == "invalid_token"
    assert len(transcript.of("connected")) == 1
