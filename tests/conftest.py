"""Shared set-up: tests/ itself is importable (system_programs), nothing else is shared by magic."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
