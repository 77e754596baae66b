"""EVENTS and WINDOWS files as users have them: what is read, what is repaired, and what is refused in which words."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from evidence_files import EVENTS, WINDOWS, evidence, file_of, json_lines, problems, read, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.facts.clock import parse_rfc3339
from monitor.outputs.sources.files.problems import UnusableFiles
from monitor.outputs.sources.files.reading import COLUMNS, FileOptions, read_files

BERLIN = ZoneInfo("Europe/Berlin")
AT_S = parse_rfc3339("2026-03-03T10:05:00Z")


def test_times_of_drops_and_of_publishes_are_enough(tmp_path: Path) -> None:
    found = evidence(tmp_path)
    assert found.drops.noticed_s.tolist() == found.drops.last_good_s.tolist() == [AT_S]
    assert [window.job for window in found.windows] == ["weekly"]
    assert found.span == (AT_S, AT_S)
    assert "--span" in found.warnings[0]


def test_every_column_of_events(tmp_path: Path) -> None:
    head = (
        "time,last_good,kind,site,agent,reason,layer,code,value,signal,until,outcome,probe,target,detail,suspect,weight"
    )
    rows = (
        "2026-03-03T10:00:00Z,2026-03-03T09:59:00Z,,lyon,ann,reset,signalling,1006,,,,,,,,,",
        "2026-03-03T10:01:00Z,,sample,lyon,,,,,0.25,ws_rtt_seconds,,,beat,ann,,true,",
        "2026-03-03T10:02:00Z,,sample,lyon,,,,,,ws_rtt_seconds,,timeout,,,,,3",
        "2026-03-03T10:03:00Z,,connected,lyon,,,,,150,,,,,,,,",
        "2026-03-03T10:04:00Z,,gap,lyon,,,,,,,2026-03-03T10:05:00Z,,,,,,",
        "2026-03-03T10:06:00Z,,Suspect,,,,,,,,2026-03-03T10:07:00Z,,,,,,",
        "2026-03-03T00:00:00Z,,span,,,,,,,,2026-03-04T00:00:00Z,,,,simulated,,",
    )
    found = told(evidence(tmp_path, "\n".join((head, *rows))))
    at = {minute: parse_rfc3339(f"2026-03-03T10:{minute:02}:00Z") for minute in range(8)}
    assert found["drops"] == [(at[0] - 60, at[0], "lyon", "ann", "signalling", "reset", 1006)]
    assert found["series"] == {
        "ws_rtt_seconds": [
            (at[1], 0.25, "ok", "lyon", "beat", "ann", "", True, 1.0),
            (at[2], "nan", "timeout", "lyon", "", "", "", False, 3.0),
        ]
    }
    assert found["heads"] == [(at[3], "lyon", 150.0)]
    assert [(gap.start_s, gap.end_s, gap.site) for gap in found["gaps"]] == [(at[4], at[5], "lyon")]
    assert [(one.start_s, one.end_s, one.site) for one in found["suspects"]] == [(at[6], at[7], "")]
    assert found["span"] == (parse_rfc3339("2026-03-03T00:00:00Z"), parse_rfc3339("2026-03-04T00:00:00Z"))
    assert found["simulated"]


def test_json_lines_say_the_same_as_csv(tmp_path: Path) -> None:
    rows = [
        {"time": "2026-03-03T10:00:00Z", "agent": "ann", "code": 1006, "extra": 1},
        {"time": "2026-03-03T10:01:00+00:00", "kind": "sample", "signal": "api_seconds", "value": 0.5, "suspect": True},
        {"time": "2026-03-03T10:02:00Z", "kind": "connected", "value": 3, "site": None},
    ]
    csv = (
        "time,agent,code,kind,signal,value,suspect\n2026-03-03T10:00:00Z,ann,1006,,,,\n"
        "2026-03-03T10:01:00+00:00,,,sample,api_seconds,0.5,true\n2026-03-03T10:02:00Z,,,connected,,3,\n"
    )
    of_json = evidence(tmp_path, json_lines(*rows), ending="jsonl")
    assert told(of_json) == told(evidence(tmp_path, csv))
    assert any("'extra'" in warning for warning in of_json.warnings)


EXPORT = 'Site;"Disconnect Time";Reason;Notes\nLyon;03.03.2026 11:05;lost;"a;\nb"\n\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_exports_of_office_programs(tmp_path: Path, encoding: str, delimiter: str, newline: str) -> None:
    text = EXPORT.replace(";", delimiter).replace("\n", newline)
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    found = evidence(
        tmp_path,
        mark + text.encode(encoding),
        zone=BERLIN,
        columns={"time": "disconnect  TIME"},
        time_format="%d.%m.%Y %H:%M",
    )
    assert told(found)["drops"] == [(AT_S, AT_S, "Lyon", "", "", "lost", -1)]
    assert any("'Notes'" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("form", "text"),
    [("epoch", f"{AT_S}"), ("epoch_ms", f"{AT_S * 1000:.0f}"), ("%Y/%m/%d %H:%M%z", "2026/03/03 10:05+0000")],
)
def test_other_forms_of_time_beside_rfc_3339(tmp_path: Path, form: str, text: str) -> None:
    found = evidence(tmp_path, f"time,agent\n{text},a\n2026-03-03t12:05:00+02:00,b\n", time_format=form)
    assert found.drops.noticed_s.tolist() == [AT_S, AT_S]


def test_a_local_time_that_comes_twice_widens_the_edges(tmp_path: Path) -> None:
    first_s, second_s = (parse_rfc3339(f"2026-10-25T0{hour}:30:00Z") for hour in (0, 1))
    windows = "start,end\n2026-10-25 02:30,2026-10-25 02:30\n"
    found = evidence(tmp_path, "time\n2026-10-25 02:30:00\n2026-10-25 04:00:00\n", windows, zone=BERLIN)
    assert (found.drops.last_good_s[0], found.drops.noticed_s[0]) == (first_s, second_s)
    window = found.windows[0]
    assert (window.start_s, window.start_min_s, window.start_max_s) == (first_s, first_s, second_s)
    assert (window.end_s, window.end_min_s, window.end_max_s) == (first_s, first_s, second_s)
    assert any(warning.startswith("3 local times come twice") for warning in found.warnings)


def test_a_window_may_begin_before_and_end_after_clocks_go_back(tmp_path: Path) -> None:
    windows = "start,end\n2026-10-25 02:50,2026-10-25 02:10\n"
    window = evidence(tmp_path, windows=windows, zone=BERLIN).windows[0]
    assert window.end_s - window.start_s == 20 * 60


def test_a_local_time_that_does_not_exist_is_later_by_the_gap(tmp_path: Path) -> None:
    found = evidence(tmp_path, "time\n2026-03-29 02:30:00\n", zone=BERLIN)
    assert found.drops.noticed_s.tolist() == [parse_rfc3339("2026-03-29T01:30:00Z")]
    assert any(
        warning.startswith("1 local time does not exist, as clocks go forward, in 'events.csv': taken")
        for warning in found.warnings
    )


def test_a_drop_of_a_named_agent_counts_once(tmp_path: Path) -> None:
    row = "2026-03-03T10:05:00Z,lyon,{agent},lost\n"
    text = "time,site,agent,reason\n" + 3 * row.format(agent="ann") + 2 * row.format(agent="")
    found = evidence(tmp_path, text)
    assert [agent for *_, agent, _, _, _ in told(found)["drops"]] == ["ann", "", ""]
    assert any(warning.startswith("2 drops repeat") for warning in found.warnings)
    assert any(warning.startswith("1 drop is like another one but names no agent") for warning in found.warnings)


def test_one_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = file_of(tmp_path, "events.csv", EVENTS)
    windows = file_of(tmp_path, "windows.csv", WINDOWS)
    assert len(read_files([file, file], [windows], FileOptions()).evidence.drops) == 1


def test_a_file_named_twice_is_told(tmp_path: Path) -> None:
    events, windows = file_of(tmp_path, "e.csv", EVENTS), file_of(tmp_path, "w.csv", WINDOWS)
    seen: list[tuple[Path, int]] = []
    found = read_files([events, events], [windows] * 3, FileOptions(), lambda path, rows: seen.append((path, rows)))
    told = [warning for warning in found.evidence.warnings if "given" in warning]
    assert told == [f"{events}: given 2 times, read once", f"{windows}: given 3 times, read once"]
    assert seen == [(events, 1), (windows, 1)]


def test_a_repeated_drop_and_window_are_told_in_the_singular(tmp_path: Path) -> None:
    named = "time,agent\n2026-03-03T10:05:00Z,ann\n2026-03-03T10:05:00Z,ann\n"
    warnings = evidence(tmp_path, named, WINDOWS + WINDOWS.splitlines()[1] + "\n").warnings
    assert any(one.startswith("1 drop repeats another one of the same time") for one in warnings)
    assert "1 window overlaps or repeats another one of the same job: merged" in warnings


def test_problems_are_told_in_the_order_of_lines(tmp_path: Path) -> None:
    rows = "".join(f"2026-03-03T10:05:00Z,{'x' if n < 9 else ''}\n{'soon,' if n > 3 else ','}\n" for n in range(30))
    lines = problems(tmp_path, "time,code\n" + rows)
    numbers = [int(line.split(":")[1]) for line in lines[:-1]]
    assert numbers == sorted(numbers)
    assert numbers[0] == 2


def test_json_over_several_lines_is_one_problem(tmp_path: Path) -> None:
    for content, words in (
        ('[\n{"time": "2026-03-03T10:05:00Z"},\n{}\n]', "a JSON array; JSON Lines"),
        ('[{"time": "2026-03-03T10:05:00Z"}]', "a JSON array; JSON Lines"),
        ('{\n "time": "2026-03-03T10:05:00Z"\n}\n', "one JSON object over several lines"),
    ):
        file, windows = file_of(tmp_path, "e.json", content), file_of(tmp_path, "w.csv", WINDOWS)
        with pytest.raises(UnusableFiles) as error:
            read_files([file], [windows], FileOptions(skip_bad=True))
        (line,) = error.value.lines
        assert line.startswith(f"{file}:1:-: {words}")


def test_several_files_are_one_evidence_and_the_time_between_their_spans_a_gap(tmp_path: Path) -> None:
    span = "time,kind,until\n2026-03-0{0}T00:00:00Z,span,2026-03-0{1}T00:00:00Z\n2026-03-0{0}T10:00:00Z,,\n"
    files = [file_of(tmp_path, f"{day}.csv", span.format(day, day + 1)) for day in (2, 5)]
    found = read_files(files, [file_of(tmp_path, "windows.csv", WINDOWS)], FileOptions()).evidence
    assert found.span == (parse_rfc3339("2026-03-02T00:00:00Z"), parse_rfc3339("2026-03-06T00:00:00Z"))
    assert [gap.end_s - gap.start_s for gap in found.gaps] == [2 * 86400]
    assert len(found.drops) == 2


def test_the_span_asked_for_wins(tmp_path: Path) -> None:
    assert evidence(tmp_path, span=(AT_S - 10, AT_S + 10)).span == (AT_S - 10, AT_S + 10)
    assert not any("--span" in warning for warning in evidence(tmp_path, span=(AT_S, AT_S + 1)).warnings)


def test_a_signal_that_no_rule_reads_is_told(tmp_path: Path) -> None:
    rows = "time,kind,signal,value\n2026-03-03T10:00:00Z,sample,ws_rtt,1\n2026-03-03T10:00:00Z,sample,sasl_seconds,1\n"
    assert "signals that no rule reads: 'ws_rtt'" in evidence(tmp_path, rows).warnings


TIME = "2026-03-03T10:05:00Z"
NO_TIME = "not a time; RFC 3339 such as 2026-03-03T10:00:00Z is needed, or --time-format"
NO_NUMBER = "not a finite number; one such as 0.25 is needed"
BAD_EVENTS: dict[str, tuple[str | bytes, str]] = {
    "naive": (
        "time\n2026-03-03 10:05:00\n",
        "2:time: a time without UTC offset; one such as -06:00, or --tz, is needed",
    ),
    "no time": ("time\nyesterday\n", f"2:time: {NO_TIME} (got 'yesterday')"),
    "date only": ("time\n2026-03-03\n", f"2:time: {NO_TIME} (got '2026-03-03')"),
    "no such day": ("time\n2026-02-30T10:00:00Z\n", f"2:time: {NO_TIME}"),
    "another century": ("time\n1999-12-31T10:00:00Z\n", "2:time: not a time of this century; one from 2000 to 2099 is"),
    "blank": ("time,agent\n,ann\n", f"2:time: {NO_TIME} (got '')"),
    "kind": (f"time,kind\n{TIME},dropped\n", "2:kind: an unknown word; one of disconnect, sample, connected, gap,"),
    "layer": (f"time,layer\n{TIME},udp\n", "2:layer: an unknown word; one of signalling, ice, dtls, media, platform"),
    "last_good": (f"time,last_good\n{TIME},2026-03-03T10:06:00Z\n", "2:last_good: later than the drop"),
    "value": (f"time,kind,signal,value\n{TIME},sample,x_seconds,fast\n", f"2:value: {NO_NUMBER} (got 'fast')"),
    "nan": (f"time,kind,signal,value\n{TIME},sample,x_seconds,NaN\n", f"2:value: {NO_NUMBER} (got 'NaN')"),
    "infinity": (f"time,kind,signal,value\n{TIME},sample,x_seconds,inf\n", f"2:value: {NO_NUMBER} (got 'inf')"),
    "negative": (f"time,kind,signal,value\n{TIME},sample,x_seconds,-1\n", "2:value: below 0; x_seconds needs a number"),
    "no value": (f"time,kind,signal,value\n{TIME},sample,x_seconds,\n", "2:value: no value; a number, or an outcome"),
    "no signal": (f"time,kind,value\n{TIME},sample,1\n", "2:signal: no signal; a sample needs a name such as ws_rtt_"),
    "bad signal": (f"time,kind,signal,value\n{TIME},sample,A b,1\n", "2:signal: no signal; a sample needs a name"),
    "heads": (f"time,kind,value\n{TIME},connected,\n", "2:value: no head count; a number from 0 is needed"),
    "gap": (f"time,kind,until\n{TIME},gap,\n", "2:until: no time; a stretch needs its end"),
    "gap ends early": (f"time,kind,until\n{TIME},gap,2026-03-03T10:00:00Z\n", "2:until: an end before its start"),
    "code": (f"time,code\n{TIME},1.5\n", "2:code: not a close code; a whole number from 0 to 99999 is needed"),
    "weight": (f"time,kind,signal,value,weight\n{TIME},sample,a,1,0\n", "2:weight: not above 0; a number above 0"),
    "suspect": (f"time,kind,signal,value,suspect\n{TIME},sample,a,1,x\n", "2:suspect: an unknown word; one of false"),
    "short row": (f"time,agent\n{TIME}\n", "2:-: 1 field; as many as the header has are needed, 2"),
    "long row": (f"time,agent\n{TIME},a,b\n", "2:-: 3 fields; as many as the header has are needed, 2"),
    "open quote": (f'time,agent\n{TIME},"ann\n', "2:-: no CSV: unexpected end of data"),
    "quote amid": (f'time,agent\n{TIME},"a"b\n', "2:-: no CSV: ',' expected after '\"'"),
    "NUL": (b"time,agent\n" + TIME.encode() + b"," + b"x" * 5000 + b"\0\n", "2:agent: has a NUL byte; text is needed"),
    "latin 1": (b"time,site\n" + TIME.encode() + b",Z\xfcrich\n", "2:site: not UTF-8; save the file as UTF-8"),
    "no header": (f"{TIME}\n", "1:-: no column for time; --column time=NAME tells which one it is (columns: '2026-"),
    "two columns": (f"time,Time\n{TIME},{TIME}\n", "1:-: two columns for time: 'time' and 'Time'"),
    "nothing": ("", "1:-: empty"),
    "blank lines": ("\n\n\n", "1:-: empty; a header with the names of the columns is needed"),
    "header only": ("time,agent\n", "1:-: no usable row; at least one is needed"),
    "gzip": (b"\x1f\x8b\x08\0", "1:-: compressed; unpack it first"),
    "workbook": (b"PK\x03\x04", "1:-: a zip file or an Excel workbook; save it as CSV first"),
    "journal": (b"SQLite format 3\0", "1:-: an SQLite database; `report --journal` reads a journal"),
    "binary": (b"\x7fELF\0\0\0", "1:-: binary; CSV or JSON Lines in UTF-8 is needed"),
    "bad UTF-16": (b"\xff\xfe\x00", "1:-: cannot be read: 'utf-16"),
    "too wide": ("," * 2000 + "\n", "1:-: 2001 columns; at most 1000 are allowed"),
}


@pytest.mark.parametrize("kind", BAD_EVENTS)
def test_each_kind_of_bad_events_is_one_line(tmp_path: Path, kind: str) -> None:
    content, line = BAD_EVENTS[kind]
    found = problems(tmp_path, content)
    assert len(found) == 1
    assert found[0].startswith(f"events.csv:{line}")


BAD_JSON = {
    "no JSON": ("{'time': 1}\n", "1:-: no JSON; an object on one line is needed"),
    "no object": (f'{{"time": "{TIME}"}}\n[1]\n', "2:-: no object; one JSON object on each line is needed"),
    "deep": ('{"a":' * 100_000 + "\n", "1:-: no JSON; an object on one line is needed"),
    "nested": ('{"time": ["2026"]}\n', "1:-: time is no plain value; text, a number, true, false or null is needed"),
    "NaN": ('{"time": "' + TIME + '", "kind": "connected", "value": NaN}\n', f"1:value: {NO_NUMBER} (got 'nan')"),
    "huge number": ('{"time": ' + "1" * 5000 + "}\n", "1:-: no JSON; an object on one line is needed"),
    "no time": ('{"agent": "ann"}\n', f"1:time: {NO_TIME} (got '')"),
}


@pytest.mark.parametrize("kind", BAD_JSON)
def test_each_kind_of_bad_json_is_one_line(tmp_path: Path, kind: str) -> None:
    content, line = BAD_JSON[kind]
    found = problems(tmp_path, content, ending="jsonl")
    assert len(found) == 1
    assert found[0].startswith(f"events.jsonl:{line}")


BAD_WINDOWS = {
    "ends early": ("start,end\n2026-03-03T10:00:00Z,2026-03-03T09:00:00Z\n", "2:end: an end before its start"),
    "no end": ("start,end\n2026-03-03T10:00:00Z,\n", f"2:end: {NO_TIME} (got '')"),
    "no block": (f"start,end,randomised\n{TIME},{TIME},true\n", "2:block: no block; a randomised row needs the one in"),
    "randomised": (
        f"start,end,randomised\n{TIME},{TIME},perhaps\n",
        "2:randomised: an unknown word; one of false, true",
    ),
    "bound": (f"start,end,start_min\n{TIME},{TIME},early\n", f"2:start_min: {NO_TIME} (got 'early')"),
    "calls": (f"start,end,calls\n{TIME},{TIME},-3\n", "2:calls: below 0; a number from 0 is needed"),
    "no column": (f"start\n{TIME}\n", "1:-: no column for end; --column end=NAME tells which one it is"),
    "no row": ("start,end\n", "1:-: no usable row; at least one is needed"),
}


@pytest.mark.parametrize("kind", BAD_WINDOWS)
def test_each_kind_of_bad_windows_is_one_line(tmp_path: Path, kind: str) -> None:
    content, line = BAD_WINDOWS[kind]
    found = problems(tmp_path, windows=content)
    assert len(found) == 1
    assert found[0].startswith(f"windows.csv:{line}")


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    windows = file_of(tmp_path, "windows.csv", WINDOWS)
    for path, words in (
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "no.csv", "cannot be read: No such file"),
    ):
        with pytest.raises(UnusableFiles) as error:
            read_files([path], [windows], FileOptions())
        assert error.value.lines[0].startswith(f"{path}:1:-: {words}")


def test_at_most_twenty_problems_of_a_file_and_how_many_more(tmp_path: Path) -> None:
    found = problems(tmp_path, "time\n" + "x\n" * 30, "start,end\ny,y\n")
    assert len(found) == 22
    assert found[19].startswith("events.csv:21:time")
    assert found[20] == "events.csv: ... and 10 more"
    assert found[21].startswith("windows.csv:2:start")


def test_reading_stops_where_nobody_would_read_on(tmp_path: Path) -> None:
    found = problems(tmp_path, "time\n" + "x\n" * 5000)
    assert found[20:] == ["events.csv: ... and 980 more", "reading stopped after 1000 problems"]


def test_skip_bad_leaves_out_and_counts_what_cannot_be_read(tmp_path: Path) -> None:
    text = f'time,agent\n{TIME},ann\nx,bob\n{TIME}\n{TIME},"b"o\n{TIME},eve\n'
    found = read(tmp_path, text, skip_bad=True)
    assert [row[3] for row in told(found.evidence)["drops"]] == ["ann", "eve"]
    assert found.skipped_count == 3
    assert sorted(line.split(":")[1] for line in found.skipped) == ["3", "4", "5"]
    assert "3 unreadable rows were skipped" in found.evidence.warnings


def test_skip_bad_does_not_forgive_what_is_fatal(tmp_path: Path) -> None:
    for events in (BAD_EVENTS["naive"][0], BAD_EVENTS["gap ends early"][0], BAD_EVENTS["no time"][0]):
        assert problems(tmp_path, events, skip_bad=True)
    assert problems(tmp_path, windows=BAD_WINDOWS["ends early"][0], skip_bad=True)


def test_a_column_that_nobody_knows_is_a_usage_error(tmp_path: Path) -> None:
    found = problems(tmp_path, columns={"tme": "x"})
    assert found == [f"--column: unknown 'tme'; one of {', '.join(COLUMNS)} is needed"]


def test_a_column_that_a_file_does_not_have_is_told(tmp_path: Path) -> None:
    warnings = evidence(tmp_path, columns={"agent": "Agnet"}).warnings
    assert any("columns named by --column that it does not have: 'Agnet'" in warning for warning in warnings)


def _is_read_or_refused(folder: Path, events: bytes, ending: str) -> None:
    """Garbage may hold a row by chance; it must never end in anything but evidence with rows or told problems."""
    try:
        found = read(folder, events, ending=ending, skip_bad=True, zone=BERLIN).evidence
        rows = len(found.drops) + len(found.heads.at_s) + sum(map(len, found.series.values()))
    except UnusableFiles as error:
        rows = len(error.lines)
    assert rows > 0


_quiet = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_quiet
@given(garbage=st.binary(max_size=400), ending=st.sampled_from(["csv", "jsonl"]))
def test_no_bytes_end_in_a_traceback(tmp_path: Path, garbage: bytes, ending: str) -> None:
    for start in (b"", b"time,value\n", b"\xff\xfe", b'time,agent\n2026-03-03T10:05:00Z,"'):
        _is_read_or_refused(tmp_path, start + garbage, ending)


_cells = st.one_of(
    st.sampled_from(
        ["", TIME, "2026-03-29 02:30", "sample", "gap", "ws_rtt_seconds", "1", "-1", "1e400", "nan", '"', "\0"]
    ),
    st.text(max_size=8),
)


@_quiet
@given(rows=st.lists(st.lists(_cells, min_size=5, max_size=5), max_size=6))
def test_no_rows_end_in_a_traceback(tmp_path: Path, rows: list[list[str]]) -> None:
    lines = [["time", "kind", "signal", "value", "until"], *rows]
    text = "\n".join(",".join(cells) for cells in lines)
    _is_read_or_refused(tmp_path, text.encode("utf-8", "surrogatepass"), "csv")


def _much(folder: Path, name: str, size: int, content: Callable[[int], bytes]) -> Path:
    file = folder / name
    with file.open("wb") as stream:
        written = stream.write(b"time,agent\n" if name.endswith("csv") else b"")
        while written < size:
            written += stream.write(content(1 << 20))
    return file


def _check_large_files(folder: Path, size: int) -> None:
    windows = file_of(folder, "windows.csv", WINDOWS)
    row = f"{TIME},ann,lost\n".encode()
    contents: dict[str, Callable[[int], bytes]] = {
        "one_line.csv": lambda length: b"x" * length,
        "no_time.csv": lambda length: b"garbage,rows\n" * (length // 13),
        "open_quote.csv": lambda length: b'garbage,"rows\n' * (length // 14),
        "closed_quotes.csv": lambda length: b'"garbage","rows"\n' * (length // 17),
        "one_line.jsonl": lambda length: b"[" * length,
    }
    for name, content in contents.items():
        file = _much(folder, name, size if "line" in name else size // 5, content)
        with pytest.raises(UnusableFiles):
            read_files([file], [windows], FileOptions(skip_bad=True))
        file.unlink()
    good = folder / "good.csv"
    with good.open("wb") as stream:
        stream.write(b"time,agent,reason\n")
        for _ in range(size // (len(row) * 1000)):
            stream.write(row * 1000)
    found = read_files([good], [windows], FileOptions()).evidence
    good.unlink()
    assert len(found.drops) == 1


def test_large_files_are_read_or_refused(tmp_path: Path) -> None:
    _check_large_files(tmp_path, 5_000_000)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_hundred_megabytes_neither_exhaust_memory_nor_hang(tmp_path: Path) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _check_large_files(tmp_path, 200_000_000)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 1_500_000
