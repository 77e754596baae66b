"""Windows: their columns with defaults, and runs of one job that overlap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evidence_files import evidence

from monitor.facts.clock import parse_rfc3339
from monitor.facts.evidence import Window
from monitor.outputs.sources.files import windows
from monitor.outputs.sources.files.windows import without_overlaps


def test_every_column_of_windows(tmp_path: Path) -> None:
    text = (
        "start,end,job,run_id,strategy,arm,block,randomised,found_by,start_min,start_max,end_min,end_max,calls\n"
        "2026-03-03T10:00:00Z,2026-03-03T10:20:00Z,weekly,r1,burst,publish,1,TRUE,poll,2026-03-03T09:59:00Z,"
        "2026-03-03T10:01:00Z,2026-03-03T10:19:00Z,2026-03-03T10:21:00Z,250\n"
        "2026-03-04T10:00:00Z,2026-03-04T10:20:00Z,weekly,r2,,None,1,true,,,,,,\n"
    )
    start_s = parse_rfc3339("2026-03-03T10:00:00Z")
    first, second = evidence(tmp_path, windows=text).windows
    assert first == Window(
        start_s=start_s,
        end_s=start_s + 1200,
        job="weekly",
        run_id="r1",
        strategy="burst",
        arm="publish",
        block="1",
        randomised=True,
        found_by="poll",
        start_min_s=start_s - 60,
        start_max_s=start_s + 60,
        end_min_s=start_s + 1140,
        end_max_s=start_s + 1260,
        calls=250.0,
    )
    assert second == Window(
        start_s=start_s + 86400,
        end_s=start_s + 87600,
        job="weekly",
        run_id="r2",
        arm="none",
        block="1",
        randomised=True,
    )


def test_jobs_whose_names_differ_by_capitals_and_blanks_are_one(tmp_path: Path) -> None:
    text = (
        "start,end,job\n2026-03-03T10:00:00Z,2026-03-03T10:20:00Z,Weekly publish\n"
        "2026-03-04T10:00:00Z,2026-03-04T10:20:00Z, weekly PUBLISH \n"
    )
    assert [one.job for one in evidence(tmp_path, windows=text).windows] == ["Weekly publish", "Weekly publish"]


def window(start_s: float, end_s: float, **told: Any) -> Window:
    """A window of the job `weekly`."""
    return Window(start_s=start_s, end_s=end_s, **{"job": "weekly", **told})


def test_overlapping_and_repeated_runs_of_a_job_are_one() -> None:
    given = [
        window(5, 30, run_id="b", found_by="poll", calls=20, end_max_s=31.0),
        window(0, 10, run_id="a", calls=10, end_max_s=11.0),
        window(30, 40),
        window(50, 60, run_id="c", calls=7),
        window(50, 60, run_id="c", calls=7),
        window(50, 50),
        window(50, 50),
    ]
    found, merged = without_overlaps(given)
    assert merged == 4
    assert found[0] == window(0, 30, run_id="a", found_by="told+poll", calls=30, end_max_s=31.0)
    assert [(one.start_s, one.end_s) for one in found] == [(0, 30), (30, 40), (50, 60)]
    assert found[2].calls == 7


def test_what_is_not_one_run_stays_apart() -> None:
    given = [
        window(0, 10),
        window(0, 10, job="daily"),
        window(0, 10, arm="none"),
        window(0, 10, randomised=True, block="1"),
        window(0, 10, randomised=True, block="2"),
    ]
    found, merged = without_overlaps(given)
    assert merged == 0
    assert len(found) == len(given)


def test_the_number_of_windows_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evidence_files import WINDOWS, problems

    monkeypatch.setattr(windows, "MOST_WINDOWS", 2)
    row = WINDOWS.splitlines()[1] + "\n"
    found = problems(tmp_path, windows=WINDOWS + 2 * row, skip_bad=True)
    assert "windows.csv:2:start: too many windows; at most 2 are allowed" in found[0]
