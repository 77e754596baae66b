"""The composition root: what the metrics are told of the settings."""

from __future__ import annotations

from monitor.app import metrics_options
from monitor.config.model import Settings


def test_only_agents_that_a_probe_names_are_expected_to_be_connected() -> None:
    agents = [{"name": name, "token_env": name.upper()} for name in ("used", "unused")]
    probes = [{"kind": "signalling", "agent": "used"}]
    settings = Settings.model_validate({"genesys": {"region": "us-east-1", "agents": agents}, "probes": probes})
    assert metrics_options(settings).agents == ("used",)
