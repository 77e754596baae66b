"""Pauses of the garbage collector, and the queue of asyncio's default executor."""

from __future__ import annotations

import asyncio
import gc
import threading

from monitor.facts.clock import ManualClock
from monitor.probes.interpreter import GcPauses, executor_queue


def test_a_pause_lasts_from_start_to_stop_and_is_told_once() -> None:
    clock = ManualClock()
    pauses = GcPauses(clock)
    pauses.noted("stop", {})  # of a collection that began before we watched
    pauses.noted("start", {})
    clock.advance(0.004)
    pauses.noted("stop", {})
    assert pauses.drain() == (0.004,)
    assert pauses.drain() == ()


def test_the_interpreters_own_collections_are_seen_until_ignored() -> None:
    pauses = GcPauses(ManualClock())
    pauses.watch()
    pauses.watch()
    try:
        gc.collect()
        assert len(pauses.drain()) >= 1
    finally:
        pauses.ignore()
    gc.collect()
    assert pauses.drain() == ()
    assert pauses.noted not in gc.callbacks


async def test_jobs_that_wait_for_a_thread_are_counted() -> None:
    loop = asyncio.get_running_loop()
    assert executor_queue(loop) == 0
    release, threads = threading.Event(), 40
    jobs = [loop.run_in_executor(None, release.wait, 10.0) for _ in range(threads)]
    try:
        waiting = executor_queue(loop)
        assert waiting is not None
        assert 0 < waiting < threads
    finally:
        release.set()
        await asyncio.gather(*jobs)
    assert executor_queue(loop) == 0


def test_a_loop_that_shows_no_executor_has_none() -> None:
    assert executor_queue(object()) is None  # type: ignore[arg-type]
