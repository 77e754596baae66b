"""The program itself, `python -m monitor` and the console script: Ctrl-C while it is imported leaves no traceback."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until main() takes over; whoever imports the words keeps their signals

from monitor.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
