"""Every kind of bad value and its one-line message: path, value, what is allowed; all at once; secrets never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_problems import check

from monitor.config.load import ConfigErrors, load, missing_credentials

GENESYS = """\
genesys:
  region: us-east-1
  client: {id_env: ID, secret_env: SECRET}
  agents: [{name: a, token_env: A}, {name: b, token_env: B}]
"""
NAME = "a name of letters, digits, dots, hyphens and underscores (up to 64, a letter or digit first) is needed"
ENV = "an environment variable's name in capitals such as MONITOR_TOKEN (never the secret itself) is needed"
DURATION = "a duration such as 15s or 500ms is needed"
NAMED_BY = "unknown key: a secret is named by"
LISTEN = "host:port such as 127.0.0.1:9464 or [::1]:9464 (port 0 picks one) is needed"
STUN = "a URL such as stun:host:3478, stuns:host or stun:[2001:db8::1] is needed"
TURN = "a URL such as turn:host:3478?transport=udp, turns:host?transport=tcp or turn:[2001:db8::1] is needed"
KINDS = "one of heartbeat, signalling, gathering, call, api is needed"
MAPPING = "a mapping of keys to values is needed"
EITHER_URLS = "either region or rest, login and streaming is needed, not both"


def problems(tmp_path: Path, text: str) -> list[str]:
    """The messages about a file, less its name."""
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as raised:
        load(path)
    return [line.removeprefix(f"{path}:") for line in str(raised.value).split("\n")]


VALUES = [
    # names, text
    ("site: a b", f"1: site: 'a b' — {NAME}"),
    ("site: 5", f"1: site: 5 — {NAME}"),
    ("site:", f"1: site: nothing — {NAME}"),
    ("site: 'x{job=\"y\"}'", f"1: site: 'x{{job=\"y\"}}' — {NAME}"),
    ("site: [a]", f"1: site: a list — {NAME}"),
    ("site: {a: b}", f"1: site: a mapping — {NAME}"),
    ("timezone: Mars/Olympus", "1: timezone: 'Mars/Olympus' — an IANA time zone such as America/Chicago is needed"),
    ("timezone: ../etc/passwd", "1: timezone: '../etc/passwd' — an IANA time zone such as America/Chicago is needed"),
    ("timezone: America", "1: timezone: 'America' — an IANA time zone such as America/Chicago is needed"),
    # durations
    ("probes: [{kind: heartbeat, interval: 15}]", f"1: probes[0].interval: 15 — {DURATION}"),
    ("probes: [{kind: heartbeat, interval: '15'}]", f"1: probes[0].interval: '15' — {DURATION}"),
    ("probes: [{kind: heartbeat, interval: 1.5}]", f"1: probes[0].interval: 1.5 — {DURATION}"),
    ("probes: [{kind: heartbeat, interval: true}]", f"1: probes[0].interval: true — {DURATION}"),
    (
        "probes: [{kind: heartbeat, interval: 0s}]",
        "1: probes[0].interval: '0s' — a duration from 100ms to 24h is needed",
    ),
    (
        "probes: [{kind: heartbeat, interval: 25h}]",
        "1: probes[0].interval: '25h' — a duration from 100ms to 24h is needed",
    ),
    ("probes: [{kind: api, timeout: 11m}]", "1: probes[0].timeout: '11m' — a duration from 10ms to 10m is needed"),
    (
        "page: {prometheus: 'ftp://h'}",
        "1: page.prometheus: 'ftp://h' — an http:// or https:// URL such as http://prometheus:9090 is needed",
    ),
    ("page: {journals: dallas.db}", "1: page.journals: 'dallas.db' — a list is needed, [] for none"),
    ("journal: {retention: 400}", f"1: journal.retention: 400 — {DURATION}"),
    ("metrics: {publish_limit: 8d}", "1: metrics.publish_limit: '8d' — a duration from 1s to 7d is needed"),
    # numbers, truth values, words
    ("metrics: {publish_runs: '60'}", "1: metrics.publish_runs: '60' — a whole number from 1 to 1000 is needed"),
    ("metrics: {publish_runs: 0}", "1: metrics.publish_runs: 0 — a whole number from 1 to 1000 is needed"),
    ("metrics: {publish_runs: 1.0}", "1: metrics.publish_runs: 1.0 — a whole number from 1 to 1000 is needed"),
    ("metrics: {publish_runs: true}", "1: metrics.publish_runs: true — a whole number from 1 to 1000 is needed"),
    ("metrics: {per_agent: 'true'}", "1: metrics.per_agent: 'true' — true or false is needed"),
    ("metrics: {per_agent: 1}", "1: metrics.per_agent: 1 — true or false is needed"),
    ("fleet: {agents: 0}", "1: fleet.agents: 0 — a whole number from 1 to 10000 is needed"),
    ("fleet: {shards: many}", "1: fleet.shards: 'many' — auto or a whole number from 1 to 64 is needed"),
    ("fleet: {shards: 65}", "1: fleet.shards: 65 — auto or a whole number from 1 to 64 is needed"),
    (
        "publish: [{name: w, detect: [mail]}]",
        "1: publish[0].detect[0]: 'mail' — one of notification, poll, audit is needed",
    ),
    (
        "publish: [{name: w, gap: 2h}]",
        "1: publish[0].gap: '2h' — a duration from 0s to 1h is needed",
    ),
    (
        "publish: [{name: w, schedule: tuesday 10:00}]",
        '1: publish[0].schedule: \'tuesday 10:00\' — days and a time such as "tue 10:00" or "mon-fri 06:30" is needed',
    ),
    # lists and mappings
    ("probes: {kind: api}", "1: probes: a mapping — a list is needed, [] for none"),
    ("probes:", "1: probes: nothing — a list is needed, [] for none"),
    ("probes: [7]", f"1: probes[0]: 7 — {MAPPING}"),
    ("journal: softphone.db", f"1: journal: 'softphone.db' — {MAPPING}"),
    ("genesys: []", f"1: genesys: a list — {MAPPING}"),
    ("probes: [{interval: 15s}]", f"1: probes[0].kind: missing — {KINDS}"),
    ("probes: [{kind: pong}]", f"1: probes[0].kind: 'pong' — {KINDS}"),
    ("probes: [{kind: [api]}]", f"1: probes[0].kind: a list — {KINDS}"),
    # unknown and missing keys
    (
        "sites: x",
        "1: sites: unknown key: one of site, timezone, genesys, probes, publish, exporter, journal, metrics, page, "
        "fleet, calendar is needed",
    ),
    ("journal:\n  paths: x", "2: journal.paths: unknown key: one of path, retention is needed"),
    (
        "probes: [{kind: api, interval_s: 15s}]",
        "1: probes[0].interval_s: unknown key: one of kind, name, interface, interval, timeout is needed",
    ),
    ("publish: [{schedule: 'tue 10:00'}]", f"1: publish[0].name: missing — {NAME}"),
    # addresses, paths, calendar
    (
        "exporter: {listen: 9464}",
        f"1: exporter.listen: 9464 — {LISTEN}",
    ),
    (
        "exporter: {listen: '127.0.0.1:70000'}",
        f"1: exporter.listen: '127.0.0.1:70000' — {LISTEN}",
    ),
    (
        "exporter: {listen: '0.0.0.0:9464'}",
        "1: exporter.listen: '0.0.0.0:9464' — an address off loopback needs token_env or token_file",
    ),
    (
        "exporter: {token_env: T, token_file: t}",
        "1: exporter.token_file: 't' — either token_env or token_file is needed, not both",
    ),
    ("journal: {path: ''}", "1: journal.path: '' — the path of a file is needed"),
    ("calendar: {hours: 8-18}", "1: calendar.hours: '8-18' — hours such as \"08:00-18:00\" is needed"),
    ("calendar: {hours: '08:00-08:00'}", "1: calendar.hours: '08:00-08:00' — hours such as \"08:00-18:00\" is needed"),
    ("calendar: {days: montag}", "1: calendar.days: 'montag' — days such as mon-fri or mon,wed,fri is needed"),
    (
        "calendar: {holidays: usa}",
        "1: calendar.holidays: 'usa' — a country such as US, or one of its parts such as US-IL is needed",
    ),
    (
        "publish: [{name: w, schedule: 'tuesday 10am'}]",
        '1: publish[0].schedule: \'tuesday 10am\' — days and a time such as "tue 10:00" or "mon-fri 06:30" is needed',
    ),
    (
        "publish: [{name: w, business_unit: a/b}]",
        "1: publish[0].business_unit: 'a/b' — an id of letters, digits and hyphens is needed",
    ),
    (
        "probes: [{kind: gathering, stun: ['stun:h'], interface: 'eth0; x'}]",
        "1: probes[0].interface: 'eth0; x' — the name of a network interface such as eth0 is needed",
    ),
    # YAML's own traps arrive with path and line
    (
        "metrics:\n  per_agent: yes",
        "2: metrics.per_agent: write true or false, or 'yes' in quotes when the text is meant",
    ),
    (
        "publish:\n- name: w\n  schedule: 10:00",
        "3: publish[0].schedule: write '10:00' in quotes: unquoted it is a number to base 60",
    ),
    ("site: a\nsite: b", "2: site: the key is there already, in line 1"),
    ("site: &a x", "1: anchors (&) and aliases (*) are not allowed"),
    ("", "1: a mapping of settings is needed; `softphone-monitor config example` prints one"),
    ("- 1", "1: a mapping of settings is needed; `softphone-monitor config example` prints one"),
    # URLs
    (
        "probes: [{kind: gathering, stun: ['stun:h?transport=udp']}]",
        f"1: probes[0].stun[0]: 'stun:h?transport=udp' — {STUN}",
    ),
    ("probes: [{kind: gathering, stun: ['stun:[::1']}]", f"1: probes[0].stun[0]: 'stun:[::1' — {STUN}"),
    ("probes: [{kind: gathering, stun: stun:h}]", "1: probes[0].stun: 'stun:h' — a list is needed, [] for none"),
    (
        "probes: [{kind: gathering, turn: [{url: stun:h, username_env: U, password_env: P}]}]",
        f"1: probes[0].turn[0].url: 'stun:h' — {TURN}",
    ),
    (
        "genesys: {rest: 'http://api.example.com', login: 'https://h', streaming: 'wss://h'}",
        "1: genesys.rest: 'http://api.example.com' — an https:// URL (http:// on loopback only) is needed",
    ),
    (
        "genesys: {rest: 'https://h', login: 'https://h', streaming: 'ws://example.com'}",
        "1: genesys.streaming: 'ws://example.com' — a wss:// URL (ws:// on loopback only) is needed",
    ),
    (
        "genesys: {rest: 'https://h', login: 'ftp://h', streaming: 'wss://h'}",
        "1: genesys.login: 'ftp://h' — an https:// URL (http:// on loopback only) is needed",
    ),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text[:50] for text, _ in VALUES])
def test_a_bad_value_has_its_one_line(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text + "\n") == [expected]


def test_an_unknown_region_is_told_the_known_ones(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "genesys: {region: us-east-9}\n")
    assert problem.startswith("1: genesys.region: 'us-east-9' — one of us-east-1, us-east-2, us-west-2,")


BETWEEN = [
    # places of Genesys, agents, credentials
    ("genesys: {}", "1: genesys.rest: missing — region, or all of rest, login and streaming, is needed"),
    (
        "genesys: {rest: 'https://h'}",
        "1: genesys.login: missing — region, or all of rest, login and streaming, is needed",
    ),
    ("genesys: {region: us-east-1, rest: 'https://h'}", f"1: genesys.region: 'us-east-1' — {EITHER_URLS}"),
    (
        "genesys: {region: us-east-1, client: {id_env: A}}",
        "1: genesys.client.secret_env: missing — secret_env or secret_file is needed",
    ),
    (
        "genesys: {region: us-east-1, agents: [{name: a}]}",
        "1: genesys.agents[0].token_env: missing — token_env or token_file is needed",
    ),
    (
        "genesys: {region: us-east-1, agents: [{name: a, token_env: T, token_file: t}]}",
        "1: genesys.agents[0].token_file: 't' — either token_env or token_file is needed, not both",
    ),
    (
        "genesys:\n  region: us-east-1\n  agents:\n    - {name: a, token_env: T}\n    - {name: a, token_env: U}",
        "5: genesys.agents[1].name: 'a' — a name that no other agent has is needed",
    ),
    (
        "genesys: {region: us-east-1, agents: [{name: a, token_env: T}, {name: b, token_env: T}]}",
        "1: genesys.agents[1].token_env: 'T' — a user of its own is needed: a has this token",
    ),
    # names
    (
        GENESYS + "probes:\n  - {kind: api, name: x}\n  - {kind: heartbeat, name: x}",
        "7: probes[1].name: 'x' — a name that no other probe has is needed",
    ),
    (
        GENESYS + "probes:\n  - {kind: heartbeat, name: heartbeat-2}\n  - {kind: heartbeat}",
        "7: probes[1].name: 'heartbeat-2' — a name that no other probe has is needed",
    ),
    ("publish: [{name: w}, {name: w}]", "1: publish[1].name: 'w' — a name that no other publish job has is needed"),
    (
        GENESYS + "probes: [{kind: signalling, agent: a}, {kind: signalling, agent: a}]",
        "5: probes[1].agent: 'a' — an agent without another signalling probe is needed",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any}, {kind: call, agent: a, answer: any}]",
        "5: probes[1].agent: 'a' — an agent without another call probe is needed",
    ),
    # what a probe cannot do without
    (
        GENESYS + "probes: [{kind: signalling, agent: c}]",
        "5: probes[0].agent: 'c' — the name of an agent under genesys.agents is needed (a, b)",
    ),
    (
        "probes: [{kind: signalling, agent: c}]",
        "1: probes[0].agent: 'c' — the name of an agent under genesys.agents is needed (there are none yet)",
    ),
    ("probes: [{kind: signalling}]", f"1: probes[0].agent: missing — {NAME}"),
    ("probes: [{kind: call, answer: any}]", f"1: probes[0].agent: missing — {NAME}"),
    ("probes: [{kind: api}]", "1: probes[0].kind: 'api' — genesys.client is needed for it"),
    ("probes: [{kind: heartbeat}]", "1: probes[0].channel: 'notification' — genesys.client is needed for it"),
    (
        "genesys: {region: us-east-1}\nprobes: [{kind: heartbeat, channel: notification}]",
        "2: probes[0].channel: 'notification' — genesys.client is needed for it",
    ),
    (
        "publish: [{name: w, business_unit: b, detect: [poll]}]",
        "1: publish[0].detect: a list — genesys.client is needed for it",
    ),
    (
        GENESYS + "publish: [{name: w, detect: [poll]}]",
        "5: publish[0].business_unit: missing — detect needs the id of a business unit",
    ),
    (
        GENESYS + "publish: [{name: w, business_unit: b, detect: [audit], poll_interval: 5s}]",
        "5: publish[0].poll_interval: '5s' — only a job with poll under detect has it",
    ),
    (
        GENESYS + "publish: [{name: w, business_unit: b, detect: [poll], audit_interval: 1m}]",
        "5: publish[0].audit_interval: '1m' — only a job with audit under detect has it",
    ),
    # heartbeat
    (
        GENESYS + "probes: [{kind: heartbeat, channel: xmpp}]",
        "5: probes[0].agent: missing — channel xmpp needs the name of an agent",
    ),
    (
        GENESYS + "probes: [{kind: heartbeat, channel: websocket}]",
        "5: probes[0].agent: missing — channel websocket needs the name of an agent",
    ),
    (
        GENESYS + "probes: [{kind: heartbeat, channel: notification, agent: a}]",
        "5: probes[0].agent: 'a' — only channels xmpp and websocket have an agent",
    ),
    (
        GENESYS + "probes: [{kind: heartbeat, channel: sip}]",
        "5: probes[0].channel: 'sip' — one of notification, xmpp, websocket is needed",
    ),
    # signalling
    (
        GENESYS + "probes: [{kind: signalling, agent: a, keepalive: both}]",
        "5: probes[0].keepalive: 'both' — one of client, server is needed",
    ),
    (
        GENESYS + "probes: [{kind: signalling, agent: a, detect_after: 58s}]",
        "5: probes[0].detect_after: '58s' — a duration from 1s to 57s is needed",
    ),
    (
        GENESYS + "probes: [{kind: signalling, agent: a, keepalive: server, detect_after: 35s}]",
        "5: probes[0].detect_after: '35s' — less than the 35s of keepalive: server is needed",
    ),
    (
        "genesys: {region: us-east-1, agents: [{name: a, token_env: T, keepalive: server}]}\n"
        "probes: [{kind: signalling, agent: a, keepalive: client}]",
        "2: probes[0].keepalive: 'client' — the same as the agent's own keepalive (server) is needed",
    ),
    (
        GENESYS + "probes: [{kind: signalling, agent: a, reconnect_jitter: 'no'}]",
        "5: probes[0].reconnect_jitter: 'no' — true or false is needed",
    ),
    # gathering
    ("probes: [{kind: gathering}]", "1: probes[0].agent: missing — an agent, or servers under stun or turn, is needed"),
    (
        GENESYS + "probes: [{kind: gathering, agent: a, stun: ['stun:h']}]",
        "5: probes[0].agent: 'a' — either an agent or stun and turn is needed, not both",
    ),
    (
        "probes: [{kind: gathering, stun: ['stun:h'], fetch: fresh}]",
        "1: probes[0].fetch: 'fresh' — only a probe with an agent fetches its servers",
    ),
    (
        "probes: [{kind: gathering, stun: ['stun:h'], relay_only: true}]",
        "1: probes[0].relay_only: true — at least one server under turn is needed for it",
    ),
    (
        "probes: [{kind: gathering, turn: [{url: turn:h, username_env: U}]}]",
        "1: probes[0].turn[0].password_env: missing — password_env or password_file is needed",
    ),
    (
        "probes: [{kind: gathering, turn: [{username_env: U, password_env: P}]}]",
        f"1: probes[0].turn[0].url: missing — {TURN}",
    ),
    # call
    (GENESYS + "probes: [{kind: call, agent: a}]", "5: probes[0].answer: missing — answer or dial is needed"),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any, dial: x}]",
        "5: probes[0].dial: 'x' — either answer or dial is needed, not both",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any, every: 10m}]",
        "5: probes[0].every: '10m' — only a probe that dials has it",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any, hold: 10s}]",
        "5: probes[0].hold: '10s' — only a probe that dials has it",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, dial: x, hold_across: publish}]",
        "5: probes[0].hold_across: 'publish' — answer: any is needed for it",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, dial: x, every: 1m, hold: 1m}]",
        "5: probes[0].hold: '1m' — less than every (1m) is needed",
    ),
    # fleet
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any}]\nfleet: {agents: 3}",
        "6: fleet.agents: 3 — no more than genesys.agents lists (2), each a user of its own, is needed",
    ),
    (
        GENESYS + "probes: [{kind: signalling, agent: a}]\nfleet: {agents: 2}",
        "6: fleet.agents: 2 — a probe of kind call, to repeat for them, is needed",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any, name: x/y}]",
        f"5: probes[0].name: 'x/y' — {NAME}",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: some}]",
        "5: probes[0].answer: 'some' — one of any, none is needed",
    ),
    (
        GENESYS + "probes: [{kind: call, agent: a, answer: any, media: loud}]",
        "5: probes[0].media: 'loud' — one of talk, dtx, idle is needed",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BETWEEN, ids=[e[:60] for _, e in BETWEEN])
def test_settings_that_do_not_go_together_have_their_one_line(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text + "\n") == [expected]


def test_everything_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = """\
site: a b
genesys:
  region: us-east-1
  agents:
    - {name: s1, token_env: bad-name}
probes:
  - {kind: signalling, agent: s1}
  - {kind: signalling, agent: s2}
  - {kind: heartbeat, interval: 15}
  - {kind: call, agent: s1}
metrics: {per_agent: yes}
exporter: {listen: "0.0.0.0:1"}
unknown: 1
"""
    assert problems(tmp_path, text) == [
        f"1: site: 'a b' — {NAME}",
        f"5: genesys.agents[0].token_env: {ENV}",
        "8: probes[1].agent: 's2' — the name of an agent under genesys.agents is needed (s1)",
        f"9: probes[2].interval: 15 — {DURATION}",
        "10: probes[3].answer: missing — answer or dial is needed",
        "11: metrics.per_agent: write true or false, or 'yes' in quotes when the text is meant",
        "12: exporter.listen: '0.0.0.0:1' — an address off loopback needs token_env or token_file",
        "13: unknown: unknown key: one of site, timezone, genesys, probes, publish, exporter, journal, metrics, page, "
        "fleet, calendar is needed",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "genesys: {region: us-east-1, agents: [{name: a, token: TOPSECRET}]}",
            f"1: genesys.agents[0].token: {NAMED_BY} token_env or token_file and never written here",
        ),
        (
            "genesys: {region: us-east-1, client: {secret: TOPSECRET, id_env: I, secret_env: S}}",
            f"1: genesys.client.secret: {NAMED_BY} secret_env or secret_file and never written here",
        ),
        ("exporter: {token_env: 'TOPSECRET-x9'}", f"1: exporter.token_env: {ENV}"),
        ("exporter: {token_env: 7}", f"1: exporter.token_env: {ENV}"),
        (
            "probes: [{kind: gathering, turn: [{url: 'turn:u:TOPSECRET@h', username_env: U, password_env: P}]}]",
            f"1: probes[0].turn[0].url: {TURN}",
        ),
        (
            "genesys: {rest: 'https://u:TOPSECRET@h', login: 'https://h', streaming: 'wss://h'}",
            "1: genesys.rest: an https:// URL (http:// on loopback only) is needed",
        ),
        ("journal: {pass: TOPSECRET}", "1: journal.pass: unknown key: one of path, retention is needed"),
    ],
)
def test_what_may_be_a_secret_is_never_shown(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text + "\n") == [expected]


def test_long_values_and_strange_keys_stay_on_one_readable_line(tmp_path: Path) -> None:
    (long,) = problems(tmp_path, f"timezone: {'x' * 5000}\n")
    assert long == f"1: timezone: '{'x' * 56}... — an IANA time zone such as America/Chicago is needed"
    (strange,) = problems(tmp_path, '"a\\nb\\e[31m": 1\n')
    assert strange.startswith(r"1: 'a\nb\x1b[31m': unknown key: one of site,")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as errors:
        load(tmp_path / "none.yaml")
    assert str(errors.value) == f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"


def test_missing_credentials_are_named_each_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GENESYS + 'probes: [{kind: api}]\nexporter: {listen: "0.0.0.0:9464", token_file: /none/token}\n')
    assert [str(p) for p in missing_credentials(load(path), {"ID": "x", "A": "value"})] == [
        "exporter.token_file: file /none/token cannot be read: No such file or directory",
        "genesys.client.secret_env: environment variable SECRET is not set",
        "genesys.agents[1].token_env: environment variable B is not set",
    ]
    assert [str(p) for p in check(path, {"ID": "x", "A": "value", "B": "value"})] == [
        f"{path}:3: genesys.client.secret_env: environment variable SECRET is not set",
        f"{path}:6: exporter.token_file: file /none/token cannot be read: No such file or directory",
    ]


def test_on_loopback_nobody_is_asked_for_the_exporters_token(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("probes: []\nexporter: {listen: '127.0.0.1:9464', token_env: MONITOR_TOKEN}\n")
    assert check(path, {}) == []


def test_check_tells_bad_settings_first_and_nothing_about_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("site: a b\n")
    assert [str(p) for p in check(path, {})] == [f"{path}:1: site: 'a b' — {NAME}"]
    path.write_text("probes: []\n")
    assert check(path, {}) == []


def test_twenty_thousand_faults_are_all_told(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "probes: [" + "7," * 20000 + "]\n")) == 20000
