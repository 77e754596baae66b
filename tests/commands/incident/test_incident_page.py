"""The HTML file: one file, no script, nothing fetched, hostile names as text, SIMULATED where it is."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from monitor.commands.incident.appendix import MOST_ROWS, PLAIN_BYTES, thinned
from monitor.commands.incident.document import Document
from monitor.commands.incident.of_judged import document_of
from monitor.commands.incident.page import html, write
from monitor.commands.incident.tables import command
from monitor.commands.judging import Judged
from tests.commands.incident.judged_weeks import WORDS, judge, judged_weeks

MADE_S = 1_790_000_000.0
HOSTILE = """<script>alert(1)</script><img src=x onerror='alert(2)'>" onload="alert(3)&"""
NAME = "effect_one_site"


class Page(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def hostile() -> Judged:
    """Everything that others named is markup."""
    found = judged_weeks(NAME)
    evidence = replace(
        found.evidence,
        names=tuple(HOSTILE + name if name and not name.endswith("ok") else name for name in found.evidence.names),
        windows=tuple(
            replace(one, job=HOSTILE, run_id=HOSTILE, strategy=HOSTILE + str(place % 2))
            for place, one in enumerate(found.evidence.windows)
        ),
        warnings=(HOSTILE,),
    )
    return judge(evidence, NAME)


def files_of(page: Page) -> dict[str, str]:
    """The files inside the report."""
    found = {}
    for tag, attributes in page.tags:
        if tag == "a":
            name, media, data = attributes["download"], *str(attributes["href"])[5:].split(";base64,")
            packed = str(name).endswith(".gz")
            assert media == ("application/gzip" if packed else "text/csv")
            content = base64.b64decode(data)
            found[str(name).removesuffix(".gz")] = (gzip.decompress(content) if packed else content).decode()
    return found


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(judged_weeks(NAME), MADE_S)


def test_hostile_names_are_text_everywhere() -> None:
    page = Page(html(document_of(hostile(), MADE_S)))
    assert {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "link", "base", "form"} == set()
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []
    assert HOSTILE in "".join(page.text)


def test_nothing_is_fetched(document: Document) -> None:
    page = Page(html(document))
    links = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "src")]
    assert all(str(link).startswith("data:") for link in links)
    assert not re.search(r"url\(|@import", html(document))
    assert ("meta", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in [
        (tag, attributes.get("content")) for tag, attributes in page.tags
    ]


def test_labels_of_tables_and_figures_exist(document: Document) -> None:
    page = Page(html(document))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        assert set(str(attributes.get("aria-labelledby", "")).split()) <= set(map(str, ids))
    columns = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert set(columns) == {"col"}


def test_simulated_is_said_at_the_top_at_each_figure_and_on_every_printed_page(document: Document) -> None:
    text = html(replace(document, simulated=True))
    assert text.count("SIMULATED: ") >= 4  # the title, and three figures
    assert '@top-right { content: "SIMULATED DATA"' in text
    assert '<span class="badge">SIMULATED DATA</span>' in text
    assert "SIMULATED" not in html(replace(document, simulated=False))


def test_the_appendix_gives_the_same_word(
    document: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from monitor.cli import app

    file = tmp_path / "incident.html"
    write(document, file)
    for name, content in files_of(Page(file.read_text())).items():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    again = CliRunner().invoke(app, [*command(WORDS).split()[1:], "--json"])
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout)
    result = judged_weeks(NAME).result
    assert (told["verdict"], told["p_value"]) == (result.verdict.value, result.p_value)
    assert (told["events_in"], told["rate_ratio"]) == (result.events_in, result.rate_ratio)


def test_small_files_are_plain_and_large_ones_are_compressed(document: Document) -> None:
    sizes = {}
    for tag, attributes in Page(html(document)).tags:
        if tag == "a":
            sizes[str(attributes["download"])] = len(base64.b64decode(str(attributes["href"]).split(",", 1)[1]))
    assert sizes["windows.csv"] <= PLAIN_BYTES
    assert any(name.endswith(".gz") for name in sizes) or max(sizes.values()) <= PLAIN_BYTES


def test_what_is_too_large_is_thinned_and_the_file_says_so() -> None:
    evidence = judged_weeks(NAME).evidence
    many = {name: one.where(_repeated(len(one))) for name, one in evidence.series.items()}
    kept, words = thinned(replace(evidence, series=many))
    samples = sum(len(one) for one in kept.series.values())
    assert samples + len(kept.drops) + len(kept.heads.at_s) <= MOST_ROWS * 1.01
    assert len(kept.drops) == len(evidence.drops)
    assert kept.windows == evidence.windows
    assert words.startswith("Thinned: ")
    assert thinned(evidence) == (evidence, "")
    page = html(document_of(replace(judged_weeks(NAME), evidence=replace(evidence, series=many)), MADE_S))
    assert "Thinned: " in page


def _repeated(rows: int):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.repeat(np.arange(rows), 30)
