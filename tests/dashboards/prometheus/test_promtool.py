"""promtool on the rules, their tests and the scrape settings: every lint is fatal."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from system_programs import require_program

from tests.dashboards.prometheus.rule_files import FOLDER, RULE_FILES, RULE_TESTS
from tests.system.prometheus import INSTALL

# They use neither sockets nor clocks, and each test file takes some seconds of one core.
pytestmark = [pytest.mark.system, pytest.mark.calculating]

TOKEN_FILE = "/run/secrets/monitor_token"


def promtool(*words: str | Path) -> str:
    """What promtool says; fails with that when it does not succeed."""
    command = [require_program("promtool", INSTALL), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_rules(path: Path) -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", path)


def test_scrape_settings_with_their_rules(tmp_path: Path) -> None:
    """As they are, but for the token's file, which is not there."""
    for path in RULE_FILES:
        shutil.copy(path, tmp_path)
    settings = (FOLDER / "prometheus.yml").read_text()
    assert TOKEN_FILE in settings
    (tmp_path / "token").write_text("secret")
    (tmp_path / "prometheus.yml").write_text(settings.replace(TOKEN_FILE, str(tmp_path / "token")))
    said = promtool("check", "config", "--lint=all", "--lint-fatal", tmp_path / "prometheus.yml")
    assert "2 rule files found" in said


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.name)
def test_rule_tests(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)
