"""One Chromium for each file of tests, and axe-core from npm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from npm_packages import node_with_packages
from playwright.sync_api import Browser

from tests.browser.chromium import NODE_FOLDER, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for all of a file's tests."""
    node_with_packages(NODE_FOLDER)
    with chromium() as running:
        yield running
