"""What a running monitor answers to `probe`, read back: every form of its page, every refusal, another server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exporter_bench import make_bench
from ports import free_port
from promql_stub import serving

from monitor.commands.probe import ProbeOptions, run_probe
from monitor.commands.probe_asked import ask, own_url, read_page, runs_at
from monitor.commands.probe_text import NotProbed, Told, text_of
from monitor.config.model import Exporter
from monitor.facts.failures import Failure, Fault, Reason, failure
from monitor.facts.probe_result import ProbePhase, ProbeResult
from monitor.probes.fleet import FleetError
from monitor.web.exporter import SIMULATED, create_app, serve

UP = ProbeResult(
    target="gathering-1",
    module="gathering",
    success=True,
    duration_s=0.25,
    phases=(
        ProbePhase(name="stun [2001:db8::1]:3478 udp", seconds=0.0124, outcome="ok"),
        ProbePhase(name="turn relay.example.com:443 tls", seconds=None, outcome="timeout"),
        ProbePhase(name="gathering", seconds=1.5, outcome="slow"),
    ),
    log=("asking two servers", "phase of the log: kept, as it comes before an end"),
)
DOWN = ProbeResult(
    target="heartbeat-1",
    module="heartbeat",
    success=False,
    duration_s=5.0,
    phases=(ProbePhase(name="ping", seconds=None, outcome="timeout"),),
    failure=failure("xmpp_ping", Reason.TIMEOUT, "no answer: (remote fault) within 5 s"),
)
NOTHING = ProbeResult(target="call-1", module="call", success=False, duration_s=0.0, log=("measures when calls come",))


@asynccontextmanager
async def exporter(folder: Path, result: ProbeResult | Exception, **context: Any) -> AsyncIterator[str]:
    """A real exporter whose probes end so; its address."""

    async def probe_now(target: str, module: str) -> ProbeResult:
        if isinstance(result, Exception):
            raise result
        return result

    bench = make_bench(folder)
    probes = {"gathering-1": "gathering", "heartbeat-1": "heartbeat", "call-1": "call"}
    app = create_app(replace(bench.context(**context), probes=lambda: probes, probe_now=probe_now))
    server = await serve(app, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()
        await bench.journal.close()


async def told(url: str, result: ProbeResult, token: str = "") -> Told:
    return await asyncio.to_thread(ask, url, result.target, result.module, token)


async def refusal(url: str, target: str = "heartbeat-1", module: str = "", token: str = "") -> str:
    with pytest.raises(NotProbed) as caught:
        await asyncio.to_thread(ask, url, target, module, token)
    return str(caught.value)


@pytest.mark.parametrize("result", [UP, DOWN])
@pytest.mark.parametrize("simulated", [False, True])
async def test_the_monitors_page_is_read_back_as_it_was_meant(
    tmp_path: Path, result: ProbeResult, simulated: bool
) -> None:
    async with exporter(tmp_path, result, simulated=lambda: simulated) as url:
        assert await told(url, result) == Told(result=result, by=f"by the monitor at {url}", simulated=simulated)


async def test_a_run_that_measured_nothing_is_not_down(tmp_path: Path) -> None:
    async with exporter(tmp_path, NOTHING) as url:
        assert await refusal(url, "call-1") == "call-1: measures when calls come"


async def test_the_monitors_refusals_are_passed_on(tmp_path: Path) -> None:
    async with exporter(tmp_path, FleetError(["the prober is not running"])) as url:
        assert await refusal(url) == (f"the monitor at {url}: the probe could not be run: the prober is not running")
        assert (await refusal(url, "nix")).endswith("known are gathering-1, heartbeat-1, call-1")
        assert (await refusal(url, module="api")).endswith("the probe heartbeat-1 is of the kind heartbeat, not 'api'")


async def test_a_token_is_sent_and_a_wrong_or_missing_one_told(tmp_path: Path) -> None:
    async with exporter(tmp_path, DOWN, host="192.0.2.1", token="right") as url:
        assert (await told(url, DOWN, "right")).result == DOWN
        assert "wants its token: put it into the variable MONITOR_TOKEN" in await refusal(url)
        assert "does not accept the token" in await refusal(url, token="wrong")
        assert "no HTTP header can carry" in await refusal(url, token="gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n")
        assert await asyncio.to_thread(runs_at, url)


async def test_nobody_there_says_what_to_do(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    words = await refusal(url)
    assert words.startswith(f"no monitor answers at {url} (")
    for hint in ("softphone-monitor run -c FILE", "MONITOR_URL", "-c FILE, with the settings"):
        assert hint in words
    assert runs_at(url) is False


def test_one_that_accepts_and_says_nothing_is_not_probed_beside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy, pytest.raises(NotProbed, match=r"not probing beside it$"):
        runs_at(f"http://127.0.0.1:{busy.getsockname()[1]}")


def test_what_the_other_side_says_cannot_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = b"\x1b]0;owned\x07\xe2\x80\xae" + b"x" * 1000 + b"\napi-1 (api): down, 0.100 s\n\n"
    with serving(lambda query, at: (200, "text/plain", hostile)) as url:
        assert run_probe(ProbeOptions(target="api-1", monitor=url), {}) == 2
    told = capsys.readouterr().err
    assert told.rstrip("\n").isprintable()
    assert len(told) < 400


def test_another_server_is_no_monitor() -> None:
    with serving(lambda query, at: (200, "text/plain", b"")) as url:
        with pytest.raises(NotProbed, match="is no softphone-monitor"):
            ask(url, "heartbeat-1", "", "")
        assert runs_at(url) is False
    for page in ("", "healthy\n", "probe_success 1\n"):
        with pytest.raises(NotProbed, match="is no softphone-monitor"):
            read_page(page, "http://127.0.0.1:1")


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://127.0.0.1:port"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(NotProbed, match=r"is no address such as http://127\.0\.0\.1:9464"):
        ask(url, "heartbeat-1", "", "")


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:9464", "http://127.0.0.1:9464"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("[::]:1", "http://[::1]:1"),
        ("monitor.example:1", "http://monitor.example:1"),
        ("127.0.0.1:0", ""),
    ],
)
def test_where_the_monitor_of_these_settings_answers(listen: str, url: str) -> None:
    assert own_url(Exporter(listen=listen)) == url
    assert url or not runs_at(url)


def test_the_answer_is_one_line_then_a_table_then_the_failure() -> None:
    lines = text_of(Told(result=DOWN, by="without a monitor", simulated=False), debug=False).split("\n")
    assert lines == [
        "DOWN heartbeat-1 (heartbeat) in 5.000 s, without a monitor",
        "  phase  outcome  ms",
        "  ping   timeout   -",
        "failed in xmpp_ping: timeout: no answer: (remote fault) within 5 s",
        "whose fault, as far as one attempt can tell: path, of the network between",
        "read docs/runbook.md#timeout",
    ]
    lines = text_of(Told(result=UP, by="by whom", simulated=True), debug=True).split("\n")
    assert lines[0] == "UP gathering-1 (gathering) in 0.250 s, by whom, SIMULATED: the platform is the simulator"
    assert lines[2] == "  stun [2001:db8::1]:3478 udp     ok         12.4"
    assert lines[-2:] == list(UP.log)
    assert SIMULATED not in lines


def test_a_session_that_is_not_up_is_nobodys_fault_and_a_signature_needs_no_failure() -> None:
    idle = replace(DOWN, failure=failure("xmpp_ping", Reason.NOT_CONNECTED))
    lines = text_of(Told(result=idle, by="by whom", simulated=False), debug=False).split("\n")
    assert lines[-1] == "read docs/runbook.md#not_connected"
    assert not [line for line in lines if "whose fault" in line]
    empty = replace(UP, success=False, phases=(ProbePhase(name="gathering", seconds=None, outcome="empty"),))
    lines = text_of(Told(result=empty, by="by whom", simulated=False), debug=False).split("\n")
    assert lines[-1] == "read docs/runbook.md#ice-gathering"


def test_words_of_the_other_side_cannot_command_the_terminal() -> None:
    hostile = ProbeResult(
        target="api-1",
        module="api",
        success=False,
        duration_s=0.0,
        failure=Failure("organizations_me", Reason.ERROR, Fault.REMOTE, "\x1b[2J\x07gone"),
    )
    text = text_of(Told(result=hostile, by="by whom", simulated=False), debug=False)
    assert "?[2J?gone" in text
    assert all(line.isprintable() for line in text.split("\n"))
