"""Evidence written to files is the same evidence when it is read again."""

from __future__ import annotations

from pathlib import Path

from evidence_files import told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.facts.evidence import Evidence, Stretch, Window
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.outputs.sources.files.export import write_events, write_windows
from monitor.outputs.sources.files.reading import FileOptions, read_files

_START_S = 1_790_000_000.0
_times = st.integers(0, 10**9).map(lambda step: _START_S + step / 64)  # exact as microseconds
_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6).map(str.strip)
_words = st.sampled_from(["ok", "timeout", "429", "host_only"])


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Evidence with something of everything; drops differ."""
    builder = EvidenceBuilder()
    for _ in range(draw(st.integers(1, 5))):
        value = draw(st.none() | st.floats(0, 1e300))
        builder.sample(
            draw(st.sampled_from(["ws_rtt_seconds", "api_seconds"])),
            draw(_times),
            value,
            draw(_words) if value is not None else "timeout",
            site=draw(_names),
            probe=draw(_names),
            target=draw(_names),
            detail=draw(_names),
            suspect=draw(st.booleans()),
            weight=draw(st.sampled_from([1.0, 2.5, 17.0])),
        )
    for number, at_s in enumerate(draw(st.lists(_times, max_size=4))):
        layer = draw(st.sampled_from(["", "ice", "platform"]))
        early_s, code = draw(st.sampled_from([0.0, 0.5, 35.0])), draw(st.none() | st.integers(0, 4999))
        builder.drop(
            at_s - early_s,
            at_s,
            site=draw(_names),
            agent=f"agent-{number}",
            layer=layer,
            reason=draw(_names),
            code=code,
        )
    for at_s in draw(st.lists(_times, max_size=2)):
        builder.heads(at_s, draw(st.floats(0, 1000)), site=draw(_names))
        builder.gaps.append(Stretch(at_s, at_s + 10.0, draw(_names)))
        builder.suspects.append(Stretch(at_s - 5.0, at_s))
    builder.simulated = draw(st.booleans())
    builder.windows = [
        Window(start_s=_START_S, end_s=_START_S + 60, job="weekly", run_id="1", calls=12.5, end_max_s=_START_S + 61.5),
        Window(start_s=_START_S + 100, end_s=_START_S + 160, arm="none", block="b", randomised=True, found_by="poll"),
    ]
    return builder.build()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(evidence=evidences())
def test_everything_is_read_as_it_was_written(tmp_path: Path, evidence: Evidence) -> None:
    events, windows = tmp_path / "events.csv", tmp_path / "windows.csv"
    write_events(evidence, events)
    write_windows(evidence.windows, windows)
    assert told(read_files([events], [windows], FileOptions()).evidence) == told(evidence)


def test_no_window_at_all_is_a_file_with_the_columns_that_are_needed(tmp_path: Path) -> None:
    windows = tmp_path / "windows.csv"
    write_windows((), windows)
    assert windows.read_text() == "start,end\n"


def test_only_columns_that_say_something_are_written(tmp_path: Path) -> None:
    builder = EvidenceBuilder()
    builder.drop(_START_S, _START_S)
    write_events(builder.build(), tmp_path / "events.csv")
    assert (tmp_path / "events.csv").read_text().splitlines() == [
        "time,until,kind",
        "2026-09-21T14:13:20.000000Z,2026-09-21T14:13:20.000000Z,span",
        "2026-09-21T14:13:20.000000Z,,disconnect",
    ]
