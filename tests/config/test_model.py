"""The settings as programs use them: defaults, names, session options, the way to a child process."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from monitor.config.load import load
from monitor.config.model import (
    ApiProbe,
    CallProbe,
    Exporter,
    GatheringProbe,
    HeartbeatProbe,
    SessionOptions,
    Settings,
    SignallingProbe,
)
from monitor.config.values import REGIONS
from monitor.genesys.regions import for_region

EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples/config").glob("*.yaml"))


def test_defaults() -> None:
    settings = Settings()
    assert settings.probes == ()
    assert settings.genesys is None
    assert (settings.exporter.host, settings.exporter.port) == ("127.0.0.1", 9464)
    assert (settings.journal.path, settings.journal.retention_s) == ("softphone.db", 400 * 86400)
    assert (settings.metrics.per_agent, settings.metrics.publish_runs, settings.metrics.publish_limit_s) == (
        False,
        60,
        7200,
    )
    assert (settings.fleet.agents, settings.fleet.shards) == (1, "auto")
    assert (settings.page.journals, settings.page.prometheus) == ((), None)


@pytest.mark.parametrize(
    ("probe", "interval_s", "timeout_s"),
    [
        (HeartbeatProbe(), 15, 5),
        (SignallingProbe(agent="a"), 30, 15),
        (GatheringProbe(agent="a"), 60, 10),
        (CallProbe(agent="a"), 60, 30),
        (ApiProbe(), 15, 10),
    ],
)
def test_default_times_of_each_kind(probe: HeartbeatProbe, interval_s: float, timeout_s: float) -> None:
    assert (probe.interval_s, probe.timeout_s) == (interval_s, timeout_s)


def test_probes_are_named_by_kind_and_number_unless_they_have_a_name() -> None:
    settings = Settings(probes=(ApiProbe(), HeartbeatProbe(name="mine"), HeartbeatProbe(), ApiProbe()))
    assert [probe.name for probe in settings.probes] == ["api-1", "mine", "heartbeat-2", "api-2"]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().site = "other"  # type: ignore[misc]


def test_programs_use_the_names_with_units() -> None:
    assert HeartbeatProbe(interval_s=0.5, timeout_s=0.25).interval_s == 0.5
    with pytest.raises(ValidationError):
        HeartbeatProbe(interval_s=0.01)


def test_the_signalling_probe_decides_over_the_session_and_otherwise_the_agent() -> None:
    settings = Settings.model_validate(
        {
            "genesys": {
                "region": "us-east-1",
                "agents": [
                    {"name": "a", "token_env": "A"},
                    {"name": "b", "token_env": "B", "keepalive": "server"},
                    {"name": "c", "token_env": "C"},
                ],
            },
            "probes": [
                {
                    "kind": "signalling",
                    "agent": "a",
                    "keepalive": "server",
                    "detect_after": "10s",
                    "reconnect_jitter": True,
                }
            ],
        }
    )
    assert settings.session_options("a") == SessionOptions("server", True, 10.0, True)
    assert settings.session_options("b") == SessionOptions("server")
    assert settings.session_options("c") == SessionOptions("client", False, None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_settings_survive_the_way_to_a_child_process(path: Path) -> None:
    settings = load(path)
    assert Settings.from_json(settings.to_json()) == settings


def test_listening_on_ipv6() -> None:
    exporter = Exporter(listen="[::1]:0")
    assert (exporter.host, exporter.port) == ("::1", 0)


def test_every_region_of_the_settings_is_one_that_the_client_knows() -> None:
    assert [for_region(name).rest for name in REGIONS]
    with pytest.raises(KeyError):
        for_region("us-east-9")


def test_other_sites_may_be_read_from_a_server_without_tls_inside_the_network() -> None:
    settings = Settings.model_validate({"page": {"journals": ["dallas.db"], "prometheus": "http://prometheus:9090/"}})
    assert settings.page.journals == ("dallas.db",)
    assert settings.page.prometheus == "http://prometheus:9090"
    assert Settings.from_json(settings.to_json()).page == settings.page
