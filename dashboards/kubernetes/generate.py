"""Writes prometheus-rule.yaml: the rules of dashboards/prometheus as the object that prometheus-operator reads.

Run: python dashboards/kubernetes/generate.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
RULES = HERE.parent / "prometheus"
SOURCES = ("recording.rules.yaml", "alerts.rules.yaml")
GENERATED = HERE / "prometheus-rule.yaml"
HEAD = f"# Generated from {' and '.join(SOURCES)} of dashboards/prometheus by generate.py. Do not edit.\n"


class _Plain(yaml.SafeDumper):
    """No anchors, and text of several lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Plain.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def groups() -> list[dict[str, Any]]:
    """The groups of all rule files, in order."""
    return [group for name in SOURCES for group in yaml.safe_load((RULES / name).read_text())["groups"]]


def generated() -> str:
    """The text of prometheus-rule.yaml."""
    labels = {"app.kubernetes.io/name": "softphone-monitor"}
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "softphone-monitor", "namespace": "softphone-monitor", "labels": labels},
        "spec": {"groups": groups()},
    }
    return HEAD + yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120)


if __name__ == "__main__":
    GENERATED.write_text(generated())
