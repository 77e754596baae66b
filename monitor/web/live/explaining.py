"""The explaining children: started while somebody looks, stopped when nobody does, never a trouble to the monitor."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "monitor.commands.explain")  # -P: nothing is imported from where we stand
CHILDREN = ("now", "verdict")  # apart, as a verdict over a year of facts may take a minute
TELLS = ("checks", "diagnosis", "verdict")  # what they tell of, each replaced by what is told later
LINE_LIMIT_BYTES = 16 * 1024 * 1024
LINGER_S = 60.0  # after the last reader has gone: a page that is loaded anew finds everything there
BACKOFF_S = (5.0, 15.0, 60.0, 300.0)
LIVED_S = 600.0  # a child that lived so long and then ended begins again at the first backoff
END_S = 0.7  # for each way of ending a child


class Explaining:
    """Runs the children and keeps what they tell. version: grows with every change.

    settings: as Settings.to_json. environment: all that the children are given of one.
    """

    def __init__(
        self,
        settings: str,
        command: tuple[str, ...] = COMMAND,
        *,
        environment: Mapping[str, str] | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        self.version = 0
        self._settings = settings
        self._command = command
        self._environment = dict(environment or {})
        self._linger_s = linger_s
        self._told: dict[str, Any] = dict.fromkeys(TELLS)
        self._problems: dict[str, str] = {}
        self._busy: set[str] = set()
        self._running: list[asyncio.Task[None]] = []
        self._lingering: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._stopped = False

    def told(self) -> Mapping[str, Any]:
        """Everything told so far, what does not work just now, and whether something is being worked out."""
        problem = "; ".join(dict.fromkeys(self._problems.values())) or None
        return {**self._told, "problem": problem, "busy": bool(self._busy)}

    def readers(self, count: int) -> None:
        """So many look on from now on."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if count and not self._stopped:
            self._start()
        elif self._running:
            self._lingering = asyncio.get_running_loop().call_later(self._linger_s, self._end)

    def reload(self, settings: str) -> None:
        """Take new settings over: the children begin again with them."""
        if settings == self._settings:
            return
        self._settings = settings
        if self._running:
            self._end()
            self._start()

    async def stop(self) -> None:
        """End the children for good. Idempotent; within about two seconds."""
        self._stopped = True
        if self._lingering is not None:
            self._lingering.cancel()
        self._end()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _start(self) -> None:
        if not self._running:
            self._running = [asyncio.create_task(self._keep(name), name=f"explain {name}") for name in CHILDREN]

    def _end(self) -> None:
        for task in self._running:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        self._running = []
        self._busy.clear()
        self._problems.clear()
        self.version += 1

    async def _keep(self, name: str) -> None:
        """Run one child again and again, ever more seldom while it fails."""
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began_s = loop.time()
            problem = await self._run_once(name)
            failures = 0 if loop.time() - began_s >= LIVED_S else failures
            self._busy.discard(name)
            self._problems[name] = problem
            self.version += 1
            log.warning("explain %s: %s", name, problem)
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    async def _run_once(self, name: str) -> str:
        """One life of a child; why it ended."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._command, name),
                stdin=asyncio.subprocess.PIPE,  # closed when we end, however we end: then the child ends as well
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # what it has to say of itself it tells as a problem
                limit=LINE_LIMIT_BYTES,
                env=self._environment,
                # Ctrl-C reaches it through us. No session of its own: the kernel shares the processor out by sessions
                # first (autogroup), so that in one of its own no niceness counts against those who measure.
                process_group=0,
            )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            return await self._listen(name, process)
        finally:
            ending = asyncio.create_task(_end_child(process), name=f"end explain {name}")
            self._ending.add(ending)  # whoever is cancelled meanwhile leaves it to `stop`
            ending.add_done_callback(self._ending.discard)
            await asyncio.shield(ending)

    async def _listen(self, name: str, process: asyncio.subprocess.Process) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(self._settings.encode() + b"\n")
            await process.stdin.drain()
            while line := await process.stdout.readline():
                self._take(name, json.loads(line))
        except (OSError, ValueError) as error:  # a broken pipe, a line over the limit, what is no JSON
            return f"told nothing that can be understood: {type(error).__name__}"
        return f"ended with status {await process.wait()}"

    def _take(self, name: str, told: Any) -> None:
        """One line of a child: `{"checks": ...}`, `{"busy": true}`, `{"problem": "..." or null}`."""
        if not isinstance(told, dict):
            return
        self._told.update({key: told[key] for key in TELLS if key in told})
        if "busy" in told:
            (self._busy.add if told["busy"] else self._busy.discard)(name)
        if told.get("problem"):
            self._problems[name] = str(told["problem"])[:300]
        elif "problem" in told:
            self._problems.pop(name, None)
        self.version += 1


async def _end_child(process: asyncio.subprocess.Process) -> None:
    """End a child and wait for it and its last words: asked by its stdin, then told, then made to."""
    with suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    waiting = asyncio.create_task(process.communicate())
    for end in (process.terminate, process.kill):
        done, _ = await asyncio.wait({waiting}, timeout=END_S)
        if done:
            return
        with suppress(ProcessLookupError):
            end()
    await waiting
