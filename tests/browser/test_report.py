"""The incident report in a real Chromium: everybody can read it, on a phone and on paper, and it asks nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import SIZES, opened, serious_violations, wider_than_the_screen

pytestmark = pytest.mark.system

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples" / "reports").glob("*.html"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_report_can_be_read_by_everybody(browser: Browser, path: Path, scheme: str, size: str) -> None:
    with opened(browser, path.as_uri(), size=size, scheme=scheme, ready="svg") as seen:
        assert serious_violations(seen.page) == []
        assert wider_than_the_screen(seen.page) == []
        assert seen.problems == []
        assert seen.asked == {"file"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_prints_with_everything_on_the_paper(browser: Browser, path: Path, tmp_path: Path) -> None:
    with opened(browser, path.as_uri(), ready="svg") as seen:
        seen.page.emulate_media(media="print")
        assert wider_than_the_screen(seen.page) == []
        printed = seen.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert printed.count(b"/Type /Page\n") >= 4
