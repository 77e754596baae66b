"""Packages from npm beside a test, exactly as locked: skip with the reason when they cannot be had, or fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from system_programs import require_program


def node_with_packages(folder: Path) -> str:
    """Path of Node, with the packages of folder/package-lock.json installed in folder/node_modules."""
    node, npm = require_program("node", "apt-get install nodejs"), require_program("npm", "apt-get install npm")
    installed, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return node
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        reason = f"npm ci failed in {folder}: {(done.stderr or done.stdout)[-500:]}"
        pytest.fail(reason) if os.environ.get("MONITOR_REQUIRE_ALL") == "1" else pytest.skip(reason)
    return node
