"""Opens the live page in the user's browser, where there is a terminal with a display; never waits and never fails."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY")
OWN_WINDOWS: Final = ("darwin", "win32")  # systems whose browser needs no display to be named


def has_display(platform: str, env: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether somebody sits there who sees windows: not over SSH without a display, and not in a script."""
    if not terminal:
        return False
    if platform in OWN_WINDOWS:
        return "SSH_CONNECTION" not in env
    return any(env.get(name) for name in DISPLAYS)


def open_page(url: str) -> bool:
    """Ask the browser to open it; whether one was asked for.

    In a process of its own without our terminal: a browser's words do not come between ours, and a browser made of text
    finds no terminal to take over.
    """
    terminal = sys.stdout.isatty() and sys.stderr.isatty()
    if not has_display(sys.platform, os.environ, terminal=terminal):
        return False
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-m", "webbrowser", url]  # our own interpreter, our own address
    with contextlib.suppress(OSError):
        subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)  # noqa: S603
        return True
    return False
