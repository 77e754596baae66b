"""Programs that a section runs: none outlives its block, not even one that will not hear."""

from __future__ import annotations

import asyncio
import signal

import pytest

from monitor.commands.bench import programs
from monitor.commands.bench.programs import program

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


async def test_a_program_ends_with_its_block() -> None:
    async with program("-c", "input()", stdin=asyncio.subprocess.PIPE) as running:
        assert running.returncode is None
    assert running.returncode == -signal.SIGTERM


async def test_one_that_does_not_heed_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "END_S", 0.1)
    async with program("-c", DEAF, stdout=asyncio.subprocess.PIPE) as running:
        assert running.stdout is not None
        assert await running.stdout.readline() == b"deaf\n"
    assert running.returncode == -signal.SIGKILL
