"""docker-compose.yml as the real Compose v2 reads it: valid, closed, limited, and nothing it mounts is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from system.compose import FOLDER, GENESYS, MAIN, PROFILES, ROOT, resolved, run_compose

from monitor.config.load import load

pytestmark = pytest.mark.system

DEFAULT = {"pod", "simulator", "monitor", "prometheus", "alertmanager", "grafana"}
WITHIN_THE_POD = {"simulator", "monitor", "activity"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """Every service of every profile."""
    found: dict[str, dict[str, Any]] = resolved(*PROFILES)["services"]
    return found


def test_it_is_valid_with_and_without_every_profile() -> None:
    assert set(resolved()["services"]) == DEFAULT
    assert set(resolved(*PROFILES)["services"]) == DEFAULT | {"activity", "coturn", "victoriametrics"}


def test_an_error_in_it_would_be_told(tmp_path: Path) -> None:
    bad = tmp_path / "docker-compose.yml"
    bad.write_text(MAIN.read_text().replace("read_only: true", "read_onyl: true"))
    done = run_compose("config", "-q", files=(bad,))
    assert done.returncode != 0
    assert "read_onyl" in done.stderr


def test_every_service_is_closed_and_limited(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "coturn" else []), name
        assert service["security_opt"] == ["no-new-privileges"], name
        assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), name
        assert "privileged" not in service, name
        assert int(service["mem_limit"]) <= 1 << 30, name
        assert 0 < service["cpus"] <= 1, f"{name}: an engine on one processor refuses more"
        assert 0 < service["pids_limit"] <= 256, name
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"]["max-size"], name


def test_every_service_says_whether_it_is_well(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        test = service["healthcheck"]["test"]
        assert test[0] == "CMD", name
        assert len(test) > 1, name
        assert "curl" not in test, f"{name}: few images have it"


def test_who_needs_another_waits_until_that_is_well(services: dict[str, dict[str, Any]]) -> None:
    waits = {
        name: {other: needed["condition"] for other, needed in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert {condition for needed in waits.values() for condition in needed.values()} == {"service_healthy"}
    assert set(waits["monitor"]) == {"pod", "simulator"}
    assert set(waits["prometheus"]) == {"monitor", "alertmanager"}
    assert set(waits["grafana"]) == {"prometheus"}


def test_ports_are_open_to_this_machine_alone(services: dict[str, dict[str, Any]]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(ports) == {"pod", "prometheus", "alertmanager", "grafana", "victoriametrics"}
    for name, published in ports.items():
        assert {port["host_ip"] for port in published} == {"127.0.0.1"}, name


def test_images_are_pinned_by_tag(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        tag = service["image"].partition(":")[2]
        own = service["image"] == "softphone-monitor:local"
        assert own or re.fullmatch(r"v?\d+\.\d+\.\d+", tag), f"{name}: {service['image']}"


def test_simulator_and_monitor_share_a_loopback_that_prometheus_knows_as_monitor(
    services: dict[str, dict[str, Any]],
) -> None:
    assert {name for name, one in services.items() if one.get("network_mode") == "service:pod"} == WITHIN_THE_POD
    assert services["pod"]["networks"]["measure"]["aliases"] == ["monitor"]
    assert "measure" in services["prometheus"]["networks"]
    assert "measure" not in services["grafana"]["networks"]


@pytest.mark.parametrize("files", [(MAIN,), (MAIN, GENESYS)])
def test_every_file_that_is_mounted_is_there(files: tuple[Path, ...]) -> None:
    for name, service in resolved(*PROFILES, files=files)["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), f"{name}: {volume['source']}"
                assert volume["read_only"] is True, f"{name}: {volume['source']}"


def test_what_is_written_is_in_named_volumes(services: dict[str, dict[str, Any]]) -> None:
    known = resolved(*PROFILES)["volumes"]
    written = {
        (name, volume["source"])
        for name, service in services.items()
        for volume in service.get("volumes", [])
        if volume["type"] == "volume" and not volume.get("read_only")
    }
    assert written == {
        ("simulator", "simulator"),
        ("monitor", "journal"),
        *((name, name) for name in ("prometheus", "alertmanager", "grafana", "victoriametrics")),
    }
    assert {source for _, source in written} == set(known)


def test_no_secret_is_written_down(services: dict[str, dict[str, Any]]) -> None:
    secrets = resolved(*PROFILES)["secrets"]
    assert {Path(secret["file"]).parent for secret in secrets.values()} == {FOLDER / "secrets"}
    assert (FOLDER / "secrets" / ".gitignore").read_text().splitlines()[1:] == ["*", "!.gitignore"]
    for name, service in services.items():
        for key in service.get("environment") or {}:
            assert key.endswith("__FILE") or "PASSWORD" not in key, name
            assert "TOKEN" not in key, name
            assert "SECRET" not in key, name


@pytest.mark.parametrize(("file", "files"), [("monitor.yaml", (MAIN,)), ("monitor-genesys.yaml", (MAIN, GENESYS))])
def test_the_monitors_settings_load_and_find_their_secrets(file: str, files: tuple[Path, ...]) -> None:
    settings = load(FOLDER / file)
    monitor = resolved(files=files)["services"]["monitor"]
    given = {f"/run/secrets/{one['target'].rpartition('/')[2]}" for one in monitor["secrets"]}
    folders = tuple(volume["target"] for volume in monitor["volumes"])
    assert settings.genesys is not None
    assert settings.genesys.client is not None
    needed = [settings.genesys.client.id, settings.genesys.client.secret, settings.exporter.needed_token]
    needed += [agent.token for agent in settings.genesys.agents]
    for secret in needed:
        assert secret is not None
        assert secret.file is not None
        assert secret.file in given or secret.file.startswith(folders), secret.file
    assert {probe.kind for probe in settings.probes} == {"heartbeat", "signalling", "gathering", "call", "api"}
    assert settings.exporter.port == 9464
    assert settings.journal.path.startswith("/var/lib/softphone-monitor/")


def test_the_probe_of_the_turn_server_loads_once_uncommented(tmp_path: Path) -> None:
    text = (FOLDER / "monitor.yaml").read_text()
    open_text = re.sub(r"^  # (- kind: gathering|  [a-z_ -]+:.*)$", r"  \1", text, flags=re.MULTILINE)
    file = tmp_path / "monitor.yaml"
    file.write_text(open_text)
    own = [probe for probe in load(file).probes if probe.name == "own-servers"]
    assert [(probe.stun, [server.url for server in probe.turn]) for probe in own] == [  # type: ignore[union-attr]
        (("stun:coturn:3478",), ["turn:coturn:3478?transport=udp"])
    ]


def test_with_your_own_platform_there_is_no_simulator_and_nothing_simulated_is_kept_with_it() -> None:
    ours, simulated = resolved("demo", files=(MAIN, GENESYS)), resolved("demo")
    assert set(ours["services"]) == DEFAULT - {"simulator"}
    assert ours["name"] != simulated["name"]  # the demo's services and ours are not in one network
    named = [{volume["name"] for volume in model["volumes"].values()} for model in (ours, simulated)]
    assert named[0]
    assert not named[0] & named[1]


def test_the_addresses_and_paths_in_the_mounted_settings_are_those_of_the_services(
    services: dict[str, dict[str, Any]],
) -> None:
    folder = ROOT / "dashboards"
    scrape = yaml.safe_load((folder / "prometheus/prometheus.yml").read_text())
    source = yaml.safe_load((folder / "grafana/provisioning/datasources/softphone.yaml").read_text())
    provider = yaml.safe_load((folder / "grafana/provisioning/dashboards/softphone.yaml").read_text())
    job = scrape["scrape_configs"][0]
    assert job["authorization"]["credentials_file"] == "/run/secrets/monitor_token"
    assert job["static_configs"][0]["targets"] == ["monitor:9464"]
    assert scrape["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    mounted = {one["target"]: one["source"] for one in services["grafana"]["volumes"]}
    assert mounted[provider["providers"][0]["options"]["path"]] == str(folder / "grafana")
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (Path(mounted[str(home.parent)]) / home.name).is_file()
    for name in ("prometheus", "victoriametrics"):
        assert {"source": "monitor_token", "target": "/run/secrets/monitor_token"} in services[name]["secrets"], name


def test_no_proxy_of_the_engines_settings_stands_before_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert {service["environment"][variable] for variable in ("HTTP_PROXY", "http_proxy")} == {""}, name


def test_the_image_makes_no_volume_that_nobody_asked_for() -> None:
    assert not re.search("^VOLUME", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)


def test_the_image_is_made_of_the_product_alone() -> None:
    let_in = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert {line.removeprefix("!") for line in let_in} == {word for line in copied for word in line.split()}
