"""The plugin's output as Nagios reads it: ranges, performance data, one line; checked by a parser of the grammar."""

from __future__ import annotations

import pytest

from monitor.oncall.nagios import Perf, Range, State, Status, number, read_range, render, worst
from tests.nagios_grammar import perf_of


@pytest.mark.parametrize(
    ("text", "well", "not_well"),
    [
        ("10", (0, 10), (-1, 10.1)),
        ("10:", (10, 1e9), (9.9,)),
        ("~:10", (-1e9, 10), (10.1,)),
        ("10:20", (10, 20), (9, 21)),
        ("@10:20", (9, 21), (10, 15, 20)),
        ("-5:-1.5", (-5, -1.5), (0,)),
        (":5", (0, 5), (-1, 6)),
        ("0", (0,), (0.1,)),
    ],
)
def test_ranges_alert_as_the_guidelines_have_it(
    text: str, well: tuple[float, ...], not_well: tuple[float, ...]
) -> None:
    limit = read_range(text)
    assert [limit.alerts(value) for value in (*well, *not_well)] == [False] * len(well) + [True] * len(not_well)
    assert read_range(str(limit)) == limit


@pytest.mark.parametrize("text", ["", ":", "@", "~", "~:", "x", "1:2:3", "20:10", "1e3", "nan", "10%"])
def test_what_is_no_range_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no range"):
        read_range(text)


@pytest.mark.parametrize("text", ["5", "10:", "~:5", "@1:3", "2:8"])
def test_ranges_are_written_as_people_wrote_them(text: str) -> None:
    assert str(read_range(text)) == text


def test_performance_data() -> None:
    warning, critical = read_range("0.25"), read_range("1")
    assert str(Perf(label="rtt_p95", value=0.026, unit="s", warning=warning, critical=critical)) == (
        "rtt_p95=0.026s;0.25;1;0"
    )
    assert str(Perf(label="connected", value=100.0, unit="%", warning=read_range("95:"), maximum=100.0)) == (
        "connected=100%;95:;;0;100"
    )
    assert str(Perf(label="none", value=None, unit="s", minimum=None)) == "none=U"
    assert str(Perf(label="it's = odd", value=1.0, minimum=None)) == "'it''s _ odd'=1"
    assert str(Perf(label="huge", value=float("inf"), minimum=None)) == "huge=U"


def test_the_whole_output_is_one_line_with_long_text_after_it() -> None:
    status = Status(
        name="heartbeat",
        state=State.WARNING,
        summary="half | a\nline",
        notes=("more | of\rit", "and this"),
        perf=(Perf(label="a b", value=1.0), Perf(label="c", value=2.5, unit="%")),
    )
    lines = render(status).split("\n")
    assert lines == [
        "HEARTBEAT WARNING - half a line | 'a b'=1;;;0 c=2.5%;;;0",
        "more of it",
        "and this",
    ]
    assert perf_of(render(status)) == {"'a b'": "1", "c": "2.5%"}


def test_what_is_broken_goes_before_what_is_unknown() -> None:
    assert worst([State.OK, State.UNKNOWN]) is State.UNKNOWN
    assert worst([State.UNKNOWN, State.WARNING, State.OK]) is State.WARNING
    assert worst([State.WARNING, State.CRITICAL, State.UNKNOWN]) is State.CRITICAL
    assert worst([]) is State.UNKNOWN
    assert [int(state) for state in State] == [0, 1, 2, 3]


def test_numbers_have_no_exponent() -> None:
    assert [number(value) for value in (0.0, -0.0, 1e-9, 0.25, 15.0, 1234567.0, -3.5)] == [
        *("0", "0", "0", "0.25", "15", "1234567", "-3.5"),
    ]


def test_a_range_without_an_end_says_so() -> None:
    assert str(Range()) == "0:"
