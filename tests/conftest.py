"""What every test run needs: helpers beside the tests can be imported, and signals reach the programs under test."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# A run in the background (nohup, `&` in a script) starts with these ignored, and every program that a test starts would
# inherit that and never be told to stop.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
