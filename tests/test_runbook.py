"""docs/runbook.md: a section for every alert and reason, links that lead somewhere, PromQL and commands that run."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shlex import split
from typing import Any

import promql_parser
import pytest
import typer.main
import yaml
from ports import free_port
from product import line_with, simulator, started
from promql_stub import Stored, serving
from runbook_text import DOCS, PROGRAM, TEXT, anchors_in, commands, links, promql, sections
from system_programs import require_program

from monitor.cli import app
from monitor.facts.failures import DISCONNECT_REASONS, FAULT_OF, Fault, Reason
from monitor.outputs.catalogue import CATALOGUE, Type

RULES = DOCS.parent / "dashboards" / "prometheus"
SECTIONS = sections()
TWIN = "DuringPublish"
RUN = f"{PROGRAM} run -c monitor.yaml"
PROMETHEUS = "http://127.0.0.1:9090"  # as the runbook says it
PARTS = ("**For agents.**", "**Tell apart.**", "**Do.**", "**Escalate**", "```promql")


def rules(file: str, kind: str) -> list[dict[str, Any]]:
    """The rules of a file that are alerts, or recorded."""
    groups = yaml.safe_load((RULES / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.rules.yaml", "alert")}
RECORDED = {rule["record"] for rule in rules("recording.rules.yaml", "record")}


# Sections


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    assert {heading for heading in SECTIONS if heading.startswith("Softphone")} == set(ALERTS)


@pytest.mark.parametrize("rule", rules("alerts.rules.yaml", "alert"), ids=lambda rule: str(rule["alert"]))
def test_an_alert_names_its_section(rule: dict[str, Any]) -> None:
    file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (file, anchor) == ("docs/runbook.md", rule["alert"].lower())
    assert anchor in anchors_in(TEXT)


@pytest.mark.parametrize("alert", [name for name in ALERTS if not name.endswith(TWIN)])
def test_an_alerts_section_says_what_is_needed_at_night(alert: str) -> None:
    section = SECTIONS[alert]
    assert [part for part in PARTS if part not in section] == []
    words = [line.split()[1] for line in commands(section) if line.startswith(PROGRAM)]
    assert "probe" in words
    assert len(words) + len(promql(section)) >= 3
    assert set(words) & {"check", "report", "config"}
    assert f"[{alert}](#{alert.lower()})" in SECTIONS["All alerts"]


@pytest.mark.parametrize("alert", [name for name in ALERTS if name.endswith(TWIN)])
def test_a_twin_leads_to_its_original(alert: str) -> None:
    original = alert.removesuffix(TWIN)
    assert original in ALERTS
    assert f"[{original}](#{original.lower()})" in SECTIONS[alert]
    assert f"[Twin](#{alert.lower()})" in SECTIONS[original]


def test_what_all_twins_share_is_told_once_with_everything_that_is_needed() -> None:
    shared = SECTIONS["Twins inside a publish window"]
    assert [part for part in PARTS if part not in shared] == []
    assert [line.split()[1] for line in commands(shared)][:2] == ["check", "probe"]


def test_no_two_headings_share_an_anchor() -> None:
    anchors = anchors_in(TEXT)
    assert sorted(anchors) == sorted(set(anchors))


def test_every_link_leads_somewhere() -> None:
    for target in links():
        file, _, anchor = target.partition("#")
        linked = DOCS / file if file else DOCS / "runbook.md"
        assert linked.exists(), target
        assert not anchor or anchor in anchors_in(linked.read_text(encoding="utf-8")), target


# Reasons


@pytest.mark.parametrize("reason", list(Reason))
def test_every_failures_reason_has_a_section_that_begins_with_whose_fault_it_is(reason: Reason) -> None:
    first = re.match(r"\s*(\w+)", SECTIONS[reason.value])
    assert first is not None
    assert Fault(first[1].lower()) is FAULT_OF[reason]
    assert reason.value in anchors_in(TEXT)  # `probe` sends people there


def test_the_tables_of_drops_hold_every_reason_of_every_layer_and_no_other() -> None:
    told = {
        heading.removeprefix("Drops: ").lower(): tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for heading, section in SECTIONS.items()
        if heading.startswith("Drops: ")
    }
    assert told == {layer.value: reasons for layer, reasons in DISCONNECT_REASONS.items()}


# PromQL


def names_in(expression: Any) -> Iterator[str]:
    """The metrics that a parsed expression asks for."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name
    for part in (getattr(expression, name) for name in dir(expression) if not name.startswith("_")):
        for inner in part if isinstance(part, list) else [part]:
            if isinstance(inner, promql_parser.Expr):
                yield from names_in(inner)


def known_series() -> set[str]:
    """What there is to be asked: the catalogue's series, what is recorded, and what Prometheus makes itself."""
    parts = ("_bucket", "_count", "_sum")
    catalogue = {m.name + part for m in CATALOGUE for part in (parts if m.type is Type.HISTOGRAM else ("",))}
    return {*catalogue, *RECORDED, "up", "ALERTS"}


@pytest.mark.parametrize("expression", dict.fromkeys(promql()))
def test_an_expression_parses_and_asks_only_for_what_there_is(expression: str) -> None:
    names = set(names_in(promql_parser.parse(expression)))
    assert names
    assert names - known_series() == set()


def test_only_metrics_that_exist_are_named_in_the_text() -> None:
    known = {m.name for m in CATALOGUE} | known_series()
    named = set(re.findall(r"(?<![\w:])(?:\w+:)?softphone_[\w:]*\w", TEXT))
    assert named - known == set()


# Commands

CONFIG = """
site: chicago
timezone: America/Chicago
genesys:
  rest: {rest}
  login: {rest}
  streaming: {ws}
  client: {{id_env: GENESYS_CLIENT_ID, secret_env: GENESYS_CLIENT_SECRET}}
  agents:
    - {{name: synthetic-1, token_env: SYNTHETIC_1_TOKEN}}
probes:
  - {{kind: heartbeat, channel: notification, interval: 1s, timeout: 500ms}}
  - {{kind: heartbeat, channel: xmpp, agent: synthetic-1, interval: 1s, timeout: 500ms}}
  - {{kind: signalling, agent: synthetic-1, interval: 1s, timeout: 1s}}
  - {{kind: gathering, agent: synthetic-1, interval: 1s, timeout: 1s}}
  - {{kind: api, interval: 1s, timeout: 1s}}
publish:
  - {{name: weekly}}
exporter: {{listen: "127.0.0.1:{port}"}}
"""
READY = ("heartbeat", "signalling", "ice-gathering", "api-limits", "monitor-health")  # checks that need three attempts
MAY_BE_UNKNOWN = ("all", "turn", "publish-impact", "disconnects")  # without relay, weeks of runs, or hours of agents
ALONE = [line for line in commands() if line != RUN]
ENVIRONMENT = {
    "GENESYS_CLIENT_ID": "client_id",
    "GENESYS_CLIENT_SECRET": "client_secret",
    "SYNTHETIC_1_TOKEN": "user_token",
}


@dataclass(frozen=True)
class Ended:
    """What a command left: its status, and what it said."""

    status: int
    out: str
    err: str


def run(line: str) -> Ended:
    """One command line of the product, in this process: it takes the time of its work, and none for a start."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        typer.main.get_command(app).main(split(line)[1:], prog_name=PROGRAM)
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def judged(ended: Ended) -> bool:
    """Whether a check had enough to go by; on a busy machine it may rightly say that it does not trust its figures."""
    return ended.status != 3 or "suspect" in ended.out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory of a monitor that runs as the runbook says, against the simulator, and has measured."""
    where = tmp_path_factory.mktemp("on-call")
    port = free_port()
    with simulator() as info, pytest.MonkeyPatch.context() as patch, chdir(where):
        for name, key in ENVIRONMENT.items():
            patch.setenv(name, info[key])
        patch.setenv("MONITOR_URL", f"http://127.0.0.1:{port}")
        patch.setenv("MONITOR_SPOOL", str(where / "spool"))
        patch.setenv("COLUMNS", "200")
        Path("monitor.yaml").write_text(CONFIG.format(rest=info["rest"], ws=info["ws"], port=port))
        with started(*split(RUN)[1:]) as process:
            line_with(process.stderr, "ready:")
            while not all(judged(run(f"{PROGRAM} check {name} -c monitor.yaml")) for name in READY):
                time.sleep(0.2)  # not enough to be judged yet; the test's own timeout ends it otherwise
            yield where


def test_the_runbook_says_how_to_start_the_monitor() -> None:
    assert RUN in commands()
    assert len(ALONE) > 30


@pytest.mark.parametrize("line", ALONE)
def test_a_command_of_the_runbook_runs(line: str, folder: Path) -> None:
    program, *words = split(line)
    if program == PROGRAM:
        with serving(Stored().answer) as prometheus:
            ended = run(line.replace(PROMETHEUS, prometheus))
        EXPECTED[words[0]](words, ended)
    else:
        assert program == "sqlite3"
        require_program(program, "apt-get install sqlite3")
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def checked(words: list[str], ended: Ended) -> None:
    """A status line of the check that was asked for, and an answer where there is something to judge."""
    name = words[1]
    told = re.match(rf"{name.upper()} (OK|WARNING|CRITICAL|UNKNOWN) - ", ended.out)
    assert told, ended.out
    assert ended.status == ("OK", "WARNING", "CRITICAL", "UNKNOWN").index(told[1])
    if "--prometheus" in words:
        assert "no facts" in ended.out  # the stub holds none
    elif name not in MAY_BE_UNKNOWN:
        assert judged(ended), ended.out
    assert ended.err == ""


def probed(words: list[str], ended: Ended) -> None:
    """Up, as the simulator is well."""
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"UP {words[1]} (")
    assert "by the monitor at" in ended.out


def said_something(words: list[str], ended: Ended) -> None:
    """Well, and not in silence."""
    assert ended.status == 0
    assert ended.out


def delivered(words: list[str], ended: Ended) -> None:
    """A marker that arrived: what is only kept on disk is told."""
    assert (ended.status, ended.err) == (0, "")


EXPECTED: Mapping[str, Any] = {
    "check": checked,
    "probe": probed,
    "report": said_something,
    "config": said_something,
    "mark": delivered,
}
