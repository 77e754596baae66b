"""Ctrl-C and SIGTERM let work clean up, and leave the process's own handlers as they were."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from monitor.commands.interruptible import run_async, sigterm_as_ctrl_c


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_work_once_it_has_cleaned_up(number: signal.Signals) -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            cleaned.append("yes")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run_async(work())
    assert cleaned == ["yes"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_the_work_returns_or_raises_is_passed_on() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise ValueError("no")

    assert run_async(answer()) == 42
    with pytest.raises(ValueError, match="no"):
        run_async(fail())


def test_sigterm_is_ctrl_c_inside_the_block_only() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
