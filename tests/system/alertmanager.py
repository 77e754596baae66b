"""A real Prometheus with the project's rules and a real Alertmanager with its settings, both on a quicker clock."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ports import free_port
from system_programs import require_program

from tests.system.prometheus import INSTALL as INSTALL_PROMETHEUS
from tests.system.quick_time import always_open, quicker, quicker_rules, quicker_settings
from tests.system.replay import answering
from tests.system.served_program import running

INSTALL = "apt-get install prometheus-alertmanager"
DASHBOARDS = Path(__file__).parents[2] / "dashboards"
RULE_FILES = ("recording.rules.yaml", "alerts.rules.yaml")
SCRAPE = "30s"  # slower than in the settings: a scrape must not take longer than its interval on a busy machine
LOOKBACK_S = 300.0  # how long Prometheus goes on with a last sample


@dataclass(frozen=True, slots=True)
class Arrival:
    """One alert in one notification. at_s: the history's time. receiver: `on-call`, `tickets`, as in the settings."""

    at_s: float
    receiver: str
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]

    @property
    def site(self) -> str:
        """The site it is about, empty for all."""
        return self.labels.get("site", "")


@contextmanager
def webhook(now_s: Callable[[], float], arrivals: list[Arrival]) -> Iterator[str]:
    """A receiver that keeps what arrives, in order; its URL. now_s: what time it is in the history."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                for alert in told["alerts"]:
                    about = alert["status"], alert["labels"], alert["annotations"]
                    arrivals.append(Arrival(now_s(), self.path.strip("/"), *about))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with answering(Handler) as address:
        yield f"http://{address}"


@contextmanager
def alertmanager(directory: Path, receiver_url: str, factor: float) -> Iterator[str]:
    """An Alertmanager with dashboards/alertmanager/alertmanager.yml, its receivers at this URL; host and port."""
    settings = yaml.safe_load((DASHBOARDS / "alertmanager" / "alertmanager.yml").read_text())
    settings = quicker_settings(always_open(settings), factor)
    for receiver in settings["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = receiver_url + urlsplit(hook["url"]).path
    address = f"127.0.0.1:{free_port()}"
    command = [
        require_program("prometheus-alertmanager", INSTALL),
        f"--config.file={_written(directory / 'alertmanager.yml', settings)}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with running(command, directory / "alertmanager.log", address, "/-/ready"):
        yield address


@contextmanager
def evaluating(directory: Path, targets: Mapping[str, str], alertmanager_address: str, factor: float) -> Iterator[str]:
    """A Prometheus with dashboards/prometheus that scrapes these paths (site -> host:port); its URL."""
    settings = quicker_settings(yaml.safe_load((DASHBOARDS / "prometheus" / "prometheus.yml").read_text()), factor)
    settings["global"]["scrape_interval"] = quicker(SCRAPE, factor)
    settings["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager_address]}]}]
    (job,) = settings["scrape_configs"]
    del job["authorization"]
    job["static_configs"] = [
        {"targets": [address], "labels": {"instance": site, "__metrics_path__": f"/{site}"}}
        for site, address in targets.items()
    ]
    settings["rule_files"] = [str(_quick_rules(directory, name, factor)) for name in RULE_FILES]
    address = f"127.0.0.1:{free_port()}"
    command = [
        require_program("prometheus", INSTALL_PROMETHEUS),
        f"--config.file={_written(directory / 'prometheus.yml', settings)}",
        f"--storage.tsdb.path={directory / 'prometheus'}",
        f"--web.listen-address={address}",
        f"--query.lookback-delta={round(LOOKBACK_S / factor * 1000)}ms",
        f"--rules.alert.resend-delay={round(60.0 / factor * 1000)}ms",
        "--log.level=error",
    ]
    with running(command, directory / "prometheus.log", address, "/-/ready"):
        yield f"http://{address}"


def _quick_rules(directory: Path, name: str, factor: float) -> Path:
    rules = yaml.safe_load((DASHBOARDS / "prometheus" / name).read_text())
    return _written(directory / name, quicker_rules(rules, factor))


def _written(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path
