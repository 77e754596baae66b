"""make-secrets.sh: random, readable by the containers and by no other user, kept when they are there."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from system.compose import FOLDER, resolved

SCRIPT = FOLDER / "make-secrets.sh"


def made(folder: Path) -> dict[str, str]:
    """Run it; every file with its text."""
    subprocess.run([str(SCRIPT), str(folder)], check=True, capture_output=True)
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_secrets_are_random_and_kept(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    for name in ("monitor_token", "grafana_admin_password", "turn_password"):
        assert len(one[name].strip()) == 48
        assert one[name] != other[name]
    assert f"user=monitor:{one['turn_password']}" in one["turnserver.conf"]
    assert made(tmp_path / "one") == one


def test_a_secret_of_your_own_is_left_alone_and_a_missing_one_is_made_again(tmp_path: Path) -> None:
    before = made(tmp_path)
    (tmp_path / "monitor_token").unlink()
    (tmp_path / "monitor_token").write_text("mine\n")
    (tmp_path / "grafana_admin_password").unlink()
    after = made(tmp_path)
    assert after["monitor_token"] == "mine\n"
    assert after["grafana_admin_password"] != before["grafana_admin_password"]


def test_the_servers_settings_follow_a_changed_secret(tmp_path: Path) -> None:
    before = made(tmp_path)
    (tmp_path / "turn_password").unlink()
    after = made(tmp_path)
    assert after["turn_password"] != before["turn_password"]
    assert f"user=monitor:{after['turn_password']}" in after["turnserver.conf"]


def test_only_who_made_them_gets_into_the_folder_and_any_container_can_read_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


@pytest.mark.system
def test_it_makes_every_secret_that_compose_wants(tmp_path: Path) -> None:
    wanted = resolved("demo", "coturn", "victoriametrics")["secrets"]
    assert set(made(tmp_path)) == {Path(secret["file"]).name for secret in wanted.values()}
