"""The rig as a process of its own, for tests, figures and pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from product import HANG_S

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Rig:
    """A running rig: its address, ending in a slash, and its process."""

    url: str
    port: int
    process: subprocess.Popen[str]

    def drop(self, agent: str) -> None:
        """Have a drop of that agent happen now."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"drop {agent}\n")
        self.process.stdin.flush()


@contextmanager
def rig(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """Start the rig with these further words and stop it when the block ends."""
    command = [sys.executable, "-m", "tests.browser.rig", "--folder", str(folder), *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, **(env or {})},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Rig(told["url"], told["port"], process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()
