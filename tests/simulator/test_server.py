"""The running simulator: what it prints, that both ports answer, and that it ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets
from certificates import make_certificate
from simulated_rest import INSTANT, instant

from monitor.simulator.server import SimulatorOptions, listen, serve, simulate
from monitor.simulator.streaming.streaming import Streaming

INFO = {
    "rest",
    "ws",
    "client_id",
    "client_secret",
    "user_token",
    "business_unit",
    "week",
    "schedule",
    "user",
    "control",
}


def started(*arguments: object) -> subprocess.Popen[str]:
    """`simulate` with these arguments in a process of its own."""
    code = f"import sys; from monitor.simulator.server import simulate; sys.exit(simulate(*{arguments!r}))"
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)


@contextlib.contextmanager
def simulator_process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The same, killed at the end of the block if it is still there."""
    process = started(*arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_json_line_when_ready_and_a_clean_end_on_a_signal(number: signal.Signals) -> None:
    with simulator_process() as process:
        assert process.stdout is not None
        info = json.loads(process.stdout.readline())
        assert set(info) == INFO
        headers = {"Authorization": f"Bearer {info['user_token']}"}
        assert httpx.get(f"{info['rest']}/api/v2/users/me", headers=headers).json()["id"] == info["user"]
        assert httpx.post(f"{info['control']}/state").status_code == 200
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout, stderr) == (0, "", "")


def test_a_signal_ends_it_while_a_slow_answer_and_a_socket_are_open() -> None:
    with simulator_process() as process:
        assert process.stdout is not None
        info = json.loads(process.stdout.readline())
        address = httpx.URL(info["rest"])
        slow = INSTANT.replace("base_s: 0.0", "base_s: 3600.0")
        httpx.post(f"{info['control']}/scenario", content=slow)
        with socket.create_connection((address.host, address.port or 0)) as waiting:
            token = info["user_token"]
            waiting.sendall(
                f"GET /api/v2/users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            with socket.create_connection((address.host, address.port or 0)):
                process.send_signal(signal.SIGINT)
                _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, "")


async def test_both_ports_answer_and_close_frees_them() -> None:
    running = await serve(SimulatorOptions(instant()))
    rest, user_token = running.info["rest"], running.info["user_token"]
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {user_token}"}) as http:
        channel = (await http.post(f"{rest}/api/v2/notifications/channels")).json()
        assert channel["connectUri"].startswith(running.info["ws"])
        async with websockets.connect(channel["connectUri"], ping_interval=None) as channel_socket:
            await channel_socket.send('{"message": "ping"}')
            assert json.loads(await channel_socket.recv())["eventBody"] == {"message": "pong"}
            # an event that REST causes arrives on the socket
            user = running.info["user"]
            topic = f"v2.users.{user}.presence"
            await http.put(f"{rest}/api/v2/notifications/channels/{channel['id']}/subscriptions", json=[{"id": topic}])
            wanted = {"presenceDefinition": {"systemPresence": "Busy"}}
            await http.patch(f"{rest}/api/v2/users/{user}/presences/purecloud", json=wanted)
            event = json.loads(await channel_socket.recv())
            assert event["topicName"] == topic
            assert event["eventBody"]["presenceDefinition"]["systemPresence"] == "Busy"
    await running.close()
    await running.close()
    for url in (rest, running.info["ws"]):
        address = httpx.URL(url)
        with pytest.raises(OSError):  # noqa: PT011 - which error depends on the system
            await asyncio.open_connection(address.host, address.port)


async def test_two_simulators_run_side_by_side_and_know_nothing_of_each_other() -> None:
    one, two = await serve(SimulatorOptions(instant())), await serve(SimulatorOptions(instant()))
    try:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {one.info['user_token']}"}) as http:
            assert (await http.get(f"{one.info['rest']}/api/v2/users/me")).status_code == 200
            assert (await http.get(f"{two.info['rest']}/api/v2/users/me")).status_code == 401
    finally:
        await one.close()
        await two.close()


async def test_the_control_api_can_be_left_out_and_is_off_beyond_loopback() -> None:
    for options in (SimulatorOptions(instant(), control=False), SimulatorOptions(instant(), host="0.0.0.0")):
        running = await serve(options)
        try:
            assert running.info["control"] is None
            async with httpx.AsyncClient() as http:
                assert (await http.post(f"{running.info['rest']}/control/state")).status_code == 404
        finally:
            await running.close()


async def test_behind_a_wildcard_clients_are_told_the_advertised_address() -> None:
    scenario = instant("occurrences: [{kind: turn, silent: true}]")
    running = await serve(SimulatorOptions(scenario, host="0.0.0.0", advertise="simulator.test"))
    try:
        urls = [httpx.URL(running.info[name]).host for name in ("rest", "ws")]
        assert urls == ["simulator.test", "simulator.test"]
        streaming = running.platform.streaming
        assert isinstance(streaming, Streaming)
        services = streaming.ice_servers.now("127.0.0.1", "simulated")
        assert [(service.type, service.host) for service in services] == [
            ("turn", "simulator.test"),
            ("stun", "simulator.test"),
        ]
    finally:
        await running.close()


def test_the_listening_socket_names_its_protocol_so_that_nagles_algorithm_is_off() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_with_a_certificate_everything_is_encrypted(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    running = await serve(SimulatorOptions(instant(), certificate=files))
    try:
        trusting = ssl.create_default_context(cafile=files[0])
        rest, ws = running.info["rest"], running.info["ws"]
        assert (rest.partition(":")[0], ws.partition(":")[0]) == ("https", "wss")
        headers = {"Authorization": f"Bearer {running.info['user_token']}"}
        async with httpx.AsyncClient(trust_env=False, verify=trusting, headers=headers) as http:
            made = await http.post(f"{rest}/api/v2/notifications/channels")
        uri = made.json()["connectUri"]
        assert uri.startswith(ws)
        async with websockets.connect(uri, ssl=trusting, proxy=None) as socket_:
            await socket_.send('{"message": "ping"}')
            assert "pong" in str(await socket_.recv())
    finally:
        await running.close()


def test_a_certificate_that_is_no_use_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key = make_certificate(tmp_path)
    assert simulate(certificate=(tmp_path / "none.pem", key)) == 1
    assert simulate(certificate=(key, certificate)) == 1
    told = capsys.readouterr()
    assert [line.partition(" with key ")[0] for line in told.err.splitlines()] == [
        f"simulate: cannot serve on 127.0.0.1: certificate {tmp_path / 'none.pem'}",
        f"simulate: cannot serve on 127.0.0.1: certificate {key}",
    ]


def test_a_port_in_use_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert simulate(rest_port=port) == 1
        assert simulate(ws_port=port) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 2
    assert all(line.startswith("simulate: cannot serve on 127.0.0.1: ") for line in told.err.splitlines())


def test_a_scenario_that_cannot_be_used_is_told_line_by_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(INSTANT + "coupling: -1\nsurprise: 1\n")
    assert simulate(scenario=str(path)) == 2
    assert simulate(scenario="nope") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 3


async def test_a_hostile_http_client_disturbs_nobody() -> None:
    running = await serve(SimulatorOptions(instant()))
    address = httpx.URL(running.info["rest"])
    token = running.info["user_token"]
    garbage = [
        b"\x00\xff\xfe" * 1000,
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc",
        b"PUT /api/v2/users/presences/bulk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/v2/users/%00%ff HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    ]
    try:
        writers = []
        for bytes_sent in garbage:
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(bytes_sent)
            writers.append(writer)
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            for _ in range(3):
                assert (await http.get(f"{running.info['rest']}/api/v2/users/me")).status_code == 200
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    finally:
        await running.close()
