"""The status line of `run` on a terminal: redrawn each second below the log lines, by a thread of its own.

Everything that is written to stderr meanwhile, by the measuring processes too, comes through a pipe and is shown above
the status, so that neither garbles the other. The thread alone waits for the terminal: a person who stops the output
with Ctrl-S must not stop the monitor.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from monitor.commands.probe_text import printable
from monitor.facts.clock import Clock, SystemClock

REDRAWN_S: Final = 1.0
LOOK_S: Final = 0.1  # how soon the end is noticed
LAST_WORDS_S: Final = 2.0  # for what is still to be shown at the end
STDERR: Final = 2
READ_BYTES: Final = 65_536
COLUMNS: Final = 80  # of a terminal that does not say

Draw = Callable[[int], Sequence[Text]]  # columns to rows

log = logging.getLogger(__name__)


def is_wanted() -> bool:
    """Whether stderr is a terminal that can be drawn on."""
    return sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal


class StatusLine:
    """Shows what `draw` says while the block runs, and takes it away when it ends. `draw` is called on a thread."""

    def __init__(self, draw: Draw, clock: Clock | None = None) -> None:
        self._draw = draw
        self._clock = clock or SystemClock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status line", daemon=True)
        self._part = b""  # of a line that has not ended yet

    def __enter__(self) -> StatusLine:
        sys.stderr.flush()
        self._terminal = os.dup(STDERR)
        self._pipe, written = os.pipe()
        os.dup2(written, STDERR)
        os.close(written)
        os.set_blocking(self._pipe, False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.flush()
        os.dup2(self._terminal, STDERR)
        self._ending.set()
        self._thread.join(LAST_WORDS_S)

    def _run(self) -> None:
        try:
            self._show()
        except Exception as error:
            if not isinstance(error, OSError):  # that is the terminal, which is gone
                log.exception("the status line has ended: our own mistake")
            self._pass_on()
        os.close(self._pipe)
        os.close(self._terminal)

    def _show(self) -> None:
        with (
            open(self._terminal, "w", encoding="utf-8", errors="replace", closefd=False) as file,
            Live(
                console=Console(file=file),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live,
        ):
            due_mono_s = self._clock.mono_s()
            while not self._ending.is_set():
                if self._clock.mono_s() >= due_mono_s:
                    due_mono_s = self._clock.mono_s() + REDRAWN_S
                    live.console.width = self._columns()
                    live.update(Group(*self._draw(live.console.width)), refresh=True)
                self._show_lines(live.console, self._read(LOOK_S))
            self._show_lines(live.console, self._read(0.0) + b"\n")

    def _show_lines(self, console: Console, read: bytes) -> None:
        """Show the lines that are whole by now, above the status."""
        *lines, self._part = (self._part + read).split(b"\n")
        for line in filter(None, lines):
            console.print(Text(printable(line.decode(errors="replace").expandtabs())), soft_wrap=True)

    def _pass_on(self) -> None:
        """Without a status whoever writes to stderr must not wait for a reader."""
        read, self._part = self._part, b""
        while read or not self._ending.is_set():
            with contextlib.suppress(OSError):
                os.write(self._terminal, read)
            read = self._read(LOOK_S)

    def _read(self, wait_s: float) -> bytes:
        """What is written to stderr within `wait_s` seconds; nothing where nothing is."""
        if not select.select([self._pipe], [], [], wait_s)[0]:
            return b""
        try:
            return os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return b""

    def _columns(self) -> int:
        return os.get_terminal_size(self._terminal).columns or COLUMNS
