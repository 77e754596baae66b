"""The status line on a real pseudo-terminal: log lines stay whole above it, and it leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

from product import COMMAND, HANG_S

COLUMNS, LINES = 80, 24
_PIECES = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")

SHOWING = """
import subprocess, sys, time
from rich.text import Text
from monitor.commands.run_terminal import StatusLine, is_wanted
looks = 0
def draw(columns):
    global looks
    looks += 1
    {draw}
    return [Text(f"first row {{looks}} of {{columns}}"), Text("second row")]
assert is_wanted()
with StatusLine(draw):
    while looks < 1:
        time.sleep(0.01)
    print("ours, and half of", end=" ", file=sys.stderr, flush=True)
    while looks < {looks}:
        time.sleep(0.01)
    print("a line\\x07", file=sys.stderr)
    subprocess.run([sys.executable, "-c", "import sys; print('a child', 'x' * 100, file=sys.stderr)"])
    print("no end of line", end="", file=sys.stderr, flush=True)
print("after it", file=sys.stderr)
"""


class Screen:
    """As much of a terminal as the status line needs: what a person would see."""

    def __init__(self) -> None:
        self.rows = [""]
        self.cursor_shown = True
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        for found in _PIECES.finditer(text):
            numbers, command, control, words = found.groups()
            if words:
                self._write(words)
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._down()
            elif command == "A":
                self._row -= int(numbers or 1)
            elif command == "K":
                self.rows[self._row] = ""
            elif command in ("h", "l"):
                assert numbers == "?25"
                self.cursor_shown = command == "h"
            else:
                assert command == "m", found[0]

    def shown(self) -> list[str]:
        """The rows down to the last one with anything in it."""
        return "\n".join(self.rows).rstrip("\n").split("\n")

    def _write(self, words: str) -> None:
        for char in words:
            if self._column == COLUMNS:
                self._column = 0
                self._down()
            row = self.rows[self._row].ljust(self._column)
            self.rows[self._row] = row[: self._column] + char + row[self._column + 1 :]
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append("")


def on_a_terminal(
    *words: str, env: dict[str, str] | None = None, seen: Callable[[str, int], object] = lambda text, pid: None
) -> tuple[int, str]:
    """Exit status and output of a program whose terminal is ours. seen: told of all output so far, and the pid."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    environment |= {"TERM": "xterm", **(env or {})}
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    output = ""
    try:
        while read := _read(ours):
            output += read
            seen(output, process.pid)
        return process.wait(HANG_S), output
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65_536).decode()
    except OSError:  # nobody has the other side open any more
        return ""


def test_log_lines_stay_whole_above_the_status_and_nothing_of_it_is_left() -> None:
    screens: list[list[str]] = []

    def look(output: str, pid: int) -> None:
        screen = Screen()
        screen.feed(output)
        screens.append(screen.shown())

    status, output = on_a_terminal(sys.executable, "-c", SHOWING.format(draw="pass", looks=2), seen=look)
    assert status == 0
    assert "first row 1 of 80" in output
    assert "first row 2 of 80" in output
    child = "a child " + "x" * 100
    lines = ["ours, and half of a line?", child[:COLUMNS], child[COLUMNS:]]
    assert screens[-1] == [*lines, "no end of line", "after it"]
    screen = Screen()
    screen.feed(output)
    assert screen.cursor_shown
    with_both = [shown for shown in screens if "second row" in shown and lines[0] in shown]
    assert with_both
    assert all(shown[-1] == "second row" and shown[-2].startswith("first row") for shown in with_both)


def test_a_mistake_in_drawing_costs_the_status_alone() -> None:
    status, output = on_a_terminal(sys.executable, "-c", SHOWING.format(draw="if looks == 2: 1 / 0", looks=2))
    screen = Screen()
    screen.feed(output)
    assert status == 0
    assert all(words in output for words in ("ours, and half of", "a line", "a child", "ZeroDivisionError"))
    assert screen.shown()[-1].endswith("after it")
    assert screen.cursor_shown


def test_run_shows_it_and_ctrl_c_ends_it_without_a_trace(tmp_path: Path) -> None:
    config = tmp_path / "monitor.yaml"
    config.write_text(
        f'site: chicago\nprobes: []\nexporter: {{listen: "127.0.0.1:0"}}\njournal: {{path: {tmp_path}/facts.db}}\n'
    )
    asked: list[int] = []

    def stop(output: str, pid: int) -> None:
        screen = Screen()
        screen.feed(output)
        if screen.shown()[-1].startswith("http://127.0.0.1:") and not asked:
            asked.append(pid)
            os.kill(pid, signal.SIGINT)

    status, output = on_a_terminal(*COMMAND, "run", "-c", str(config), seen=stop)
    screen = Screen()
    screen.feed(output)
    assert (status, bool(asked), screen.cursor_shown) == (0, True, True)
    shown = "".join(screen.shown())
    assert shown.startswith("ready: site chicago, 0 probes, http://127.0.0.1:")
    assert "trusted" not in shown
