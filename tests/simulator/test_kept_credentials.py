"""`simulate --credentials`: what it prints is in the folder, and a client of before is welcome after a restart."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest
from product import simulator
from simulated_rest import instant

from monitor.config.load import load
from monitor.config.model import CallProbe
from monitor.simulator.kept_credentials import keep
from monitor.simulator.server import SimulatorOptions, serve, simulate


def test_every_value_printed_is_in_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    with simulator("--credentials", str(tmp_path)) as info:
        files = {file.name: file for file in tmp_path.iterdir()}
        assert {name: file.read_text() for name, file in files.items()} == {k: f"{v}\n" for k, v in info.items()}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o600}


async def test_secret_and_token_of_before_are_good_after_a_restart_and_for_years(tmp_path: Path) -> None:
    told, channels = [], set()
    for _ in range(2):
        running = await serve(SimulatorOptions(instant("tokens: {user_s: 1, client_s: 1}"), credentials=tmp_path))
        try:
            keep(tmp_path, running.info)
            told.append((running.info["client_secret"], running.info["user_token"]))
            grant = running.platform.grant(told[0][1])
            assert grant is not None
            assert grant.expires_wall_s > running.platform.clock.wall_s() + 1e8
            async with httpx.AsyncClient() as http:
                headers = {"Authorization": f"Bearer {told[0][1]}"}
                assert (await http.get(f"{running.info['rest']}/api/v2/users/me", headers=headers)).status_code == 200
                made = await http.post(f"{running.info['rest']}/api/v2/notifications/channels", headers=headers)
                channels.add(made.json()["id"])
                login = await http.post(
                    f"{running.info['rest']}/oauth/token",
                    data={"grant_type": "client_credentials"},
                    auth=(running.info["client_id"], told[0][0]),
                )
                assert login.status_code == 200
        finally:
            await running.close()
    assert told[0] == told[1]
    assert len(channels) == 2, "a client of before would get into a channel that is not its own"


def test_a_value_that_is_gone_has_no_file_left(tmp_path: Path) -> None:
    keep(tmp_path, {"control": "http://127.0.0.1/control", "user": "one"})
    keep(tmp_path, {"control": None, "user": "two"})
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"user": "two\n"}


def test_a_kept_secret_that_is_no_text_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "client_secret").write_bytes(b"\xff\xfe")
    assert simulate(credentials=tmp_path) == 1
    assert f"credentials {tmp_path / 'client_secret'}: not text" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(credentials=tmp_path / "none") == 1
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        f"simulate: cannot serve on 127.0.0.1: credentials {tmp_path / 'none'}: no such folder"
    ]


def test_several_softphones_have_tokens_and_settings_to_run_with(tmp_path: Path) -> None:
    folder = tmp_path / 'of "mine"'
    folder.mkdir()
    with simulator("--credentials", str(folder), "--softphones", "3") as info:
        settings = load(folder / "monitor.yaml", env={})
        assert settings.genesys is not None
        assert (settings.genesys.rest, settings.genesys.streaming) == (info["rest"], info["ws"])
        assert [probe.agent for probe in settings.probes if isinstance(probe, CallProbe)] == [
            "softphone-001",
            "softphone-002",
            "softphone-003",
        ]
        users = []
        for agent in settings.agents:
            assert agent.token is not None
            token = Path(str(agent.token_file)).read_text().strip()
            headers = {"Authorization": f"Bearer {token}"}
            users.append(httpx.get(f"{info['rest']}/api/v2/users/me", headers=headers, trust_env=False).json()["id"])
        assert users[0] == info["user"]
        assert len(set(users)) == 3
        assert stat.S_IMODE((folder / "softphones" / "003").stat().st_mode) == 0o600


def test_more_softphones_than_agents_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(credentials=tmp_path, softphones=151) == 1
    assert "softphones 151: the scenario has 150 agents" in capsys.readouterr().err
