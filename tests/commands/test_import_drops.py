"""`import`: drops go into the journal once, whatever is in the file, and the monitor may write at the same time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from evidence_files import file_of
from product import call

from monitor.commands.analyze import FileWords
from monitor.commands.import_drops import CONVERSATIONS, CSV, ImportOptions, kind_of, run_import
from monitor.facts.clock import parse_rfc3339
from monitor.facts.observations import IMPORTED, Disconnected, SlotSkipped
from monitor.outputs.journal import Journal, JournalReader

CALLS = [
    {
        "conversationId": name,
        "participants": [
            {
                "purpose": "agent",
                "userId": "ann",
                "sessions": [{"segments": [{"segmentEnd": "2026-03-03T10:05:00Z", "disconnectType": kind}]}],
            }
        ],
    }
    for name, kind in (("1", "transportFailure"), ("2", "peer"), ("3", "other"))
]
DROPS = (
    "time,site,agent,layer,reason\n2026-03-03T10:05:00Z,lyon,ann,ice,consent_expired\n"
    "2026-03-03T10:05:00Z,,bob,,headset died\n2026-03-03T10:06:00Z,,,,\n2026-03-03T10:06:00Z,,,,\n"
)


def drops_in(journal: Path) -> list[Disconnected]:
    """What the journal holds."""
    return [fact for fact in JournalReader(journal).facts() if isinstance(fact, Disconnected)]


def test_a_csv_is_imported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "facts.db"
    options = ImportOptions(file=file_of(tmp_path, "drops.csv", DROPS), journal=journal, site="chicago")
    assert run_import(options) == 0
    assert capsys.readouterr().out == "imported 4, known 0, skipped 0\n"
    assert run_import(options) == 0
    assert capsys.readouterr().out == "imported 0, known 4, skipped 0\n"
    told = [(one.site, one.agent, one.layer, one.reason, one.detail, one.probe) for one in drops_in(journal)]
    assert told == [
        ("lyon", "ann", "ice", "consent_expired", "", IMPORTED),
        ("chicago", "bob", "platform", "reported", "headset died", IMPORTED),
        ("chicago", "", "platform", "reported", "", IMPORTED),
        ("chicago", "", "platform", "reported", "", IMPORTED),
    ]


def test_a_longer_file_adds_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "facts.db"
    for text in (DROPS, DROPS + "2026-03-03T10:06:00Z,,,,\n2026-03-04T10:06:00Z,,,,\n"):
        assert run_import(ImportOptions(file=file_of(tmp_path, "drops.csv", text), journal=journal)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "imported 2, known 4, skipped 0"


def test_conversation_details_are_told_by_their_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "facts.db"
    file = file_of(tmp_path, "export.txt", json.dumps({"conversations": CALLS}))
    for words in ("imported 1, known 0", "imported 0, known 1"):
        assert run_import(ImportOptions(file=file, journal=journal, site="chicago")) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[0] == f"{words}, skipped 2"
        assert sorted(out[1:]) == ["  skipped 1: a normal end", "  skipped 1: an end that is not known: other"]
    (drop,) = drops_in(journal)
    assert (drop.agent, drop.layer, drop.reason, drop.conversation_id) == ("ann", "ice", "transport_failure", "1")
    assert drop.at_wall_s == parse_rfc3339("2026-03-03T10:05:00Z")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", "time,conversations\n", CSV),
        ("a.jsonl", '{"time": "2026-03-03T10:00:00Z"}\n', CSV),
        ("a.jsonl", json.dumps(CALLS[0]), CONVERSATIONS),
        ("a.json", json.dumps(CALLS, indent=2), CONVERSATIONS),
        ("a.json", '\n\n{ "conversations": []}', CONVERSATIONS),
    ],
)
def test_what_a_file_is(tmp_path: Path, name: str, content: str, kind: str) -> None:
    assert kind_of(file_of(tmp_path, name, content)) == kind


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("time\nsoon\n", "drops.csv:2:time: not a time"),
        ("", "drops.csv:1:-: empty"),
        ('{"conversations": [', "drops.csv:1:-: the file ends in the middle of a list"),
        ('{"conversations": [17]}', "drops.csv:1:-: not a conversation"),
        ('{"other": []}', "drops.csv:1:-: JSON that holds no conversations; CSV, JSON Lines named .jsonl, or"),
        (
            "time,kind,until,detail\n2026-03-03T10:00:00Z,,,\n2026-03-03T00:00:00Z,span,2026-03-04T00:00:00Z,simulated\n",
            "drops.csv: a row of kind span says simulated; simulated facts are not working agents' drops",
        ),
    ],
)
def test_what_cannot_be_used_imports_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, line: str
) -> None:
    options = ImportOptions(file=file_of(tmp_path, "drops.csv", content), journal=tmp_path / "facts.db")
    assert run_import(options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert not (tmp_path / "facts.db").exists()


def test_a_kind_that_nobody_knows_and_a_journal_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, "drops.csv", DROPS)
    assert run_import(ImportOptions(file=file, kind="xml", journal=tmp_path / "facts.db")) == 2
    assert "--kind: one of csv, conversation-details" in capsys.readouterr().err
    assert run_import(ImportOptions(file=file, journal=file)) == 2
    assert "drops.csv" in capsys.readouterr().err
    assert run_import(ImportOptions(file=file, config=tmp_path / "no.yaml")) == 2
    assert "no.yaml" in capsys.readouterr().err


def test_bad_rows_may_be_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, "drops.csv", DROPS + "soon,,,,\n")
    options = ImportOptions(file=file, journal=tmp_path / "facts.db", files=FileWords(skip_bad=True))
    assert run_import(options) == 0
    assert capsys.readouterr().out == "imported 4, known 0, skipped 1\n  skipped 1: unreadable\n"


async def test_a_monitor_may_write_to_the_same_journal(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    file = file_of(tmp_path, "drops.csv", DROPS)
    monitor = Journal(path)
    try:
        monitor.append(SlotSkipped(site="chicago", probe="api", at_wall_s=1.0))
        assert await asyncio.to_thread(run_import, ImportOptions(file=file, journal=path)) == 0
        monitor.append(SlotSkipped(site="chicago", probe="api", at_wall_s=2.0))
    finally:
        await monitor.close()
    kinds = [fact.kind for fact in JournalReader(path).facts()]
    assert sorted(kinds) == ["disconnect"] * 4 + ["slot_skipped"] * 2


def test_the_installed_command_takes_journal_site_and_zone_from_a_configuration(tmp_path: Path) -> None:
    config = file_of(
        tmp_path,
        "monitor.yaml",
        f"site: chicago\ntimezone: America/Chicago\nprobes: []\njournal: {{path: {tmp_path / 'facts.db'}}}\n",
    )
    file = file_of(tmp_path, "drops.csv", "When\n2026-03-03 10:05:00\n")
    result = call("import", str(file), "-c", str(config), "--column", "time=When")
    assert (result.returncode, result.stdout) == (0, "imported 1, known 0, skipped 0\n")
    (drop,) = drops_in(tmp_path / "facts.db")
    assert (drop.site, drop.noticed_wall_s) == ("chicago", parse_rfc3339("2026-03-03T16:05:00Z"))
