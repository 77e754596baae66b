"""The ledger: on disk before anything goes out, and enough of it to go on from any line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.publish.flow.calls import Change
from monitor.publish.flow.job import PublishSpec, batches_of
from monitor.publish.ledger import InFlight, Ledger, LedgerError
from monitor.publish.strategy.strategies import strategy

AGENTS = ("a", "b", "c")
TERMS = {"job": "weekly", "strategy": "batch+none"}
BATCHES = batches_of(PublishSpec("bu", "2026-11-23", "s", batch_size=2), AGENTS, strategy("batch", "none").pacing)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in a directory that does not exist yet."""
    return tmp_path / "state" / "publish.jsonl"


def begun(path: Path) -> Ledger:
    """A ledger with a run that knows its agents."""
    ledger = Ledger(path)
    ledger.begin("run-1", 100.0, TERMS)
    ledger.started(101.0, AGENTS, BATCHES)
    return ledger


def test_a_new_ledger_has_nothing_unfinished(path: Path) -> None:
    with Ledger(path) as ledger:
        assert ledger.unfinished is None


def test_every_change_is_planned_sent_and_done_in_lines_of_json(path: Path) -> None:
    with begun(path) as ledger:
        write = Change("0/presence/0", 0)
        ledger.sent(102.0, [write])
        ledger.done(103.0, write, "200", ok=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["what"] for line in lines] == ["run", "started", *["planned"] * 6, "sent", "done"]
    assert [line["key"] for line in lines if line["what"] == "planned"] == [
        *("0/update", "0/presence/0", "0/routing_status/1", "1/update", "1/presence/0", "1/routing_status/1"),
    ]
    assert lines[-1] == {
        "at": 103.0,
        "run": "run-1",
        "what": "done",
        "key": "0/presence/0",
        "status": "200",
        "ok": True,
    }


def test_what_was_done_is_known_to_the_next_process(path: Path) -> None:
    with begun(path) as ledger:
        ledger.sent(102.0, [Change("0/update", 0, 7)])
        ledger.done(102.5, Change("0/update", 0, 7), "202", ok=True)
        ledger.published(103.0, 0, 8, "me")
        ledger.sent(104.0, [Change("0/presence/0", 0), Change("0/routing_status/1", 0)])
        ledger.done(105.0, Change("0/presence/0", 0), "200", ok=True)
        ledger.done(106.0, Change("0/routing_status/1", 0), "500", ok=False)
    with Ledger(path) as ledger:
        left = ledger.unfinished
    assert left is not None
    assert (left.run_id, left.terms, left.outcome, left.started_wall_s, left.last_wall_s) == (
        *("run-1", TERMS, None, 101.0, 106.0),
    )
    assert left.progress is not None
    assert left.progress.agents == AGENTS
    assert left.progress.published == {0}
    assert left.progress.written == {"0/presence/0"}
    assert left.progress.in_flight is None
    assert left.progress.editor == "me"


@pytest.mark.parametrize(
    ("status", "ok", "in_flight"),
    [
        (None, False, True),
        ("202", True, True),
        ("reset", False, True),
        ("503", False, True),
        ("409", False, True),
        ("429", False, False),
        ("403", False, False),
    ],
)
def test_an_update_is_in_flight_until_its_outcome_is_known(
    path: Path, status: str | None, ok: bool, in_flight: bool
) -> None:
    update = Change("1/update", 1, 8)
    with begun(path) as ledger:
        ledger.sent(102.0, [update])
        if status is not None:
            ledger.done(103.0, update, status, ok=ok)
    with Ledger(path) as ledger:
        assert ledger.unfinished is not None
        assert ledger.unfinished.progress is not None
        assert ledger.unfinished.progress.in_flight == (InFlight(1, 8) if in_flight else None)


def test_an_overtaken_update_is_in_flight_no_longer(path: Path) -> None:
    with begun(path) as ledger:
        ledger.sent(102.0, [Change("0/update", 0, 7)])
        ledger.overtaken(103.0, 0)
    with Ledger(path) as ledger:
        assert ledger.unfinished is not None
        assert ledger.unfinished.progress is not None
        assert ledger.unfinished.progress.in_flight is None


@pytest.mark.parametrize(("outcome", "left"), [("ok", False), ("failed", True), ("aborted", True)])
def test_a_run_that_ended_badly_can_be_gone_on_with(path: Path, outcome: str, left: bool) -> None:
    with begun(path) as ledger:
        ledger.end(110.0, outcome)
    with Ledger(path) as ledger:
        assert (ledger.unfinished is not None) is left
        if ledger.unfinished is not None:
            assert ledger.unfinished.outcome == outcome


def test_going_on_keeps_what_was_done_under_the_same_or_another_id(path: Path) -> None:
    with begun(path) as ledger:
        ledger.published(103.0, 0, 8, "me")
        ledger.end(104.0, "aborted")
    with Ledger(path) as ledger:
        ledger.begin("run-2", 200.0, TERMS, goes_on=True)
        ledger.started(201.0, AGENTS, BATCHES)
        ledger.published(202.0, 1, 9, "me")
    with Ledger(path) as ledger:
        left = ledger.unfinished
        assert left is not None
        assert (left.run_id, left.outcome, left.started_wall_s) == ("run-2", None, 201.0)
        assert left.progress is not None
        assert left.progress.published == {0, 1}
        ledger.begin("run-2", 300.0, TERMS, goes_on=True)
        ledger.started(201.0, AGENTS, BATCHES)
        ledger.end(301.0, "ok")
    with Ledger(path) as ledger:
        assert ledger.unfinished is None


def test_a_fresh_run_forgets_the_one_before(path: Path) -> None:
    with begun(path) as ledger:
        ledger.published(103.0, 0, 8, "me")
    with Ledger(path) as ledger:
        ledger.begin("run-2", 200.0, TERMS)
    with Ledger(path) as ledger:
        assert ledger.unfinished is not None
        assert (ledger.unfinished.run_id, ledger.unfinished.progress) == ("run-2", None)


@pytest.mark.parametrize("torn", [b'{"at": 1', b'{"at": 1, "what": "end", "outcome": "ok"}', b"\xff\xfe{"])
def test_a_last_line_cut_short_is_taken_off(path: Path, torn: bytes) -> None:
    begun(path).__exit__(None, None, None)
    with path.open("ab") as stream:
        stream.write(torn)
    with Ledger(path) as ledger:
        assert ledger.unfinished is not None
        ledger.end(105.0, "ok")
    with Ledger(path) as ledger:
        assert ledger.unfinished is None


@pytest.mark.parametrize("line", ["not json", "[]", '{"what": "run"}', '{"what": "run", "run": 1, "at": 2}'])
def test_what_is_no_ledger_is_refused_in_one_line(path: Path, line: str) -> None:
    path.parent.mkdir()
    path.write_text(f"{line}\n{line}\n")
    with pytest.raises(LedgerError, match="ledger") as error:
        Ledger(path)
    assert "\n" not in str(error.value)


def test_two_processes_do_not_share_one(path: Path) -> None:
    with Ledger(path), pytest.raises(LedgerError, match="another publish is using it"):
        Ledger(path)
    with Ledger(path):
        pass


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"ledger .*file/publish\.jsonl: "):
        Ledger(tmp_path / "file" / "publish.jsonl")
