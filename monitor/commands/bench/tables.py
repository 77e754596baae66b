"""The bench's JSON as Markdown tables, so that nobody types figures.

`python -m monitor.commands.bench.tables FILE...`; its headings are of the third level, as they go under one of a page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Told = Mapping[str, Any]
NONE = "-"


def tables(found: Told) -> str:
    """Every section that is there, with the machine and the command in front."""
    parts = [_head(found)]
    for key, (title, make) in TABLES.items():
        if key in found:
            parts.append(f"### {title}\n\n{make(found[key])}")
    if found.get("failed"):
        parts.append("### Failed\n\n" + _table(("section", "why"), found["failed"].items()))
    return "\n\n".join(parts)


def _head(found: Told) -> str:
    about = [f"`{found['command']}`, {found['at']}"] if "command" in found else []
    named = (found.get(name, {}).items() for name in ("machine", "versions"))
    about += [", ".join(f"{what} {value}" for what, value in items) for items in named]
    return "\n\n".join(filter(None, (*about, found.get("notice", ""))))


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _median(told: Told | None) -> float | None:
    return None if told is None else told.get("median")


def _range(told: Told) -> str:
    runs = told.get("runs") or []
    return f"{_cell(min(runs))} to {_cell(max(runs))}, {len(runs)}" if runs else NONE


def _beside(told: Told, factor: float = 1.0) -> str:
    """The median with the range of all runs beside it, both times `factor`."""
    median, runs = told.get("median"), told.get("runs") or []
    if median is None:
        return NONE
    span = f" ({_cell(factor * min(runs))} to {_cell(factor * max(runs))})" if runs else ""
    return f"{_cell(factor * median)}{span}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _percent(part: float | None) -> str:
    return NONE if part is None else f"{100 * part:.3g} %"


def _cpu(told: Told) -> str:
    names = {
        "lean": f"our peers, {told['peers']} of them, the answering end",
        "lean_far_end": "the same, the offering end",
        "stock": f"stock aiortc, {told['stock_peers']} of them, Opus encoded and decoded",
        "floor": "floor: SRTP protect and unprotect, sendto, recvfrom",
    }
    rows = [(words, _median(told[name]), _range(told[name])) for name, words in names.items()]
    rows += [
        ("ratio: stock aiortc over ours", _median(told["stock_over_lean"]), _range(told["stock_over_lean"])),
        ("ratio: ours over the floor", _median(told["lean_over_floor"]), _range(told["lean_over_floor"])),
    ]
    table = _table(("what", "median, ms of CPU per peer and second", "range and number of runs"), rows)
    return (
        table
        if told["unsaturated"]
        else f"{table}\n\nNot all packets came: these figures are of a machine that was too busy."
    )


def _per_core(told: Told) -> str:
    words = f"{_cell(_median(told))} peers would fill a core, by their cost at {told['at']} peers. "
    words += f"Largest number held, one run a load: **{told['largest_held']}** ({told['limits']})."
    rows = [
        (
            one["peers"],
            one["holds"],
            _ms(_of(one, "lag_s", "p99")),
            _ms(_of(one, "lag_s", "max")),
            _percent(one.get("missed_share")),
            one.get("ms_per_peer_second"),
            one.get("error", ""),
        )
        for one in told["tried"]
    ]
    head = ("peers tried", "held", "lag p99, ms", "largest, ms", "slots missed", "ms per peer and second", "trouble")
    return f"{words}\n\n{_table(head, rows)}"


def _of(told: Told, *names: str) -> Any:
    value: Any = told
    for name in names:
        value = None if value is None else value.get(name)
    return value


def _lag(told: Told) -> str:
    head = ("peers", "ms per peer and second", "cores", "lag p50, ms", "p99, ms", "largest, ms", "slots missed")
    rows = [
        (
            *(row["peers"], _beside(row["ms_per_peer_second"]), _median(row["cores"])),
            *(_ms(_median(row["lag_p50"])), _beside(row["lag_p99"], 1000), _ms(_median(row["lag_max"]))),
            *(_percent(_median(row["missed_share"])), _median(row["kb_per_peer"])),
            f"{sum(row['holds'])} of {len(row['holds'])}",
        )
        for row in told["rows"]
    ]
    return _table((*head, "KB per peer", "runs within the limits"), rows)


def _set_up(told: Told) -> str:
    return _table(("peers", "median, s", "range and number of runs"), [(told["peers"], _median(told), _range(told))])


def _gather(told: Told) -> str:
    names = ("p50", "p99", "max")
    rows = [
        (words, *(_beside(told[f"{what}_{name}"], 1000) for name in names))
        for what, words in (("lag", "lag of the loop"), ("took", "a gathering"))
    ]
    table = _table(("what", *(f"{name}, ms" for name in ("p50", "p99", "largest"))), rows)
    return f"Runs of {told['gatherings']} gatherings; failed: {told['failed']}.\n\n{table}"


def _idle(told: Told) -> str:
    head = ("peers", "cores", "ms per peer and second", "lag p99, ms", "KB per peer", "lost")
    lag = _ms(_of(told, "lag_s", "p99"))
    row = (told["peers"], told["cores"], told["ms_per_peer_second"], lag, told["kb_per_peer"], told["losses"])
    return _table(head, [row])


def _accuracy(told: Told) -> str:
    measures = ("stun", "rtcp", "jitter", "websocket", "websocket_trusted")
    head = ("known round trip, ms", "line's jitter, ms", "stall, ms", "talking peers", "loop lag p99, ms")
    columns = [f"{name.replace('_', ' ')} error, median / p99, ms" for name in measures]
    columns += ["pings suspect", "pings trusted", "pings failed"]
    rows = [
        (
            *(_ms(row.get(name)) for name in ("round_trip", "line_jitter", "stall")),
            row.get("calls"),
            _ms(row.get("loop_lag_p99")),
            *(_pair(row.get(name)) for name in measures),
            *(_percent(row.get("suspect_share")), _of(row, "websocket_trusted", "samples"), row.get("failed")),
        )
        for row in told["rows"]
    ]
    return _table((*head, *columns), rows)


def _pair(told: Told | None) -> str:
    if not told:
        return NONE
    return f"{_cell(_ms(told.get('median')))} / {_cell(_ms(told.get('p99')))}"


def _detection(told: Told) -> str:
    rows = []
    for row in told["faults"].values():
        real = "; ".join(f"{who}: {_cell(limit['seconds'])} s" for who, limit in row["real_softphone"].items())
        rows.append((row["fault"], row["median"], max(row["all"], default=None), len(row["all"]), real or NONE))
    return _table(
        ("fault", "noticed after, median s", "latest, s", "noticed", "the real softphone notices after"), rows
    )


def _distrust(told: Told) -> str:
    calm = f"{_cell(told['calm_risen_s'])} of {_cell(told['calm_s'])} s"
    words = (
        f"{told['softphones']} calls; a busy loop shares the monitor's one processor for {_cell(told['hogged_s'])} s."
    )
    rows = [
        ("calm: distrusted itself", calm, ""),
        ("hogged: distrusted itself in", f"{told['rose']} of {told['runs']} runs", ""),
        ("after, median s", _median(told["rose_s"]), _range(told["rose_s"])),
        ("trusted itself again, median s after the end", _median(told["fell_s"]), _range(told["fell_s"])),
        ("drops told meanwhile", told["drops"], ""),
    ]
    return f"{words}\n\n{_table(('what', 'figure', 'range and number of runs'), rows)}"


def _scrape(told: Told) -> str:
    head = ("format", "median, ms", "p99, ms", "largest, ms", "series", "KB")
    rows = [
        (
            kind,
            *(_ms(told[kind][name]) for name in ("median", "p99", "max")),
            told[kind]["series"],
            told[kind]["bytes"] / 1e3,
        )
        for kind in ("text", "openmetrics")
    ]
    lag = told["peer_lag"]
    beside = [
        (
            f"{told['agents']} talking peers, {words}",
            *(_beside(lag[f"{name}_{one}"], 1000) for one in ("p50", "p99", "max")),
        )
        for name, words in (("without", "no scrape"), ("with", "a scrape a second"))
    ]
    return f"{_table(head, rows)}\n\n{_table(('another process', 'lag p50, ms', 'p99, ms', 'largest, ms'), beside)}"


def _analyze(told: Told) -> str:
    head = ("weeks", "agents", "facts", "file, MB", "elapsed, s", "CPU, s", "memory, MB", "range of CPU and runs")
    figures = (_median(told["elapsed"]), _median(told["cpu"]), _median(told["peak_mb"]), _range(told["cpu"]))
    return _table(head, [(told["weeks"], told["agents"], told["facts"], told["file_mb"], *figures)])


def _sessions(told: Told) -> str:
    words = f"Largest of these held: **{told['held']}** ({told['limits']})."
    head = ("sessions", "held", "connected", "heartbeats", "failed", "ping p50, ms", "p99, ms", "simulator, cores")
    rows = [
        (
            *(row.get(name) for name in ("sessions", "holds", "connected", "pings", "failed")),
            *(_ms(_of(row, "rtt_s", name)) for name in ("p50", "p99")),
            row.get("simulator_cores"),
            row.get("simulator_kb_per_session"),
        )
        for row in told["rows"]
    ]
    return f"{words}\n\n{_table((*head, 'KB each'), rows)}"


def _soak(told: Told) -> str:
    words = f"{told['peers']} talking peers for {_cell(told['seconds'])} s."
    head = ("process", "grows by, KB/s", "memory at first, KB", "at last, KB", "packets that came", "lost calls")
    rows = [
        (
            f"{row['process']} end",
            *(row[name] for name in ("kb_per_s", "first_kb", "last_kb")),
            *(_percent(row["delivered"]), row["losses"]),
        )
        for row in told["rows"]
    ]
    return f"{words}\n\n{_table(head, rows)}"


TABLES: Mapping[str, tuple[str, Callable[[Told], str]]] = {
    "cpu_ms_per_peer_second": ("Processor time of a talking peer (`cpu`)", _cpu),
    "loop_lag": ("Cost and lag by number of talking peers (`scale`)", _lag),
    "peers_per_core": ("How many can be held (`scale`)", _per_core),
    "set_up_seconds": ("From cold to sound both ways (`scale`)", _set_up),
    "consent_only": ("Peers that hold consent only (`scale`)", _idle),
    "gather_lag": ("Measured gatherings, one after the other (`scale`)", _gather),
    "rtt_error_seconds": ("Errors against a known delay (`accuracy`)", _accuracy),
    "drop_detection_seconds": ("How soon a fault is noticed (`detection`)", _detection),
    "self_distrust": ("When it does not trust itself (`distrust`)", _distrust),
    "scrape_seconds": ("A scrape (`scrape`)", _scrape),
    "analyze_seconds": ("A verdict over a year (`analysis`)", _analyze),
    "simulator_sessions": ("Sessions of the simulator (`simulator`)", _sessions),
    "memory_growth": ("Memory over an hour (`soak`)", _soak),
}


def main(words: Sequence[str]) -> int:
    """Print the tables of files that `bench --json` wrote. The exit status."""
    if not words:
        print("usage: python -m monitor.commands.bench.tables results.json...", file=sys.stderr)
        return 2
    print("\n\n".join(tables(json.loads(Path(word).read_text())) for word in words))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
