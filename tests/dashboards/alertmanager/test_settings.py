"""alertmanager.yml: who gets what, what holds what back, and that nothing ever mutes what is critical."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from system_programs import require_program

from tests.dashboards.prometheus.rule_files import alerts
from tests.system.alertmanager import INSTALL

FILE = Path(__file__).parents[3] / "dashboards" / "alertmanager" / "alertmanager.yml"
TEXT = FILE.read_text()
SETTINGS = yaml.safe_load(TEXT)
MATCHER = re.compile(r'(\w+)(=~|=)"(.*)"')
Labels = Mapping[str, str]

pytestmark = pytest.mark.calculating


def matches(matchers: list[str], labels: Labels) -> bool:
    """Whether all matchers hold, as Alertmanager reads them; a label that is not there is empty."""
    for matcher in matchers:
        name, operator, value = MATCHER.fullmatch(matcher).groups()  # type: ignore[union-attr]
        told = labels.get(name, "")
        if not (re.fullmatch(value, told) if operator == "=~" else told == value):
            return False
    return True


def held_back(target: Labels, source: Labels) -> bool:
    """Whether an inhibition rule lets one alert hold another back."""
    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], target)
        and all(source.get(name, "") == target.get(name, "") for name in rule.get("equal", ()))
        for rule in SETTINGS["inhibit_rules"]
    )


def fired(name: str, site: str = "chicago", **labels: str) -> list[dict[str, str]]:
    """The label sets with which alerts of a name may fire at a site."""
    rules = [rule for rule in alerts() if rule["alert"] == name]
    assert rules, name
    about = {} if name.endswith(("AllSites", "FleetLost", "Watchdog")) else {"site": site}
    return [{"alertname": name, **about, **rule["labels"], **labels} for rule in rules]


def every_alert(site: str = "chicago") -> list[dict[str, str]]:
    """Every label set that may fire."""
    return [one for name in {rule["alert"] for rule in alerts()} for one in fired(name, site)]


def routes(route: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Every route of the tree."""
    here = SETTINGS["route"] if route is None else route
    yield here
    for below in here.get("routes", ()):
        yield from routes(below)


@pytest.mark.system
def test_amtool_reads_it() -> None:
    amtool = require_program("amtool", INSTALL)
    done = subprocess.run([amtool, "check-config", FILE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 receivers" in done.stdout


@pytest.mark.system
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=SoftphoneSignallingDown severity=critical site=dallas memory=short", "on-call"),
        ("alertname=SoftphoneSignallingDown severity=critical site=chicago memory=short", "on-call-chicago"),
        ("alertname=SoftphoneFleetLost severity=critical", "on-call"),
        ("alertname=SoftphoneHeartbeatSlow severity=warning site=chicago", "tickets"),
        ("alertname=SoftphoneDisconnectsHighDuringPublish severity=warning site=chicago", "tickets"),
        ("alertname=SoftphoneTokenExpiring severity=warning site=chicago", "tickets"),
        ("alertname=SoftphonePublishInProgress severity=none site=chicago memory=long", "nobody"),
        ("alertname=SoftphoneMonitorDistrusted severity=none site=chicago", "nobody"),
        ("alertname=SoftphoneWatchdog severity=none", "watchdog"),
        ("alertname=SomebodyElses", "tickets"),
    ],
)
def test_who_gets_what(labels: str, receiver: str) -> None:
    amtool = require_program("amtool", INSTALL)
    command = [amtool, "config", "routes", "test", f"--config.file={FILE}", *labels.split()]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.split() == [receiver]


def test_no_time_interval_mutes_what_is_critical() -> None:
    timed = [route for route in routes() if route.keys() & {"mute_time_intervals", "active_time_intervals"}]
    assert timed
    for alert in every_alert():
        if alert["severity"] == "critical":
            assert not any(matches(route["matchers"], alert) for route in timed), alert


def way(labels: Labels) -> list[dict[str, Any]]:
    """The routes that an alert takes from the top; no route of ours says `continue`."""
    taken = [SETTINGS["route"]]
    while below := [one for one in taken[-1].get("routes", ()) if matches(one["matchers"], labels)]:
        taken.append(below[0])
    return taken


def test_what_a_publish_leaves_of_a_page_is_told_at_any_hour() -> None:
    """The page itself is held back, and a publish may run at night."""
    assert not any("continue" in route for route in routes())
    told = [one for one in every_alert() if one["alertname"].endswith(("DuringPublish", "PublishOverdue"))]
    assert len({one["alertname"] for one in told}) == 7
    for alert in told:
        assert not any(route.keys() & {"mute_time_intervals", "active_time_intervals"} for route in way(alert)), alert
        assert way(alert)[-1]["receiver"] == "tickets"
    (slow,) = fired("SoftphoneHeartbeatSlow")
    assert way(slow)[-1]["active_time_intervals"] == ["working-hours"]


def test_sites_are_one_page_but_for_those_with_an_on_call_of_their_own() -> None:
    def grouped_by(site: str) -> list[str]:
        (alert,) = fired("SoftphoneSignallingDown", site)
        return [route["group_by"] for route in way(alert) if "group_by" in route][-1]

    assert grouped_by("dallas") == ["alertname"]
    assert grouped_by("chicago") == ["alertname", "site"]


def seconds(duration: str) -> int:
    """Of a rule's `for`."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


@pytest.mark.parametrize("source", ["SoftphoneFleetLost", "SoftphoneIceGatheringFailingAllSites"])
def test_what_stands_for_all_sites_is_there_before_each_site_pages(source: str) -> None:
    """By a minute at least, which is more than the groups' intervals are apart."""
    (holder,) = fired(source)
    (rule,) = [one for one in alerts() if one["alert"] == source]
    held = [one for one in alerts() if held_back({"alertname": one["alert"], **one["labels"]}, holder)]
    assert len(held) >= 2
    for one in held:
        assert seconds(one["for"]) >= seconds(rule["for"]) + 60, one["alert"]
        assert alerts().index(rule) < alerts().index(one)  # Prometheus sends in that order


def test_time_intervals_are_of_the_publish_s_own_time_zone_and_used() -> None:
    known = {one["name"]: one["time_intervals"] for one in SETTINGS["time_intervals"]}
    assert {part["location"] for parts in known.values() for part in parts} == {"America/Chicago"}
    used = {name for route in routes() for key in route if key.endswith("time_intervals") for name in route[key]}
    assert used == set(known) == {"working-hours", "publish-hour"}


def test_receivers_are_on_loopback_and_hold_no_secret() -> None:
    urls = [hook["url"] for one in SETTINGS["receivers"] for hook in one.get("webhook_configs", ())]
    assert len(urls) == 4
    for url in urls:
        parts = urlsplit(url)
        assert (parts.scheme, parts.hostname, parts.query, parts.username) == ("http", "127.0.0.1", "", None)
    assert not re.search(r"^[^#]*(password|credentials|secret|token|api_key)\w*:", TEXT, re.MULTILINE)


def test_a_publish_holds_back_a_site_s_critical_alerts_and_nothing_else() -> None:
    held = {
        alert["alertname"]
        for alert in every_alert()
        if any(held_back(alert, source) for source in fired("SoftphonePublishInProgress", publish="weekly"))
    }
    assert held == {
        rule["alert"].removesuffix("DuringPublish") for rule in alerts() if "DuringPublish" in rule["alert"]
    }


def test_a_publish_holds_back_by_site_and_by_memory() -> None:
    (target,) = fired("SoftphoneSignallingDown")
    short, long = fired("SoftphonePublishInProgress", publish="weekly")
    assert (short["memory"], long["memory"]) == ("short", "long")
    assert held_back(target, short)
    assert not held_back(target, long)
    assert not held_back(target, {**short, "site": "dallas"})


@pytest.mark.parametrize("name", ["SoftphoneFleetLost", "SoftphoneHeartbeatSlowAllSites", "SoftphoneMonitorAbsent"])
def test_nothing_holds_back_what_must_page(name: str) -> None:
    for target in fired(name):
        assert not any(held_back(target, source) for source in every_alert())


def test_a_form_for_all_sites_stands_for_those_of_each_site() -> None:
    def one_by(source: str, target: str, **labels: str) -> bool:
        return held_back(fired(target, **labels)[0], fired(source, **labels)[0])

    for name in ("SignallingDown", "SignallingBudgetBurn", "DisconnectsHigh", "IceServersFetchFailing"):
        assert one_by("SoftphoneFleetLost", f"Softphone{name}")
        assert one_by("SoftphoneFleetLost", f"Softphone{name}DuringPublish")
    assert one_by("SoftphoneHeartbeatSlowAllSites", "SoftphoneHeartbeatSlow", channel="xmpp")
    assert one_by("SoftphoneIceGatheringFailingAllSites", "SoftphoneIceGatheringFailing")
    slow = fired("SoftphoneHeartbeatSlow", channel="notification")[0]
    assert not held_back(slow, fired("SoftphoneHeartbeatSlowAllSites", channel="xmpp")[0])


def test_no_alert_holds_itself_back_and_none_that_is_held_back_by_a_publish_silences_another_page() -> None:
    """Alertmanager lets an alert that is held back hold others back: a chain would leave nobody told."""
    for source in every_alert():
        assert not held_back(source, source)
        if "memory" in source and source["severity"] == "critical":
            pages = [alert for alert in every_alert() if alert["severity"] == "critical"]
            assert not any(held_back(alert, source) for alert in pages)


def test_a_monitor_that_does_not_trust_itself_holds_back_times_and_no_page() -> None:
    (source,) = fired("SoftphoneMonitorDistrusted")
    held = {alert["alertname"]: alert["severity"] for alert in every_alert() if held_back(alert, source)}
    assert len(held) == 5
    assert set(held.values()) == {"warning"}
