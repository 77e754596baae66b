"""Make docs/images/page-*.png and report.png anew: `python -m tests.browser.pictured`.

The live page over an hour of a simulated site, a minute after the publish ended, in both themes and on a phone, and the
first page of an example report; as the real Chromium shows them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the helpers of tests/, as in its conftest.py

from tests.browser.chromium import chromium, opened
from tests.browser.rigged import rig

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
EXPLAINED = """() => document.querySelector('#verdict').textContent.includes('worked out at')
    && document.querySelector('#diagnosis').textContent.includes('signalling saturated')"""
PICTURES = (
    ("page-light", "desk", "light", 1560),
    ("page-dark", "desk", "dark", 1560),
    ("page-phone", "phone", "light", 1700),
)


def main() -> None:
    """Serve, look, keep."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, rig(Path(folder), "--ago", "150") as ran:
        for name, size, scheme, height_px in PICTURES:
            with opened(browser, ran.url, size=size, scheme=scheme, ready="canvas") as seen:
                width_px = seen.page.evaluate("innerWidth")
                seen.page.set_viewport_size(
                    {"width": width_px, "height": height_px}
                )  # what is out of sight is not drawn
                seen.page.wait_for_function(EXPLAINED)
                seen.page.wait_for_timeout(2000)
                seen.page.screenshot(path=IMAGES / f"{name}.png")
        report = ROOT / "docs" / "examples" / "reports" / "publish_innocent_daily_peak.html"
        with opened(browser, report.as_uri(), ready="svg") as seen:
            seen.page.set_viewport_size({"width": 900, "height": 1150})
            seen.page.screenshot(path=IMAGES / "report.png")


if __name__ == "__main__":
    main()
