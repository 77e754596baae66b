"""A real, headless Chromium that a test drives: what a page showed, what it complained of, whom it asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from system_programs import require_program

NODE_FOLDER = Path(__file__).parent / "node"
SIZES = {"phone": (390, 844), "desk": (1440, 900)}
PATIENCE_MS = 30_000  # a guard against hanging, not a measurement
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Seen:
    """A page with what happened on it: console errors and exceptions, and the hosts that it asked."""

    page: Page
    problems: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _error(self, error: object) -> None:
        self.problems.append(f"exception: {error}")

    def _request(self, request: Request) -> None:
        self.asked.add(urlsplit(request.url).netloc or urlsplit(request.url).scheme)

    def watch(self) -> None:
        """Begin to take note."""
        self.page.on("console", self._console)
        self.page.on("pageerror", self._error)
        self.page.on("request", self._request)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, until the block ends. No asyncio test may run meanwhile in this process: Playwright holds the loop."""
    program = require_program("chromium", "apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, size: str = "desk", scheme: str = "light", ready: str = "", script: str = ""
) -> Iterator[Seen]:
    """A page of its own on `url`, without anything another one left.

    ready: what must be there first (a selector). script: what runs before any script of the page.
    """
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-US",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(script)
    seen = Seen(context.new_page())
    seen.watch()
    try:
        seen.page.goto(url)
        if ready:
            seen.page.wait_for_selector(ready)
        yield seen
    finally:
        context.close()


def serious_violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page, a line each: rule, element, why."""
    page.evaluate((NODE_FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {node['target']}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def wider_than_the_screen(page: Page) -> list[str]:
    """Elements that stick out of the screen to the right, so that a person would have to scroll sideways."""
    found: list[str] = page.evaluate(
        """() => document.scrollingElement.scrollWidth <= window.innerWidth ? [] :
        [...document.body.querySelectorAll('*')]
            .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
            .map((one) => `${one.tagName.toLowerCase()}#${one.id}.${one.className}`).slice(0, 10)"""
    )
    return found
