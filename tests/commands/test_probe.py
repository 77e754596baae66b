"""`probe` as the person on call uses it: by the real monitor and simulator, without a monitor, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from product import call, line_with, simulator, started

from monitor.commands.probe import DOWN, UP, USAGE, ProbeOptions, run_probe
from monitor.commands.probe_alone import NEVER_BY_ITSELF_S, alone
from monitor.config.load import load

CONFIG = """
site: chicago
genesys:
  rest: {rest}
  login: {rest}
  streaming: {ws}
  client: {{id_env: CLIENT_ID, secret_env: CLIENT_SECRET}}
  agents:
    - {{name: synthetic-1, token_env: USER_TOKEN}}
probes:
  - {{kind: heartbeat, channel: notification}}
  - {{kind: heartbeat, channel: xmpp, agent: synthetic-1}}
  - {{kind: signalling, agent: synthetic-1, keepalive: server, interface: lo}}
  - {{kind: gathering, agent: synthetic-1, timeout: 2s}}
  - {{kind: call, agent: synthetic-1, answer: any}}
  - {{kind: api}}
exporter: {{listen: "127.0.0.1:{port}"}}
journal: {{path: {folder}/softphone.db}}
"""
SIMULATED = "SIMULATED: the platform is the simulator"
CONNECTING = ("channel_create", "tcp", "upgrade", "sasl", "bind", "ice_servers")


@pytest.fixture(scope="module")
def platform() -> Iterator[Mapping[str, Any]]:
    """One simulator for every test here."""
    with simulator() as info:
        yield info


@pytest.fixture
def config(platform: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings for it, and their credentials."""
    for name, key in (("CLIENT_ID", "client_id"), ("CLIENT_SECRET", "client_secret"), ("USER_TOKEN", "user_token")):
        monkeypatch.setenv(name, platform[key])
    monkeypatch.delenv("MONITOR_URL", raising=False)
    file = tmp_path / "monitor.yaml"
    file.write_text(CONFIG.format(rest=platform["rest"], ws=platform["ws"], port=free_port(), folder=tmp_path))
    return file


def probed(config: Path, target: str, capsys: pytest.CaptureFixture[str], **more: Any) -> tuple[int, list[str]]:
    """Exit status and lines of `probe TARGET -c FILE`."""
    status = run_probe(ProbeOptions(target=target, config=config, **more))
    shown = capsys.readouterr()
    return status, [*shown.out.splitlines(), *shown.err.splitlines()]


def steps(lines: list[str]) -> list[str]:
    """The first column of the table."""
    return [line[2:].split("  ")[0].strip() for line in lines if line.startswith("  ")][1:]


def test_the_running_monitor_of_the_settings_is_asked_and_no_second_session_opened(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{load(config).exporter.port}"
    with started("run", "-c", str(config)) as process:
        line_with(process.stderr, "ready:")
        status = DOWN
        while status == DOWN:  # its session is not up yet; the test's own timeout ends it otherwise
            status, lines = probed(config, "heartbeat-2", capsys, debug=True)
        assert (status, steps(lines)[:1]) == (UP, ["ping"])
        assert lines[0].startswith("UP heartbeat-2 (heartbeat) in ")
        assert lines[0].endswith(f" s, by the monitor at {url}, {SIMULATED}")
        assert [line for line in lines if "Z ping: ok, " in line]
        assert [line for line in lines if line.startswith("SIMULATED waterfall of ")]
        status, lines = probed(config, "call-1", capsys)
        assert (status, lines) == (USAGE, [lines[0]])
        assert "call-1: nothing was measured: this probe measures when something happens" in lines[0]
        asked = call("probe", "gathering-1", env={"MONITOR_URL": url})
        assert asked.returncode == UP
        assert f"by the monitor at {url}" in asked.stdout
        assert run_probe(ProbeOptions(target="nonsense", monitor=url)) == USAGE
        assert "no probe is called 'nonsense'; known are heartbeat-1, heartbeat-2" in capsys.readouterr().err
        both = call("probe", "api-1", "--monitor", url, "-c", str(config))
        assert both.returncode == USAGE
        assert "--monitor URL or -c FILE, not both" in both.stderr


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("heartbeat-1", ["connecting: token", "connecting: channel_create", "connecting: tcp", "connecting: upgrade"]),
        ("gathering-1", [f"connecting: {phase}" for phase in CONNECTING]),
    ],
)
def test_without_a_monitor_it_connects_by_itself_and_keeps_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], target: str, expected: list[str]
) -> None:
    status, lines = probed(config, target, capsys, debug=True)
    assert status == UP
    assert lines[0].startswith(f"UP {target} (")
    first = next(number for number, line in enumerate(lines) if line.startswith("SIMULATED waterfall of ")) + 2
    assert lines[first].startswith(f"  {expected[0]} ")
    assert "|#" in lines[first]
    assert lines[0].endswith(f" s, without a monitor, {SIMULATED}")
    assert steps(lines)[: len(expected)] == expected
    assert [file.name for file in config.parent.iterdir()] == [config.name]


def test_a_refused_token_is_told_at_once_with_whose_fault_it_is(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_TOKEN", "revoked")
    status, lines = probed(config, "heartbeat-2", capsys)
    assert (status, steps(lines)) == (DOWN, ["connecting: users_me"])
    assert lines[3].startswith("failed in users_me: auth: HTTP 401")
    assert "of this monitor, its host or its settings" in lines[4]
    assert lines[5] == "read docs/runbook.md#auth"


def test_a_platform_that_is_not_there_is_down(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rest = load(config).genesys.rest  # type: ignore[union-attr]
    config.write_text(config.read_text().replace(str(rest), f"http://127.0.0.1:{free_port()}"))
    status, lines = probed(config, "signalling-1", capsys)
    assert (status, lines[-1]) == (DOWN, "read docs/runbook.md#refused")


@pytest.mark.parametrize(
    ("target", "more", "words"),
    [
        ("nonsense", {}, "is called 'nonsense'; known are heartbeat-1, heartbeat-2, signalling-1, gathering-1, call-1"),
        ("api-1", {"module": "heartbeat"}, "the probe api-1 is of the kind api, not 'heartbeat'"),
        ("call-1", {}, "call-1 measures the calls that come to its agent, so it needs a monitor that runs"),
    ],
)
def test_what_cannot_be_probed_is_one_line_and_nothing_is_started(
    config: Path, capsys: pytest.CaptureFixture[str], target: str, more: dict[str, str], words: str
) -> None:
    status, lines = probed(config, target, capsys, **more)
    assert (status, len(lines)) == (USAGE, 1)
    assert words in lines[0]


def test_missing_credentials_and_bad_settings_are_told(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIENT_ID")
    assert probed(config, "api-1", capsys) == (
        USAGE,
        ["probe: genesys.client.id_env: environment variable CLIENT_ID is not set"],
    )
    config.write_text("probes:\n  - {kind: nonsense}\n")
    status, lines = probed(config, "api-1", capsys)
    assert status == USAGE
    assert "probes[0].kind" in lines[0]


def test_the_session_of_its_own_is_the_one_that_the_settings_describe(config: Path) -> None:
    settings = load(config)
    heartbeat, api = (probe for probe in settings.probes if probe.name in ("heartbeat-2", "api-1"))
    kept = alone(settings, heartbeat)
    assert [probe.name for probe in kept.probes] == ["heartbeat-2", "signalling-1"]
    assert kept.session_options("synthetic-1").keepalive == "server"
    assert {probe.interval_s for probe in kept.probes} == {NEVER_BY_ITSELF_S}
    assert [probe.name for probe in alone(settings, api).probes] == ["api-1"]
