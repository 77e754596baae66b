"""Recording rules and alerts: what they name exists, what they promise is there, and how they fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from monitor.facts.failures import NORMAL_ENDS, PLANNED_ENDS
from monitor.facts.runs import DEFAULT_LIMIT_S
from monitor.oncall.limits import CHECKS
from monitor.outputs.catalogue import CATALOGUE, Type, label_names
from tests.dashboards.prometheus.rule_files import (
    FOLDER,
    MATCHER,
    METRIC,
    RULE_FILES,
    RULE_TESTS,
    SELECTOR,
    Rule,
    alert_cases,
    alerts,
    plain,
    recorded,
    rules,
)

pytestmark = pytest.mark.calculating

SUFFIXES = ("_bucket", "_count", "_sum")
TWIN = "DuringPublish"
MEASURED_BY = {
    "rtt_p95": "softphone_heartbeat_rtt_seconds",
    "notification_rtt_p95": "softphone_heartbeat_rtt_seconds",
    "gathering_p95": "softphone_ice_gathering_seconds",
    "ice_fetch_p95": "softphone_signalling_phase_seconds",
    "allocate_p95": "softphone_turn_allocate_seconds",
    "api_p95": "softphone_api_request_seconds",
}
KNOWN = {metric.name: metric for metric in CATALOGUE} | {
    f"{metric.name}{suffix}": metric for metric in CATALOGUE if metric.type is Type.HISTOGRAM for suffix in SUFFIXES
}
NAMED_BY_THEIR_JOB = ("SoftphonePublishInProgress",)  # an inhibitor, which nobody is told of
ANNOTATIONS = {"summary", "description", "runbook_url"}


def id_of(rule: Rule) -> str:
    return f"{rule['alert']}-{'-'.join(rule['labels'].values())}"


def criticals_with_memory() -> list[Rule]:
    return [rule for rule in alerts() if "memory" in rule["labels"] and rule["labels"]["severity"] == "critical"]


def test_every_metric_is_in_the_catalogue_or_recorded_here() -> None:
    named = {name for rule in rules() for name in METRIC.findall(rule["expr"])}
    assert len(named) > 40
    assert named - set(KNOWN) - set(recorded()) == {"up"}


def test_every_recorded_series_is_read_by_a_rule_or_pinned_for_dashboards() -> None:
    read = {name for rule in rules() for name in METRIC.findall(rule["expr"])}
    read |= {name for rule in alerts() for name in METRIC.findall(rule["annotations"]["description"])}
    assert set(recorded()) - read == set()


def test_recorded_names_say_level_metric_operations() -> None:
    for name in recorded():
        assert re.fullmatch(r"[a-z_]+:softphone_[a-z_]+:[a-z0-9_]+", name), name


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("record") or id_of(rule))
def test_what_is_asked_for_by_label_exists(rule: Rule) -> None:
    for name, inside in SELECTOR.findall(rule["expr"]):
        metric = KNOWN[name]
        for label, _, values in MATCHER.findall(inside):
            assert label in (*label_names(metric, per_agent=True), "le"), (name, label)
            if label in metric.closed:
                assert set(values.split("|")) <= set(metric.closed[label]), (name, label, values)


def test_buckets_that_are_asked_for_exist_and_are_written_alike_by_every_prometheus() -> None:
    edges = [
        (name, float(edge)) for rule in rules() for name, edge in re.findall(r'(\w+)_bucket\{le="(.+?)"', rule["expr"])
    ]
    assert edges == [("softphone_media_mos", 3.5)]  # a whole number would be "3" in one version and "3.0" in another
    assert all(edge in KNOWN[name].buckets and edge % 1 for name, edge in edges)


def quantiles() -> Iterator[tuple[str, float]]:
    """Each metric of which a rule takes a quantile, with what some rule compares that with."""
    for rule in rules():
        found = re.match(r"histogram_quantile\(.*?(\w+)_bucket.*\)(?: > ([\d.]+)| >= 0)$", plain(rule["expr"]))
        assert bool(found) == ("histogram_quantile" in rule["expr"]), rule
        if found and found[2]:
            yield found[1], float(found[2])
        elif found:
            for other in alerts():
                for limit in re.findall(rf"{rule['record']} > ([\d.]+)", plain(other["expr"])):
                    yield found[1], float(limit)


def test_a_quantile_is_compared_with_a_bucket_s_edge() -> None:
    """Elsewhere it is drawn by a line between two edges: pings of 260 ms would count as over 300 ms."""
    found = set(quantiles())
    assert found == {
        ("softphone_heartbeat_rtt_seconds", 0.15),
        ("softphone_heartbeat_rtt_seconds", 0.3),
        ("softphone_signalling_phase_seconds", 1.0),
    }
    assert [(name, edge) for name, edge in found if edge not in KNOWN[name].buckets] == []


@pytest.mark.parametrize("figure", MEASURED_BY)
def test_the_limits_of_a_check_are_bucket_edges(figure: str) -> None:
    """With --prometheus a check takes its quantiles from buckets."""
    limits = [float(limit) for check in CHECKS for limit in check.limits.get(figure, ()) if limit]
    assert limits
    assert set(limits) <= set(KNOWN[MEASURED_BY[figure]].buckets)


def test_every_quantile_of_a_check_is_known() -> None:
    told = {
        figure for check in CHECKS for figure, limits in check.limits.items() if figure.endswith("_p95") and any(limits)
    }
    assert told == {
        *MEASURED_BY,
        "reconnect_p95",
    }  # whose limits, 10 and 60 s, lie between edges that follow the backoff


def test_what_fails_at_the_api_is_the_same_on_the_dashboards() -> None:
    (rule,) = [one for one in alerts() if one["alert"] == "SoftphoneApiFailing"]
    matchers = set(re.findall(r'status(!~"[^"]+")', rule["expr"]))
    assert len(matchers) == 1
    assert matchers <= {
        found.replace('\\"', '"')
        for path in (FOLDER.parent / "grafana").glob("*.json")
        for found in re.findall(r'status(!~\\"[^"]+")', path.read_text())
    }


def test_drops_leave_out_what_the_checks_leave_out() -> None:
    ends = {reason for _, reason in (*NORMAL_ENDS, *PLANNED_ENDS)}
    asked = [plain(rule["expr"]) for rule in rules() if "softphone_disconnects_total" in rule["expr"]]
    assert len(asked) == 3
    for expr in asked:
        ((_, inside),) = SELECTOR.findall(expr)
        ((label, operator, values),) = MATCHER.findall(inside)
        assert (label, operator, set(values.split("|"))) == ("reason", "!~", ends)
    elsewhere = {pair for pair in KNOWN["softphone_disconnects_total"].combinations if pair[1] in ends}
    assert elsewhere == {
        (str(layer), reason) for layer, reason in (*NORMAL_ENDS, *PLANNED_ENDS)
    }  # by reason alone is enough


def test_a_window_ends_at_the_monitor_s_own_limit_and_runs_in_a_row_cannot_outlast_one_at_its_limit() -> None:
    limit_s = DEFAULT_LIMIT_S
    for window, start, tail_s in (("active", "start10m", 600), ("active40m", "start40m", 2400)):
        expr = plain(recorded()[f"publish_run:softphone_publish_window:{start}"])
        assert f"publish_run:softphone_publish_runs:start > time() - {limit_s:.0f} " in expr
        assert f"publish_run:softphone_publish_runs:end > time() - {tail_s} " in expr
        assert f"- publish_run:softphone_publish_runs:start <= {limit_s:.0f} " in expr
        (of_min, at_most) = map(
            int, re.findall(r"\[(\d+)m:1m\]\)\) > (\d+)", recorded()[f"site:softphone_publish_window:{window}"])[0]
        )
        assert at_most * 60 == limit_s + tail_s
        assert of_min - at_most == 10  # what an outage has to page in
    (overdue,) = [rule for rule in alerts() if rule["alert"] == "SoftphonePublishOverdue"]
    assert overdue["expr"].rstrip().endswith(f"> {DEFAULT_LIMIT_S / 2:.0f}")


@pytest.mark.parametrize("rule", alerts(), ids=id_of)
def test_an_alert_says_how_grave_it_is_what_it_is_and_what_to_read(rule: Rule) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert set(rule["annotations"]) == ANNOTATIONS
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert "$value" in rule["annotations"]["description"]
    # Labels that a rule itself adds are not known to its texts: they would be empty.
    assert not set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) & set(rule["labels"])


@pytest.mark.parametrize("rule", alerts(), ids=id_of)
def test_an_alert_with_a_site_names_it_wherever_somebody_reads(rule: Rule) -> None:
    """Whether it has one is what promtool sees of it."""
    fired = [
        one["exp_labels"]
        for name, expected in alert_cases()
        for one in expected
        if name == rule["alert"] and rule["labels"].items() <= one["exp_labels"].items()
    ]
    assert fired
    has_site = any("site" in labels for labels in fired)
    read = ("description",) if rule["alert"] in NAMED_BY_THEIR_JOB else ("summary", "description")
    for text in read:
        assert ("$labels.site" in rule["annotations"][text]) or not has_site, text


@pytest.mark.parametrize("name", sorted({rule["alert"] for rule in alerts()}))
def test_every_alert_fires_in_one_test_and_stays_quiet_in_another(name: str) -> None:
    expected = [alerts for alert, alerts in alert_cases() if alert == name]
    assert any(expected)
    assert any(not alerts for alerts in expected) or name == "SoftphoneWatchdog"


def test_every_form_of_an_alert_fires_in_a_test() -> None:
    """Of several rules with one name, each by the labels that it adds."""
    fired = [(name, one["exp_labels"]) for name, expected in alert_cases() for one in expected]
    for rule in alerts():
        assert any(name == rule["alert"] and rule["labels"].items() <= labels.items() for name, labels in fired), rule


@pytest.mark.parametrize("rule", criticals_with_memory(), ids=id_of)
def test_what_gives_way_to_a_publish_has_a_twin_of_the_same_condition(rule: Rule) -> None:
    window = {"short": "active", "long": "active40m"}[rule["labels"]["memory"]]
    wanted = f"and on (site) site:softphone_publish_window:{window}"
    twins = [one for one in alerts() if one["alert"] == rule["alert"] + TWIN and plain(one["expr"]).endswith(wanted)]
    condition = plain(rule["expr"])
    assert any(plain(one["expr"]) in (f"{condition} {wanted}", f"({condition}) {wanted}") for one in twins)
    assert all(one["labels"]["severity"] == "warning" and one["for"] == rule["for"] for one in twins)


def test_each_twin_is_one_of_an_alert_that_gives_way() -> None:
    twins = {rule["alert"] for rule in alerts() if rule["alert"].endswith(TWIN)}
    assert twins == {rule["alert"] + TWIN for rule in criticals_with_memory()}


def test_the_loss_of_the_fleet_and_of_a_monitor_never_gives_way() -> None:
    without = {
        rule["alert"]
        for rule in alerts()
        if rule["labels"]["severity"] == "critical" and "memory" not in rule["labels"]
    }
    assert without == {
        "SoftphoneFleetLost",
        "SoftphoneHeartbeatSlowAllSites",
        "SoftphoneIceGatheringFailingAllSites",
        "SoftphoneMonitorAbsent",
    }


def test_rule_tests_are_of_these_files_and_take_the_groups_in_order() -> None:
    order = [group["name"] for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
    assert len(RULE_TESTS) >= 5
    for path in RULE_TESTS:
        content = yaml.safe_load(path.read_text())
        assert content["group_eval_order"] == order
        assert [(path.parent / name).resolve() for name in content["rule_files"]] == list(RULE_FILES)


def test_the_scrape_is_quick_enough_for_the_shortest_range() -> None:
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert settings["global"]["scrape_interval"] == "15s"
    # The least of recorded samples needs one of them only.
    exprs = [re.sub(r"min_over_time\([^]]*\]", "", rule["expr"]) for rule in rules()]
    ranges = {found for expr in exprs for found in re.findall(r"\[(\d+[smhd])\]", expr)}
    assert not {one for one in ranges if one.endswith("s")}
    assert min(int(one[:-1]) for one in ranges if one.endswith("m")) == 5
    assert set(settings["rule_files"]) == {path.name for path in RULE_FILES}


def section(alert: str) -> str:
    """An alert's section of the runbook, in one line."""
    text = (FOLDER.parents[1] / "docs" / "runbook.md").read_text()
    return plain(text.partition(f"### {alert}\n")[2].partition("\n#")[0])


def test_the_runbook_asks_for_an_absent_site_as_the_alert_does() -> None:
    """An instant vector of what is gone is empty."""
    told = section("SoftphoneMonitorAbsent")
    (asked,) = [one["expr"] for one in alerts() if one["labels"].get("seen_by") == "sample_age"]
    assert asked.removesuffix(" > 180") in told
    assert "amtool silence add alertname=SoftphoneMonitorAbsent site=" in told


@pytest.mark.parametrize(
    ("alert", "rule", "condition", "words"),
    [
        ("SoftphoneDisconnectsHigh", "site:softphone_disconnects:alerting_increase15m", "> 0.25 / 3", "the same rate"),
        (
            "SoftphoneIceGatheringFailing",
            "site_servers:softphone_ice_gatherings_failed:alerting_ratio",
            "ratio5m > 0.1",
            "over 10 % of those of the last 5 minutes",
        ),
        (
            "SoftphoneCallSetupFailing",
            "site:softphone_call_setup_failed:alerting_ratio",
            "> 0.1",
            "over 10 % of those of the last 30 minutes",
        ),
    ],
)
def test_the_runbook_tells_what_still_has_to_go_on(alert: str, rule: str, condition: str, words: str) -> None:
    assert plain(recorded()[rule]).endswith(condition)
    assert words in section(alert)
