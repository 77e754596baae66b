"""The scenario's causes on real sockets: what a real client meets is what the scenario says, and nothing before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from raw_softphone import RawSoftphone, error_of
from simulated_rest import INSTANT
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from monitor.facts.ice import IceServer, ServerOutcome, ServerResult
from monitor.media.stun import ask_server
from monitor.simulator.server import RunningSimulator, SimulatorOptions, serve
from monitor.simulator.world.scenario import parse_scenario


async def result_of(server: IceServer, **options: Any) -> ServerResult:
    return (await ask_server(server, **options)).result


class Live:
    """A running simulator with a scenario, and its clients."""

    def __init__(self, running: RunningSimulator, stack: AsyncExitStack) -> None:
        self.running = running
        self.platform = running.platform
        self._stack = stack
        self.http = httpx.AsyncClient(base_url=running.info["rest"])

    async def channel(self, token: str, kind: str = "streaming") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        params = {"connectionType": kind}
        return await self.http.post("/api/v2/notifications/channels", headers=headers, params=params)

    async def control(self, verb: str, **params: str) -> dict[str, Any]:
        reply = await self.http.post(f"/control/{verb}", params=params)
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told

    async def agent(self, place: int = 0) -> tuple[str, str]:
        """JID and token of the agent at that place."""
        told = await self.control("token", user=str(place))
        return told["jid"], told["token"]

    async def softphone(self, place: int = 0) -> RawSoftphone:
        jid, token = await self.agent(place)
        channel = (await self.channel(token)).json()["id"]
        phone = await self._stack.enter_async_context(RawSoftphone(self.running.info["ws"], channel))
        return await phone.login(jid, token)

    async def notifications(self) -> ClientConnection:
        """A JSON socket of the client's own."""
        token = self.platform.issue_client_token()[0]
        uri = (await self.channel(token, "websocket")).json()["connectUri"]
        return await self._stack.enter_async_context(connect(uri, ping_interval=None, proxy=None))


Start = Callable[[str], Awaitable[Live]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(extra: str) -> Live:
            return await stack.enter_async_context(live(extra))

        yield started


@asynccontextmanager
async def live(extra: str) -> AsyncIterator[Live]:
    """A simulator whose scenario is INSTANT with `extra` YAML."""
    running = await serve(SimulatorOptions(parse_scenario((INSTANT + extra).encode())))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(running.close)
        at = Live(running, stack)
        stack.push_async_callback(at.http.aclose)
        yield at


async def end_of(socket: ClientConnection, timeout_s: float = 5.0) -> ConnectionClosed:
    """How the connection ends."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                return closed


async def test_a_restart_closes_every_socket_with_1012_and_lets_nobody_in_while_it_is_down(start: Start) -> None:
    at = await start("occurrences: [{kind: restart, at: [0.5], down_s: 0.5}]")
    phone, notifications = await at.softphone(), await at.notifications()
    assert [(await end_of(socket)).rcvd.code for socket in (phone.ws, notifications)] == [1012, 1012]  # type: ignore[union-attr]
    with pytest.raises((OSError, InvalidMessage)):  # as the reset meets the client while connecting or after it
        await at.softphone()
    while not at.platform.world.signalling_up(at.platform.now_s()):  # noqa: ASYNC110 - the World has no event to wait on
        await asyncio.sleep(0.05)
    assert (await (await at.softphone()).ping()).get("type") == "result"


async def test_the_simulated_agents_fall_with_the_real_one_and_come_back(start: Start) -> None:
    at = await start("occurrences: [{kind: restart, at: [0.3], down_s: 0.1}]")
    phone = await at.softphone(1)
    before = await at.control("state")
    assert before["agents"] == {"connected": 2, "reconnecting": 0, "gave_up": 0, "real": 1}
    await end_of(phone.ws)
    after = await at.control("state")
    assert after["agents"]["reconnecting"] == 2
    assert after["agent_drops"] == {"closed": 2}
    assert after["scenario_seconds"] > before["scenario_seconds"]
    await at.control("reset")
    restarted = await at.control("state")
    assert restarted["scenario_seconds"] < after["scenario_seconds"]
    assert restarted["agents"]["connected"] == 3


async def test_a_planned_move_asks_every_client_to_connect_elsewhere(start: Start) -> None:
    at = await start("occurrences: [{kind: planned_move, at: [0.4]}]")
    phone, notifications = await at.softphone(), await at.notifications()
    asked = await phone.until("query")
    assert asked.find("{urn:xmpp:cxfr}query") is not None
    assert "v2.system.socket_closing" in str(await notifications.recv())


async def test_a_silent_client_is_cut_without_a_word_and_one_that_sends_is_not(start: Start) -> None:
    at = await start("occurrences: [{kind: idle_cut, after_s: 0.6}]")
    silent, busy = await at.softphone(0), await at.softphone(1)

    async def keep_alive() -> None:
        while True:
            await busy.ping()
            await asyncio.sleep(0.1)

    pinging = asyncio.create_task(keep_alive())
    assert (await end_of(silent.ws)).rcvd is None  # no close frame
    pinging.cancel()
    assert (await busy.ping()).get("type") == "result"


async def test_an_expired_token_ends_the_stream_and_no_way_leads_back_but_a_new_one(start: Start) -> None:
    at = await start("occurrences: [{kind: token, at: [0.4], for_s: 600, life_s: 0.2}]")
    jid, token = await at.agent()
    channel = (await at.channel(token)).json()["id"]
    async with RawSoftphone(at.running.info["ws"], channel) as phone:
        await phone.login(jid, token)
        assert error_of(await phone.until("error")) == "not-authorized"
    refused = await at.channel(token)
    assert (refused.status_code, refused.json()["code"]) == (401, "credentials.expired")
    async with RawSoftphone(at.running.info["ws"], channel) as phone:
        assert (await phone.authenticate(jid, token)).find("{*}not-authorized") is not None


async def test_a_takeover_displaces_the_newest_session_alone(start: Start) -> None:
    at = await start("occurrences: [{kind: takeover, at: [0.5]}]")
    other, newest = await at.softphone(0), await at.softphone(1)
    event = await newest.until("items")
    items = event.find(".//{*}items")
    assert items is not None
    assert "duplicate_id" in str(items.get("node"))
    await end_of(newest.ws)
    assert (await other.ping()).get("type") == "result"


async def test_an_idle_persistent_connection_ends_once_and_is_told(start: Start) -> None:
    at = await start("occurrences: [{kind: persistent_idle, after_s: 0.3}]")
    phone = await at.softphone()
    topic = f"v2.users.{at.platform.first_user.id}.persistentconnection"
    await phone.subscribe(topic)
    event = await phone.until("json")
    assert '"persistentState": "DISCONNECTED"' in str(event.findtext(".//{urn:xmpp:json:0}json"))
    with pytest.raises(TimeoutError):
        await phone.until("json", timeout_s=0.6)


@pytest.mark.parametrize(
    ("occurrence", "outcome"),
    [
        ("", ServerOutcome.OK),
        ("{kind: stun, loss: 1.0}", ServerOutcome.TIMEOUT),
        ("{kind: path, loss: 1.0, blocks: [stun]}", ServerOutcome.TIMEOUT),
        ("{kind: path, loss: 1.0, blocks: [media]}", ServerOutcome.OK),
        ("{kind: dns}", ServerOutcome.DNS),
    ],
)
async def test_what_the_stun_server_on_the_list_is_worth(start: Start, occurrence: str, outcome: ServerOutcome) -> None:
    at = await start(f"occurrences: [{occurrence}]")
    (service,) = await (await at.softphone()).services("stun")
    server = IceServer(f"stun:{service['host']}:{service['port']}")
    assert (await result_of(server, timeout_s=0.4)).outcome is outcome


async def test_a_slow_stun_service_answers_late(start: Start) -> None:
    at = await start("occurrences: [{kind: stun, delay_s: 0.2}]")
    (service,) = await (await at.softphone()).services("stun")
    result = await result_of(IceServer(f"stun:{service['host']}:{service['port']}"), timeout_s=3.0)
    assert result.seconds is not None
    assert result.seconds >= 0.2


async def test_a_second_interface_gets_no_answer_from_stun(start: Start) -> None:
    at = await start("occurrences: [{kind: vpn}]")
    (service,) = await (await at.softphone()).services("stun")
    request = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
    answered = {address: await answers(address, int(service["port"]), request) for address in LOOPBACKS}
    assert answered == {"127.0.0.1": True, "127.0.0.2": False}


LOOPBACKS = ("127.0.0.1", "127.0.0.2")


async def answers(local: str, port: int, datagram: bytes) -> bool:
    """Whether the simulator answers a datagram that comes from this address."""
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            heard.set_result(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Ear, local_addr=(local, 0), remote_addr=("127.0.0.1", port))
    try:
        transport.sendto(datagram)
        async with asyncio.timeout(0.4):
            await heard
    except TimeoutError:
        return False
    finally:
        transport.close()
    return True


async def test_the_list_of_ice_servers_can_be_empty(start: Start) -> None:
    at = await start("occurrences: [{kind: ice_list_empty}]")
    phone = await at.softphone()
    assert [await phone.services(kind) for kind in ("stun", "turn")] == [[], []]


@pytest.mark.parametrize(
    ("occurrence", "outcome"),
    [
        ("{kind: turn_credentials, at: [3600], for_s: 60, life_s: 60}", ServerOutcome.OK),
        ("{kind: turn_credentials, life_s: 0}", ServerOutcome.AUTH),
        ("{kind: turn, silent: true}", ServerOutcome.TIMEOUT),
        ("{kind: turn, allocations_per_s: 1, requests_per_s: 10000}", ServerOutcome.TIMEOUT),
    ],
)
async def test_what_the_embedded_turn_server_is_worth(start: Start, occurrence: str, outcome: ServerOutcome) -> None:
    at = await start(f"occurrences: [{occurrence}]")
    (service,) = await (await at.softphone()).services("turn")
    server = IceServer(f"turn:{service['host']}:{service['port']}", service["username"], service["password"])
    await asyncio.sleep(0.01)
    assert (await result_of(server, timeout_s=0.4)).outcome is outcome


async def test_agents_of_another_site_are_spared(start: Start) -> None:
    at = await start("sites: {north: 2, south: 1}\noccurrences: [{kind: planned_move, at: [0.5], site: south}]")
    north, south = await at.softphone(0), await at.softphone(2)
    await south.until("query")
    assert (await north.ping()).get("type") == "result"
    with pytest.raises(TimeoutError):
        await north.until("query", timeout_s=0.3)


async def test_simulated_agents_and_real_clients_share_one_token_where_the_scenario_says_so(start: Start) -> None:
    at = await start("shared_agent_token: true\nrate_limit: {per_minute: 2}")
    tokens = [(await at.agent(place))[1] for place in range(3)]
    assert [(await at.channel(token)).status_code for token in tokens] == [200, 200, 429]


async def test_a_real_client_beyond_the_scenarios_agents_is_none_of_those_who_gave_up(start: Start) -> None:
    at = await start("")
    await at.softphone(2)
    at.platform.use_scenario(parse_scenario(INSTANT.replace("agents: 3", "agents: 1").encode()))
    assert at.running.live.state()["agents"] == {"connected": 1, "reconnecting": 0, "gave_up": 0, "real": 1}
