"""The chain of dashboards/remote-write with its own files: an agent at a site, and a Prometheus in the centre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ports import free_port
from system_programs import require_program

from tests.system.prometheus import INSTALL
from tests.system.served_program import running

DASHBOARDS = Path(__file__).parents[2] / "dashboards"
CHAIN = DASHBOARDS / "remote-write"
WRITE = "/api/v1/write"


def scraping(name: str, target: str, replica: str) -> dict[str, Any]:
    """The settings of agent.yml or vmagent.yml, with this test's target, every second."""
    settings: dict[str, Any] = yaml.safe_load((CHAIN / name).read_text())
    settings["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    settings["global"]["external_labels"]["replica"] = replica
    (job,) = settings["scrape_configs"]
    job["static_configs"] = [{"targets": [target]}]
    return settings


def written(directory: Path, name: str, settings: dict[str, Any]) -> Path:
    """The settings as a file."""
    path = directory / name
    path.write_text(yaml.safe_dump(settings))
    return path


@contextmanager
def agent(directory: Path, target: str, urls: Sequence[str], replica: str = "1") -> Iterator[str]:
    """A Prometheus in agent mode that scrapes `target` and writes to these servers; its address."""
    program = require_program("prometheus", INSTALL)
    settings = scraping("agent.yml", target, replica)
    (to,) = settings["remote_write"]
    to["queue_config"]["batch_send_deadline"] = "1s"
    settings["remote_write"] = [{**to, "url": url} for url in urls]
    address = f"127.0.0.1:{free_port()}"
    command = [
        program,
        "--enable-feature=agent",
        f"--config.file={written(directory, 'agent.yml', settings)}",
        f"--storage.agent.path={directory / 'agent'}",
        "--storage.remote.flush-deadline=1s",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with running(command, directory / "agent.log", address, "/-/ready"):
        yield f"http://{address}"


@contextmanager
def receiver(directory: Path) -> Iterator[str]:
    """A Prometheus as receiver.yml has it, without an Alertmanager; its address."""
    program = require_program("prometheus", INSTALL)
    settings = yaml.safe_load((CHAIN / "receiver.yml").read_text())
    settings["rule_files"] = [str((CHAIN / path).resolve()) for path in settings["rule_files"]]
    del settings["alerting"]
    address = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={written(directory, 'receiver.yml', settings)}",
        f"--storage.tsdb.path={directory / 'receiver'}",
        "--web.enable-remote-write-receiver",
        "--enable-feature=exemplar-storage",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with running(command, directory / "receiver.log", address, "/-/ready"):
        yield f"http://{address}"
