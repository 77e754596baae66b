"""The reports in docs/examples are what the command makes today, and say what they are there to show."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.facts.clock import ManualClock
from tests.example_reports import EXAMPLES, INTO, Example, make

LARGEST = 600_000  # bytes
_MADE = re.compile(r"<dt>made</dt><dd>[^<]*</dd>")
_VERSION = re.compile(r"<tr><td>(softphone-monitor|Python|numpy|scipy|holidays|tzdata)</td><td>[^<]*</td></tr>")
_PACKED = re.compile(r"data:application/gzip;base64,([^\"]+)")


def content(file: Path) -> str:
    """A report but for when, and with what versions, it was made; packed files as their text."""
    text = _VERSION.sub("", _MADE.sub("", file.read_text()))
    return _PACKED.sub(lambda found: gzip.decompress(base64.b64decode(found[1])).decode(), text)


# The second one takes a simulated peak on every day, and its length: `make test-long` makes it anew.
ANEW = [pytest.param(one, id=one.scenario, marks=() if n == 0 else pytest.mark.long) for n, one in enumerate(EXAMPLES)]


@pytest.mark.parametrize("one", ANEW)
def test_it_is_what_the_command_makes(one: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(one, tmp_path / "again.html", ManualClock(wall_s=1_900_000_000.0))
    assert content(tmp_path / "again.html") == content(INTO / f"{one.scenario}.html")
    assert "SIMULATED verdict" in capsys.readouterr().out


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.scenario)
def test_its_appendix_gives_the_word_that_it_says(one: Example, tmp_path: Path) -> None:
    text = (INTO / f"{one.scenario}.html").read_text()
    packed, plain = (re.search(pattern, text) for pattern in (_PACKED, r"data:text/csv;base64,([^\"]+)"))
    assert packed
    assert plain
    events, windows = tmp_path / "events.csv", tmp_path / "windows.csv"
    events.write_bytes(gzip.decompress(base64.b64decode(packed[1])))
    windows.write_bytes(base64.b64decode(plain[1]))
    again = CliRunner().invoke(app, _command(text, events, windows))
    assert again.exit_code == 0, again.output
    assert f"({json.loads(again.stdout)['verdict']})" in text


def _command(text: str, events: Path, windows: Path) -> list[str]:
    """What the report says to do, with the files where they are now."""
    told = re.search(r"softphone-monitor (analyze .*)</pre>", re.sub(r"</?span[^>]*>", "", text))
    assert told
    places = {"events.csv": str(events), "windows.csv": str(windows)}
    return [*(places.get(word, word) for word in shlex.split(told[1])), "--json"]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (
            "publish_saturates_signalling",
            ("Harm comes with the publish", "(associated)", "Cause: signalling"),
        ),
        ("publish_innocent_daily_peak", ("The publish is acquitted", "(not_associated)", "What can still hide")),
    ],
)
def test_it_shows_what_it_is_there_for(scenario: str, words: tuple[str, ...]) -> None:
    file = INTO / f"{scenario}.html"
    text = file.read_text()
    assert file.stat().st_size < LARGEST
    assert '<span class="badge">SIMULATED DATA</span>' in text
    assert all(word in text for word in words)
