"""Processor time from samples of /proc; what a system does not tell is None, never 0."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.probes.machine import (
    SCHEDSTAT,
    STAT,
    ProcessorTime,
    Turns,
    processor_time,
    read_text,
    steal_ratio,
    turns,
)

STAT_TEXT = """cpu  4607117 556970 403599 3601310 32869 0 20072 34649 11 12
cpu0 2303558 278485 201799 1800655 16434 0 10036 17324 0 0
intr 1234567 0 9 0
"""


def test_waits_for_a_processor() -> None:
    assert turns("169307 128100 2\n") == Turns(0.0001281, 2)


@pytest.mark.parametrize("text", [None, "", "\n", "1 2", "a b c", "1 -2 3", "0 0 0\n"])
def test_no_waits_where_the_kernel_does_not_count(text: str | None) -> None:
    assert turns(text) is None


def test_guests_are_not_counted_twice() -> None:
    assert processor_time(STAT_TEXT) == ProcessorTime(9256586, 34649)


@pytest.mark.parametrize("text", [None, "", "cpu", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8 9 10\n", "cpu a b c d e f g h"])
def test_no_processor_time_where_the_system_does_not_tell(text: str | None) -> None:
    assert processor_time(text) is None


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [
        (ProcessorTime(1000, 10), ProcessorTime(1200, 60), 0.25),
        (ProcessorTime(1000, 10), ProcessorTime(1200, 10), 0.0),
        (ProcessorTime(1000, 10), ProcessorTime(1200, 9), 0.0),  # kernels have been seen to count back
        (ProcessorTime(1000, 10), ProcessorTime(1000, 10), None),
        (None, ProcessorTime(1200, 60), None),
        (ProcessorTime(1000, 10), None, None),
    ],
)
def test_steal_is_a_share_of_all_processors(
    before: ProcessorTime | None, now: ProcessorTime | None, ratio: float | None
) -> None:
    assert steal_ratio(before, now) == ratio


def test_a_file_that_is_not_there_has_no_text(tmp_path: Path) -> None:
    assert read_text(tmp_path / "stat") is None


@pytest.mark.skipif(not (SCHEDSTAT.exists() and STAT.exists()), reason="this system has no /proc: nothing to install")
def test_this_machine_is_read() -> None:
    assert processor_time(read_text(STAT)) is not None
    assert turns(read_text(SCHEDSTAT)) is not None
