"""The Kubernetes manifests: valid, locked down, of one piece with each other, and rules equal to the rule files."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from monitor.config.load import load
from monitor.config.model import Settings

FOLDER = Path(__file__).parents[3] / "dashboards" / "kubernetes"
RULES = FOLDER.parent / "prometheus"
SCHEMAS = "1.31"
Manifest = dict[str, Any]

# What these objects of prometheus-operator may say (monitoring.coreos.com/v1), as far as we use it.
RULE = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
GROUP = {"name", "interval", "rules", "limit", "labels", "query_offset", "partial_response_strategy"}
ENDPOINT = {"port", "path", "interval", "scrapeTimeout", "honorLabels", "authorization", "relabelings"}
PROBE = {"jobName", "interval", "scrapeTimeout", "prober", "authorization", "targets", "module"}


def manifests(folder: Path = FOLDER) -> Iterator[Manifest]:
    """Every object of every file."""
    for path in sorted(folder.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> Manifest:
    """The one object of this kind."""
    (found,) = (one for one in manifests() if one["kind"] == kind)
    return found


CORE = [one for one in manifests() if one["apiVersion"] in ("v1", "apps/v1")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings in the ConfigMap, as the monitor reads them."""
    path = tmp_path / "monitor.yaml"
    path.write_text(of_kind("ConfigMap")["data"]["monitor.yaml"])
    return load(path)


@pytest.mark.parametrize("manifest", CORE, ids=lambda one: one["kind"])
def test_the_core_objects_keep_to_their_schema(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, SCHEMAS, strict=True)


def test_the_rules_are_those_of_the_rule_files() -> None:
    files = [yaml.safe_load((RULES / f"{name}.rules.yaml").read_text())["groups"] for name in ("recording", "alerts")]
    written = of_kind("PrometheusRule")["spec"]["groups"]
    assert written == [group for groups in files for group in groups]
    assert all(group.keys() <= GROUP for group in written)
    assert all(rule.keys() <= RULE for group in written for rule in group["rules"])


def test_generating_the_rules_again_changes_nothing() -> None:
    generator = runpy.run_path(str(FOLDER / "generate.py"))
    assert generator["generated"]() == generator["GENERATED"].read_text()


def test_kustomization_names_every_file() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(of_kind("Kustomization")["resources"]) == files


def test_the_pod_may_do_nothing_but_measure() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert "cpu" not in container["resources"]["limits"]  # throttling would be measured as lag


def test_the_user_of_the_pod_is_the_image_s() -> None:
    of_pod = of_kind("Deployment")["spec"]["template"]["spec"]["securityContext"]
    dockerfile = (FOLDER.parent / "container" / "Dockerfile").read_text()
    assert f"\nUSER {of_pod['runAsUser']}:{of_pod['runAsGroup']}\n" in dockerfile


def test_what_the_settings_name_is_mounted(settings: Settings) -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    places = {Path(mount["mountPath"]) for mount in container["volumeMounts"]}
    assert settings.genesys is not None
    named = [settings.journal.path, *container["args"][-1:]]
    named += [line.split("_file: ")[1] for line in words(of_kind("ConfigMap")) if "_file: " in line]
    assert len(named) == 6
    assert all(Path(str(path)).parent in places for path in named)
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def words(config: Manifest) -> list[str]:
    """The settings, one `key: value` each."""
    return config["data"]["monitor.yaml"].replace("{", "\n").replace("}", "\n").replace(",", "\n").split("\n")


def test_service_and_scrape_find_the_pod(settings: Settings) -> None:
    deployment, service, scrape = of_kind("Deployment"), of_kind("Service"), of_kind("ServiceMonitor")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert (settings.exporter.host, settings.exporter.port) == ("0.0.0.0", port["containerPort"])
    assert service["spec"]["ports"] == [{"name": "http", "port": port["containerPort"], "targetPort": port["name"]}]
    (endpoint,) = scrape["spec"]["endpoints"]
    assert endpoint.keys() <= ENDPOINT
    assert scrape["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert (endpoint["port"], endpoint["path"], endpoint["honorLabels"]) == ("http", "/metrics", True)


def test_whoever_asks_has_the_token() -> None:
    volumes = {one["name"]: one for one in of_kind("Deployment")["spec"]["template"]["spec"]["volumes"]}
    secret = volumes["exporter"]["secret"]["secretName"]
    (endpoint,) = of_kind("ServiceMonitor")["spec"]["endpoints"]
    for one in (endpoint, of_kind("Probe")["spec"]):
        assert one["authorization"]["credentials"] == {"name": secret, "key": "token"}


def test_the_probe_asks_for_what_the_settings_name(settings: Settings) -> None:
    probe, service = of_kind("Probe")["spec"], of_kind("Service")
    assert probe.keys() <= PROBE
    name = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert probe["prober"] == {"url": f"{name}:{settings.exporter.port}", "path": "/probe"}
    static = probe["targets"]["staticConfig"]
    timeouts = {one.name: one.timeout_s for one in settings.probes}
    assert all(timeouts[target] < float(probe["scrapeTimeout"].removesuffix("s")) for target in static["static"])
    assert static["labels"] == {"site": settings.site}


def test_a_copy_for_another_site_has_nothing_of_the_first(tmp_path: Path) -> None:
    copy = (FOLDER / "site-chicago.yaml").read_text().replace("chicago", "denver")
    (tmp_path / "site-denver.yaml").write_text(copy)
    first = {(one["kind"], one["metadata"]["name"]) for one in manifests() if one["kind"] != "Kustomization"}
    assert not first & {(one["kind"], one["metadata"]["name"]) for one in manifests(tmp_path)}
