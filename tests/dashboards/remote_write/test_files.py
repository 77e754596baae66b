"""The files of dashboards/remote-write, by the checkers of the programs that read them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.prometheus import INSTALL
from tests.system.victoria_metrics import INSTALL as INSTALL_VICTORIA
from tests.system_programs import require_program

FOLDER = Path(__file__).parents[3] / "dashboards" / "remote-write"
RULES = FOLDER.parent / "prometheus"


def check(*command: str) -> None:
    """Run a checker; what it says is the failure."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=FOLDER, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def settings(name: str) -> Any:
    """One of the files."""
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.mark.system
@pytest.mark.parametrize("words", [("--agent", "agent.yml"), ("--lint=all", "--lint-fatal", "receiver.yml")])
def test_prometheus_can_read_them(words: tuple[str, ...]) -> None:
    check(require_program("promtool", INSTALL), "check", "config", *words)


@pytest.mark.system
def test_vmagent_can_read_its_own() -> None:
    check(require_program("vmagent", INSTALL_VICTORIA), "-dryRun", "-promscrape.config=vmagent.yml")


@pytest.mark.system
def test_vmalert_can_read_the_rules() -> None:
    rules = [f"-rule={RULES / name}.rules.yaml" for name in ("recording", "alerts")]
    check(require_program("vmalert", INSTALL_VICTORIA), "-dryRun", *rules)


def test_both_agents_write_the_same_series() -> None:
    agent, vmagent = settings("agent.yml"), settings("vmagent.yml")
    assert agent["global"] == vmagent["global"]
    (of_agent,), (of_vmagent,) = agent["scrape_configs"], vmagent["scrape_configs"]
    assert {**of_agent, "honor_labels": True} == of_vmagent


def test_the_centre_takes_what_an_agent_keeps() -> None:
    kept = (FOLDER / "agent.yml").read_text().partition("--storage.agent.retention.max-time=")[2].split()[0]
    assert settings("receiver.yml")["storage"]["tsdb"]["out_of_order_time_window"] == kept
