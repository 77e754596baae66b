"""What settings say to the checks: paces of probes, the calendar of the verdict, problems as lines."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.commands.check_settings import Asked, BadSettings, asked_by, rules_of
from monitor.config.model import Journal
from monitor.facts import signals

SEPTEMBER_2026_S = 1_790_000_000.0
CONFIG = """\
site: chicago
timezone: America/Chicago
genesys:
  rest: http://127.0.0.1:8080
  login: http://127.0.0.1:8080
  streaming: ws://127.0.0.1:8081
  client: {id_env: CLIENT_ID, secret_env: CLIENT_SECRET}
  agents: [{name: synthetic-1, token_env: AGENT_TOKEN}]
probes:
  - {kind: heartbeat, channel: xmpp, agent: synthetic-1, interval: 10s}
  - {kind: heartbeat, channel: notification, interval: 15s}
  - {kind: signalling, agent: synthetic-1, interval: 30s}
  - {kind: gathering, agent: synthetic-1, interval: 60s}
  - {kind: gathering, interval: 90s, stun: ["stun:127.0.0.1:3478"]}
  - {kind: api, interval: 20s}
calendar: {hours: "07:30-18:00", days: mon-thu, holidays: US}
metrics: {publish_limit: 1h}
"""


def asked(tmp_path: Path, text: str = CONFIG) -> Asked:
    """What a file with this text says."""
    (tmp_path / "monitor.yaml").write_text(text)
    return asked_by(tmp_path / "monitor.yaml")


def test_paces_are_the_longest_of_each_signal(tmp_path: Path) -> None:
    known = asked(tmp_path)
    assert (known.site, known.limit_s, known.journal) == ("chicago", 3600.0, Path("softphone.db"))
    assert known.intervals == {
        signals.WS_RTT: 10.0,
        signals.NOTIFICATION_RTT: 15.0,
        signals.ICE_SERVERS: 30.0,
        signals.ICE_GATHERING: 90.0,
        signals.API: 20.0,
    }


def test_the_calendar_is_the_verdict_s_own(tmp_path: Path) -> None:
    rules = rules_of(asked(tmp_path), SEPTEMBER_2026_S, SEPTEMBER_2026_S + 1.0)
    assert (rules.zone, rules.hours, rules.days) == (ZoneInfo("America/Chicago"), (7.5, 18.0), frozenset({0, 1, 2, 3}))
    assert date(2026, 11, 26) in rules.days_off
    assert rules.provisional


def test_without_settings_every_hour_counts_and_the_verdict_is_provisional_still() -> None:
    rules = rules_of(Asked(), SEPTEMBER_2026_S, SEPTEMBER_2026_S + 1.0)
    assert (rules.hours, rules.days_off, rules.provisional) == (None, frozenset(), True)
    assert str(Asked().journal) == Journal().path


def test_problems_are_a_line_each(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as problems:
        asked(tmp_path, "site: 1 2\nnonsense: 3\n")
    assert len(str(problems.value).splitlines()) == 2
