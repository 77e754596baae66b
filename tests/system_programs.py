"""Find a system program a test needs: skip with the install command, or fail where everything is required."""

from __future__ import annotations

import os
import shutil

import pytest


def require_program(name: str, install: str) -> str:
    """Path of `name`; skips the test when it is missing, fails it when MONITOR_REQUIRE_ALL=1."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is not None:
        return path
    reason = f"{name} is not installed; install it with: {install}"
    if os.environ.get("MONITOR_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
